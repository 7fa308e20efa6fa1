/** Parts whose end is waited for. Whoever answers is often another process, so the rows are also looked at again and again. */
import type { PartOutcome } from '../../send/index.js';
import type { Clock } from '../../send/run/ports.js';
import type { Millis } from '../../wire/units.js';
import { isPlace, outcomeOf, REFUSED } from './htlc.js';
import { nameOf } from './identity.js';
import type { InternalHtlc, InternalHtlcs, InternalPartName } from './store-port.js';

interface Waiter {
  readonly part: InternalPartName;
  resolve(outcome: PartOutcome): void;
  reject(error: Error): void;
}

export class Outcomes {
  readonly #waiters = new Map<string, Waiter[]>();
  readonly #store: Pick<InternalHtlcs, 'ofPart'>;
  readonly #clock: Clock;
  readonly #pollMs: Millis;
  #cancel: (() => void) | undefined;
  #looking = false;
  #lookAgain = false;

  constructor(store: Pick<InternalHtlcs, 'ofPart'>, clock: Clock, pollMs: Millis) {
    this.#store = store;
    this.#clock = clock;
    this.#pollMs = pollMs;
  }

  /** Resolves with the end of a part, which may take days. Rejects when waiting is given up. */
  of(row: InternalHtlc): Promise<PartOutcome> {
    const { paymentHash, partId, sentAt } = row;
    const part = { paymentHash, partId, sentAt };
    return new Promise((resolve, reject) => {
      const name = nameOf(part);
      this.#waiters.set(name, [...(this.#waiters.get(name) ?? []), { part, resolve, reject }]);
      this.seen(row);
      this.#plan();
    });
  }

  /** A row as it stands now. */
  seen(row: InternalHtlc): void {
    const outcome = isPlace(row) ? REFUSED : outcomeOf(row);
    if (!outcome) return;
    const name = nameOf(row);
    const waiters = this.#waiters.get(name) ?? [];
    this.#waiters.delete(name);
    for (const waiter of waiters) waiter.resolve(outcome);
  }

  /** Looks now at all that are waited for. Never rejects. */
  async look(): Promise<void> {
    this.#lookAgain = true;
    if (this.#looking) return;
    this.#looking = true;
    while (this.#lookAgain) {
      this.#lookAgain = false;
      for (const [{ part }] of [...this.#waiters.values()] as [Waiter][]) {
        const row = await this.#store.ofPart(part).catch(() => undefined); // the database is away: the next look finds it
        if (row) this.seen(row);
      }
    }
    this.#looking = false;
  }

  /** Everybody who waits is told that nothing more will be heard. */
  giveUp(reason: string): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const waiters = [...this.#waiters.values()].flat();
    this.#waiters.clear();
    for (const waiter of waiters) waiter.reject(new Error(reason));
  }

  #plan(): void {
    if (this.#cancel || this.#waiters.size === 0) return;
    this.#cancel = this.#clock.after(this.#pollMs, () => {
      void this.look().then(() => {
        this.#cancel = undefined;
        this.#plan();
      });
    });
  }
}
