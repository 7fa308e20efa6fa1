/** Gives outbox events their place in the sequence and tells those who follow it that there is more to read. */
import type { Clock } from '../receive/clock.js';
import { type EventFilter, type Store, type StoredEvent, StoreError } from '../store/index.js';
import type { Log } from './log.js';

export interface EventHubOptions {
  readonly store: Pick<Store, 'events' | 'onHint'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Default 200 ms. */
  readonly intervalMs?: number;
}

const DEFAULT_INTERVAL_MS = 200;
const AWAY_INTERVAL_MS = 1_000;

export class EventHub {
  readonly #options: EventHubOptions;
  readonly #listeners = new Set<() => void>();
  #latest = 0n;
  #stopped = true;
  #running: Promise<void> | undefined;
  #again = false;
  #away = false;
  #cancelTimer: (() => void) | undefined;
  #cancelHints: (() => void) | undefined;

  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.#cancelHints = this.#options.store.onHint(({ events }) => {
      if (events) this.kick();
    });
    this.kick();
  }

  /** Wakes all followers a last time; they see {@link stopped}. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelHints?.();
    this.#wake();
    await this.#running;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Highest number known to be given out. */
  get latest(): bigint {
    return this.#latest;
  }

  /** Looks for new events now. */
  kick(): void {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#cancelTimer?.();
    this.#running = this.#look().finally(() => {
      this.#running = undefined;
      if (this.#stopped) return;
      if (this.#again && !this.#away) {
        this.#again = false;
        this.kick();
        return;
      }
      const { clock, intervalMs = DEFAULT_INTERVAL_MS } = this.#options;
      this.#cancelTimer = clock.after(this.#away ? AWAY_INTERVAL_MS : intervalMs, () => {
        this.kick();
      });
    });
  }

  /** Called when there may be more to read. Returns a function that unsubscribes. */
  onMore(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #look(): Promise<void> {
    const { events } = this.#options.store;
    try {
      await events.sequence();
      const latest = await events.latestSeq(); // other processes number events too
      if (this.#away) this.#options.log.info('the store is back, events flow again');
      this.#away = false;
      if (latest > this.#latest) {
        this.#latest = latest;
        this.#wake();
      }
    } catch (error) {
      if (!this.#away) this.#options.log.warn({ err: error }, 'events wait: the store does not answer');
      this.#away = true;
    }
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }
}

const PAGE = 100;

/** Reads events in order from a place in the sequence. Holds one page at most; what is not asked for stays in the store. */
export class EventReader {
  readonly #hub: EventHub;
  readonly #events: Pick<Store['events'], 'read'>;
  readonly #filter: EventFilter;
  #after: bigint;

  constructor(hub: EventHub, events: Pick<Store['events'], 'read'>, after: bigint, filter: EventFilter) {
    this.#hub = hub;
    this.#events = events;
    this.#after = after;
    this.#filter = filter;
  }

  /** The next events; empty if none came within `waitMs`. Rejects with a `StoreError` that is not about its absence. */
  async next(clock: Clock, waitMs: number, aborted: () => boolean): Promise<readonly StoredEvent[]> {
    const until = clock.now() + waitMs;
    for (;;) {
      const known = this.#hub.latest;
      const found = await this.#read();
      const left = until - clock.now();
      if (found.length > 0 || left <= 0 || this.#hub.stopped || aborted()) return found;
      if (this.#hub.latest > known) continue; // it rose while the store was read
      await this.#more(clock, left);
    }
  }

  async #read(): Promise<readonly StoredEvent[]> {
    const known = this.#hub.latest;
    if (known <= this.#after) return [];
    try {
      const found = await this.#events.read(this.#after, PAGE, this.#filter);
      const passed = found.length < PAGE ? known : 0n; // nothing more up to there
      const last = found.at(-1)?.seq ?? 0n;
      this.#after = [this.#after, last, passed].reduce((a, b) => (a > b ? a : b));
      return found;
    } catch (error) {
      if (error instanceof StoreError) return []; // away: the reader waits, its place is kept
      throw error;
    }
  }

  async #more(clock: Clock, waitMs: number): Promise<void> {
    let done = (): void => undefined;
    const woken = new Promise<void>((resolve) => {
      done = resolve;
    });
    const cancel = clock.after(Math.min(waitMs, AWAY_INTERVAL_MS), done);
    const unsubscribe = this.#hub.onMore(done);
    await woken;
    cancel();
    unsubscribe();
  }
}
