/** What each failure code of BOLT 4 makes a sender do, by who reports it. One row per code. */
import { FailureCode } from '../../../onion/index.js';
import type { Millis } from '../../../wire/units.js';
import { DAY, HOUR, MINUTE } from '../lessons.js';

/** A node between sender and payee reports it, or the sending node. */
export type AlongAction =
  | 'node_off'
  | 'next_channel_off'
  /** The next channel does not carry the amount on top of what else is there. */
  | 'cannot_carry'
  /** Terms have changed: those of the enclosed update once, else the channel is off. */
  | 'new_terms'
  | 'expiry_too_soon'
  | 'expiry_too_far'
  /** The next node could not read its onion. */
  | 'bad_onion'
  | 'unknown_next_peer'
  | 'blinded'
  /** Only a payee may say so. */
  | 'prohibited';

/** The last node of the route reports it. */
export type FinalAction =
  | 'pause'
  | 'stop'
  | 'details'
  | 'last_channel_off'
  | 'last_channel_off_or_stop'
  | 'expiry_too_far'
  | 'mpp_timeout'
  | 'bad_onion'
  | 'blinded';

export interface FailureRow {
  readonly code: number;
  readonly name: string;
  readonly along: AlongAction;
  readonly final: FinalAction;
  /** How long every payment keeps off what is to blame; 0 = only this one does. */
  readonly avoidMs: Millis;
  /** Our own route or payload may be at fault: somebody should look. */
  readonly alarm?: true;
}

const row = (
  code: number,
  name: string,
  along: AlongAction,
  final: FinalAction,
  avoidMs: Millis = 0,
  more: { readonly alarm?: true } = {},
): FailureRow => ({ code, name, along, final, avoidMs, ...more });

const ALARM = { alarm: true } as const;
/** Retired; not among the codes of today's BOLT 4. */
export const FINAL_EXPIRY_TOO_SOON = 17;
const NODE = 0x2000;
const PERM = 0x4000;

export const FAILURE_TABLE: ReadonlyMap<number, FailureRow> = new Map(
  [
    row(FailureCode.temporaryNodeFailure, 'temporary_node_failure', 'node_off', 'pause', MINUTE),
    row(FailureCode.permanentNodeFailure, 'permanent_node_failure', 'node_off', 'stop', 4 * HOUR),
    row(FailureCode.requiredNodeFeatureMissing, 'required_node_feature_missing', 'node_off', 'stop', 4 * HOUR),
    row(FailureCode.invalidOnionVersion, 'invalid_onion_version', 'bad_onion', 'bad_onion', 0, ALARM),
    row(FailureCode.invalidOnionHmac, 'invalid_onion_hmac', 'bad_onion', 'bad_onion', 0, ALARM),
    row(FailureCode.invalidOnionKey, 'invalid_onion_key', 'bad_onion', 'bad_onion', 0, ALARM),
    row(FailureCode.temporaryChannelFailure, 'temporary_channel_failure', 'cannot_carry', 'last_channel_off'),
    row(
      FailureCode.permanentChannelFailure,
      'permanent_channel_failure',
      'next_channel_off',
      'last_channel_off',
      4 * HOUR,
    ),
    row(
      FailureCode.requiredChannelFeatureMissing,
      'required_channel_feature_missing',
      'next_channel_off',
      'last_channel_off',
      DAY,
    ),
    // Some nodes say so when a peer is merely offline.
    row(FailureCode.unknownNextPeer, 'unknown_next_peer', 'unknown_next_peer', 'stop', 5 * MINUTE),
    row(FailureCode.amountBelowMinimum, 'amount_below_minimum', 'new_terms', 'last_channel_off'),
    row(FailureCode.feeInsufficient, 'fee_insufficient', 'new_terms', 'last_channel_off'),
    row(FailureCode.incorrectCltvExpiry, 'incorrect_cltv_expiry', 'new_terms', 'last_channel_off'),
    row(FailureCode.expiryTooSoon, 'expiry_too_soon', 'expiry_too_soon', 'details'),
    row(FailureCode.channelDisabled, 'channel_disabled', 'next_channel_off', 'last_channel_off', 5 * MINUTE),
    row(FailureCode.expiryTooFar, 'expiry_too_far', 'expiry_too_far', 'expiry_too_far'),
    row(FailureCode.invalidOnionPayload, 'invalid_onion_payload', 'node_off', 'stop', DAY, ALARM),
    row(FailureCode.incorrectOrUnknownPaymentDetails, 'incorrect_or_unknown_payment_details', 'prohibited', 'details'),
    row(FailureCode.finalIncorrectCltvExpiry, 'final_incorrect_cltv_expiry', 'prohibited', 'last_channel_off_or_stop'),
    row(FailureCode.finalIncorrectHtlcAmount, 'final_incorrect_htlc_amount', 'prohibited', 'last_channel_off_or_stop'),
    row(FailureCode.mppTimeout, 'mpp_timeout', 'prohibited', 'mpp_timeout'),
    row(FailureCode.invalidOnionBlinding, 'invalid_onion_blinding', 'blinded', 'blinded'),
    // Retired, but still sent by old nodes.
    row(PERM | 1, 'invalid_realm', 'node_off', 'stop', DAY),
    row(PERM | 16, 'incorrect_payment_amount', 'prohibited', 'stop'),
    row(FINAL_EXPIRY_TOO_SOON, 'final_expiry_too_soon', 'prohibited', 'details'),
    // Our onions ask for no trampoline: whoever answers so cannot be used, and a payee who does needs another sender.
    row(NODE | 25, 'temporary_trampoline_failure', 'node_off', 'stop'),
    row(NODE | 26, 'trampoline_fee_or_expiry_insufficient', 'node_off', 'stop'),
    row(PERM | 27, 'unknown_next_trampoline', 'node_off', 'stop'),
    row(NODE | 51, 'trampoline_fee_insufficient', 'node_off', 'stop'),
    row(NODE | 52, 'trampoline_expiry_too_soon', 'node_off', 'stop'),
  ].map((each) => [each.code, each]),
);

/** The row of a code; for an unknown one what its flags ask for (BOLT 4). */
export function rowOf(code: number): FailureRow {
  const known = FAILURE_TABLE.get(code);
  if (known) return known;
  const isPermanent = (code & PERM) !== 0;
  return row(
    code,
    `unknown failure 0x${code.toString(16).padStart(4, '0')}`,
    (code & NODE) !== 0 ? 'node_off' : 'next_channel_off',
    isPermanent ? 'stop' : 'pause',
    isPermanent ? 4 * HOUR : 5 * MINUTE,
  );
}
