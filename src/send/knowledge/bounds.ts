/**
 * Liquidity bounds per channel, in columns by slot. Both directions share one balance, so one pair of bounds serves both:
 * `lo <= x <= hi` for the balance x of direction 0, and `capacity - hi <= capacity - x <= capacity - lo` for direction 1.
 *
 * Bounds relax smoothly towards "nothing known": the distance of `lo` to 0 and of `hi` to the capacity halves once per
 * half-life. What was learnt from a failure keeps longer than what was learnt from an amount that went through, because
 * traffic tends to follow and use up liquidity that was found.
 */
import type { Millis, ShortChannelId } from '../../wire/units.js';
import type { Direction } from '../graph/policy.js';

export interface HalfLives {
  /** Of bounds learnt from failures. */
  readonly failureMs: Millis;
  /** Of bounds learnt from amounts that passed. */
  readonly passMs: Millis;
}

/** What one direction of a channel can carry, in msat. */
export interface LiquidityRange {
  readonly lo: number;
  readonly hi: number;
  readonly capacity: number;
  /** Own parts in flight in this direction. The bounds are those of the balance before these parts. */
  readonly inFlight: number;
}

/** One channel as it is exported: bounds of direction 0, each with the time at which it had this value. */
export interface BoundsRow {
  readonly scid: ShortChannelId;
  readonly capacity: number;
  readonly lo: number;
  readonly loAt: Millis;
  readonly loFromFailure: boolean;
  readonly hi: number;
  readonly hiAt: Millis;
  readonly hiFromFailure: boolean;
}

/** A bound closer than this share of the capacity to "nothing known" is forgotten. */
const NEGLIGIBLE = 1e-3;

export class LiquidityBounds {
  readonly #halfLives: HalfLives;
  readonly #slots = new Map<ShortChannelId, Slot>();

  constructor(halfLives: HalfLives) {
    this.#halfLives = halfLives;
  }

  get size(): number {
    return this.#slots.size;
  }

  slots(): IterableIterator<Slot> {
    return this.#slots.values();
  }

  get(scid: ShortChannelId): Slot | undefined {
    return this.#slots.get(scid);
  }

  /** The channel's slot; bounds known under another capacity are worth nothing and start anew. */
  slotFor(scid: ShortChannelId, capacity: number): Slot {
    const known = this.#slots.get(scid);
    if (known) {
      if (known.capacity !== capacity) known.reset(capacity);
      return known;
    }
    const slot = new Slot(scid, capacity, this.#halfLives);
    this.#slots.set(scid, slot);
    return slot;
  }

  insert(row: BoundsRow): void {
    const slot = this.slotFor(row.scid, row.capacity);
    slot.restore(row);
  }

  /** Drops what has relaxed to nothing. */
  prune(now: Millis): void {
    for (const [scid, slot] of this.#slots) {
      if (slot.isNegligible(now, NEGLIGIBLE)) this.#slots.delete(scid);
    }
  }
}

/** Bounds of one channel. */
export class Slot {
  readonly scid: ShortChannelId;
  capacity: number;
  /** Index in the graph's columns as of `boundTo`, for users that read many slots. */
  channel = -1;
  boundTo = -1;
  readonly #halfLives: HalfLives;
  #lo = 0;
  #loAt: Millis = 0;
  #loFromFailure = false;
  #hi: number;
  #hiAt: Millis = 0;
  #hiFromFailure = false;
  #inFlight0 = 0;
  #inFlight1 = 0;

  constructor(scid: ShortChannelId, capacity: number, halfLives: HalfLives) {
    this.scid = scid;
    this.capacity = capacity;
    this.#hi = capacity;
    this.#halfLives = halfLives;
  }

  reset(capacity: number): void {
    this.capacity = capacity;
    this.#lo = 0;
    this.#hi = capacity;
  }

  /** Lower bound of direction 0 at `now`. */
  lo(now: Millis): number {
    return this.#lo === 0 ? 0 : this.#lo * this.#kept(now - this.#loAt, this.#loFromFailure);
  }

  /** Upper bound of direction 0 at `now`. */
  hi(now: Millis): number {
    const missing = this.capacity - this.#hi;
    return missing === 0 ? this.capacity : this.capacity - missing * this.#kept(now - this.#hiAt, this.#hiFromFailure);
  }

  inFlight(direction: Direction): number {
    return direction === 0 ? this.#inFlight0 : this.#inFlight1;
  }

  range(direction: Direction, now: Millis): LiquidityRange {
    const { capacity } = this;
    const [lo, hi] = [this.lo(now), this.hi(now)];
    return direction === 0
      ? { lo, hi, capacity, inFlight: this.#inFlight0 }
      : { lo: capacity - hi, hi: capacity - lo, capacity, inFlight: this.#inFlight1 };
  }

  /** The direction can carry at least `amount`. */
  atLeast(direction: Direction, amount: number, now: Millis, fromFailure = false): void {
    const least = Math.min(amount, this.capacity);
    if (direction === 0) this.#raise(least, now, fromFailure);
    else this.#lower(this.capacity - least, now, fromFailure);
  }

  /** The direction can carry at most `amount`. */
  atMost(direction: Direction, amount: number, now: Millis): void {
    const most = Math.max(0, Math.min(amount, this.capacity));
    if (direction === 0) this.#lower(most, now, true);
    else this.#raise(this.capacity - most, now, true);
  }

  /** `amount` moved over to the other side for good. */
  moved(direction: Direction, amount: number, now: Millis): void {
    const { capacity } = this;
    const most = Math.min(amount, capacity);
    this.atLeast(direction, most, now);
    const shift = direction === 0 ? -most : most;
    this.#lo = Math.max(0, Math.min(capacity, this.lo(now) + shift));
    this.#hi = Math.max(this.#lo, Math.min(capacity, this.hi(now) + shift));
    this.#loAt = now;
    this.#hiAt = now;
  }

  reserve(direction: Direction, amount: number): void {
    if (direction === 0) this.#inFlight0 = Math.max(0, this.#inFlight0 + amount);
    else this.#inFlight1 = Math.max(0, this.#inFlight1 + amount);
  }

  isNegligible(now: Millis, share: number): boolean {
    const slack = this.capacity * share;
    const known = this.lo(now) > slack || this.capacity - this.hi(now) > slack;
    return !known && this.#inFlight0 === 0 && this.#inFlight1 === 0;
  }

  row(): BoundsRow {
    return {
      scid: this.scid,
      capacity: this.capacity,
      lo: this.#lo,
      loAt: this.#loAt,
      loFromFailure: this.#loFromFailure,
      hi: this.#hi,
      hiAt: this.#hiAt,
      hiFromFailure: this.#hiFromFailure,
    };
  }

  restore(row: BoundsRow): void {
    this.#lo = row.lo;
    this.#loAt = row.loAt;
    this.#loFromFailure = row.loFromFailure;
    this.#hi = row.hi;
    this.#hiAt = row.hiAt;
    this.#hiFromFailure = row.hiFromFailure;
  }

  #kept(age: Millis, fromFailure: boolean): number {
    if (age <= 0) return 1;
    const halfLife = fromFailure ? this.#halfLives.failureMs : this.#halfLives.passMs;
    return 0.5 ** (age / halfLife);
  }

  #raise(lo: number, now: Millis, fromFailure: boolean): void {
    // News that contradict the other bound prove it out of date.
    if (lo > this.hi(now)) this.#hi = this.capacity;
    if (lo <= this.lo(now)) return;
    this.#lo = lo;
    this.#loAt = now;
    this.#loFromFailure = fromFailure;
  }

  #lower(hi: number, now: Millis, fromFailure: boolean): void {
    if (hi < this.lo(now)) this.#lo = 0;
    if (hi >= this.hi(now)) return;
    this.#hi = hi;
    this.#hiAt = now;
    this.#hiFromFailure = fromFailure;
  }
}
