/** What BOLT 4 has a forwarding node check, as pure functions. */
import { FailureCode, type FailureFields } from '../../onion/failure-codes.js';
import { encodeFailureMessage } from '../../onion/failure-message.js';
import type { BlockDelta, BlockHeight, Msat } from '../../wire/units.js';
import type { Policy } from './types.js';

/** Blocks that must be left before an outgoing HTLC's expiry. */
const LEAST_OUTGOING_BLOCKS = 3;
/** An HTLC further away than this locks money up for too long. */
const MAX_HTLC_CLTV = 2016;
/** LND shows no HTLC that it would fail by itself within so few blocks. */
const LEAST_HOLD_BLOCKS = 3;
const MAX_INT32 = 0x7fff_ffff;
const MILLION = 1_000_000n;

/** Fee for forwarding `amountMsat` (what goes out) over a channel with this policy. */
export function forwardingFee(
  { feeBaseMsat, feeProportionalMillionths }: Pick<Policy, 'feeBaseMsat' | 'feeProportionalMillionths'>,
  amountMsat: Msat,
): Msat {
  return BigInt(feeBaseMsat) + (amountMsat * BigInt(feeProportionalMillionths)) / MILLION;
}

const NO_UPDATE = { channelUpdate: new Uint8Array() };

/** A failure message; no channel_update is enclosed, as is usual today. */
export function failureMessage(code: number, fields: FailureFields = {}): Uint8Array {
  return encodeFailureMessage(code, { ...NO_UPDATE, ...fields });
}

export interface ForwardTerms {
  readonly incomingAmountMsat: Msat;
  readonly incomingExpiry: BlockHeight;
  readonly amtToForward: Msat;
  readonly outgoingCltvValue: BlockHeight;
}

/** The failure that a forward over a channel with this policy deserves; undefined if it is fine. */
export function checkForward(terms: ForwardTerms, policy: Policy, height: BlockHeight): Uint8Array | undefined {
  const { incomingAmountMsat, incomingExpiry, amtToForward, outgoingCltvValue } = terms;
  if (amtToForward < policy.htlcMinimumMsat) {
    return failureMessage(FailureCode.amountBelowMinimum, { htlcMsat: incomingAmountMsat });
  }
  if (amtToForward > policy.htlcMaximumMsat) return failureMessage(FailureCode.temporaryChannelFailure);
  if (incomingAmountMsat < amtToForward + forwardingFee(policy, amtToForward)) {
    return failureMessage(FailureCode.feeInsufficient, { htlcMsat: incomingAmountMsat });
  }
  if (incomingExpiry < outgoingCltvValue + policy.cltvExpiryDelta) {
    return failureMessage(FailureCode.incorrectCltvExpiry, { cltvExpiry: incomingExpiry });
  }
  if (outgoingCltvValue <= height + LEAST_OUTGOING_BLOCKS) return failureMessage(FailureCode.expiryTooSoon);
  if (outgoingCltvValue > height + MAX_HTLC_CLTV) return failureMessage(FailureCode.expiryTooFar);
  return undefined;
}

/**
 * Why an HTLC is failed before it is shown to an interceptor; undefined if it is shown.
 * @param autoFailBlocks blocks before the expiry at which the node fails what it holds, if it does
 */
export function checkInterception(
  incomingExpiry: BlockHeight,
  height: BlockHeight,
  autoFailBlocks: BlockDelta | undefined,
): Uint8Array | undefined {
  if (autoFailBlocks === undefined) return undefined;
  if (incomingExpiry > MAX_INT32) return failureMessage(FailureCode.expiryTooFar);
  const soon = incomingExpiry < height + autoFailBlocks + LEAST_HOLD_BLOCKS;
  return soon ? failureMessage(FailureCode.expiryTooSoon) : undefined;
}
