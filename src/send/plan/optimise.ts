/**
 * Turns routes of a flow into parts that can be sent, and makes them cheaper by exact prices: the flow knows neither
 * compounding fees nor minima, maxima of single HTLCs, slots and the price of a part.
 */
import type { Arena } from './arena.js';
import { type Judgement, judge } from './evaluate.js';
import type { Weights } from './request.js';
import { blocksOf, deliverable, fits, hopsOf, lift, type Part, place } from './route.js';
import type { RouteSearch, SearchTerms } from './search.js';
import type { PartLimits } from './starts.js';

/** Every msat over the budget counts as so many: the search is drawn below it before anything else. */
const OVER_BUDGET = 1000;
const MOST_ROUNDS = 12;
/** Looking for other routes costs a search per part. */
const REROUTED_ROUNDS = 2;
const SHIFTS = [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 128];
/** A change has to save this much to be worth a round. */
const LEAST_GAIN_MSAT = 1;

export class PartOptimiser {
  readonly #arena: Arena;
  readonly #search: RouteSearch;
  readonly #weights: Weights;
  readonly #limits: PartLimits;
  readonly #terms: Omit<SearchTerms, 'amount'>;

  /** @param terms how to search for the route of one part */
  constructor(
    arena: Arena,
    search: RouteSearch,
    weights: Weights,
    limits: PartLimits,
    terms: Omit<SearchTerms, 'amount'>,
  ) {
    this.#arena = arena;
    this.#search = search;
    this.#weights = weights;
    this.#limits = limits;
    this.#terms = terms;
  }

  /** Parts that deliver the amount within the limits; undefined if none were found. Nothing stays placed. */
  realise(routes: readonly Part[]): Part[] | undefined {
    const started = this.#shrinkToFit(routes);
    const filled = this.#fill(started);
    if (filled) {
      const few = this.#reduceTo(filled, this.#limits.maxParts);
      if (few) return few;
    }
    const few = this.#fill(this.#largest(started), this.#limits.maxParts);
    return few && few.length <= this.#limits.maxParts ? few : undefined;
  }

  /** Cheaper parts for the same amount, by merging, shifting amounts and finding other routes. */
  improve(parts: readonly Part[]): Part[] {
    let best = joinEqual(this.#arena, parts);
    let price = this.#price(best);
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const before = price;
      for (const step of round < REROUTED_ROUNDS
        ? [this.#merged, this.#shifted, this.#rerouted]
        : [this.#merged, this.#shifted]) {
        const next = step.call(this, best, price);
        if (!next) continue;
        best = joinEqual(this.#arena, next);
        price = this.#price(best);
      }
      if (before - price < LEAST_GAIN_MSAT) break;
    }
    return best;
  }

  judge(parts: readonly Part[]): Judgement {
    return judge(this.#arena, this.#weights, parts);
  }

  #price(parts: readonly Part[]): number {
    const { cost, fee } = this.judge(parts);
    return cost === Infinity ? Infinity : cost + OVER_BUDGET * Math.max(0, fee - this.#limits.budget);
  }

  #isAllowed(arcs: readonly number[]): boolean {
    return hopsOf(this.#arena, arcs) <= this.#limits.maxHops && blocksOf(this.#arena, arcs) <= this.#limits.maxBlocks;
  }

  /** The routes within the limits, each with what it can deliver beside the ones before it. */
  #shrinkToFit(routes: readonly Part[]): Part[] {
    const parts: Part[] = [];
    let missing = this.#limits.amount;
    const byAmount = [...routes].sort((a, b) => b.amount - a.amount);
    for (const { arcs, amount } of byAmount.filter((route) => this.#isAllowed(route.arcs))) {
      // What flows over a route may need several HTLCs.
      for (let left = amount; left > 0 && missing > 0;) {
        const part = { arcs, amount: Math.min(left, missing, deliverable(this.#arena, arcs)) };
        if (part.amount <= 0 || !fits(this.#arena, part)) break;
        place(this.#arena, part);
        parts.push(part);
        left -= part.amount;
        missing -= part.amount;
      }
    }
    for (const part of parts) lift(this.#arena, part);
    return parts;
  }

  /** Adds what is missing of the amount, to the parts or as new ones. */
  #fill(started: readonly Part[], mostParts = Infinity): Part[] | undefined {
    let parts = [...started];
    let missing = this.#limits.amount - sum(parts);
    for (let round = 0; missing > 0 && round < MOST_ROUNDS; round++) {
      const next =
        this.#grown(parts, missing) ?? (parts.length < mostParts ? this.#extended(parts, missing) : undefined);
      if (!next) return undefined;
      parts = next;
      missing = this.#limits.amount - sum(parts);
    }
    return missing === 0 ? parts : undefined;
  }

  #routed(amount: number): Part | undefined {
    const arcs = this.#search.find(this.#arena, { ...this.#terms, amount });
    return arcs && { arcs, amount };
  }

  /** One part takes as much more as it can; the one where that is cheapest per msat. */
  #grown(parts: readonly Part[], missing: number): Part[] | undefined {
    let best: Part[] | undefined;
    let bestPrice = Infinity;
    const before = this.#price(parts);
    for (const [i, part] of parts.entries()) {
      const extra = Math.min(missing, this.#roomBeside(parts, i) - part.amount);
      if (extra <= 0) continue;
      const next = parts.with(i, { arcs: part.arcs, amount: part.amount + extra });
      const price = (this.#price(next) - before) / extra;
      if (price < bestPrice) [best, bestPrice] = [next, price];
    }
    return best;
  }

  /** What part i's route delivers at most beside the others. */
  #roomBeside(parts: readonly Part[], i: number): number {
    return this.#beside(parts, i, () => deliverable(this.#arena, parts[i]!.arcs));
  }

  #beside<T>(parts: readonly Part[], i: number, body: () => T): T {
    for (const [k, part] of parts.entries()) if (k !== i) place(this.#arena, part);
    const result = body();
    for (const [k, part] of parts.entries()) if (k !== i) lift(this.#arena, part);
    return result;
  }

  /** A new part for what is missing, or for a half, a quarter … of it. */
  #extended(parts: readonly Part[], missing: number): Part[] | undefined {
    return this.#beside(parts, -1, () => {
      for (let amount = missing; amount >= Math.max(1, missing / 16); amount = Math.floor(amount / 2)) {
        const part = this.#routed(amount);
        if (part) return [...parts, part];
      }
      return undefined;
    });
  }

  #largest(parts: readonly Part[]): Part[] {
    return [...parts].sort((a, b) => b.amount - a.amount).slice(0, this.#limits.maxParts);
  }

  /** Gives parts away until there are few enough, the cheapest to lose first. */
  #reduceTo(parts: readonly Part[], most: number): Part[] | undefined {
    let left = joinEqual(this.#arena, parts);
    while (left.length > most) {
      const next = this.#merged(left, Infinity);
      if (!next) return undefined;
      left = next;
    }
    return left;
  }

  /** Without one of the parts, the others taking its amount: the cheapest way below `price`. */
  #merged(parts: readonly Part[], price: number): Part[] | undefined {
    let best: Part[] | undefined;
    let bestPrice = price;
    for (const [i, { amount }] of parts.entries()) {
      const others = parts.toSpliced(i, 1);
      const candidates = others.map((part, k) => others.with(k, { arcs: part.arcs, amount: part.amount + amount }));
      const spread = this.#spread(others, amount);
      if (spread) candidates.push(spread);
      for (const candidate of candidates) {
        const candidatePrice = this.#price(candidate);
        if (candidatePrice < bestPrice) [best, bestPrice] = [candidate, candidatePrice];
      }
    }
    return best;
  }

  /** The amount put on several of the parts, each taking what it can. */
  #spread(parts: readonly Part[], amount: number): Part[] | undefined {
    let next = [...parts];
    let left = amount;
    for (const [k, part] of parts.entries()) {
      const extra = Math.min(left, this.#roomBeside(next, k) - part.amount);
      if (extra <= 0) continue;
      next = next.with(k, { arcs: part.arcs, amount: part.amount + extra });
      left -= extra;
    }
    return left === 0 ? next : undefined;
  }

  /** An amount moved from one part to another where that saves. */
  #shifted(parts: readonly Part[], price: number): Part[] | undefined {
    let best: Part[] | undefined;
    let bestPrice = price;
    for (const from of parts.keys()) {
      for (const to of parts.keys()) {
        if (from === to) continue;
        const { arcs, amount } = (best ?? parts)[from]!;
        for (const share of SHIFTS) {
          const moved = Math.floor(amount * share);
          if (moved < 1) continue;
          const target = (best ?? parts)[to]!;
          const candidate = (best ?? [...parts])
            .with(from, { arcs, amount: amount - moved })
            .with(to, { arcs: target.arcs, amount: target.amount + moved });
          const candidatePrice = this.#price(candidate);
          if (candidatePrice < bestPrice) {
            [best, bestPrice] = [candidate, candidatePrice];
            break;
          }
        }
      }
    }
    return best;
  }

  /** One part on the route that is best for its exact amount beside the others. */
  #rerouted(parts: readonly Part[], price: number): Part[] | undefined {
    let best: Part[] | undefined;
    let bestPrice = price;
    for (const [i, { amount }] of parts.entries()) {
      const current = best ?? parts;
      const part = this.#beside(current, i, () => this.#routed(amount));
      if (!part) continue;
      const candidate = current.with(i, part);
      const candidatePrice = this.#price(candidate);
      if (candidatePrice < bestPrice) [best, bestPrice] = [candidate, candidatePrice];
    }
    return best;
  }
}

const sum = (parts: readonly Part[]): number => parts.reduce((total, { amount }) => total + amount, 0);

/** Parts over the same route become one where one HTLC may be that large. */
function joinEqual(arena: Arena, parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const k = joined.findIndex(
      ({ arcs }) => arcs.length === part.arcs.length && arcs.every((a, i) => a === part.arcs[i]),
    );
    const both = k < 0 ? undefined : { arcs: part.arcs, amount: joined[k]!.amount + part.amount };
    if (both && both.amount <= deliverable(arena, both.arcs)) joined[k] = both;
    else joined.push(part);
  }
  return joined;
}
