/**
 * The database's clock as well as this process can know it: machines of one cluster may be hours apart, yet an invoice
 * must expire at the same moment for all of them. Timers run on the machine's own clock, whose speed is good enough.
 */
import type { Millis } from '../wire/units.js';
import type { Clock } from './clock.js';

/** An answer that took longer says too little about when it was given. */
const LONGEST_ROUND_TRIP_MS = 1_000;
/** Smaller differences are noise of the round trip. */
const TOLERANCE_MS = 2_000;

export class DatabaseTime implements Clock {
  readonly #clock: Clock;
  readonly #askDatabase: () => Promise<Millis>;
  #offset = 0;

  constructor(clock: Clock, askDatabase: () => Promise<Millis>) {
    this.#clock = clock;
    this.#askDatabase = askDatabase;
  }

  now(): Millis {
    return this.#clock.now() + this.#offset;
  }

  after(delay: Millis, task: () => void): () => void {
    return this.#clock.after(delay, task);
  }

  soon(task: () => void): void {
    this.#clock.soon(task);
  }

  /** The database's clock, read before the promise resolves. Rejects as the database does. */
  async ask(): Promise<Millis> {
    const before = this.#clock.now();
    const told = await this.#askDatabase();
    const after = this.#clock.now();
    const offset = told - after;
    const isQuick = after - before >= 0 && after - before <= LONGEST_ROUND_TRIP_MS;
    if (isQuick && Math.abs(offset - this.#offset) > TOLERANCE_MS) {
      this.#offset = Math.abs(offset) > TOLERANCE_MS ? offset : 0;
    }
    return told;
  }
}
