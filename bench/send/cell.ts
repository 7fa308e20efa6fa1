/** One cell of the comparison: a balance model and an amount, paid by every strategy. */
import { Random } from '../../src/node/sim/random.js';
import type { ChannelGraph } from '../../src/send/index.js';
import { drawBalances, drift, type Model } from './balances.js';
import { drawPayments } from './pairs.js';
import type { Sender, Strategy } from './rival.js';
import { type Outcome, type Wanted, World } from './world.js';

export interface CellOrder {
  /** `fresh`: nothing known before any payment. `memory`: one payer, payment after payment, while other traffic goes on. */
  readonly mode: 'fresh' | 'memory';
  readonly model: Model;
  readonly amountSat: number;
  readonly count: number;
  readonly seed: string;
}

export interface CellResult extends CellOrder {
  /** Pairs looked at to find `count` that can be paid at all. */
  readonly draws: number;
  readonly outcomes: Readonly<Record<string, readonly Outcome[]>>;
}

/** In memory mode: time between payments, and share of all channels that other traffic changes meanwhile. */
const PAUSE_MS = 5 * 60_000;
const DRIFT_SHARE = 0.005;

export async function runCell(
  graph: ChannelGraph,
  order: CellOrder,
  strategies: readonly Strategy[],
  log: (line: string) => void = () => undefined,
): Promise<CellResult> {
  const { mode, model, amountSat, count, seed } = order;
  const balances = drawBalances(graph, model, seed);
  const pairSeed = `${seed}/${model}`;
  const { payments, draws } = drawPayments(graph, balances, amountSat * 1000, count, pairSeed, mode === 'memory');
  const outcomes: Record<string, Outcome[]> = {};
  for (const strategy of strategies) {
    const sender = await strategy.open(graph);
    const results: Outcome[] = [];
    const started = performance.now();
    if (mode === 'fresh') {
      for (const payment of payments) {
        sender.forget();
        results.push(new World(graph, balances.slice()).pay(sender, payment));
      }
    } else results.push(...payInTurn(graph, balances.slice(), order, payments, sender));
    outcomes[strategy.name] = results;
    const paid = results.filter(({ success }) => success).length;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    log(`${mode} ${model} ${amountSat} sat, ${strategy.name}: ${paid} of ${results.length} paid, ${seconds} s`);
  }
  return { ...order, draws, outcomes };
}

/** One payment after the other; what settles moves balances, and other traffic moves others'. */
function payInTurn(
  graph: ChannelGraph,
  spendable: Float64Array,
  { model, seed }: CellOrder,
  payments: readonly Wanted[],
  sender: Sender,
): Outcome[] {
  const random = new Random(`${seed}/${model}/drift`);
  const { from } = graph.columns();
  const world = new World(graph, spendable);
  const payers = payments[0]?.payers ?? [];
  const isOwn = (half: number): boolean => payers.includes(from[half]!) || payers.includes(from[half ^ 1]!);
  const start = spendable.slice();
  sender.forget();
  return payments.map((payment, i) => {
    // Own channels are filled up again, so that the last payment has what the first one had.
    for (let half = 0; half < spendable.length; half++) if (isOwn(half)) spendable[half] = start[half]!;
    const outcome = world.pay(sender, payment, i * PAUSE_MS);
    drift(graph, spendable, model, DRIFT_SHARE, random.fork(String(i)), isOwn);
    return outcome;
  });
}
