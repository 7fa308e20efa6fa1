/**
 * LDK's router by its published rules (shared reference, §4): paths are collected until they could carry three times the
 * amount, at first with no more than a quarter of any channel; the cheapest are kept and trimmed. Unlike
 * `ldk-real.ts` it knows capacities, and has the prices of the newest release.
 */
import type { ChannelGraph } from '../../src/send/index.js';
import { feeFor } from '../../src/send/fees.js';
import { LdkPaying, type LdkMind, type LdkWanted, MOST_BLOCKS, MOST_HOPS, MOST_PATHS } from './ldk-payment.js';
import { LdkScorer, type LdkPrices, PRICES_01, PUBLISHED_PRICES } from './ldk-score.js';
import { type FoundPath, LdkSearch } from './ldk-search.js';
import type { Hop, Order, Paying, Sender, Strategy } from './rival.js';

/** Of the amount, collected before paths are chosen. */
const PROVISION = 3;
const FIRST_SATURATION = 1 / 4;
const FULL_SATURATION = 1;

export const LDK_MODEL = ldkModel('LDK', PUBLISHED_PRICES);
export const LDK_MODEL_01 = ldkModel('LDK, prices of 0.1', PRICES_01);

function ldkModel(name: string, prices: LdkPrices): Strategy {
  return { name, open: (graph) => Promise.resolve(new LdkModelSender(graph, prices)) };
}

interface Share {
  readonly halves: readonly number[];
  value: number;
}

class LdkModelSender implements Sender {
  readonly #graph: ChannelGraph;
  readonly #prices: LdkPrices;
  readonly #search: LdkSearch;
  #scorer: LdkScorer;

  constructor(graph: ChannelGraph, prices: LdkPrices) {
    this.#graph = graph;
    this.#prices = prices;
    this.#search = new LdkSearch(graph);
    this.#scorer = new LdkScorer(prices, graph.columns());
  }

  forget(): void {
    this.#scorer = new LdkScorer(this.#prices, this.#graph.columns());
  }

  pay(order: Order): Paying {
    return new LdkPaying(new LdkModelMind(this.#graph, this.#search, this.#scorer), order);
  }
}

class LdkModelMind implements LdkMind {
  readonly #graph: ChannelGraph;
  readonly #search: LdkSearch;
  readonly #scorer: LdkScorer;

  constructor(graph: ChannelGraph, search: LdkSearch, scorer: LdkScorer) {
    this.#graph = graph;
    this.#search = search;
    this.#scorer = scorer;
  }

  route(wanted: LdkWanted): Hop[][] | undefined {
    const paths = this.#collect(wanted);
    const chosen = this.#choose(paths, wanted.amount);
    if (!chosen) return undefined;
    const routes = chosen.map(({ halves, value }) => this.#hopsOver(halves, value));
    const fees = routes.reduce((sum, hops) => sum + hops[0]!.amount - hops.at(-1)!.amount, 0);
    return fees <= wanted.maxFee ? routes : undefined;
  }

  failed(hops: readonly Hop[], at: number, now: number): void {
    for (const { half, amount } of hops.slice(0, at)) this.#scorer.carried(half, amount, now);
    this.#scorer.failed(hops[at]!.half, hops[at]!.amount, now);
  }

  succeeded(hops: readonly Hop[], now: number): void {
    for (const { half, amount } of hops) this.#scorer.settled(half, amount, now);
  }

  #collect({ order, amount, maxFee, own, failedChannels, flying, now }: LdkWanted): FoundPath[] {
    const { payee, maxBlocks, finalBlocks } = order;
    const inFlight = new Map<number, number>();
    for (const { half, amount: over } of flying.flat()) inFlight.set(half, (inFlight.get(half) ?? 0) + over);
    const used = new Map<number, number>();
    const terms = {
      payee,
      leastValue: Math.ceil(amount / MOST_PATHS),
      maxFee,
      maxBlocks: Math.min(MOST_BLOCKS, maxBlocks) - finalBlocks,
      maxHops: MOST_HOPS,
      ownRoom: new Map(own.map(({ half, spendable }) => [half, spendable])),
      used,
      failedChannels,
      penalty: (half: number, over: number, usedNow: number) =>
        this.#scorer.penalty(half, over, usedNow + (inFlight.get(half) ?? 0), now),
    };
    const paths: FoundPath[] = [];
    let collected = 0;
    let saturation = FIRST_SATURATION;
    while (collected < PROVISION * amount) {
      const path = this.#search.find({ ...terms, value: amount, saturation });
      if (path) {
        paths.push(path);
        collected += path.value;
        if (paths.length === 1 && collected >= amount) break;
        this.#take(path, terms.ownRoom, saturation, used);
      } else if (saturation === FULL_SATURATION) break;
      else saturation = FULL_SATURATION;
    }
    return paths;
  }

  /** A path that fills none of its channels would be found again: then its middle is closed. */
  #take(
    { halves, value }: FoundPath,
    ownRoom: ReadonlyMap<number, number>,
    saturation: number,
    used: Map<number, number>,
  ): void {
    const { max, capacity } = this.#graph.columns();
    let isFull = false;
    for (const { half, amount } of this.#hopsOver(halves, value)) {
      const total = (used.get(half) ?? 0) + amount;
      used.set(half, total);
      const room = ownRoom.get(half) ?? Math.floor(capacity[half >> 1]! * saturation);
      // The value is rounded down by what fees grow with it.
      isFull ||= total >= Math.min(room, max[half]!) - 1;
    }
    if (!isFull) used.set(halves[halves.length >> 1]!, Infinity);
  }

  /** The cheapest per msat that carry the amount; what is too much goes, small paths first, as fewer parts fail less. */
  #choose(paths: readonly FoundPath[], amount: number): Share[] | undefined {
    const sorted = [...paths].sort((a, b) => a.price - b.price);
    const chosen: (Share & { price: number })[] = [];
    let sum = 0;
    for (const { halves, value, price } of sorted) {
      if (sum >= amount) break;
      chosen.push({ halves, value, price });
      sum += value;
    }
    if (sum < amount) return undefined;
    chosen.sort((a, b) => a.value - b.value || b.price - a.price);
    const kept = chosen.filter(({ value }) => {
      if (value > sum - amount) return true;
      sum -= value;
      return false;
    });
    this.#trim(kept, sum - amount);
    return merged(kept);
  }

  /** Off the path with the lowest proportional fees, as the library does; all are worth more than what is too much. */
  #trim(chosen: readonly Share[], excess: number): void {
    if (excess === 0) return;
    const { ppm } = this.#graph.columns();
    const rate = (halves: readonly number[]): number => halves.slice(1).reduce((sum, half) => sum + ppm[half]!, 0);
    const cheapest = chosen.reduce((a, b) => (rate(b.halves) < rate(a.halves) ? b : a));
    cheapest.value -= excess;
  }

  #hopsOver(halves: readonly number[], value: number): Hop[] {
    const { base, ppm } = this.#graph.columns();
    const hops: Hop[] = [];
    let amount = value;
    for (let at = halves.length - 1; at >= 0; at--) {
      const half = halves[at]!;
      hops.unshift({ half, amount });
      amount += feeFor(base[half]!, ppm[half]!, amount);
    }
    return hops;
  }
}

function merged(paths: readonly Share[]): Share[] {
  const byWay = new Map<string, Share>();
  for (const { halves, value } of paths) {
    const way = halves.join();
    byWay.set(way, { halves, value: value + (byWay.get(way)?.value ?? 0) });
  }
  return [...byWay.values()];
}
