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

/** A failure message; without a channel_update among the fields none is enclosed. */
export function failureMessage(code: number, fields: FailureFields = {}): Uint8Array {
  return encodeFailureMessage(code, { ...NO_UPDATE, ...fields });
}

export interface ForwardTerms {
  readonly incomingAmountMsat: Msat;
  readonly incomingExpiry: BlockHeight;
  readonly amtToForward: Msat;
  readonly outgoingCltvValue: BlockHeight;
}

/**
 * The failure that a forward over a channel with this policy deserves; undefined if it is fine.
 * @param update makes the channel_update to enclose; default: none
 */
export function checkForward(
  terms: ForwardTerms,
  policy: Policy,
  height: BlockHeight,
  update: () => Uint8Array = () => NO_UPDATE.channelUpdate,
): Uint8Array | undefined {
  const refusal = forwardRefusal(terms, policy, height);
  return refusal && failureMessage(refusal.code, { ...refusal.fields, channelUpdate: update() });
}

function forwardRefusal(
  terms: ForwardTerms,
  policy: Policy,
  height: BlockHeight,
): { readonly code: number; readonly fields?: FailureFields } | undefined {
  const { incomingAmountMsat, incomingExpiry, amtToForward, outgoingCltvValue } = terms;
  if (amtToForward < policy.htlcMinimumMsat) {
    return { code: FailureCode.amountBelowMinimum, fields: { htlcMsat: incomingAmountMsat } };
  }
  if (amtToForward > policy.htlcMaximumMsat) return { code: FailureCode.temporaryChannelFailure };
  if (incomingAmountMsat < amtToForward + forwardingFee(policy, amtToForward)) {
    return { code: FailureCode.feeInsufficient, fields: { htlcMsat: incomingAmountMsat } };
  }
  if (incomingExpiry < outgoingCltvValue + policy.cltvExpiryDelta) {
    return { code: FailureCode.incorrectCltvExpiry, fields: { cltvExpiry: incomingExpiry } };
  }
  if (outgoingCltvValue <= height + LEAST_OUTGOING_BLOCKS) return { code: FailureCode.expiryTooSoon };
  if (outgoingCltvValue > height + MAX_HTLC_CLTV) return { code: FailureCode.expiryTooFar };
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
