/** The k cheapest ways without loops, by Yen's method from the payee's end, with Eclair's prices. */
import type { ChannelGraph } from '../../src/send/index.js';
import { feeFor } from '../../src/send/fees.js';
import type { Found, ProbableSearch, ProbableTerms, Standing } from './probable-search.js';
import type { Hop, OwnChannel } from './rival.js';

/** In msat, and shares of the amount. Own hops cost nothing. */
export interface PriceList {
  readonly hopBase: number;
  readonly hopShare: number;
  readonly lockedPerBlock: number;
  /** Of an attempt: divided by the chance of the way. */
  readonly attemptBase: number;
  readonly attemptShare: number;
}

export interface WaysWanted {
  readonly count: number;
  readonly prices: PriceList;
  readonly payee: number;
  readonly amount: number;
  readonly own: readonly OwnChannel[];
  readonly maxFee: number;
  readonly maxHops: number;
  readonly maxBlocks: number;
  isIgnored(half: number): boolean;
}

/** Cheapest first, fewer than wanted where there are not so many. */
export function kCheapest(graph: ChannelGraph, search: ProbableSearch, wanted: WaysWanted): (readonly Hop[])[] {
  const first = search.find(termsFor(graph, wanted));
  if (!first) return [];
  const ways = [first];
  const candidates: Found[] = [];
  while (ways.length < wanted.count) {
    candidates.push(...deviations(graph, search, wanted, ways).filter((found) => !isAmong(candidates, found)));
    candidates.sort((a, b) => a.cost - b.cost);
    const next = candidates.shift();
    if (!next) break;
    ways.push(next);
  }
  return ways.map(({ hops }) => hops);
}

/** Of the way found last: the cheapest ways that leave it at each of its nodes, seen from the payee. */
function deviations(graph: ChannelGraph, search: ProbableSearch, wanted: WaysWanted, ways: readonly Found[]): Found[] {
  const { from } = graph.columns();
  const { hops } = ways.at(-1)!;
  const terms = termsFor(graph, wanted);
  const found: Found[] = [];
  for (let at = hops.length; at > 0; at--) {
    const kept = hops.slice(at);
    const isKept = (other: readonly Hop[]): boolean =>
      kept.every(({ half }, i) => other[other.length - kept.length + i]?.half === half);
    const taken = new Set(
      ways.filter((way) => isKept(way.hops)).map((way) => way.hops[way.hops.length - kept.length - 1]?.half ?? -1),
    );
    const passed = new Set(kept.map(({ half }) => from[half ^ 1]!));
    const rest = search.find({
      ...terms,
      chance: (half, amount, isOwn) =>
        taken.has(half) || passed.has(from[half]!) ? 0 : terms.chance(half, amount, isOwn),
      start: standingAfter(graph, wanted, terms, kept),
    });
    if (rest) found.push({ hops: [...rest.hops, ...kept], cost: rest.cost });
  }
  return found;
}

function standingAfter(
  graph: ChannelGraph,
  { payee, amount }: WaysWanted,
  terms: ProbableTerms,
  kept: readonly Hop[],
): Standing {
  const { from, base, ppm, cltv } = graph.columns();
  let standing: Standing = { node: payee, amount, weight: 0, chance: 1, blocks: 0, hops: 0 };
  for (const { half } of [...kept].reverse()) {
    const fee = feeFor(base[half]!, ppm[half]!, standing.amount);
    const received = standing.amount + fee;
    standing = {
      node: from[half]!,
      amount: received,
      weight: standing.weight + terms.weight(half, standing.amount, received, fee, cltv[half]!),
      chance: standing.chance * terms.chance(half, standing.amount, false),
      blocks: standing.blocks + cltv[half]!,
      hops: standing.hops + 1,
    };
  }
  return standing;
}

function termsFor(graph: ChannelGraph, wanted: WaysWanted): ProbableTerms {
  const { payee, amount, own, maxFee, maxHops, maxBlocks, prices } = wanted;
  const { from, capacity } = graph.columns();
  const payers = new Set(own.map(({ half }) => from[half]!));
  return {
    payee,
    amount,
    own,
    maxFee,
    maxHops,
    maxBlocks,
    leastChance: 0,
    attemptPrice: prices.attemptBase + amount * prices.attemptShare,
    unify: false,
    weight(half, over, received, fee, blocks) {
      if (payers.has(from[half]!)) return 0;
      return fee + prices.hopBase + over * prices.hopShare + received * blocks * prices.lockedPerBlock;
    },
    chance(half, over, isOwn) {
      if (wanted.isIgnored(half)) return 0;
      return isOwn ? 1 : 1 - over / capacity[half >> 1]!;
    },
  };
}

const isAmong = (all: readonly Found[], { hops }: Found): boolean =>
  all.some((other) => other.hops.length === hops.length && other.hops.every(({ half }, i) => half === hops[i]!.half));
