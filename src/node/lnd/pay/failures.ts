/** LND's word on a failed attempt as BOLT 4 has it. Pure. */
import { FailureCode, type FailureFields } from '../../../onion/failure-codes.js';
import type { ReportedFailure } from '../../../send/payment/failure/reported.js';
import { concat } from '../../../wire/bytes.js';
import { u16, u32, u64, uintBytes } from '../../../wire/integers.js';
import type { ChannelUpdate, Failure } from '../rpc/payments.js';

const PERM = 0x4000;
/** What LND says where it has no number of a failure. */
const INTERNAL = 997;
const UNKNOWN = 998;
const UNREADABLE = 999;
/** No failure of BOLT 4: LND knows who reported it and could not read what. */
const UNKNOWN_CODE = 0;

/** LND numbers failures in an order of its own (`lnrpc.Failure.FailureCode`). */
const CODES: ReadonlyMap<number, number> = new Map([
  [1, FailureCode.incorrectOrUnknownPaymentDetails],
  [2, PERM | 16], // incorrect_payment_amount, retired
  [3, FailureCode.finalIncorrectCltvExpiry],
  [4, FailureCode.finalIncorrectHtlcAmount],
  [5, 17], // final_expiry_too_soon, retired
  [6, PERM | 1], // invalid_realm, retired
  [7, FailureCode.expiryTooSoon],
  [8, FailureCode.invalidOnionVersion],
  [9, FailureCode.invalidOnionHmac],
  [10, FailureCode.invalidOnionKey],
  [11, FailureCode.amountBelowMinimum],
  [12, FailureCode.feeInsufficient],
  [13, FailureCode.incorrectCltvExpiry],
  [14, FailureCode.channelDisabled],
  [15, FailureCode.temporaryChannelFailure],
  [16, FailureCode.requiredNodeFeatureMissing],
  [17, FailureCode.requiredChannelFeatureMissing],
  [18, FailureCode.unknownNextPeer],
  [19, FailureCode.temporaryNodeFailure],
  [20, FailureCode.permanentNodeFailure],
  [21, FailureCode.permanentChannelFailure],
  [22, FailureCode.expiryTooFar],
  [23, FailureCode.mppTimeout],
  [24, FailureCode.invalidOnionPayload],
  [25, FailureCode.invalidOnionBlinding],
  [UNKNOWN, UNKNOWN_CODE],
]);

/** The same numbers the other way round, for whoever plays LND. */
export const LND_NUMBERS: ReadonlyMap<number, number> = new Map([...CODES].map(([lnd, bolt]) => [bolt, lnd]));

/** @param failure undefined where LND says only that the attempt failed */
export function reportedFailure(failure: Failure | undefined): ReportedFailure {
  if (!failure || failure.code === UNREADABLE) return { kind: 'unreadable' };
  const { failureSourceIndex: reporter } = failure;
  // LND's switch did not take the HTLC, or had forgotten it when it came back from a crash: it never left.
  if (failure.code === INTERNAL) return { kind: 'local', reason: 'node_refuses' };
  const code = CODES.get(failure.code) ?? UNKNOWN_CODE;
  if (reporter === 0) {
    const own = ownRefusal(code);
    if (own) return own;
  }
  return { kind: 'decoded', reporter, code, fields: fieldsOf(failure) };
}

/** LND uses its wire failures for what its own link refuses too, and tells no more than this. */
function ownRefusal(code: number): ReportedFailure | undefined {
  switch (code) {
    case FailureCode.temporaryChannelFailure:
      return { kind: 'local', reason: 'balance' };
    case FailureCode.unknownNextPeer:
      return { kind: 'local', reason: 'peer_gone' };
    case FailureCode.temporaryNodeFailure:
      return { kind: 'local', reason: 'channel_busy' };
    default:
      return undefined;
  }
}

function fieldsOf(failure: Failure): FailureFields {
  const { code, channelUpdate, htlcMsat, onionSha256, cltvExpiry, height } = failure;
  const bolt = CODES.get(code);
  return {
    ...(channelUpdate && { channelUpdate: updateBytes(channelUpdate) }),
    ...(onionSha256.length === 32 && { sha256OfOnion: onionSha256 }),
    ...(bolt === FailureCode.incorrectOrUnknownPaymentDetails && { height }),
    ...(bolt === FailureCode.finalIncorrectHtlcAmount && { incomingHtlcAmt: htlcMsat }),
    ...((bolt === FailureCode.amountBelowMinimum || bolt === FailureCode.feeInsufficient) && { htlcMsat }),
    ...((bolt === FailureCode.incorrectCltvExpiry || bolt === FailureCode.finalIncorrectCltvExpiry) && { cltvExpiry }),
  };
}

/**
 * The channel_update (BOLT 7) without its type, byte for byte as it was signed: LND takes it apart and tells all of it. LND
 * checks no signature on the way to us; whoever uses the update has to.
 */
function updateBytes(update: ChannelUpdate): Uint8Array {
  const { messageFlags } = update;
  return concat(
    update.signature,
    update.chainHash,
    u64(update.chanId),
    u32(update.timestamp),
    uintBytes(messageFlags & 0xff, 1),
    uintBytes(update.channelFlags & 0xff, 1),
    u16(update.timeLockDelta & 0xffff),
    u64(update.htlcMinimumMsat),
    u32(update.baseFee),
    u32(update.feeRate),
    (messageFlags & 1) !== 0 ? u64(update.htlcMaximumMsat) : new Uint8Array(),
    update.extraOpaqueData,
  );
}
