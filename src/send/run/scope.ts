/** Timers that end together: what a process has begun and has to let go of when it stops. */
import type { Millis } from '../../wire/units.js';
import type { Clock } from './ports.js';

export class Scope {
  readonly clock: Clock;
  readonly #undo = new Set<() => void>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  now(): Millis {
    return this.clock.now();
  }

  /** As the clock's, but never after the scope was closed. */
  after(delay: Millis, task: () => void): () => void {
    return this.#begin(delay, task, () => undefined);
  }

  /** @returns false if the scope was closed meanwhile */
  pause(delay: Millis): Promise<boolean> {
    return new Promise((resolve) => {
      const tell = (isOver: boolean) => () => {
        resolve(isOver);
      };
      this.#begin(delay, tell(true), tell(false));
    });
  }

  /** The promise's value, or undefined if it takes longer or the scope is closed before. Rejects as the promise does. */
  within<T>(limit: Millis, promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        resolve(undefined);
      };
      const cancel = this.#begin(limit, giveUp, giveUp);
      promise.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** Calls once when the scope is closed, at once if it is. Returns a function that takes that back. */
  onClose(task: () => void): () => void {
    if (this.#isClosed) {
      task();
      return () => undefined;
    }
    this.#undo.add(task);
    return () => this.#undo.delete(task);
  }

  close(): void {
    this.#isClosed = true;
    const undos = [...this.#undo];
    this.#undo.clear();
    for (const undo of undos) undo();
  }

  #begin(delay: Millis, task: () => void, closed: () => void): () => void {
    if (this.#isClosed) {
      closed();
      return () => undefined;
    }
    const forget = (): void => {
      this.#undo.delete(undo);
    };
    const cancel = this.clock.after(delay, () => {
      forget();
      task();
    });
    const undo = (): void => {
      forget();
      cancel();
      closed();
    };
    this.#undo.add(undo);
    return () => {
      forget();
      cancel();
    };
  }
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;

/** Pause before something is tried again. @param failures how often it has failed by now, from 1 */
export function backOff(failures: number, longest: Millis = LONGEST_PAUSE_MS): Millis {
  return Math.min(longest, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 20));
}
