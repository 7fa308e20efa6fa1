/** A fake LND as a harness of the send port conformance suite. */
import { LndNode } from '../../src/node/lnd/node.js';
import { wallClock } from '../../src/receive/clock.js';
import type { SendHarness, SendWorld } from '../node/send-conformance.js';
import { sendNetwork, type SendNetwork } from '../node/sim-send-harness.js';
import { type FakeLnd, type FakeLndOptions, serveFakeLnd } from './server.js';
import { until } from './world.js';

const FAST = { linkMs: [0, 1], signMs: [0, 1], reconnectMs: [1, 5], streamMs: [0, 1] } as const;

let seed = 40_000;

export interface FakeSendWorld extends SendWorld {
  readonly lnd: FakeLnd;
  readonly node: LndNode;
  readonly sim: SendNetwork;
}

/** The sender of a small network is a fake LND. */
export async function fakeSendWorld(options: FakeLndOptions = {}): Promise<FakeSendWorld> {
  const sim = sendNetwork({ seed: ++seed, clock: wallClock, timing: FAST });
  const lnd = await serveFakeLnd(sim.network, 'sender', options);
  const pay = { doubtMs: 20 };
  const node = new LndNode({ ...lnd.endpoint, name: 'sender', forceClose: false, registerPreimages: false, pay });
  return {
    ...sim.shape,
    sim,
    lnd,
    node,
    port: node.send!,
    until,
    finish: (promise) => promise,
    async crash() {
      sim.faults.crashNode('sender');
      await lnd.ready;
    },
    async restart() {
      sim.faults.restartNode('sender');
      await lnd.ready;
      const { channels } = sim.network.node('sender');
      await until(() => channels.every(({ link }) => link.up));
    },
    async close() {
      node.close();
      await lnd.close();
    },
  };
}

export const fakeLndSendHarness: SendHarness = { enclosesUpdates: true, make: () => fakeSendWorld() };
