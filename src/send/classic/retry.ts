/** When a failed amount is tried again as it is. */
import type { Millis } from '../../wire/units.js';

/** Attempts per amount; a split starts the count anew. */
export const DEFAULT_RETRIES = 10;

export interface FailedAttempt {
  /** The failure says that no further attempt can help. */
  readonly isFinal: boolean;
  /** A route was found for the attempt. */
  readonly hadRoute: boolean;
  /** Another of the payee's hints was not tried yet. */
  readonly hintLeft: boolean;
  /** Attempts of this amount before this one. */
  readonly attemptsBefore: number;
}

export type RetryDecision = 'retry' | 'split' | 'give_up';

/**
 * `retry` comes before `split`: an amount is split when its retries are used up or no route is left for it.
 */
export function decideRetry(
  failed: FailedAttempt,
  now: Millis,
  deadline: Millis,
  retries = DEFAULT_RETRIES,
): RetryDecision {
  if (failed.isFinal || now >= deadline) return 'give_up';
  const possible = failed.hadRoute || failed.hintLeft;
  return possible && failed.attemptsBefore + 1 < retries ? 'retry' : 'split';
}

/** The hint that the attempt uses: each next attempt the next one, "none" being one if the payee is public. */
export function hintForAttempt(attempt: number, hints: number, payeeIsPublic: boolean): number | undefined {
  const choices = hints + (payeeIsPublic ? 1 : 0);
  if (choices === 0) return undefined;
  const choice = attempt % choices;
  return choice < hints ? choice : undefined;
}
