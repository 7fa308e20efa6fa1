/**
 * For how long a node's "never seen" is not believed. The machine counts that by the clock, and somebody may set the clock
 * forward while a call is on its way: a timer has to say the same.
 */
import { DEFAULT_TIMING } from '../payment/messages.js';
import type { Scope } from './scope.js';

export class Doubts {
  readonly #scope: Scope;
  readonly #isOver = new Map<number, boolean>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** To be asked before each question about a part; the time begins with the first. */
  isOver(part: number): boolean {
    if (!this.#isOver.has(part)) {
      this.#isOver.set(part, false);
      this.#scope.after(DEFAULT_TIMING.graceMs, () => this.#isOver.set(part, true));
    }
    return this.#isOver.get(part) === true;
  }
}
