/** Waiting with an end: for a time, or until something has happened. */
import type { Millis } from '../wire/units.js';
import type { Clock } from './clock.js';

/** The first reason why something is over, and a promise for those who wait for it. */
export class Ending {
  #reason: string | undefined;
  readonly reached: Promise<void>;
  readonly #resolve: () => void;

  constructor() {
    let resolve = (): void => undefined;
    this.reached = new Promise<void>((done) => {
      resolve = done;
    });
    this.#resolve = resolve;
  }

  isReached(): boolean {
    return this.#reason !== undefined;
  }

  reason(): string {
    return this.#reason ?? 'not over';
  }

  reach(reason: string): void {
    this.#reason ??= reason;
    this.#resolve();
  }
}

/** The promise's value, or undefined if it takes longer than `ms`. Rejects as the promise does. */
export async function within<T>(clock: Clock, ms: Millis, promise: Promise<T>): Promise<T | undefined> {
  let cancel = (): void => undefined;
  const timeout = new Promise<undefined>((resolve) => {
    cancel = clock.after(ms, () => {
      resolve(undefined);
    });
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    cancel();
  }
}

/** The promise's value, or undefined if it rejects: for what is tried again anyway. */
export async function settled<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch {
    return undefined;
  }
}
