/** Those who wait for a payment to change. */
import type { Millis } from '../../wire/units.js';
import type { Scope } from './scope.js';

export class News {
  readonly #scope: Scope;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  tell(id: string): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const wake of waiting ?? []) wake();
  }

  /** Resolves at the next news, or after so long. */
  async next(id: string, limit: Millis): Promise<void> {
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    let wake = (): void => undefined;
    const told = new Promise<void>((resolve) => {
      wake = resolve;
    });
    waiting.add(wake);
    await this.#scope.within(limit, told);
    waiting.delete(wake);
    if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
  }
}
