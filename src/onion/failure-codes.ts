/** Failure codes of BOLT 4 ("Failure Messages") with the layout of their data. */

export const FailureFlag = {
  /** The onion was unreadable: sent as update_fail_malformed_htlc. */
  badOnion: 0x8000,
  permanent: 0x4000,
  node: 0x2000,
  /** A channel_update may be enclosed. */
  update: 0x1000,
} as const;

export const FailureCode = {
  temporaryNodeFailure: 0x2002,
  permanentNodeFailure: 0x6002,
  requiredNodeFeatureMissing: 0x6003,
  invalidOnionVersion: 0xc004,
  invalidOnionHmac: 0xc005,
  invalidOnionKey: 0xc006,
  temporaryChannelFailure: 0x1007,
  permanentChannelFailure: 0x4008,
  requiredChannelFeatureMissing: 0x4009,
  unknownNextPeer: 0x400a,
  amountBelowMinimum: 0x100b,
  feeInsufficient: 0x100c,
  incorrectCltvExpiry: 0x100d,
  expiryTooSoon: 0x100e,
  incorrectOrUnknownPaymentDetails: 0x400f,
  finalIncorrectCltvExpiry: 0x0012,
  finalIncorrectHtlcAmount: 0x0013,
  channelDisabled: 0x1014,
  expiryTooFar: 0x0015,
  invalidOnionPayload: 0x4016,
  mppTimeout: 0x0017,
  invalidOnionBlinding: 0xc018,
} as const;

/** Data of a failure; which members a code has says {@link FAILURE_LAYOUTS}. */
export interface FailureFields {
  readonly sha256OfOnion?: Uint8Array;
  readonly htlcMsat?: bigint;
  readonly height?: number;
  readonly cltvExpiry?: number;
  readonly incomingHtlcAmt?: bigint;
  /** 2 bytes, to be zero. */
  readonly disabledFlags?: Uint8Array;
  /** With or without its message type 0102; empty is normal. For this payment only, never for the graph. */
  readonly channelUpdate?: Uint8Array;
  /** TLV type that the reader of the payload stumbled over. */
  readonly type?: bigint;
  readonly offset?: number;
}

export type FieldKind = 'sha256' | 'u16' | 'u32' | 'u64' | 'flags' | 'update' | 'bigsize';

export interface FailureField {
  readonly member: keyof FailureFields;
  readonly kind: FieldKind;
  /** The protocol lets old nodes leave it out. */
  readonly optional?: boolean;
}

export interface FailureLayout {
  readonly name: string;
  readonly fields: readonly FailureField[];
}

const SHA: FailureField = { member: 'sha256OfOnion', kind: 'sha256' };
const UPDATE: FailureField = { member: 'channelUpdate', kind: 'update' };
const HTLC_MSAT: FailureField = { member: 'htlcMsat', kind: 'u64' };
const CLTV_EXPIRY: FailureField = { member: 'cltvExpiry', kind: 'u32' };

const layout = (name: string, ...fields: FailureField[]): FailureLayout => ({ name, fields });

export const FAILURE_LAYOUTS: ReadonlyMap<number, FailureLayout> = new Map<number, FailureLayout>([
  [FailureCode.temporaryNodeFailure, layout('temporary_node_failure')],
  [FailureCode.permanentNodeFailure, layout('permanent_node_failure')],
  [FailureCode.requiredNodeFeatureMissing, layout('required_node_feature_missing')],
  [FailureCode.invalidOnionVersion, layout('invalid_onion_version', SHA)],
  [FailureCode.invalidOnionHmac, layout('invalid_onion_hmac', SHA)],
  [FailureCode.invalidOnionKey, layout('invalid_onion_key', SHA)],
  [FailureCode.temporaryChannelFailure, layout('temporary_channel_failure', UPDATE)],
  [FailureCode.permanentChannelFailure, layout('permanent_channel_failure')],
  [FailureCode.requiredChannelFeatureMissing, layout('required_channel_feature_missing')],
  [FailureCode.unknownNextPeer, layout('unknown_next_peer')],
  [FailureCode.amountBelowMinimum, layout('amount_below_minimum', HTLC_MSAT, UPDATE)],
  [FailureCode.feeInsufficient, layout('fee_insufficient', HTLC_MSAT, UPDATE)],
  [FailureCode.incorrectCltvExpiry, layout('incorrect_cltv_expiry', CLTV_EXPIRY, UPDATE)],
  [FailureCode.expiryTooSoon, layout('expiry_too_soon', UPDATE)],
  [
    FailureCode.incorrectOrUnknownPaymentDetails,
    layout(
      'incorrect_or_unknown_payment_details',
      { ...HTLC_MSAT, optional: true },
      { member: 'height', kind: 'u32', optional: true },
    ),
  ],
  [FailureCode.finalIncorrectCltvExpiry, layout('final_incorrect_cltv_expiry', CLTV_EXPIRY)],
  [
    FailureCode.finalIncorrectHtlcAmount,
    layout('final_incorrect_htlc_amount', { member: 'incomingHtlcAmt', kind: 'u64' }),
  ],
  [FailureCode.channelDisabled, layout('channel_disabled', { member: 'disabledFlags', kind: 'flags' }, UPDATE)],
  [FailureCode.expiryTooFar, layout('expiry_too_far')],
  [
    FailureCode.invalidOnionPayload,
    layout(
      'invalid_onion_payload',
      { member: 'type', kind: 'bigsize', optional: true },
      { member: 'offset', kind: 'u16', optional: true },
    ),
  ],
  [FailureCode.mppTimeout, layout('mpp_timeout')],
  [FailureCode.invalidOnionBlinding, layout('invalid_onion_blinding', SHA)],
]);
