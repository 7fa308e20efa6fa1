/** Several small nodes paying jointly beside one large node with the same liquidity in all. */
import { Random } from '../../src/node/sim/random.js';
import type { ChannelGraph } from '../../src/send/index.js';
import { drawBalances, type Model } from './balances.js';
import { machineStrategy } from './machine-sender.js';
import { MaxFlow } from './max-flow.js';
import { type Outcome, World } from './world.js';

export interface ClusterOrder {
  readonly model: Model;
  readonly amountSat: number;
  readonly count: number;
  readonly seed: string;
}

export const CLUSTERS = ['one of 20', 'two of 20', 'three of 20', 'one of 60'] as const;
export type ClusterName = (typeof CLUSTERS)[number];

export interface ClusterResult extends ClusterOrder {
  readonly outcomes: Readonly<Record<ClusterName, readonly Outcome[]>>;
}

/** Payees are drawn until the true balances let the amount through from all of the clusters but the single small node. */
const COMPARED: readonly ClusterName[] = ['two of 20', 'three of 20', 'one of 60'];
const MOST_DRAWS = 400;

export async function runCluster(
  graph: ChannelGraph,
  order: ClusterOrder,
  log: (line: string) => void,
): Promise<ClusterResult> {
  const { model, amountSat, count, seed } = order;
  const random = new Random(`${seed}/${model}/cluster/${amountSat}`);
  const balances = drawBalances(graph, model, seed);
  const sender = await machineStrategy('flow').open(graph);
  const flow = new MaxFlow(graph);
  const outcomes: Record<ClusterName, Outcome[]> = {
    'one of 20': [],
    'two of 20': [],
    'three of 20': [],
    'one of 60': [],
  };
  const nodes = Array.from({ length: graph.nodeCount }, (_, node) => node);
  const { rows } = graph.columns();
  const ofDegree = (least: number, most: number): number[] =>
    nodes.filter((node) => rows.count[node]! >= least && rows.count[node]! <= most);
  const [small, large] = [ofDegree(18, 22), ofDegree(55, 65)];
  const payees = nodes.filter((node) => rows.count[node]! > 0);
  const amount = amountSat * 1000;
  for (let draw = 0; draw < MOST_DRAWS * count && outcomes['one of 60'].length < count; draw++) {
    const three = random.shuffle(small).slice(0, 3);
    const payers: Record<ClusterName, number[]> = {
      'one of 20': three.slice(0, 1),
      'two of 20': three.slice(0, 2),
      'three of 20': three,
      'one of 60': [random.pick(large)],
    };
    const payee = random.pick(payees);
    if (Object.values(payers).flat().includes(payee)) continue;
    const worlds = CLUSTERS.map((name) => [name, balances.slice()] as const);
    const least = Math.min(...COMPARED.map((name) => liquidity(graph, balances, payers[name])));
    for (const [name, spendable] of worlds) scaleTo(graph, spendable, payers[name], least);
    const isPossible = worlds.every(
      ([name, spendable]) => !COMPARED.includes(name) || flow.carries(spendable, payers[name], payee, amount * 1.02),
    );
    if (!isPossible) continue;
    for (const [name, spendable] of worlds) {
      sender.forget();
      const wanted = { payers: payers[name], payee, amount, seed: `${seed}/${draw}` };
      outcomes[name].push(new World(graph, spendable).pay(sender, wanted));
    }
  }
  log(`cluster ${model} ${amountSat} sat done`);
  return { ...order, outcomes };
}

function liquidity(graph: ChannelGraph, spendable: Float64Array, payers: readonly number[]): number {
  return new World(graph, spendable).ownChannels(payers).reduce((sum, own) => sum + own.spendable, 0);
}

/** Own balances made smaller in proportion, so that all clusters have the same in all. */
function scaleTo(graph: ChannelGraph, spendable: Float64Array, payers: readonly number[], total: number): void {
  const own = new World(graph, spendable).ownChannels(payers);
  const share = Math.min(1, total / own.reduce((sum, each) => sum + each.spendable, 0));
  for (const { half } of own) spendable[half] = Math.floor(spendable[half]! * share);
}
