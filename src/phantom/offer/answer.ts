/** Answering a request for an invoice of a phantom offer. Nothing about the offer is looked up: the request brings it. */
import {
  type Bolt12Error,
  type Bolt12Invoice,
  type Bolt12Signer,
  buildInvoice,
  decodeInvoiceRequest,
  derivedOfferSigner,
  encodeRecords,
  type InvoiceError,
  type InvoiceRequest,
  offerIdOf,
  offerPriceMsat,
} from '../../bolt12/index.js';
import { err, ok, refusable, type Result } from '../../wire/result.js';
import { splitTlvStream } from '../../wire/tlv.js';
import type {
  BlockDelta,
  BlockHeight,
  Msat,
  NodeId,
  PaymentHash,
  PaymentSecret,
  Preimage,
  UnixSeconds,
} from '../../wire/units.js';
import type { KeyRing } from '../cluster-keys.js';
import { DEFAULT_MIN_FINAL_CLTV } from '../invoice.js';
import type { ClusterMember } from '../member.js';
import { issuePaymentSecret } from '../payment-secret.js';
import { drawsFrom } from './draws.js';
import { makeInvoicePaths } from './invoice-paths.js';
import { encodeInvoicePath, type InvoiceReceipt, NONCE_LENGTH } from './path-content.js';

/** What BOLT 12 takes if an invoice does not say. */
export const DEFAULT_OFFER_INVOICE_EXPIRY = 7200;

export interface AnswerParams {
  /** Content 64 of an onion message: the stream of a stranger. */
  readonly request: Uint8Array;
  /** From the path over which the request came. */
  readonly nonce: Uint8Array;
  readonly ring: KeyRing;
  readonly members: readonly ClusterMember[];
  /** The greatest of the members. */
  readonly height: BlockHeight;
  readonly now: UnixSeconds;
  /** 32 fresh random bytes, never used twice. */
  readonly entropy: Uint8Array;
  /** Hashes of the chains that the cluster is on. */
  readonly chains: readonly Uint8Array[];
  /** Default {@link DEFAULT_OFFER_INVOICE_EXPIRY}. */
  readonly expirySeconds?: number | undefined;
  /** Default 80; the payment path asks for 3 more. */
  readonly minFinalCltv?: BlockDelta | undefined;
  /** 1 to 5, default 3. */
  readonly maxPaths?: number | undefined;
}

export interface OfferInvoice {
  /** Content 66 for the reply path. */
  readonly bytes: Uint8Array;
  readonly invoice: Bolt12Invoice;
  readonly receipt: InvoiceReceipt;
  /** Whose keys the payment needs: always the current ones, whatever epoch the offer is of. */
  readonly epochId: number;
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
  readonly preimage: Preimage;
  readonly amountMsat: Msat;
  /** Last second, by block time, at which a payment is accepted. */
  readonly acceptedUntil: UnixSeconds;
  readonly members: readonly NodeId[];
  readonly multiPart: boolean;
  /** False if, by what is known now, the members named cannot receive the amount. */
  readonly enoughInbound: boolean;
}

export interface AnswerRefusal {
  /** See {@link answerInvoiceRequest}. */
  readonly code: string;
  readonly message: string;
  /** Content 68 for the reply path. Absent: no answer at all, as to anything that is not ours. */
  readonly tell?: InvoiceError & { readonly error: string };
}

const refuseSilently = (code: string, message: string): { readonly ok: false; readonly error: AnswerRefusal } =>
  err({ code, message });

function refuseAloud({ code, message, record }: Bolt12Error): { readonly ok: false; readonly error: AnswerRefusal } {
  return err({
    code,
    message,
    tell: { error: message, ...(record !== undefined && { erroneousField: record }) },
  });
}

/** The signer for the offer that the records repeat, if it is of this cluster and the nonce is its own. */
function signerFor(
  ring: KeyRing,
  nonce: Uint8Array,
  request: Parameters<typeof derivedOfferSigner>[2],
): Bolt12Signer | undefined {
  for (const { keys } of ring.epochs) {
    const signer = derivedOfferSigner(keys.offersBaseKey, nonce, request);
    if (signer) return signer;
  }
  return undefined;
}

/** Whether a stream that cannot be accepted is at least about an offer of ours, so that its sender may know why. */
function isAboutOurOffer({ request, nonce, ring }: AnswerParams): boolean {
  const records = refusable(() => splitTlvStream(request));
  if (!records.ok) return false;
  const issuerId = records.value.find(({ type }) => type === 22n)?.value;
  return (
    issuerId !== undefined && signerFor(ring, nonce, { offer: { issuerId }, records: records.value }) !== undefined
  );
}

/** The price of the offer, or what the payer wants to give where that is as much or the offer has no price. */
function amountOf({ amountMsat, offer, quantity }: InvoiceRequest): Result<Msat, Bolt12Error> {
  const price = offerPriceMsat(offer, quantity);
  if (!price.ok) return price;
  const amount = amountMsat ?? price.value;
  if (amount === undefined) {
    return err({
      code: 'currency_not_supported',
      message: 'the offer is in another currency: name an amount',
      record: 82n,
    });
  }
  if (amount === 0n) return err({ code: 'zero_amount', message: 'nothing would be paid', record: 82n });
  return ok(amount);
}

/**
 * Reads a request and makes the invoice, signed by the key of its offer. Pure: the same parameters give the same invoice; nothing
 * is stored. Never throws for what a stranger sent.
 *
 * Errors without `tell`: `not_our_offer`, and all of `decodeInvoiceRequest` for streams that are about no offer of ours. With it:
 * the others of `decodeInvoiceRequest` (amount, quantity, expiry, chain, feature), `currency_not_supported`, `zero_amount`, and
 * `no_members`, `no_healthy_member`, `no_usable_channel`, `amount_too_small`.
 * @throws {RangeError} for entropy not of 32 bytes, `maxPaths` not 1 to 5
 */
export function answerInvoiceRequest(params: AnswerParams): Result<OfferInvoice, AnswerRefusal> {
  const { nonce, ring, now, chains, expirySeconds = DEFAULT_OFFER_INVOICE_EXPIRY } = params;
  const draws = drawsFrom(params.entropy);
  if (nonce.length !== NONCE_LENGTH) return refuseSilently('not_our_offer', 'the nonce of an offer has 16 bytes');
  const decoded = decodeInvoiceRequest(params.request, { now, chains });
  if (!decoded.ok) {
    const { code, message } = decoded.error;
    return isAboutOurOffer(params) ? refuseAloud(decoded.error) : refuseSilently(code, message);
  }
  const request = decoded.value;
  const signer = request.isForOffer ? signerFor(ring, nonce, request) : undefined;
  if (!signer) return refuseSilently('not_our_offer', 'the request is not for the offer over whose path it came');
  const amount = amountOf(request);
  if (!amount.ok) return refuseAloud(amount.error);

  const { keys, id: epochId } = ring.current;
  const minFinalCltv = params.minFinalCltv ?? DEFAULT_MIN_FINAL_CLTV;
  const secret = issuePaymentSecret({
    keys,
    iv: draws.bytes('payment-secret').slice(0, 16),
    minAmountMsat: amount.value,
    expiryDeltaSeconds: expirySeconds,
    now,
    minFinalCltv,
  });
  if (!secret.ok) return refuseSilently(secret.error.code, secret.error.message);
  const { paymentHash, paymentSecret, preimage, expiresAt } = secret.value;
  const receipt = receiptOf(request);
  const paths = makeInvoicePaths({
    keys,
    members: params.members,
    amountMsat: amount.value,
    paymentHash,
    pathId: encodeInvoicePath({ paymentSecret, receipt }),
    height: params.height,
    expirySeconds,
    minFinalCltv,
    draws,
    maxPaths: params.maxPaths,
  });
  if (!paths.ok) {
    const { code, message } = paths.error;
    const error = code === 'amount_too_small' ? message : 'the payee cannot receive this now: try again later';
    return err({ code, message, tell: { error } });
  }
  const { paymentPaths, features, members, multiPart, enough } = paths.value;
  const built = buildInvoice({
    request,
    paymentPaths,
    createdAt: now,
    paymentHash,
    amountMsat: amount.value,
    features,
    signer,
    ...(expirySeconds !== DEFAULT_OFFER_INVOICE_EXPIRY && { relativeExpirySeconds: expirySeconds }),
  });
  if (!built.ok) return refuseSilently(built.error.code, built.error.message);
  return ok({
    bytes: encodeRecords(built.value.records),
    invoice: built.value,
    receipt,
    epochId,
    paymentHash,
    paymentSecret,
    preimage,
    amountMsat: amount.value,
    acceptedUntil: expiresAt,
    members,
    multiPart,
    enoughInbound: enough,
  });
}

function receiptOf({ records, payerId, quantity, payerNote }: InvoiceRequest): InvoiceReceipt {
  return {
    offerId: offerIdOf(records),
    payerId,
    ...(quantity !== undefined && { quantity }),
    ...(payerNote !== undefined && { payerNote }),
  };
}
