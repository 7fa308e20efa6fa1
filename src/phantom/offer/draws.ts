/** Independent draws out of 32 random bytes, so that one argument makes a whole invoice or offer, and the same bytes the same one. */
import { hmacSha256 } from '../../crypto/index.js';
import { utf8 } from '../../wire/bytes.js';
import { uintOf } from '../../wire/integers.js';

export interface Draws {
  /** 32 bytes for a purpose. */
  bytes(label: string): Uint8Array;
  /** 0 to 2^32 - 1. */
  number(label: string): number;
}

/** @throws {RangeError} unless `entropy` has 32 bytes; they must be fresh, and none of them may be shown to anybody */
export function drawsFrom(entropy: Uint8Array): Draws {
  if (entropy.length !== 32) throw new RangeError('entropy is 32 fresh random bytes');
  const bytes = (label: string): Uint8Array => hmacSha256(entropy, utf8(label));
  return { bytes, number: (label) => Number(uintOf(bytes(label).subarray(0, 4))) };
}
