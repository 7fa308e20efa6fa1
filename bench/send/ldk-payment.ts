/**
 * How LDK pays, whoever finds its routes: all parts of a route leave at once; when one fails, its channel is avoided for the
 * rest of the payment, and a route for all that is missing follows, until the deadline (retry by time, at its most patient).
 */
import type { Hop, Order, OwnChannel, Paying, Reply, SendEvent } from './rival.js';

export interface LdkWanted {
  readonly order: Order;
  readonly amount: number;
  readonly maxFee: number;
  readonly own: readonly OwnChannel[];
  /** Channels, not directions, that failed in this payment. */
  readonly failedChannels: ReadonlySet<number>;
  readonly flying: readonly (readonly Hop[])[];
  readonly now: number;
}

/** Router and scorer. */
export interface LdkMind {
  route(wanted: LdkWanted): readonly (readonly Hop[])[] | undefined;
  /** Hops before `at` carried the part. */
  failed(hops: readonly Hop[], at: number, now: number): void;
  succeeded(hops: readonly Hop[], now: number): void;
}

export const MOST_PATHS = 10;
export const MOST_BLOCKS = 1008;
export const MOST_HOPS = 19;

export class LdkPaying implements Paying {
  readonly #mind: LdkMind;
  readonly #order: Order;
  readonly #parts: (readonly Hop[])[] = [];
  readonly #out = new Set<number>();
  readonly #failedChannels = new Set<number>();

  constructor(mind: LdkMind, order: Order) {
    this.#mind = mind;
    this.#order = order;
  }

  on(event: SendEvent): Reply {
    switch (event.type) {
      case 'start':
        return this.#sendMissing(event.now);
      case 'failed': {
        const hops = this.#parts[event.part]!;
        this.#out.delete(event.part);
        this.#failedChannels.add(hops[event.at]!.half >> 1);
        // What an own channel refuses never left, so nothing is learnt of others.
        if (event.at > 0) this.#mind.failed(hops, event.at, event.now);
        return this.#sendMissing(event.now);
      }
      case 'settled':
        this.#mind.succeeded(this.#parts[event.part]!, event.now);
        return { send: [] };
      case 'time':
        return { send: [] };
    }
  }

  #sendMissing(now: number): Reply {
    const { amount, budget } = this.#order;
    const flying = [...this.#out].map((id) => this.#parts[id]!);
    const missing = amount - sum(flying.map((hops) => hops.at(-1)!.amount));
    if (missing <= 0) return { send: [] };
    const maxFee = budget - sum(flying.map((hops) => hops[0]!.amount - hops.at(-1)!.amount));
    const routes = this.#mind.route({
      order: this.#order,
      amount: missing,
      maxFee,
      own: this.#order.own(),
      failedChannels: this.#failedChannels,
      flying,
      now,
    });
    if (!routes) return { send: [], giveUp: true };
    for (const hops of routes) {
      this.#out.add(this.#parts.length);
      this.#parts.push(hops);
    }
    return { send: routes.map((hops) => ({ hops })) };
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
