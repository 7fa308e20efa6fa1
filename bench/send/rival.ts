/**
 * What a sender's strategy looks like to the bench. Every strategy pays the same payments over the same drawn balances; it
 * sees what a real sender sees: the public graph, its own balances, and how its own parts end.
 *
 * Conventions: amounts are whole msat as doubles, times are simulated milliseconds, nodes and halves are indexes of the
 * graph's columns (`graph.columns()`): half h of channel h >> 1 leads from `from[h]` to `from[h ^ 1]` on the terms of `from[h]`,
 * and is disabled where `max[h] < 0`. `rows` lists the halves INTO a node; `half ^ 1` of each leads out of it.
 *
 * To add one: write a {@link Strategy}, put it into the list of `strategies.ts`.
 */
import type { ChannelGraph } from '../../src/send/index.js';

/** An own channel, read now: what is in flight over it is taken off. Own halves charge no fee. */
export interface OwnChannel {
  /** Leads out of the own node. */
  readonly half: number;
  readonly spendable: number;
}

export interface Order {
  /** Own nodes, mostly one. */
  readonly payers: readonly number[];
  readonly payee: number;
  /** What has to arrive. */
  readonly amount: number;
  /** Most that all parts together may pay in fees: the same for every strategy. */
  readonly budget: number;
  /** No success counts from here on. */
  readonly deadline: number;
  /** Blocks that the payee asks for; the most that a route may take, these included. */
  readonly finalBlocks: number;
  readonly maxBlocks: number;
  /** Reads the own balances anew. */
  readonly own: () => OwnChannel[];
  /** From 0 (included) to 1 (excluded), drawn from the payment's seed: the only randomness a strategy may use. */
  readonly chance: () => number;
}

/** One HTLC of a part: `amount` is what travels over the half, fees of later hops included. */
export interface Hop {
  readonly half: number;
  readonly amount: number;
}

/** A part on its route. The first hop is an own channel, the last one ends at the payee and carries what arrives. */
export interface Route {
  readonly hops: readonly Hop[];
}

export type SendEvent =
  | { readonly type: 'start'; readonly now: number }
  /**
   * The node at the start of `hops[at]` could not send the HTLC on; hops before `at` carried it. `at` = 0: the own channel
   * holds too little. `code`: `temporary_channel_failure` (balance or maximum), `amount_below_minimum`,
   * `fee_insufficient`, `channel_disabled`.
   */
  | {
      readonly type: 'failed';
      readonly now: number;
      readonly part: number;
      readonly at: number;
      readonly code: FailureCode;
    }
  /** The part's preimage is here. */
  | { readonly type: 'settled'; readonly now: number; readonly part: number }
  /** The time asked for by `wakeAt`. */
  | { readonly type: 'time'; readonly now: number };

export type FailureCode =
  'temporary_channel_failure' | 'amount_below_minimum' | 'fee_insufficient' | 'channel_disabled';

export interface Reply {
  /** Sent now, at once. Parts are numbered 0, 1, … over the whole payment in the order in which they are returned. */
  readonly send: readonly Route[];
  /** Replaces the wake-up asked for before, if any. */
  readonly wakeAt?: number;
  /** The payment has failed as far as the strategy is concerned. */
  readonly giveUp?: true;
}

export interface Paying {
  /** Called with `start` first, then with every event in order of time. */
  on(event: SendEvent): Reply;
}

export interface Sender {
  /** Forgets everything learnt: as a node that has just been set up. */
  forget(): void;
  /** What was learnt from payments before is kept and may be used. One payment runs at a time. */
  pay(order: Order, now: number): Paying;
}

export interface Strategy {
  /** As it stands in tables. */
  readonly name: string;
  /** May load libraries. The sender is kept for many payments over one graph. */
  open(graph: ChannelGraph): Promise<Sender>;
}
