/** A clock that can be ended: what a network still meant to do by itself then keeps no process alive. */
import type { Millis } from '../../wire/units.js';
import type { SimClock } from './virtual-clock.js';

type Schedule = (delay: Millis, task: () => void) => () => void;

export class EndableClock implements SimClock {
  readonly quietly?: Schedule;
  readonly stir?: () => void;
  readonly #clock: SimClock;
  readonly #waiting = new Set<() => void>();
  #isEnded = false;

  constructor(clock: SimClock) {
    this.#clock = clock;
    const { quietly, stir } = clock;
    if (quietly) this.quietly = (delay, task) => this.#schedule(quietly, delay, task);
    if (stir) this.stir = stir;
  }

  now(): Millis {
    return this.#clock.now();
  }

  after(delay: Millis, task: () => void): () => void {
    return this.#schedule((wait, due) => this.#clock.after(wait, due), delay, task);
  }

  soon(task: () => void): void {
    this.#clock.soon(task);
  }

  /** Nothing that was scheduled runs from now on, and nothing more is. */
  end(): void {
    this.#isEnded = true;
    for (const cancel of this.#waiting) cancel();
    this.#waiting.clear();
  }

  #schedule(schedule: Schedule, delay: Millis, task: () => void): () => void {
    if (this.#isEnded) return () => undefined;
    const cancel = schedule(delay, () => {
      this.#waiting.delete(cancel);
      task();
    });
    this.#waiting.add(cancel);
    return () => {
      this.#waiting.delete(cancel);
      cancel();
    };
  }
}
