/** The wall clock with an end: a stopped one has no timers left that would keep the program alive. */
import { type Clock, wallClock } from '../receive/clock.js';

export class RealClock implements Clock {
  readonly #cancels = new Set<() => void>();
  #stopped = false;

  readonly now = (): number => wallClock.now();

  readonly after = (delay: number, task: () => void): (() => void) => {
    if (this.#stopped) return () => undefined;
    const stop = wallClock.after(delay, () => {
      this.#cancels.delete(cancel);
      task();
    });
    const cancel = (): void => {
      stop();
      this.#cancels.delete(cancel);
    };
    this.#cancels.add(cancel);
    return cancel;
  };

  readonly soon = (task: () => void): void => {
    wallClock.soon(() => {
      if (!this.#stopped) task();
    });
  };

  /** Nothing fires from now on. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of [...this.#cancels]) cancel();
  }
}
