/** What a relay passes on: what the onion asks for, or less. */
import type { BlindedPath } from '../../onion/blinded-path.js';
import type { BlockDelta, BlockHeight, Msat } from '../../wire/units.js';
import type { IncomingForward } from './incoming.js';

/** A relay that does not do what the onion asks of it. */
export interface ForwardCheat {
  /** Forwards this much less than asked. */
  readonly skimMsat?: Msat;
  /** Forwards with an expiry this much lower than asked. */
  readonly skimBlocks?: BlockDelta;
  /** Flips a bit of this byte of the onion it passes on. */
  readonly garbleByte?: number;
  /** Flips a bit of every failure it passes back. */
  readonly garbleFailures?: boolean;
  /** Claims of every HTLC that it is held, to be released over this path. */
  readonly claimsToHold?: BlindedPath;
}

export interface OutgoingTerms {
  readonly amountMsat: Msat;
  readonly cltvExpiry: BlockHeight;
  readonly onion: Uint8Array;
}

export function outgoingTerms(
  { amtToForward, outgoingCltvValue, nextOnion }: IncomingForward,
  { skimMsat = 0n, skimBlocks = 0, garbleByte }: ForwardCheat = {},
): OutgoingTerms {
  const onion = nextOnion.slice();
  if (garbleByte !== undefined) onion[garbleByte]! ^= 1;
  return {
    amountMsat: amtToForward > skimMsat ? amtToForward - skimMsat : 0n,
    cltvExpiry: Math.max(0, outgoingCltvValue - skimBlocks),
    onion,
  };
}
