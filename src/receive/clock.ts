/** Time as an argument: the daemon runs on the wall clock, tests and the simulated network on virtual time. */
import type { Millis } from '../wire/units.js';

export interface Clock {
  now(): Millis;
  /** Runs `task` once after `delay` milliseconds. Returns a function that cancels it. */
  after(delay: Millis, task: () => void): () => void;
  /** Runs `task` when the work that is ready now has had its turn: lets a long queue be worked off in slices. */
  soon(task: () => void): void;
}

export const wallClock: Clock = {
  now: () => Date.now(),
  after(delay, task) {
    const timer = setTimeout(task, delay);
    return () => {
      clearTimeout(timer);
    };
  },
  soon(task) {
    setImmediate(task);
  },
};
