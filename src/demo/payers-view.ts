/** What a payer sees of its payment, whoever pays: what evidence is drawn from. */
import type { AttemptOutcome, DecodedFailure } from '../node/sim/payment.js';
import type { Millis, Msat } from '../wire/units.js';

export interface PayersAttempt {
  /** Names of the real nodes on the way. */
  readonly route: readonly string[];
  readonly outcome: AttemptOutcome;
  readonly amountMsat: Msat;
  /** With the fees on the way. */
  readonly sentMsat: Msat;
  readonly failure: Pick<DecodedFailure, 'code' | 'name' | 'blamed'> | undefined;
}

export interface PayersView {
  readonly startedAt: Millis;
  /** Nothing is in flight or to come. */
  readonly endedAt: Millis | undefined;
  readonly outcome: AttemptOutcome;
  /** Hex. */
  readonly preimage: string | undefined;
  /** What left the payer for good, fees included. */
  readonly paidMsat: Msat;
  readonly parts: readonly { readonly outcome: string; readonly attempts: readonly PayersAttempt[] }[];
}

/** All tries, in the order of parts. */
export function attemptsOf({ parts }: PayersView): PayersAttempt[] {
  return parts.flatMap(({ attempts }) => attempts);
}
