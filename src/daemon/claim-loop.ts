/** Works off what is due in the store: claims some, works on them side by side, looks again when told to or after a while. */
import type { Clock } from '../receive/clock.js';

export interface ClaimLoopOptions<T> {
  readonly clock: Clock;
  readonly pollMs: number;
  readonly mostAtOnce: number;
  /** Runs before each look. */
  readonly prepare: () => Promise<unknown>;
  /** Takes what is due, at most `limit`. What it rejects with is not told: what is owed waits in the store. */
  readonly claim: (limit: number) => Promise<readonly T[]>;
  readonly work: (item: T) => Promise<void>;
  /** `work` rejected: its outcome is not recorded. */
  readonly lost: (item: T, error: unknown) => void;
}

export class ClaimLoop<T> {
  readonly #options: ClaimLoopOptions<T>;
  readonly #abort = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #looking: Promise<void> | undefined;
  #again = false;
  #stopped = true;
  #cancel: (() => void) | undefined;

  constructor(options: ClaimLoopOptions<T>) {
    this.#options = options;
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  start(): void {
    this.#stopped = false;
    this.kick();
  }

  /** Cuts off what is under way; once for all. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    this.#abort.abort();
    await this.#looking;
    await Promise.all(this.#running);
  }

  /** Looks now for what is due. */
  kick(): void {
    if (this.#stopped) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#cancel?.();
    this.#looking = this.#look()
      .catch(() => undefined) // the store is away; what is owed waits in it
      .finally(() => {
        this.#looking = undefined;
        if (this.#stopped) return;
        if (this.#again) {
          this.#again = false;
          this.kick();
        } else {
          this.#cancel = this.#options.clock.after(this.#options.pollMs, () => {
            this.kick();
          });
        }
      });
  }

  async #look(): Promise<void> {
    const { prepare, claim, mostAtOnce } = this.#options;
    await prepare();
    for (;;) {
      const free = mostAtOnce - this.#running.size;
      if (free <= 0 || this.#stopped) return;
      const due = await claim(free);
      if (due.length === 0) return;
      for (const item of due) this.#begin(item);
    }
  }

  #begin(item: T): void {
    const { work, lost } = this.#options;
    const task = work(item)
      .catch((error: unknown) => {
        lost(item, error);
      })
      .finally(() => {
        this.#running.delete(task);
        this.kick();
      });
    this.#running.add(task);
  }
}
