/** The LND adapter over a fake LND as a harness of the message port conformance suite: its peers are simulated nodes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LndNode } from '../../src/node/lnd/node.js';
import type { LndPurpose } from '../../src/node/lnd/permissions.js';
import { Faults } from '../../src/node/sim/faults.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import { wallClock } from '../../src/receive/clock.js';
import { type FakeLnd, type FakeLndOptions, serveFakeLnd } from '../fake-lnd/server.js';
import { until } from '../fake-lnd/world.js';
import type { MessageHarness, MessageWorld } from './messages-conformance.js';
import { actorOf, messageNetwork } from './sim-message-harness.js';

const FAST = { linkMs: [0, 1], signMs: [0, 1], reconnectMs: [1, 5], streamMs: [0, 1] } as const;
const QUIET_MS = 100;

export interface FakeLndMessageWorld extends MessageWorld {
  readonly lnd: FakeLnd;
  readonly lndNode: LndNode;
  readonly network: SimNetwork;
  readonly faults: Faults;
}

let seed = 71_000;

export async function fakeLndMessageWorld(
  options: FakeLndOptions = {},
  also?: readonly LndPurpose[],
): Promise<FakeLndMessageWorld> {
  const network = messageNetwork({ seed: ++seed, clock: wallClock, timing: FAST });
  const lnd = await serveFakeLnd(network, 'node', { onionMessages: 'relay-all', ...options });
  const faults = new Faults(network);
  const lndNode = new LndNode({
    ...lnd.endpoint,
    name: 'node',
    forceClose: false,
    registerPreimages: false,
    ...(also && { also }),
  });
  return {
    network,
    faults,
    lnd,
    lndNode,
    node: { port: lndNode, nodeId: lnd.node.nodeId },
    peer: actorOf(network, 'peer'),
    stranger: actorOf(network, 'stranger'),
    until,
    finish: (promise) => promise,
    quiet: () => sleep(QUIET_MS),
    cutPeer: async (cut) => (cut ? faults.cutLink('node', 'peer') : faults.healLink('node', 'peer')),
    async crash() {
      faults.crashNode('node');
      await lnd.ready;
    },
    async restart() {
      faults.restartNode('node');
      await lnd.ready;
    },
    async close() {
      lndNode.close();
      await lnd.close();
    },
  };
}

export const fakeLndMessageHarness: MessageHarness = { make: () => fakeLndMessageWorld() };
