/** Tiny networks that rivals of the send bench pay over. */
import type { Paying, Route, Sender, Strategy } from '../../bench/send/rival.js';
import { type Outcome, World } from '../../bench/send/world.js';
import type { ChannelGraph } from '../../src/send/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { channel, graphOf, nodeId, type TestChannel } from '../send/support.js';

const PAYER = 1;
/** Numbers of nodes are points of the curve, as LDK looks. */
export const PAYEE = 8;
export const SAT = 1000;

/** A channel of so many sat with its HTLC maximum at its capacity, and a fee of so many msat from a to b. */
export const way = (scid: number, a: number, b: number, sat: number, feeMsat = 0, ppm = 0): TestChannel => {
  const terms = { feeBaseMsat: feeMsat, feePpm: ppm, htlcMaximumMsat: BigInt(sat) * 1000n };
  return channel(scid, a, b, sat, terms, terms);
};

export interface Paid {
  readonly outcome: Outcome;
  /** Per part: the channels it names and what it brings to the payee, in sat. */
  readonly parts: readonly (readonly [channels: string, sat: number])[];
}

/** Pays from 1 to 8 where halves hold their capacity, but for those in `empty`: `scid`, which hold nothing from a to b. */
export class Net {
  readonly graph: ChannelGraph;
  readonly #spendable: Float64Array;
  readonly #nodes: (n: number) => number;

  constructor(channels: readonly TestChannel[], empty: readonly number[] = []) {
    this.graph = graphOf(channels);
    this.#nodes = (n) => this.graph.nodeIndex(toHex(nodeId(n)))!;
    const { capacity } = this.graph.columns();
    this.#spendable = Float64Array.from({ length: this.graph.halfCount }, (_, half) => capacity[half >> 1]!);
    for (const scid of empty) this.#spendable[2 * this.graph.channelIndex(BigInt(scid))!] = 0;
  }

  node(n: number): number {
    return this.#nodes(n);
  }

  half(scid: number): number {
    return 2 * this.graph.channelIndex(BigInt(scid))!;
  }

  async open(strategy: Strategy): Promise<Sender> {
    const sender = await strategy.open(this.graph);
    sender.forget();
    return sender;
  }

  pay(sender: Sender, sat: number, at = 0): Paid {
    const sent: Route[] = [];
    const watched: Sender = {
      forget: () => undefined,
      pay: (order, now): Paying => {
        const paying = sender.pay(order, now);
        return {
          on(event) {
            const reply = paying.on(event);
            sent.push(...reply.send);
            return reply;
          },
        };
      },
    };
    const wanted = { payers: [this.node(PAYER)], payee: this.node(PAYEE), amount: sat * SAT, seed: 'rivals' };
    const outcome = new World(this.graph, this.#spendable.slice()).pay(watched, wanted, at);
    const parts = sent.map(({ hops }) => {
      const channels = hops.map(({ half }) => String(this.graph.scidOfChannel(half >> 1))).join(' ');
      return [channels, hops.at(-1)!.amount / SAT] as const;
    });
    return { outcome, parts };
  }
}

/** 1 → 2 → 8 for a fee, or 1 → 3 → 4 → 8 for nothing. */
export const shortOrLong = (feeMsat: number): TestChannel[] => [
  way(10, 1, 2, 100_000_000),
  way(11, 2, PAYEE, 100_000_000, feeMsat),
  way(20, 1, 3, 100_000_000),
  way(21, 3, 4, 100_000_000),
  way(22, 4, PAYEE, 100_000_000),
];

/** Two ways of two hops, each through so many sat, the first one cheaper. */
export const twoWays = (sat1: number, sat2: number): TestChannel[] => [
  way(10, 1, 2, 10_000_000),
  way(11, 2, PAYEE, sat1),
  way(20, 1, 3, 10_000_000),
  way(21, 3, PAYEE, sat2, 0, 2000),
];
