import type { Millis } from '../wire/units.js';

/**
 * What a repetition of an interrupted request shares with the first try: an operation that draws its randomness and its
 * time from here does the same again.
 */
export interface RequestOrigin {
  /** Names the request; not secret. */
  readonly identity: string;
  readonly startedAt: Millis;
  /** An earlier try was interrupted and may have done its work. */
  readonly isRepeated?: boolean;
}
