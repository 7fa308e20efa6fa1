/**
 * Eclair's payments by their published rules (shared reference, §5): a few cheapest ways by Yen's method for an amount that
 * all of them together could carry, filled in order at first, at random in retries; five attempts. The fee limit is the bench's.
 */
import type { ChannelGraph } from '../../src/send/index.js';
import { feeFor, largestForwardable } from '../../src/send/fees.js';
import { kCheapest, type PriceList } from './eclair-yen.js';
import { ProbableSearch } from './probable-search.js';
import type { Hop, Order, OwnChannel, Paying, Reply, Route, Sender, SendEvent, Strategy } from './rival.js';

/** Weights by default; the log form of the chance is off, as is data of relays. */
const PRICES: PriceList = {
  hopBase: 500,
  hopShare: 200 / 1e6,
  lockedPerBlock: 1e-8,
  attemptBase: 2000,
  attemptShare: 500 / 1e6,
};
const MOST_PARTS = 5;
const LEAST_PART_MSAT = 15_000_000;
const ATTEMPTS = 5;
/** The second one where the first one finds nothing. */
const MOST_HOPS = [6, 20];
/** Of what a way can carry, a part of a retry takes a share drawn from here to all of it. */
const LEAST_SHARE = 0.2;
const SHARE_STEPS = 81;

export const ECLAIR: Strategy = {
  name: 'Eclair',
  open: (graph) => Promise.resolve(new EclairSender(graph)),
};

class EclairSender implements Sender {
  readonly #graph: ChannelGraph;
  readonly #search: ProbableSearch;

  constructor(graph: ChannelGraph) {
    this.#graph = graph;
    this.#search = new ProbableSearch(graph);
  }

  /** By default nothing outlives a payment. */
  forget(): void {
    return;
  }

  pay(order: Order): Paying {
    return new EclairPaying(this.#graph, this.#search, order);
  }
}

class EclairPaying implements Paying {
  readonly #graph: ChannelGraph;
  readonly #search: ProbableSearch;
  readonly #order: Order;
  readonly #ignored = new Set<number>();
  readonly #parts: (readonly Hop[])[] = [];
  readonly #out = new Set<number>();
  #attemptsLeft = ATTEMPTS;

  constructor(graph: ChannelGraph, search: ProbableSearch, order: Order) {
    this.#graph = graph;
    this.#search = search;
    this.#order = order;
  }

  on(event: SendEvent): Reply {
    if (event.type === 'start') return this.#attempt(false);
    if (event.type !== 'failed') return { send: [] };
    this.#out.delete(event.part);
    const { code, part, at } = event;
    // Other codes bring an update, and the published terms are what the next try uses anyway.
    if (code === 'temporary_channel_failure' || code === 'channel_disabled') {
      this.#ignored.add(this.#parts[part]![at]!.half);
    }
    return this.#attempt(true);
  }

  /** Everything that is missing is split anew. */
  #attempt(isRetry: boolean): Reply {
    if (this.#attemptsLeft === 0) return { send: [], giveUp: true };
    const flying = [...this.#out].map((id) => this.#parts[id]!);
    const arriving = sum(flying.map((hops) => hops.at(-1)!.amount));
    const maxFee = this.#order.budget - sum(flying.map((hops) => hops[0]!.amount - hops.at(-1)!.amount));
    const missing = this.#order.amount - arriving;
    if (missing <= 0) return { send: [] };
    const wanted = { amount: missing, maxFee, own: this.#order.own(), flying };
    let routes = this.#split(wanted, isRetry);
    if (!routes && this.#ignored.size > 0) {
      // With another split, what failed may do: that counts as an attempt.
      this.#ignored.clear();
      this.#attemptsLeft--;
      routes = this.#split(wanted, true);
    }
    if (!routes) return { send: [], giveUp: true };
    this.#attemptsLeft = Math.max(0, this.#attemptsLeft - 1);
    for (const { hops } of routes) {
      this.#out.add(this.#parts.length);
      this.#parts.push(hops);
    }
    return { send: routes };
  }

  /** The first attempt fills the cheapest ways one after the other, retries take them at random. */
  #split(wanted: Wanted, isRandom: boolean): Route[] | undefined {
    const { amount } = wanted;
    const { from } = this.#graph.columns();
    const chance = (): number => this.#order.chance();
    const direct = wanted.own.filter(({ half }) => from[half ^ 1] === this.#order.payee).length;
    const count = Math.max(MOST_PARTS, direct);
    const least = Math.min(amount, Math.max(LEAST_PART_MSAT, Math.ceil(amount / count)));
    const paths = this.#ways(wanted, count, least);
    const randomShare = (): number => LEAST_SHARE + Math.floor(chance() * SHARE_STEPS) / 100;
    const isDirect = (path: readonly number[]): boolean => path.length === 1;
    const ofKind = (kind: boolean): (readonly number[])[] => paths.filter((path) => isDirect(path) === kind);
    if (isRandom) {
      const mixed = [...shuffled(ofKind(true), chance), ...shuffled(ofKind(false), chance)];
      const routes = this.#fill(mixed, { ...wanted, least, share: randomShare });
      if (routes) return routes;
    }
    return this.#fill([...ofKind(true), ...ofKind(false)], { ...wanted, least, share: () => 1 });
  }

  #ways({ own, maxFee }: Wanted, count: number, amount: number): (readonly number[])[] {
    const { payee, maxBlocks, finalBlocks } = this.#order;
    for (const maxHops of MOST_HOPS) {
      const ways = kCheapest(this.#graph, this.#search, {
        count,
        prices: PRICES,
        payee,
        amount,
        own,
        maxFee,
        maxHops,
        maxBlocks: maxBlocks - finalBlocks,
        isIgnored: (half) => this.#ignored.has(half),
      });
      if (ways.length > 0) return ways.map((hops) => hops.map(({ half }) => half));
    }
    return [];
  }

  /** Deals the amount out over the paths, in turn, until nothing is left of it. */
  #fill(paths: readonly (readonly number[])[], terms: FillTerms): Route[] | undefined {
    const used = new Map<number, number>();
    const take = (hops: readonly Hop[]): void => {
      for (const { half, amount } of hops) used.set(half, (used.get(half) ?? 0) + amount);
    };
    // Own balances are read with what is in flight taken off.
    for (const hops of terms.flying) take(hops.slice(1));
    const queue = [...paths];
    const routes: Route[] = [];
    let left = terms.amount;
    for (let path = queue.shift(); path && left > 0; path = queue.shift()) {
      const most = this.#mostOver(path, terms.own, used);
      if (most < Math.min(terms.least, left)) continue;
      const part = Math.min(left, most, Math.max(terms.least, Math.floor(most * terms.share())));
      const hops = this.#hopsOver(path, part);
      take(hops);
      routes.push({ hops });
      left -= part;
      queue.push(path);
    }
    const fees = sum(routes.map(({ hops }) => hops[0]!.amount - hops.at(-1)!.amount));
    return left === 0 && fees <= terms.maxFee ? routes : undefined;
  }

  /** What can arrive over the path: own balances, published maxima and capacities, less what is in use. */
  #mostOver(path: readonly number[], own: readonly OwnChannel[], used: ReadonlyMap<number, number>): number {
    const { base, ppm, max, capacity } = this.#graph.columns();
    const spendable = own.find(({ half }) => half === path[0])?.spendable ?? 0;
    let most = Math.min(spendable, max[path[0]!]!) - (used.get(path[0]!) ?? 0);
    for (const half of path.slice(1)) {
      const room = Math.min(max[half]!, capacity[half >> 1]!) - (used.get(half) ?? 0);
      most = Math.min(room, largestForwardable(base[half]!, ppm[half]!, Math.max(0, most)));
    }
    return most;
  }

  #hopsOver(path: readonly number[], amount: number): Hop[] {
    const { base, ppm } = this.#graph.columns();
    const hops: Hop[] = [];
    let over = amount;
    for (let at = path.length - 1; at >= 0; at--) {
      const half = path[at]!;
      hops.unshift({ half, amount: over });
      over += feeFor(base[half]!, ppm[half]!, over);
    }
    return hops;
  }
}

interface Wanted {
  readonly amount: number;
  readonly maxFee: number;
  readonly own: readonly OwnChannel[];
  readonly flying: readonly (readonly Hop[])[];
}

interface FillTerms extends Wanted {
  readonly least: number;
  /** Of what the next path can carry, to be taken. */
  readonly share: () => number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function shuffled<T>(items: readonly T[], chance: () => number): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(chance() * left.length), 1)[0]!);
}
