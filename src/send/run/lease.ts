/** The proof that nobody else drives this process's payments: renewed in the database, checked right before every send. */
import type { Millis } from '../../wire/units.js';
import { backOff, type Scope } from './scope.js';
import type { PaymentStore } from './store-port.js';

export const LEASE_MS: Millis = 10_000;
/** For calls on their way to a node, and for clocks of different speed. */
const MARGIN_MS = LEASE_MS / 4;
const RENEW_EVERY_MS = LEASE_MS / 3;

export interface LeaseOptions {
  readonly store: Pick<PaymentStore, 'renewSender'>;
  readonly owner: string;
  readonly scope: Scope;
  readonly onTrouble: (what: string, error: unknown) => void;
  /** Others may drive the payments by now. Once at most. */
  readonly onGivenUp: () => void;
}

export class SenderLease {
  readonly #options: LeaseOptions;
  #renewedAt: Millis | undefined;
  /** A timer sees time go by even if somebody sets the clock back; the clock sees it even if timers were frozen. */
  #isLapsed = false;
  #isGivenUp = false;
  #cancelLapse: () => void = () => undefined;
  #renewal: Promise<boolean> | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Takes the lease and keeps it from then on. Rejects if the database cannot be asked now. */
  async begin(): Promise<boolean> {
    const isOurs = await this.#renew();
    if (isOurs) this.#renewLater(RENEW_EVERY_MS, 0);
    return isOurs;
  }

  /** Whether nobody else can have taken the payments over, with a margin. */
  holds(): boolean {
    if (this.#renewedAt === undefined || this.#isLapsed || this.#isGivenUp || this.#options.scope.isClosed)
      return false;
    const age = this.#options.scope.now() - this.#renewedAt;
    return age >= 0 && age < LEASE_MS - MARGIN_MS;
  }

  /** As {@link holds}; asks the database if it is not sure. Check `holds` again after any further wait. */
  async ensure(): Promise<boolean> {
    if (this.holds()) return true;
    try {
      await this.#renew();
    } catch (error) {
      this.#options.onTrouble('the lease of this process could not be renewed', error);
    }
    return this.holds();
  }

  #renew(): Promise<boolean> {
    this.#renewal ??= this.#ask().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #ask(): Promise<boolean> {
    const { store, owner, scope, onGivenUp } = this.#options;
    if (this.#isGivenUp || scope.isClosed) return false;
    const askedAt = scope.now();
    const answer = await scope.within(LEASE_MS, store.renewSender(owner, LEASE_MS));
    if (this.#options.scope.isClosed) return false;
    if (answer === undefined) throw new Error('the database did not answer in time: check that it runs');
    if (!answer) {
      this.#isGivenUp = true;
      onGivenUp();
      return false;
    }
    this.#renewedAt = askedAt;
    this.#isLapsed = false;
    this.#cancelLapse();
    this.#cancelLapse = scope.after(Math.max(0, askedAt + LEASE_MS - MARGIN_MS - scope.now()), () => {
      this.#isLapsed = true;
    });
    return true;
  }

  #renewLater(delay: Millis, failures: number): void {
    this.#options.scope.after(delay, () => {
      this.#renew().then(
        (isOurs) => {
          if (isOurs) this.#renewLater(RENEW_EVERY_MS, 0);
        },
        (error: unknown) => {
          this.#options.onTrouble('the lease of this process could not be renewed', error);
          this.#renewLater(backOff(failures + 1, RENEW_EVERY_MS), failures + 1);
        },
      );
    });
  }
}
