/** Who pays whom: drawn with the seed, kept where the drawn balances let the amount through at all. */
import { Random } from '../../src/node/sim/random.js';
import type { ChannelGraph } from '../../src/send/index.js';
import { MaxFlow } from './max-flow.js';
import type { Wanted } from './world.js';

/** Fees and minima are not in the flow: a payment has to be possible with a little to spare. */
const SPARE = 1.02;
const MOST_DRAWS = 20_000;

export interface Drawn {
  readonly payments: readonly Wanted[];
  /** Pairs looked at for them: the others could not have been paid by anybody. */
  readonly draws: number;
}

/**
 * Half of the payers have 15 to 30 channels, half 60 to 2000; or all payments are of one payer of the larger sort.
 */
export function drawPayments(
  graph: ChannelGraph,
  spendable: Float64Array,
  amount: number,
  count: number,
  seed: string,
  isOfOnePayer = false,
): Drawn {
  const random = new Random(`${seed}/pairs/${amount}`);
  const { rows } = graph.columns();
  const degree = (node: number): number => rows.count[node]!;
  const nodes = Array.from({ length: graph.nodeCount }, (_, node) => node);
  const small = nodes.filter((node) => degree(node) >= 15 && degree(node) <= 30);
  const large = nodes.filter((node) => degree(node) >= 60);
  const payees = nodes.filter((node) => degree(node) > 0);
  const flow = new MaxFlow(graph);
  const payments: Wanted[] = [];
  let draws = 0;
  while (payments.length < count && draws < MOST_DRAWS) {
    const drawn = random.pick(isOfOnePayer || payments.length % 2 === 1 ? large : small);
    const payer = isOfOnePayer ? (payments[0]?.payers[0] ?? drawn) : drawn;
    const payee = random.pick(payees);
    draws++;
    if (payee === payer || !flow.carries(spendable, [payer], payee, amount * SPARE)) continue;
    payments.push({ payers: [payer], payee, amount, seed: `${seed}/${amount}/${payments.length}` });
  }
  return { payments, draws };
}
