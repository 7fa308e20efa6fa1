/**
 * Payments in virtual time over drawn balances. An HTLC takes 300 ms per channel, there and back; it holds its amount on
 * every channel it has come to until it is undone or settled; the payee settles everything at once when its total is there.
 * Channels are taken strictly as the route names them. Nodes keep to their published terms and never hang.
 */
import { Random } from '../../src/node/sim/random.js';
import type { ChannelGraph } from '../../src/send/index.js';
import { feeFor } from '../../src/send/fees.js';
import { EventQueue } from './event-queue.js';
import type { FailureCode, Hop, Order, OwnChannel, Reply, Route, Sender, SendEvent } from './rival.js';

const HOP_MS = 300;
const DEADLINE_MS = 60_000;
const FINAL_BLOCKS = 18;
const MAX_BLOCKS = 2016;
/** A payment that sends more than this is given up. */
const MOST_PARTS = 2000;

export interface Wanted {
  readonly payers: readonly number[];
  readonly payee: number;
  readonly amount: number;
  readonly seed: string;
}

export interface Outcome {
  readonly success: boolean;
  /** Parts sent, those that failed included. */
  readonly attempts: number;
  /** Parts that arrived, of a payment that succeeded. */
  readonly parts: number;
  readonly fee: number;
  readonly simulatedMs: number;
  /** Of the strategy itself. */
  readonly cpuMs: number;
}

/** 1 %, at least 5 sat: for every strategy alike. */
function budgetOf(amount: number): number {
  return Math.max(5000, Math.floor(amount / 100));
}

interface Flying {
  readonly hops: readonly Hop[];
  /** Channels that hold the amount now. */
  held: number;
}

export class World {
  readonly graph: ChannelGraph;
  readonly spendable: Float64Array;

  /** @param spendable per half; changed by payments that settle */
  constructor(graph: ChannelGraph, spendable: Float64Array) {
    this.graph = graph;
    this.spendable = spendable;
  }

  /** Lets the sender pay. Afterwards nothing is in flight: what had not settled is undone. */
  pay(sender: Sender, wanted: Wanted, startAt = 0): Outcome {
    return new Run(this, sender, wanted, startAt).toEnd();
  }

  ownChannels(payers: readonly number[]): OwnChannel[] {
    const { from, max, rows } = this.graph.columns();
    const own: OwnChannel[] = [];
    for (const payer of payers) {
      const first = rows.start[payer]!;
      for (const into of rows.pool.subarray(first, first + rows.count[payer]!)) {
        const half = into ^ 1;
        if (max[half]! >= 0 && !payers.includes(from[into]!)) own.push({ half, spendable: this.spendable[half]! });
      }
    }
    return own;
  }
}

class Run {
  readonly #world: World;
  readonly #wanted: Wanted;
  readonly #queue = new EventQueue();
  readonly #parts: Flying[] = [];
  readonly #arrived: number[] = [];
  readonly #order: Order;
  readonly #paying;
  readonly #startAt: number;
  #cpuMs = 0;
  #received = 0;
  #isSettling = false;
  #successAt = Infinity;
  #wakeUps = 0;
  #isGivenUp = false;

  constructor(world: World, sender: Sender, wanted: Wanted, startAt: number) {
    this.#world = world;
    this.#wanted = wanted;
    this.#startAt = startAt;
    const random = new Random(wanted.seed);
    this.#order = {
      payers: wanted.payers,
      payee: wanted.payee,
      amount: wanted.amount,
      budget: budgetOf(wanted.amount),
      deadline: startAt + DEADLINE_MS,
      finalBlocks: FINAL_BLOCKS,
      maxBlocks: MAX_BLOCKS,
      own: () => world.ownChannels(wanted.payers),
      chance: () => random.fraction(),
    };
    this.#paying = this.#timed(() => sender.pay(this.#order, startAt));
  }

  toEnd(): Outcome {
    const { deadline } = this.#order;
    this.#tell({ type: 'start', now: this.#startAt });
    let now = this.#startAt;
    for (;;) {
      const next = this.#queue.pop();
      if (!next || next.at >= deadline) break;
      if (this.#isGivenUp && !this.#isSettling) break;
      now = next.at;
      next.run();
    }
    for (const part of this.#parts) this.#release(part);
    const success = this.#successAt < Infinity;
    const settled = this.#isSettling ? this.#arrived : [];
    const fee = settled.reduce((sum, id) => sum + feeOf(this.#parts[id]!.hops), 0);
    const end = success ? this.#successAt : this.#isGivenUp ? now : deadline;
    return {
      success,
      attempts: this.#parts.length,
      parts: settled.length,
      fee,
      simulatedMs: end - this.#startAt,
      cpuMs: this.#cpuMs,
    };
  }

  #timed<T>(body: () => T): T {
    const before = process.cpuUsage();
    const result = body();
    const { user, system } = process.cpuUsage(before);
    this.#cpuMs += (user + system) / 1000;
    return result;
  }

  #tell(event: SendEvent): void {
    const reply: Reply = this.#timed(() => this.#paying.on(event));
    if (this.#isSettling) return;
    for (const route of reply.send) this.#send(route, event.now);
    if (reply.giveUp) this.#isGivenUp = true;
    const { wakeAt } = reply;
    if (wakeAt === undefined) return;
    const wakeUp = ++this.#wakeUps;
    const at = Math.max(wakeAt, event.now);
    this.#queue.push(at, () => {
      if (wakeUp === this.#wakeUps) this.#tell({ type: 'time', now: at });
    });
  }

  #send({ hops }: Route, now: number): void {
    this.#check(hops);
    const part = this.#parts.length;
    this.#parts.push({ hops, held: 0 });
    if (part >= MOST_PARTS) this.#isGivenUp = true;
    // The caller is in the middle of its own step: even a refusal by an own channel comes as an event of its own.
    this.#queue.push(now, () => {
      this.#offer(part, 0, now);
    });
  }

  /** The HTLC is at the start of hop `at`. */
  #offer(id: number, at: number, now: number): void {
    const part = this.#parts[id]!;
    const hop = part.hops[at];
    if (!hop) {
      this.#arrive(id, now);
      return;
    }
    const code = this.#refusal(part.hops, at);
    if (code === undefined) {
      this.#world.spendable[hop.half]! -= hop.amount;
      part.held = at + 1;
      this.#queue.push(now + HOP_MS, () => {
        this.#offer(id, at + 1, now + HOP_MS);
      });
      return;
    }
    this.#goBack(id, at, code, at, now);
  }

  #refusal(hops: readonly Hop[], at: number): FailureCode | undefined {
    const { max, min, base, ppm } = this.#world.graph.columns();
    const { half, amount } = hops[at]!;
    if (max[half]! < 0) return 'channel_disabled';
    if (amount < min[half]!) return 'amount_below_minimum';
    if (at > 0 && hops[at - 1]!.amount - amount < feeFor(base[half]!, ppm[half]!, amount)) return 'fee_insufficient';
    if (amount > max[half]! || amount > this.#world.spendable[half]!) return 'temporary_channel_failure';
    return undefined;
  }

  /** The failure has come back to the end of hop `held - 1`. */
  #goBack(id: number, failedAt: number, code: FailureCode, held: number, now: number): void {
    const part = this.#parts[id]!;
    if (held === 0) {
      this.#tell({ type: 'failed', now, part: id, at: failedAt, code });
      return;
    }
    const { half, amount } = part.hops[held - 1]!;
    this.#world.spendable[half]! += amount;
    part.held = held - 1;
    this.#queue.push(now + HOP_MS, () => {
      this.#goBack(id, failedAt, code, held - 1, now + HOP_MS);
    });
  }

  #arrive(id: number, now: number): void {
    this.#arrived.push(id);
    this.#received += this.#parts[id]!.hops.at(-1)!.amount;
    if (this.#isSettling || this.#received < this.#wanted.amount) return;
    this.#isSettling = true;
    for (const arrived of this.#arrived) this.#settle(arrived, now);
  }

  #settle(id: number, now: number): void {
    const part = this.#parts[id]!;
    for (const { half, amount } of part.hops) this.#world.spendable[half ^ 1]! += amount;
    part.held = 0;
    const at = now + HOP_MS * part.hops.length;
    if (at < this.#order.deadline) this.#successAt = Math.min(this.#successAt, at);
    this.#queue.push(at, () => {
      this.#tell({ type: 'settled', now: at, part: id });
    });
  }

  #release(part: Flying): void {
    for (const { half, amount } of part.hops.slice(0, part.held)) this.#world.spendable[half]! += amount;
    part.held = 0;
  }

  /** Routes that are none are mistakes of the strategy, not of the network. */
  #check(hops: readonly Hop[]): void {
    const { from } = this.#world.graph.columns();
    const { payers, payee } = this.#wanted;
    if (hops.length === 0) throw new Error('a route has no hops');
    for (const [i, { half, amount }] of hops.entries()) {
      const next = hops[i + 1];
      const end = from[half ^ 1]!;
      if (next ? from[next.half] !== end : end !== payee) throw new Error('a route is not connected');
      if (!Number.isSafeInteger(amount) || amount <= 0) throw new Error(`an HTLC of ${amount} msat is none`);
    }
    if (!payers.includes(from[hops[0]!.half]!)) throw new Error('a route does not start at an own node');
  }
}

function feeOf(hops: readonly Hop[]): number {
  return hops[0]!.amount - hops.at(-1)!.amount;
}
