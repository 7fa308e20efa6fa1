/**
 * The verdict: what one intercepted HTLC deserves by itself, before anybody asks which other parts there are.
 *
 * One pure function of the HTLC's bytes, the keys, a height and a time. The node below has checked nothing (it believes it
 * forwards), so everything is checked here, R1 first; amounts and expiries are the sender's and may be any u64 or u32.
 */
import {
  decodePaymentPayload,
  encodeFailureMessage,
  FailureCode,
  type FailureFields,
  type FinalPayload,
  invalidPayloadFailure,
  keysendMatches,
  peelOnion,
  type PeelError,
  totalMsatOf,
} from '../onion/index.js';
import { MAX_MSAT } from '../wire/units.js';
import type { ClusterKeys } from './cluster-keys.js';
import { checkEconomics } from './economics.js';
import { judgeBlindedHtlc } from './offer/blinded-verdict.js';
import { type RecognisedScid, recognisePhantomScid } from './scid.js';
import { SecretMethod } from './secret-format.js';
import { type JudgedHtlc, MIN_PHANTOM_HOP_DELTA, type Verdict, type VerdictContext } from './verdict-types.js';
import { verifyPaymentSecret } from './verify-secret.js';

/** @param recognised what its outgoing SCID was recognised as, where the caller has looked already */
export function judgeHtlc(
  htlc: JudgedHtlc,
  context: VerdictContext,
  recognised: RecognisedScid | undefined = recognisePhantomScid(context.keys, context.nodeId, htlc.outgoingScid),
): Verdict {
  const epoch = recognised && context.keys.epoch(recognised.epochId);
  if (!epoch) return { type: 'resume' };
  if (recognised.blinded) return judgeBlindedHtlc(htlc, context, { epoch, kind: recognised.blinded });
  const economics = checkEconomics(htlc, MIN_PHANTOM_HOP_DELTA);
  const peeled = peelOnion({
    nodeSecret: epoch.keys.phantomSecret,
    onion: htlc.onion,
    associatedData: htlc.paymentHash,
  });
  if (!peeled.ok) return failUnreadable(htlc, peeled.error);
  const fail = failureMaker(htlc, peeled.value.sharedSecret);
  if (economics) return fail(economics.reason, economics.asPhantom, { asNode: economics.asNode });
  if (peeled.value.next) return fail('the phantom is not the last hop', message(FailureCode.invalidOnionPayload));
  const payload = decodePaymentPayload(peeled.value.payload, FINAL_HOP);
  if (!payload.ok) {
    const { code } = payload.error;
    // A final payload that merely lacks its secret is answered like one with a wrong secret (BOLT 4).
    const failure =
      code === 'missing:payment_data' ? incorrectDetails(htlc, context) : invalidPayloadFailure(payload.error);
    return fail(`payload refused: ${code}`, failure);
  }
  if (payload.value.kind !== 'final')
    return fail('a blinded path cannot end here', message(FailureCode.invalidOnionPayload));
  const { sharedSecret } = peeled.value;
  return judgePayload(htlc, payload.value, { context, keys: epoch.keys, epochId: epoch.id, fail, sharedSecret });
}

/** One answer for every doubt about a payment (BOLT 4): amount and height, nothing about the cause. */
function incorrectDetails({ outgoingAmountMsat }: JudgedHtlc, { height }: VerdictContext): Uint8Array {
  return message(FailureCode.incorrectOrUnknownPaymentDetails, { htlcMsat: outgoingAmountMsat, height });
}

const FINAL_HOP = { final: true, updateAddHasPathKey: false };

const message = (code: number, fields?: FailureFields): Uint8Array => encodeFailureMessage(code, fields);

/** A packet the phantom cannot open: the node says so on behalf of its next hop (BOLT 4, BADONION). */
function failUnreadable(htlc: JudgedHtlc, error: PeelError): Verdict {
  const { sharedSecret, sha256OfOnion, failureCode, code } = error;
  const failure = sharedSecret
    ? { asPhantom: message(FailureCode.invalidOnionPayload) }
    : { asNode: message(failureCode, { sha256OfOnion }) };
  return {
    type: 'fail',
    failure,
    reason: `onion refused: ${code}`,
    stable: true,
    amountMsat: htlc.outgoingAmountMsat,
    ...(sharedSecret && { sharedSecret }),
  };
}

type FailureMaker = (
  reason: string,
  asPhantom: Uint8Array,
  more?: { readonly asNode?: Uint8Array; readonly stable?: boolean },
) => Verdict;

function failureMaker(htlc: JudgedHtlc, sharedSecret: Uint8Array): FailureMaker {
  return (reason, asPhantom, { asNode, stable = true } = {}) => ({
    type: 'fail',
    failure: asNode ? { asNode, asPhantom } : { asPhantom },
    reason,
    stable,
    sharedSecret,
    amountMsat: htlc.outgoingAmountMsat,
  });
}

interface Opened {
  readonly context: VerdictContext;
  readonly keys: ClusterKeys;
  readonly epochId: number;
  readonly fail: FailureMaker;
  readonly sharedSecret: Uint8Array;
}

/** The checks of a final node (BOLT 4, "Payload for the Last Node"), then of the secret; LDK's order. */
function judgePayload(htlc: JudgedHtlc, payload: FinalPayload, opened: Opened): Verdict {
  const { context, keys, epochId, fail, sharedSecret } = opened;
  const { height, policy } = context;
  const { outgoingAmountMsat, outgoingExpiry } = htlc;
  const details = incorrectDetails(htlc, context);
  const { amtToForward: amountMsat, paymentMetadata: metadata } = payload;
  const totalMsat = totalMsatOf(payload);
  const unstable = { stable: false };

  if (payload.outgoingCltvValue > outgoingExpiry) {
    return fail(
      'less CLTV than the payload says',
      message(FailureCode.finalIncorrectCltvExpiry, { cltvExpiry: outgoingExpiry }),
    );
  }
  if (amountMsat > outgoingAmountMsat) {
    return fail(
      'less than the payload says',
      message(FailureCode.finalIncorrectHtlcAmount, { incomingHtlcAmt: outgoingAmountMsat }),
    );
  }
  if (!payload.paymentData) return fail('no payment secret', details);
  if (payload.keysendPreimage && !keysendMatches(payload, htlc.paymentHash))
    return fail('keysend preimage of another hash', details);
  const { paymentSecret } = payload.paymentData;
  if (amountMsat === 0n || totalMsat === 0n) return fail('nothing is paid', details);
  if (totalMsat > MAX_MSAT) return fail('more than there is', details);
  // Authenticity before everything that needs time or height: a stranger learns nothing, and needs no row.
  const verified = verifyPaymentSecret({
    keys,
    paymentHash: htlc.paymentHash,
    paymentSecret,
    totalMsat,
    now: context.now,
    metadata,
  });
  if (!verified.ok)
    return fail(`payment secret: ${verified.reason}`, details, { stable: verified.reason !== 'expired' });
  // Secrets for spontaneous payments fit every hash; only async receiving makes them, and nothing here knows a preimage.
  if (verified.method === SecretMethod.spontaneous) return fail('payment secret of a spontaneous payment', details);
  if (verified.amountMsat > 0n && totalMsat > 2n * verified.amountMsat) {
    return fail('more than twice the amount', details);
  }
  if (htlc.incomingExpiry > height + policy.maxExpiryDelta) {
    return fail('locked for too long', details, unstable);
  }
  if (outgoingExpiry < height + (verified.minFinalCltv ?? policy.minFinalDelta)) {
    return fail('expires too soon for the invoice', details, unstable);
  }
  if (htlc.deadline - height < policy.marginBlocks) return fail('too few blocks are left', details, unstable);
  return {
    type: 'part',
    epochId,
    paymentSecret,
    totalMsat,
    amountMsat,
    sharedSecret,
    ...(verified.preimage && { preimage: verified.preimage }),
    ...(verified.metadata && { metadata: verified.metadata }),
  };
}
