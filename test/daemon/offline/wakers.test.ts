import { expect, it, onTestFinished } from 'vitest';
import { randomBytes } from '../../../src/crypto/index.js';
import { createLog } from '../../../src/daemon/log.js';
import type { PeerHandler } from '../../../src/daemon/messages/peers.js';
import { Wakers } from '../../../src/daemon/offline/wakers.js';
import { presetWorld } from '../../../src/node/sim/preset.js';
import { askLsp, askSetWebhook, LSPS0_MESSAGE_TYPE, NEW_LSPS_SESSION } from '../../../src/offline/wake/index.js';
import { wallClock } from '../../../src/receive/clock.js';
import { openStore, StoreUnavailable } from '../../../src/store/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { until } from '../support.js';
import { wakeEndpoint } from './api-world.js';

async function wakersOf() {
  const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
  const { network, ports, members } = presetWorld({ seed: 'wakers', clock: wallClock, wallets: ['ann'] });
  const world = { isAway: false, isNodeKnown: true, hellos: 0 };
  const handlers: PeerHandler[] = [];
  const answers: Uint8Array[] = [];
  const wakes = new Proxy(store.wakes, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        world.isAway
          ? Promise.reject(new StoreUnavailable('switched off', 'not_committed'))
          : (value as (...all: unknown[]) => unknown).apply(target, args);
    },
  });
  const wakers = new Wakers({
    nodes: ports,
    nodeIdOf: (name) => (world.isNodeKnown ? toHex(network.node(name).nodeId) : undefined),
    store: wakes,
    messenger: { isConnected: () => false },
    peers: {
      handle: (_type, handler) => void handlers.push(handler),
      send: async (_peer, _type, payload) => answers.push(payload) > 0,
    },
    clock: wallClock,
    log: createLog({ level: 'silent', destination: { write: () => undefined } }),
    random: () => 0.5,
    allowLoopback: true,
    onHello: () => void (world.hellos += 1),
    lookMs: 20,
  });
  const endpoint = await wakeEndpoint(members[0]!.nodeId);
  onTestFinished(async () => {
    await wakers.stop();
    await endpoint.close();
    await store.close();
  });
  const peer = network.node('ann').nodeId;
  const register = async (): Promise<void> => {
    const asked = askLsp(NEW_LSPS_SESSION, askSetWebhook('app', endpoint.url), {
      ...{ random: randomBytes(10), now: 0, timeoutMs: 1_000 },
    });
    if (asked.kind !== 'asked') throw new Error(asked.reason);
    await handlers[0]!({ peer, type: LSPS0_MESSAGE_TYPE, payload: asked.bytes }, 'alpha');
  };
  return { wakers, world, endpoint, peer, register, answers };
}

const MAIL = { method: 'lsps5.onion_message_incoming', params: {} } as const;

it('a wallet is woken though the database is away when it should be', async () => {
  const { wakers, world, endpoint, peer, register } = await wakersOf();
  wakers.start();
  await register();
  expect(world.hellos).toBe(1);
  await until(() => endpoint.calls.length === 1);
  await until(async () => (await wakers.webhooksOf(peer))[0]?.owed === 0);
  world.isAway = true;
  for (let n = 0; n < 10; n++) wakers.wake({ nodeId: peer }, MAIL);
  await new Promise((resolve) => setTimeout(resolve, 100));
  world.isAway = false;
  await until(() => endpoint.calls.length === 2);
  expect(endpoint.calls).toEqual(['lsps5.webhook_registered', 'lsps5.onion_message_incoming']);
});

it('a node that is not known yet answers nobody, and wakes as soon as it is', async () => {
  const { wakers, world, endpoint, peer, register, answers } = await wakersOf();
  world.isNodeKnown = false;
  wakers.start();
  await register();
  expect(answers).toHaveLength(0);
  wakers.wake({ nodeId: peer }, MAIL);
  world.isNodeKnown = true;
  await until(async () => {
    await register();
    return answers.length > 0;
  });
  await until(() => endpoint.calls.length > 0);
});
