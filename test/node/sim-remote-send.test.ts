/** Paying from a simulated network in another process keeps the same promises. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { RemoteGraphPort, RemoteSendPort } from '../../src/node/sim/remote-send.js';
import { serveSimNetwork } from '../../src/node/sim/remote-server.js';
import { wallClock } from '../../src/receive/clock.js';
import { Order } from './send-conformance-order.js';
import { describeSendConformance, type SendHarness, type SendWorld } from './send-conformance.js';
import { GraphLog } from './sim-graph-log.js';
import { sendNetwork, type SendNetwork } from './sim-send-harness.js';

const FAST = { linkMs: [0, 1], signMs: [0, 1], reconnectMs: [1, 5], streamMs: [0, 1] } as const;
let seed = 40_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (await condition()) return;
    await sleep(2);
  }
  throw new Error('it never happened');
}

async function serve(): Promise<SendNetwork & { readonly url: string; readonly close: () => Promise<void> }> {
  const made = sendNetwork({ seed: ++seed, clock: wallClock, attribution: true, timing: FAST });
  const { port, close } = await serveSimNetwork(made.network);
  return { ...made, url: `tcp://127.0.0.1:${port}`, close };
}

async function makeWorld(): Promise<SendWorld & { readonly url: string; readonly made: SendNetwork }> {
  const { url, close, ...made } = await serve();
  const { network, faults, shape } = made;
  const port = new RemoteSendPort({ url, node: 'sender' });
  return {
    ...shape,
    url,
    made,
    port,
    until,
    finish: (promise) => promise,
    crash: async () => faults.crashNode('sender'),
    async restart() {
      faults.restartNode('sender');
      const { channels } = network.node('sender');
      await until(() => channels.every(({ link }) => link.up));
    },
    async close() {
      await port.close();
      await close();
    },
  };
}

const harness: SendHarness = { enclosesUpdates: true, attribution: true, make: makeWorld };

describeSendConformance('simulated network in another process', harness);

describe('a sender whose process dies', () => {
  it('is followed by one that finds the part by its record', async () => {
    const world = await makeWorld();
    onTestFinished(() => world.close());
    const invoice = await world.holdInvoice(30_000_000n);
    const dying = new RemoteSendPort({ url: world.url, node: 'sender' });
    const order = await Order.of({ ...world, port: dying }, invoice, 30_000_000n);
    let isAccepted = false;
    const lost = order.send(0, 30_000_000n, ['first', 'second'], () => (isAccepted = true)).catch(() => 'lost');
    await until(() => isAccepted);
    await dying.close();
    expect(await lost).toBe('lost');
    const { paymentHash, totalMsat } = order;
    const part = order.plan(0, 30_000_000n, ['first', 'second']);
    const question = { paymentHash, totalMsat, part, siblings: [part] };
    expect((await world.port.lookUp(question)).kind).toBe('in_flight');
    await until(() => invoice.isHeld());
    await invoice.settle();
    await until(async () => (await world.port.lookUp(question)).kind === 'settled');
  });

  it('is told nothing when nobody can be asked', async () => {
    const world = await makeWorld();
    const order = await Order.of(world, await world.invoice(1_000_000n), 1_000_000n);
    order.plan(0, 1_000_000n, ['direct']);
    await world.close();
    expect((await order.lookUp(0)).kind).toBe('unavailable');
    await expect(world.port.balances()).rejects.toThrow();
  });
});

describe('the graph of a simulated network in another process', () => {
  it('is loaded, followed, and closed with its node', async () => {
    const { made, url, ...world } = await makeWorld();
    onTestFinished(() => world.close());
    const { network } = made;
    const log = new GraphLog();
    await new RemoteGraphPort({ url, node: 'sender' }).follow(log);
    await until(() => log.isLoaded);
    expect(log.channels.size).toBe(3);
    const relay = network.node('relay');
    const channel = network.channelBetween('relay', 'payee');
    network.changePolicy(channel, relay, { feeBaseMsat: 77 });
    await until(() => log.policy(channel, relay)?.feeBaseMsat === 77);
    network.node('sender').crash();
    await until(() => log.closed.length > 0);
    expect(log.closed).toHaveLength(1);
    await expect(new RemoteGraphPort({ url, node: 'sender' }).follow(log)).rejects.toThrow('cannot be reached');
  });
});
