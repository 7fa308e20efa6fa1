/** How long something proved stays proved. */
import type { Signature } from './records.js';

export interface Validity {
  /** First and last second, since 1970. */
  readonly from: number;
  readonly until: number;
  /** Seconds that it may be kept: the least received and the least signed one (BIP 353, "Resolution"). */
  readonly ttl: number;
}

/** Before anything was checked. */
export const UNLIMITED: Validity = { from: 0, until: Number.POSITIVE_INFINITY, ttl: Number.POSITIVE_INFINITY };

export function both(a: Validity, b: Validity): Validity {
  return { from: Math.max(a.from, b.from), until: Math.min(a.until, b.until), ttl: Math.min(a.ttl, b.ttl) };
}

/** `clock`, known modulo 2^32 only, as the moment nearest to `now` (RFC 4034 §3.1.5). */
const near = (clock: number, now: number): number => now + ((clock - (now % 2 ** 32)) | 0);

export function validityOf({ inception, expiration, originalTtl }: Signature, ttl: number, now: number): Validity {
  return { from: near(inception, now), until: near(expiration, now), ttl: Math.min(ttl, originalTtl) };
}
