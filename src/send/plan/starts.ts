/** Sets of parts to begin with that no flow would suggest: few parts, by searches one after the other. */
import type { Arena } from './arena.js';
import { deliverable, fits, lift, type Part, place } from './route.js';
import type { RouteSearch, SearchTerms } from './search.js';

export interface PartLimits {
  readonly amount: number;
  readonly budget: number;
  readonly maxParts: number;
  /** Beyond the final delta. */
  readonly maxBlocks: number;
  readonly maxHops: number;
}

/** By how much a part that found no route is made smaller. */
const GREED = 0.75;

export class PartStarts {
  readonly #arena: Arena;
  readonly #search: RouteSearch;
  readonly #limits: PartLimits;
  readonly #terms: Omit<SearchTerms, 'amount'>;

  constructor(arena: Arena, search: RouteSearch, limits: PartLimits, terms: Omit<SearchTerms, 'amount'>) {
    this.#arena = arena;
    this.#search = search;
    this.#limits = limits;
    this.#terms = terms;
  }

  /** So many parts of about one size, each on the best route beside the ones before it. */
  evenly(count: number): Part[] | undefined {
    return this.#inTurn((missing, left) => this.#routed(Math.ceil(missing / left)), count);
  }

  /** The cheapest route for less than its share is used as far as it goes, then the next; the last takes what is left. */
  cheapestFirst(count: number): Part[] | undefined {
    const next = (missing: number, left: number): Part | undefined => {
      if (left === 1) return this.#routed(missing);
      const part = this.#routed(Math.ceil(missing / (2 * left)));
      return part && { ...part, amount: Math.min(missing, deliverable(this.#arena, part.arcs)) };
    };
    return this.#inTurn(next, count);
  }

  /**
   * As many parts as are allowed, each as large as can be: of several parts one has to carry its share of what is missing, so
   * sizes from the whole down to that share are tried.
   */
  greedily(): Part[] | undefined {
    const largest = (missing: number, left: number): Part | undefined => {
      for (let amount = missing; ; amount = Math.max(Math.ceil(missing / left), Math.floor(amount * GREED))) {
        const part = this.#routed(amount);
        if (part) return { ...part, amount: Math.min(missing, deliverable(this.#arena, part.arcs)) };
        if (amount <= Math.ceil(missing / left)) return undefined;
      }
    };
    return this.#inTurn(largest, this.#limits.maxParts);
  }

  #inTurn(next: (missing: number, left: number) => Part | undefined, count: number): Part[] | undefined {
    const parts: Part[] = [];
    let missing = this.#limits.amount;
    while (missing > 0 && parts.length < count) {
      const part = next(missing, count - parts.length);
      if (!part || !fits(this.#arena, part)) break;
      place(this.#arena, part);
      parts.push(part);
      missing -= part.amount;
    }
    for (const part of parts) lift(this.#arena, part);
    return missing === 0 ? parts : undefined;
  }

  #routed(amount: number): Part | undefined {
    const arcs = this.#search.find(this.#arena, { ...this.#terms, amount });
    return arcs && { arcs, amount };
  }
}
