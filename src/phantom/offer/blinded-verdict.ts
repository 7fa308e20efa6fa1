/**
 * The verdict on an HTLC that came over a blinded path of ours. The bytes of the path decide what is asked of it; the checks
 * are those of BOLT 4 for the last node of a blinded path, then LDK's order for static invoices.
 */
import { decodeInvoiceRequest, derivedOfferSigner, offerIdOf, offerPriceMsat } from '../../bolt12/index.js';
import {
  type BlindedFinalPayload,
  decodeEncryptedData,
  decodePaymentPayload,
  encodeFailureMessage,
  FailureCode,
  keysendMatches,
  peelOnion,
  unblindHop,
} from '../../onion/index.js';
import { err, ok, type Result } from '../../wire/result.js';
import { MAX_MSAT, type Msat, type PaymentSecret, type Preimage } from '../../wire/units.js';
import type { BlindedScidKind } from '../blinded-scid.js';
import type { ClusterKeys, KeyEpoch } from '../cluster-keys.js';
import { checkEconomics } from '../economics.js';
import { SecretMethod } from '../secret-format.js';
import { BLINDED_HOP_DELTA, type JudgedHtlc, type Verdict, type VerdictContext } from '../verdict-types.js';
import { verifyPaymentSecret } from '../verify-secret.js';
import { decodeInvoicePath, decodeStaticPath } from './path-content.js';
import { blindedPathKey } from './path-key.js';
import type { OfferReceipt } from './receipt.js';

/**
 * One answer for everything (BOLT 4, "Failures inside a blinded path"): payers learn nothing, and the member below puts it in
 * the place of any other failure. The hash of the onion is left zero, as LDK does.
 */
const INVALID_BLINDING = encodeFailureMessage(FailureCode.invalidOnionBlinding, { sha256OfOnion: new Uint8Array(32) });

export interface BlindedWay {
  readonly epoch: KeyEpoch;
  readonly kind: BlindedScidKind;
}

/** Why a part is refused. For logs and tests only. */
interface Doubt {
  readonly reason: string;
  /** False: time, height or configuration decide. Default true. */
  readonly stable?: boolean;
}

const doubt = (reason: string, stable = true): { readonly ok: false; readonly error: Doubt } => err({ reason, stable });

export function judgeBlindedHtlc(htlc: JudgedHtlc, context: VerdictContext, { epoch, kind }: BlindedWay): Verdict {
  const { keys } = epoch;
  const refused = ({ reason, stable = true }: Doubt, sharedSecret?: Uint8Array): Verdict => ({
    type: 'fail',
    failure: sharedSecret ? { asNode: INVALID_BLINDING, asPhantom: INVALID_BLINDING } : { asNode: INVALID_BLINDING },
    reason,
    stable,
    ...(sharedSecret && { sharedSecret }),
    amountMsat: htlc.outgoingAmountMsat,
  });

  const economics = checkEconomics(htlc, BLINDED_HOP_DELTA);
  const pathKey = blindedPathKey(keys, {
    memberId: context.nodeId,
    scid: htlc.outgoingScid,
    paymentHash: kind === 'invoice' ? htlc.paymentHash : undefined,
  });
  const peeled = peelOnion({
    nodeSecret: keys.phantomSecret,
    onion: htlc.onion,
    associatedData: htlc.paymentHash,
    pathKey,
  });
  if (!peeled.ok) {
    return refused({ reason: `onion refused: ${peeled.error.code}` }, peeled.error.sharedSecret);
  }
  const { payload: bytes, sharedSecret, next } = peeled.value;
  if (economics) return refused(economics, sharedSecret);
  if (next) return refused({ reason: 'the phantom is not the last hop' }, sharedSecret);
  const payload = decodePaymentPayload(bytes, FINAL_BLINDED_HOP);
  if (!payload.ok) return refused({ reason: `payload refused: ${payload.error.code}` }, sharedSecret);
  if (payload.value.kind !== 'blinded_final') return refused({ reason: 'no final payload' }, sharedSecret);

  const judged = judgeFinal(htlc, payload.value, { context, keys, kind, pathKey });
  if (!judged.ok) return refused(judged.error, sharedSecret);
  const { amtToForward: amountMsat, totalAmountMsat: totalMsat } = payload.value;
  return { type: 'part', epochId: epoch.id, totalMsat, amountMsat, sharedSecret, ...judged.value };
}

const FINAL_BLINDED_HOP = { final: true, updateAddHasPathKey: true };

interface Opened {
  readonly context: VerdictContext;
  readonly keys: ClusterKeys;
  readonly kind: BlindedScidKind;
  readonly pathKey: Uint8Array;
}

interface Accepted {
  readonly paymentSecret: PaymentSecret;
  readonly preimage?: Preimage;
  readonly offer: OfferReceipt;
}

function judgeFinal(htlc: JudgedHtlc, payload: BlindedFinalPayload, opened: Opened): Result<Accepted, Doubt> {
  const amounts = checkAmounts(htlc, payload);
  if (amounts) return doubt(amounts);
  const { keys, pathKey, kind } = opened;
  const unblinded = unblindHop(keys.phantomSecret, pathKey, payload.encryptedRecipientData);
  if (!unblinded.ok) return doubt(`path refused: ${unblinded.error.code}`);
  const data = decodeEncryptedData(unblinded.value.data, 'payment_final');
  if (!data.ok) return doubt(`path refused: ${data.error.code}`);
  const { paymentConstraints: limits, pathId } = data.value;
  if (!limits || !pathId) return doubt('the path has no limits');
  if (htlc.outgoingExpiry > limits.maxCltvExpiry) return doubt('the path is not good for so long an expiry');
  if (htlc.outgoingAmountMsat < limits.htlcMinimumMsat) return doubt('the path is not good for so little');
  return kind === 'invoice'
    ? judgeInvoicePart(htlc, payload, pathId, opened)
    : judgeStaticPart(htlc, payload, pathId, opened);
}

/** What BOLT 4 asks of any last hop, and that something is paid. */
function checkAmounts(htlc: JudgedHtlc, payload: BlindedFinalPayload): string | undefined {
  if (payload.outgoingCltvValue > htlc.outgoingExpiry) return 'less CLTV than the payload says';
  if (payload.amtToForward > htlc.outgoingAmountMsat) return 'less than the payload says';
  if (payload.amtToForward === 0n || payload.totalAmountMsat === 0n) return 'nothing is paid';
  if (payload.totalAmountMsat > MAX_MSAT) return 'more than there is';
  return undefined;
}

function judgeInvoicePart(
  htlc: JudgedHtlc,
  payload: BlindedFinalPayload,
  pathId: Uint8Array,
  { context, keys }: Opened,
): Result<Accepted, Doubt> {
  if (payload.keysendPreimage ?? payload.invoiceRequest)
    return doubt('a spontaneous payment over the path of an invoice');
  const content = decodeInvoicePath(pathId);
  if (!content.ok) return doubt(`path id refused: ${content.error.code}`);
  const { paymentSecret, receipt } = content.value;
  const { paymentHash } = htlc;
  const { totalAmountMsat: totalMsat } = payload;
  const secret = verifyPaymentSecret({ keys, paymentHash, paymentSecret, totalMsat, now: context.now });
  if (!secret.ok) return doubt(`payment secret: ${secret.reason}`, secret.reason !== 'expired');
  if (secret.method === SecretMethod.spontaneous) return doubt('payment secret of a static invoice');
  if (totalMsat > 2n * secret.amountMsat) return doubt('more than twice the amount');
  const late = checkTime(htlc, context, secret.minFinalCltv);
  if (late) return doubt(late, false);
  return ok({
    paymentSecret,
    offer: { ...receipt, isStatic: false },
    ...(secret.preimage && { preimage: secret.preimage }),
  });
}

/** async-payments.md: the preimage first, so that trying out a hash that others use tells nothing about it. */
function judgeStaticPart(
  htlc: JudgedHtlc,
  payload: BlindedFinalPayload,
  pathId: Uint8Array,
  { context, keys }: Opened,
): Result<Accepted, Doubt> {
  const { keysendPreimage: preimage, invoiceRequest, totalAmountMsat: totalMsat } = payload;
  if (!preimage) return doubt('no preimage over the path of a static invoice');
  if (!keysendMatches(payload, htlc.paymentHash)) return doubt('preimage of another hash');
  const content = decodeStaticPath(pathId);
  if (!content.ok) return doubt(`path id refused: ${content.error.code}`);
  const { paymentSecret, nonce } = content.value;
  const { paymentHash } = htlc;
  const secret = verifyPaymentSecret({ keys, paymentHash, paymentSecret, totalMsat, now: context.now });
  if (!secret.ok) return doubt(`payment secret: ${secret.reason}`, secret.reason !== 'expired');
  if (secret.method !== SecretMethod.spontaneous) return doubt('payment secret of an invoice for one payment');
  if (!invoiceRequest) return doubt('no invoice request with the preimage');
  const request = judgeRequest(keys, nonce, invoiceRequest);
  if (!request.ok) return request;
  const { dueMsat, offer } = request.value;
  if (totalMsat < dueMsat) return doubt('less than the invoice request says');
  if (totalMsat > 2n * dueMsat) return doubt('more than twice the amount');
  const late = checkTime(htlc, context, undefined);
  if (late) return doubt(late, false);
  return ok({ paymentSecret, preimage, offer });
}

interface JudgedRequest {
  /** Least total. */
  readonly dueMsat: Msat;
  readonly offer: OfferReceipt;
}

/** The payer shows what it asked for: a signed request for the offer whose path it used. */
function judgeRequest(keys: ClusterKeys, nonce: Uint8Array, bytes: Uint8Array): Result<JudgedRequest, Doubt> {
  const request = decodeInvoiceRequest(bytes);
  if (!request.ok) return doubt(`invoice request refused: ${request.error.code}`);
  const { payerId, quantity, payerNote, amountMsat, offer, records } = request.value;
  if (!derivedOfferSigner(keys.offersBaseKey, nonce, request.value)) {
    return doubt('the invoice request is not for the offer of this path');
  }
  const price = offerPriceMsat(offer, quantity);
  const dueMsat = amountMsat ?? (price.ok ? price.value : undefined);
  if (dueMsat === undefined) return doubt('the invoice request names no amount');
  return ok({
    dueMsat,
    offer: {
      offerId: offerIdOf(records),
      isStatic: true,
      payerId,
      ...(quantity !== undefined && { quantity }),
      ...(payerNote !== undefined && { payerNote }),
    },
  });
}

/** As for plain phantom HTLCs. Last, because the answer changes with every block. */
function checkTime(htlc: JudgedHtlc, context: VerdictContext, minFinalCltv: number | undefined): string | undefined {
  const { height, policy } = context;
  if (htlc.incomingExpiry > height + policy.maxExpiryDelta) return 'locked for too long';
  if (htlc.outgoingExpiry < height + (minFinalCltv ?? policy.minFinalDelta)) return 'expires too soon for the invoice';
  if (htlc.deadline - height < policy.marginBlocks) return 'too few blocks are left';
  return undefined;
}
