/** How much mail is kept, for one wallet and for all. */
import type { Rate } from '../../messages/index.js';
import type { Millis } from '../../wire/units.js';

export interface MailboxLimits {
  /** Wallets with waiting mail; those whose mail is oldest make room. */
  readonly maxBoxes: number;
  /** All waiting mail; the oldest makes room. Held within what comes between two looks. */
  readonly maxBytes: number;
  readonly maxAgeMs: Millis;
  /** Of what one peer brings, where the node tells the peer. A relay brings the mail of many. */
  readonly perPeer: Rate;
  /** Of what comes for one wallet: a payer sends ten copies, so a box may fill at once, but not be churned. */
  readonly perClient: Rate;
  /** Messages and bytes in memory until they are written. */
  readonly maxUnwritten: number;
  readonly maxUnwrittenBytes: number;
}

const DAY_MS = 86_400_000;

export const MAILBOX_LIMITS: MailboxLimits = {
  maxBoxes: 200_000,
  maxBytes: 1_073_741_824,
  maxAgeMs: 14 * DAY_MS,
  perPeer: { perSecond: 50, burst: 500 },
  perClient: { perSecond: 1, burst: 30 },
  maxUnwritten: 2_000,
  maxUnwrittenBytes: 8_388_608,
};

/** What one wallet may have waiting. */
export interface BoxLimits {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Which messages of one box make room: all behind the first, newest first, that does not fit. What is left has no gap, so a wallet
 * never gets an old message and misses a newer one.
 */
export function mailToDrop<Mail extends { readonly size: number }>(
  newestFirst: readonly Mail[],
  { messages, bytes }: BoxLimits,
): readonly Mail[] {
  let left = bytes;
  const fitting = newestFirst.slice(0, messages).findIndex(({ size }) => (left -= size) < 0);
  return newestFirst.slice(fitting < 0 ? messages : fitting);
}
