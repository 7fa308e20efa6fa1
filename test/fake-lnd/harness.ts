/** The LND adapter over fake LNDs, as a harness of the port conformance suite. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LndNode } from '../../src/node/lnd/node.js';
import type { ConformanceHarness, ConformanceWorld } from '../node/conformance.js';
import { MEMBERS, payerView, payRequest } from '../node/sim-harness.js';
import type { FakeLnd, FakeLndOptions } from './server.js';
import { fakeLndWorld, until } from './world.js';

/** Long enough for everything that is under way on this machine to happen. */
const QUIET_MS = 150;

function lndNodeOf(lnd: FakeLnd): LndNode {
  return new LndNode({ name: lnd.node.name, ...lnd.endpoint, forceClose: false, registerPreimages: false });
}

export function fakeLndHarness(options: FakeLndOptions = {}): ConformanceHarness {
  return {
    autoFailBlocks: 19,
    withoutSession: 'fail',
    async make(): Promise<ConformanceWorld> {
      const world = await fakeLndWorld(options);
      const { network, payer, sim, lnds } = world;
      const ports = [lndNodeOf(lnds[0]), lndNodeOf(lnds[1])] as const;
      return {
        ports,
        nodeIds: [lnds[0].node.nodeId, lnds[1].node.nodeId],
        network: 'regtest',
        sharedScid: network.channelBetween(...MEMBERS).scid,
        async send(order) {
          const { record } = payer.start(payRequest(network, order));
          await until(() => record.parts[0]!.attempts.length > 0);
          const incomingExpiry = record.parts[0]!.attempts[0]!.expiry;
          const outgoingExpiry = incomingExpiry - order.cltvDelta;
          return { incomingExpiry, outgoingExpiry, view: async () => payerView(order, record) };
        },
        until,
        quiet: () => sleep(QUIET_MS),
        mine: async (blocks) => sim.mineBlocks(blocks),
        dropStream: async (member) => lnds[member].cutConnections(),
        async crash(member) {
          sim.crashNode(MEMBERS[member]);
          await lnds[member].ready;
        },
        async restart(member) {
          sim.restartNode(MEMBERS[member]);
          await lnds[member].ready;
        },
        cutPeer: async (member, cut) =>
          cut ? sim.cutLink('payer', MEMBERS[member]) : sim.healLink('payer', MEMBERS[member]),
        closeByPeer: async (member) => sim.forceClose('payer', MEMBERS[member]),
        async close() {
          for (const port of ports) port.close();
          await world.close();
        },
      };
    },
  };
}
