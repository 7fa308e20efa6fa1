/** The simulated network as a harness of the port conformance suite, in this process and on virtual time. */
import { FakePayer } from '../../src/node/sim/payer.js';
import { Faults } from '../../src/node/sim/faults.js';
import { SimNetwork, type AddNodeOptions } from '../../src/node/sim/network.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import type { PaymentRecord, PayRequest } from '../../src/node/sim/payment.js';
import { VirtualClock, type SimClock } from '../../src/node/sim/virtual-clock.js';
import type { Timing } from '../../src/node/sim/types.js';
import type { ConformanceHarness, ConformanceWorld, HtlcOrder, PayerView } from './conformance.js';

export const MEMBERS = ['alpha', 'beta'] as const;

/** Two members that share a channel, and a payer that is the outside peer of both. */
export function conformanceNetwork(
  seed: number,
  clock: SimClock,
  interceptor: AddNodeOptions['interceptor'] = true,
  timing: Partial<Timing> = {},
): SimNetwork {
  const network = new SimNetwork({ seed, clock, timing });
  const payer = network.addNode('payer');
  const [alpha, beta] = [network.addNode('alpha', { interceptor }), network.addNode('beta', { interceptor })];
  const balances = [5_000_000_000n, 5_000_000_000n] as const;
  network.openChannel(payer, alpha, { balances });
  network.openChannel(payer, beta, { balances });
  network.openChannel(alpha, beta, { balances });
  return network;
}

/** What the payer is asked for an order of the suite. */
export function payRequest(network: Pick<SimNetwork, 'node' | 'channelBetween'>, order: HtlcOrder): PayRequest {
  const { to, via = 'peer', paymentHash, paymentSecret, payee, outgoingScid, amountMsat, feeMsat, cltvDelta } = order;
  const last = {
    nodeId: network.node(MEMBERS[to]).nodeId,
    shortChannelId: outgoingScid,
    feeBaseMsat: Number(feeMsat),
    feeProportionalMillionths: 0,
    cltvExpiryDelta: cltvDelta,
  };
  const other = network.node(MEMBERS[to === 0 ? 1 : 0]);
  const shared = network.channelBetween(...MEMBERS);
  const first = { nodeId: other.nodeId, shortChannelId: shared.scid, ...shared.policies[shared.sideOf(other)] };
  return {
    invoice: {
      paymentHash,
      paymentSecret,
      payee,
      minFinalCltvExpiryDelta: 100,
      routeHints: [via === 'peer' ? [last] : [first, last]],
    },
    amountMsat,
    attempts: 1,
    mistakes: { extraFinalBlocks: 1 },
  };
}

/** What the payer sees of the order by its record. */
export function payerView({ to }: HtlcOrder, { parts, outcome, preimage }: PaymentRecord): PayerView {
  if (outcome === 'pending') return { outcome };
  if (outcome === 'settled') return { outcome, preimage: preimage! };
  const failure = parts[0]!.attempts[0]!.failure;
  const hop = failure?.blamed === 'payee' ? 'payee' : failure?.blamed === MEMBERS[to] ? 'member' : 'other';
  return { outcome, hop, code: failure?.code };
}

let seed = 0;

export function simHarness(
  interceptor: AddNodeOptions['interceptor'],
  autoFailBlocks: number | undefined,
): ConformanceHarness {
  return {
    autoFailBlocks,
    async make(): Promise<ConformanceWorld> {
      const clock = new VirtualClock();
      const network = conformanceNetwork(++seed, clock, interceptor);
      const payer = new FakePayer(network, network.node('payer'));
      const faults = new Faults(network);
      const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
        for (let i = 0; i < 2000; i++) {
          if (await condition()) return;
          await clock.runFor(5);
        }
        throw new Error('it never happened');
      };
      return {
        ports: [new SimNodePort(network, network.node('alpha')), new SimNodePort(network, network.node('beta'))],
        nodeIds: [network.node('alpha').nodeId, network.node('beta').nodeId],
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
        async quiet() {
          await clock.runFor(5_000);
        },
        mine: async (blocks) => faults.mineBlocks(blocks),
        dropStream: async (member) => faults.dropStream(MEMBERS[member]),
        crash: async (member) => faults.crashNode(MEMBERS[member]),
        restart: async (member) => faults.restartNode(MEMBERS[member]),
        cutPeer: async (member, cut) =>
          cut ? faults.cutLink('payer', MEMBERS[member]) : faults.healLink('payer', MEMBERS[member]),
        closeByPeer: async (member) => faults.forceClose('payer', MEMBERS[member]),
        close: async () => undefined,
      };
    },
  };
}
