/** Long computations one after the other, with the event loop's other work between them. */
import type { Scope } from './scope.js';

export class Turns {
  readonly #scope: Scope;
  readonly #waiting: (() => void)[] = [];
  #isDue = false;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** Rejects as the task throws. Never settles once the scope is closed. */
  take<T>(task: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(task());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
      this.#next();
    });
  }

  #next(): void {
    if (this.#isDue || this.#waiting.length === 0) return;
    this.#isDue = true;
    this.#scope.after(0, () => {
      this.#isDue = false;
      this.#waiting.shift()?.();
      this.#next();
    });
  }
}
