/**
 * c-lightning's `pay` by its published rules (shared reference, §1): as of v0.9.0 near-equal parts from the start, in its last
 * form the whole amount first. Every part is retried with what failures taught, then halved. Budgets are shares.
 */
import { adaptiveSplit, type ChannelGraph, feeShare, presplit, type PresplitOptions } from '../../src/send/index.js';
import { Dijkstra } from './dijkstra.js';
import type { Hop, Order, OwnChannel, Paying, Reply, Route, Sender, SendEvent, Strategy } from './rival.js';

export interface ClnPayOptions {
  /** Absent: the whole amount first. */
  readonly presplit?: PresplitOptions;
  /** What a channel is taken to hold after it could not carry an amount. */
  readonly leftAfterFailure: (amount: number) => number;
  /** Whether cost is weighed by capacity. */
  readonly weighsCapacity: boolean;
  /** Hints outlive the payment and fill up again over two hours. */
  readonly keepsHints: boolean;
}

const RISK_PER_BLOCK = 0.1 / 52_596;
const ATTEMPTS_PER_AMOUNT = 10;
const SLOTS_PER_CHANNEL = 30;
const HTLCS_PER_PAYEE_CHANNEL = 15;
const REFILL_MS = 7_200_000;
const MOST_HOPS = 20;
/** Times that the dearest hop of a route over budget is left out before the part counts as without route. */
const MOST_EXCLUSIONS = 10;

export const PAY_090: Omit<ClnPayOptions, 'presplit'> = {
  leftAfterFailure: (amount) => Math.floor(0.75 * amount),
  weighsCapacity: false,
  keepsHints: false,
};
export const PAY_LAST: ClnPayOptions = {
  leftAfterFailure: (amount) => amount - 1,
  weighsCapacity: true,
  keepsHints: true,
};

export function clnPay(name: string, options: ClnPayOptions): Strategy {
  return { name, open: (graph) => Promise.resolve(new ClnPaySender(graph, options)) };
}

interface Hint {
  readonly most: number;
  readonly at: number;
}

class ClnPaySender implements Sender {
  readonly #graph: ChannelGraph;
  readonly #options: ClnPayOptions;
  readonly #dijkstra: Dijkstra;
  #hints = new Map<number, Hint>();

  constructor(graph: ChannelGraph, options: ClnPayOptions) {
    this.#graph = graph;
    this.#options = options;
    this.#dijkstra = new Dijkstra(graph);
  }

  forget(): void {
    this.#hints = new Map();
  }

  pay(order: Order): Paying {
    if (!this.#options.keepsHints) this.forget();
    return new ClnPaying(this.#graph, this.#options, this.#dijkstra, this.#hints, order);
  }
}

interface Piece {
  readonly amount: number;
  readonly budget: number;
  readonly attempts: number;
}

class ClnPaying implements Paying {
  readonly #graph: ChannelGraph;
  readonly #options: ClnPayOptions;
  readonly #dijkstra: Dijkstra;
  readonly #hints: Map<number, Hint>;
  readonly #order: Order;
  readonly #excluded = new Set<number>();
  readonly #sent: { readonly piece: Piece; readonly hops: readonly Hop[] }[] = [];
  #partsLeft = 0;

  constructor(graph: ChannelGraph, options: ClnPayOptions, dijkstra: Dijkstra, hints: Map<number, Hint>, order: Order) {
    this.#graph = graph;
    this.#options = options;
    this.#dijkstra = dijkstra;
    this.#hints = hints;
    this.#order = order;
  }

  on(event: SendEvent): Reply {
    switch (event.type) {
      case 'start':
        return this.#begin(event.now);
      case 'failed':
        return this.#failed(event);
      case 'settled':
      case 'time':
        return { send: [] };
    }
  }

  #begin(now: number): Reply {
    const { amount, budget, payee, chance } = this.#order;
    const slots = this.#order.own().length * SLOTS_PER_CHANNEL;
    const atPayee = HTLCS_PER_PAYEE_CHANNEL * this.#graph.columns().rows.count[payee]!;
    const { presplit: options } = this.#options;
    const split = options ? presplit(BigInt(amount), slots, chance, options) : { kind: 'whole' as const };
    if (split.kind === 'no_slots') return { send: [], giveUp: true };
    const amounts = split.kind === 'split' ? split.amounts : [BigInt(amount)];
    this.#partsLeft = (options ? slots : Math.min(slots, atPayee)) - amounts.length;
    const pieces = amounts.map((part): Piece => {
      const share = Number(feeShare(BigInt(budget), part, BigInt(amount)));
      return { amount: Number(part), budget: share, attempts: 0 };
    });
    return this.#carryOut(pieces, now);
  }

  #failed({ part, at, code, now }: Extract<SendEvent, { type: 'failed' }>): Reply {
    const { piece, hops } = this.#sent[part]!;
    const { half, amount } = hops[at]!;
    // An own channel is read anew.
    if (at > 0 && code === 'temporary_channel_failure') {
      const most = Math.min(this.#mostOf(half, now), this.#options.leftAfterFailure(amount));
      this.#hints.set(half, { most, at: now });
    } else if (at > 0) this.#excluded.add(half);
    const again = { ...piece, attempts: piece.attempts + 1 };
    if (again.attempts < ATTEMPTS_PER_AMOUNT) return this.#carryOut([again], now);
    const halves = this.#halved(piece);
    return halves ? this.#carryOut(halves, now) : { send: [], giveUp: true };
  }

  #carryOut(pieces: readonly Piece[], now: number): Reply {
    const send: Route[] = [];
    const queue = [...pieces];
    const own = this.#order.own().map((channel) => ({ ...channel }));
    for (let piece = queue.shift(); piece; piece = queue.shift()) {
      const hops = this.#route(piece, own, now);
      if (hops) {
        const first = own.find(({ half }) => half === hops[0]!.half)!;
        first.spendable -= hops[0]!.amount;
        this.#sent.push({ piece, hops });
        send.push({ hops });
        continue;
      }
      const halves = this.#halved(piece);
      if (!halves) return { send, giveUp: true };
      queue.unshift(...halves);
    }
    return { send };
  }

  #halved({ amount, budget }: Piece): Piece[] | undefined {
    const split = adaptiveSplit(BigInt(amount), BigInt(budget), this.#partsLeft, this.#order.chance);
    if (split.kind !== 'split') return undefined;
    this.#partsLeft = split.partsLeft;
    return split.children.map((child) => ({
      amount: Number(child.amountMsat),
      budget: Number(child.budgetMsat),
      attempts: 0,
    }));
  }

  #mostOf(half: number, now: number): number {
    const hint = this.#hints.get(half);
    if (!hint) return Infinity;
    if (!this.#options.keepsHints) return hint.most;
    const capacity = this.#graph.columns().capacity[half >> 1]!;
    return hint.most + ((capacity - hint.most) * Math.min(REFILL_MS, now - hint.at)) / REFILL_MS;
  }

  /** The cheapest route in the piece's budget: while it is over, its dearest hop is left out for this payment. */
  #route(piece: Piece, own: readonly OwnChannel[], now: number): Hop[] | undefined {
    const { payee, maxBlocks, finalBlocks } = this.#order;
    const { capacity, cltv } = this.#graph.columns();
    const { weighsCapacity } = this.#options;
    const price = (half: number, amount: number, fee: number): number => {
      if (this.#excluded.has(half) || amount > this.#mostOf(half, now)) return Infinity;
      const room = capacity[half >> 1]!;
      if (amount > room) return Infinity;
      const cost = fee + amount * cltv[half]! * RISK_PER_BLOCK;
      // Never 0, so that of free ways the shortest is taken.
      return weighsCapacity ? (cost + 1) * -Math.log((room + 1 - amount) / (room + 1)) : cost + 1;
    };
    const terms = { payee, amount: piece.amount, own, maxBlocks: maxBlocks - finalBlocks, maxHops: MOST_HOPS, price };
    for (let round = 0; round < MOST_EXCLUSIONS; round++) {
      const hops = this.#dijkstra.find(terms);
      if (!hops) return undefined;
      if (hops[0]!.amount - hops.at(-1)!.amount <= piece.budget) return hops;
      const fees = hops.map(({ amount }, i) => (i === 0 ? 0 : hops[i - 1]!.amount - amount));
      this.#excluded.add(hops[fees.indexOf(Math.max(...fees))]!.half);
    }
    return undefined;
  }
}
