/**
 * Virtual time: a queue of events that runs as fast as the processor allows, always in the same order.
 *
 * Between two events every promise reaction is worked off, so that code written with async functions sees the same order of
 * things in each run. Events that only move data inside the simulation say so and are spared that turn.
 */
import type { Clock } from '../../receive/clock.js';
import type { Millis } from '../../wire/units.js';

/** What the simulation asks of a clock; the additions are free to be missing (wall clock). */
export interface SimClock extends Clock {
  /** Like `after`, for a task that wakes no outside code unless it says so with {@link stir}. */
  readonly quietly?: (delay: Millis, task: () => void) => () => void;
  /** The running quiet task has called outside code or settled a promise. */
  readonly stir?: () => void;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly quiet: boolean;
  task: (() => void) | undefined;
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** A macrotask turn: all promise reactions that are ready, and those they make ready, run before it. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export class VirtualClock implements SimClock {
  readonly #heap: Event[] = [];
  #now: number;
  #order = 0;
  #stirred = false;
  #running = false;
  #executed = 0;

  /** @param start milliseconds since 1970 */
  constructor(start: Millis = 1_700_000_000_000) {
    this.#now = start;
  }

  readonly now = (): Millis => this.#now;

  readonly after = (delay: Millis, task: () => void): (() => void) => this.#push(delay, task, false);

  readonly soon = (task: () => void): void => {
    this.#push(0, task, false);
  };

  readonly quietly = (delay: Millis, task: () => void): (() => void) => this.#push(delay, task, true);

  readonly stir = (): void => {
    this.#stirred = true;
  };

  /** Events executed so far. */
  get executed(): number {
    return this.#executed;
  }

  /** Events waiting, cancelled ones not counted. */
  get pending(): number {
    return this.#heap.reduce((count, event) => count + (event.task ? 1 : 0), 0);
  }

  /**
   * Runs events in order until the time given (which then is the time), until the condition holds, or until none is left.
   * An exception of an event ends the run.
   * @returns whether the goal was reached: for a condition false means that nothing was left to do
   * @throws {Error} if more than `maxEvents` run: two parties that answer each other for ever
   */
  async run(until: Millis | (() => boolean), maxEvents = 5_000_000): Promise<boolean> {
    if (this.#running) throw new Error('the clock is running already');
    this.#running = true;
    try {
      await turn();
      const limit = this.#executed + maxEvents;
      for (;;) {
        if (typeof until === 'function' && until()) return true;
        const next = this.#heap[0];
        if (!next || (typeof until === 'number' && next.at > until)) break;
        this.#pop();
        const { task } = next;
        if (!task) continue;
        if (this.#executed >= limit) throw new Error(`no end after ${maxEvents} events`);
        await this.#execute(next, task);
      }
      if (typeof until === 'number') this.#now = Math.max(this.#now, until);
      return typeof until === 'number';
    } finally {
      this.#running = false;
    }
  }

  /** Runs for this many milliseconds from now. */
  runFor(duration: Millis): Promise<boolean> {
    return this.run(this.#now + duration);
  }

  /** Runs until the promise is settled and gives its outcome. @throws {Error} if nothing is left to do before that. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    if (!(await this.run(() => settled))) throw new Error('nothing left to do, and the promise is still pending');
    return promise;
  }

  async #execute(event: Event, task: () => void): Promise<void> {
    this.#now = Math.max(this.#now, event.at);
    this.#executed += 1;
    this.#stirred = !event.quiet;
    event.task = undefined;
    task();
    if (this.#stirred) await turn();
  }

  #push(delay: number, task: () => void, quiet: boolean): () => void {
    const event: Event = { at: this.#now + Math.max(0, delay), order: this.#order++, quiet, task };
    const heap = this.#heap;
    heap.push(event);
    for (let i = heap.length - 1; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!before(heap[i]!, heap[parent]!)) break;
      [heap[i], heap[parent]] = [heap[parent]!, heap[i]!];
      i = parent;
    }
    return () => {
      event.task = undefined;
    };
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let i = 0; ;) {
      const left = 2 * i + 1;
      if (left >= heap.length) return;
      const right = left + 1;
      const child = right < heap.length && before(heap[right]!, heap[left]!) ? right : left;
      if (!before(heap[child]!, heap[i]!)) return;
      [heap[i], heap[child]] = [heap[child]!, heap[i]!];
      i = child;
    }
  }
}
