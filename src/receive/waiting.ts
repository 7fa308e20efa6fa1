/** Waiting with an end: for a time, or until something has happened. */
import type { Millis } from '../wire/units.js';
import type { Clock } from './clock.js';

/** The first reason why something is over, and those who wait for it. */
export class Ending {
  #reason: string | undefined;
  /** A promise would keep everybody who ever waited for it. */
  readonly #waiters = new Set<() => void>();

  isReached(): boolean {
    return this.#reason !== undefined;
  }

  reason(): string {
    return this.#reason ?? 'not over';
  }

  reach(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter();
  }

  /** Calls back once, at once if it is over already. Must not throw. Returns a function that unsubscribes. */
  onReached(waiter: () => void): () => void {
    if (this.#reason !== undefined) {
      waiter();
      return () => undefined;
    }
    const once = (): void => {
      waiter();
    };
    this.#waiters.add(once);
    return () => this.#waiters.delete(once);
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }
}

/**
 * The promise's value, or undefined if it takes longer than `ms` or an ending comes first. Rejects as the promise does.
 * Leaves nothing behind at the endings; the promise itself must be a short-lived one.
 */
export function within<T>(
  clock: Clock,
  ms: Millis,
  promise: Promise<T>,
  ...endings: readonly Ending[]
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const undo: (() => void)[] = [];
    const finish = (tell: () => void): void => {
      for (const one of undo) one();
      tell();
    };
    const giveUp = (): void => {
      finish(() => {
        resolve(undefined);
      });
    };
    promise.then(
      (value) => {
        finish(() => {
          resolve(value);
        });
      },
      (error: unknown) => {
        finish(() => {
          reject(error instanceof Error ? error : new Error(String(error)));
        });
      },
    );
    if (ms !== Infinity) undo.push(clock.after(ms, giveUp));
    for (const ending of endings) undo.push(ending.onReached(giveUp));
  });
}

/** Waits for so long, or until an ending. */
export async function pause(clock: Clock, ms: Millis, ...endings: readonly Ending[]): Promise<void> {
  await within(clock, ms, new Promise<never>(() => undefined), ...endings);
}

/** The promise's value, or undefined if it rejects: for what is tried again anyway. */
export async function settled<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}

/** True if `ms` have gone by since then. A clock that was set back says nothing about it: better look too early. */
export function hasPassed(now: Millis, since: Millis, ms: Millis): boolean {
  return now < since || now - since >= ms;
}
