/** What bounds memory and work for messages of strangers. */
import type { Millis } from '../wire/units.js';

export interface Rate {
  readonly perSecond: number;
  /** What may come at once after a pause. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  at: Millis;
}

/** One token bucket per key. Full ones are forgotten, and the one not used for longest when there are too many. */
export class TokenBuckets {
  readonly #rate: Rate;
  readonly #maxKeys: number;
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: Rate, maxKeys: number) {
    this.#rate = rate;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of `key`; false if it has none. */
  take(key: string, now: Millis): boolean {
    const bucket = this.#buckets.get(key);
    const tokens = bucket ? this.#tokensAt(bucket, now) : this.#rate.burst;
    const taken = tokens >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: taken ? tokens - 1 : tokens, at: now });
    this.#forget(now);
    return taken;
  }

  #tokensAt({ tokens, at }: Bucket, now: Millis): number {
    // A clock that was set back gives nothing.
    return Math.min(this.#rate.burst, tokens + (Math.max(0, now - at) * this.#rate.perSecond) / 1000);
  }

  #forget(now: Millis): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#buckets.size <= this.#maxKeys && this.#tokensAt(bucket, now) < this.#rate.burst) return;
      this.#buckets.delete(key);
    }
  }
}

/** Keys that came lately: at most `limit`, each for `span` milliseconds. */
export class Recent {
  readonly #limit: number;
  readonly #span: Millis;
  /** Oldest first, with the time of their coming. */
  readonly #keys = new Map<string, Millis>();

  constructor(limit: number, span: Millis) {
    this.#limit = limit;
    this.#span = span;
  }

  get size(): number {
    return this.#keys.size;
  }

  has(key: string, now: Millis): boolean {
    const at = this.#keys.get(key);
    return at !== undefined && now - at < this.#span;
  }

  /** False if the key is in already; its time then stays as it is. */
  add(key: string, now: Millis): boolean {
    if (this.has(key, now)) return false;
    this.#keys.delete(key);
    this.#keys.set(key, now);
    for (const [oldest, at] of this.#keys) {
      if (this.#keys.size <= this.#limit && now - at < this.#span) break;
      this.#keys.delete(oldest);
    }
    return true;
  }
}
