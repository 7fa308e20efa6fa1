/** Balances drawn from models, the same for every strategy. None of the models is one that a strategy assumes. */
import { Random } from '../../src/node/sim/random.js';
import type { ChannelGraph } from '../../src/send/index.js';

export const MODELS = ['uniform', 'u-shaped', 'drained'] as const;
export type Model = (typeof MODELS)[number];

/** Share of the capacity that each side cannot send. */
const RESERVE_SHARE = 0.01;
/** Mean distance from one of the ends, as a share of the capacity, where balances lie at the ends. */
const END_SCALE = 0.12;
/** How strongly a channel's balance follows the pull of its two ends, and how much of it is chance. */
const PULL = 1.2;
const NOISE = 1;

/** Per half, what its start can send over it (msat), reserve taken off. */
export function drawBalances(graph: ChannelGraph, model: Model, seed: string): Float64Array {
  const random = new Random(`${seed}/balances/${model}`);
  const { from, capacity } = graph.columns();
  const pull = Float64Array.from({ length: graph.nodeCount }, () => normal(random));
  const spendable = new Float64Array(graph.halfCount);
  for (let half = 0; half < graph.halfCount; half += 2) {
    const share = shareFor(model, random, pull[from[half]!]!, pull[from[half + 1]!]!);
    setBalance(spendable, half, capacity[half >> 1]!, share);
  }
  return spendable;
}

/** Other traffic: so many of the channels (a share) have their balance drawn anew. */
export function drift(
  graph: ChannelGraph,
  spendable: Float64Array,
  model: Model,
  share: number,
  random: Random,
  isOwn: (half: number) => boolean,
): void {
  const { capacity } = graph.columns();
  const others = Math.round((graph.halfCount / 2) * share);
  for (let i = 0; i < others; i++) {
    const channel = random.int(0, graph.halfCount / 2 - 1);
    // Of the pull of nodes only chance is left, so that no channel turns round more often than its model says.
    const drawn = shareFor(model, random, normal(random), normal(random));
    if (!isOwn(2 * channel)) setBalance(spendable, 2 * channel, capacity[channel]!, drawn);
  }
}

function setBalance(spendable: Float64Array, half: number, capacity: number, share: number): void {
  const reserve = Math.floor(capacity * RESERVE_SHARE);
  const balance = Math.floor(capacity * share);
  spendable[half] = Math.max(0, balance - reserve);
  spendable[half + 1] = Math.max(0, capacity - balance - reserve);
}

function shareFor(model: Model, random: Random, pull1: number, pull2: number): number {
  switch (model) {
    case 'uniform':
      return random.fraction();
    case 'u-shaped': {
      const distance = Math.min(1, -END_SCALE * Math.log(1 - random.fraction()));
      return random.fraction() < 0.5 ? distance : 1 - distance;
    }
    case 'drained':
      // What flows towards a sink lies on the sink's side.
      return 1 / (1 + Math.exp(-(PULL * (pull1 - pull2) + NOISE * normal(random))));
  }
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.fraction())) * Math.cos(2 * Math.PI * random.fraction());
}
