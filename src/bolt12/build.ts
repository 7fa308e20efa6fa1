/**
 * Writing offers, requests and invoices. What is written is read again before it is given out: nothing leaves that our own
 * decoder would refuse, and a signer with another key is found out at once.
 */
import type { BlindedPath } from '../onion/index.js';
import { equalBytes } from '../wire/bytes.js';
import { err, ok, refusable, refuse } from '../wire/result.js';
import { encodeTlvStream, type TlvRecord } from '../wire/tlv.js';
import { MAX_U32, type Msat, type PaymentHash, type UnixSeconds } from '../wire/units.js';
import { priceOf } from './amount.js';
import { type Bolt12Invoice, decodeInvoice, type InvoiceFields, invoiceTable } from './invoice.js';
import { decodeInvoiceRequest, type InvoiceRequest, type RequestFields, requestTable } from './invoice-request.js';
import { derivedOfferKey } from './derived-key.js';
import { BITCOIN_CHAIN, chainsOf, decodeOffer, type Offer, type OfferFields, offerTable } from './offer.js';
import type { Bolt12Fallback, PaymentPath } from './pay-info.js';
import { type Bolt12Result, isOfferRecord, isRequestRecord, SIGNATURE_RECORD } from './record.js';
import { type Bolt12Signer, type SignedMessage, signerOf, signingDigest } from './signature.js';
import { decodeStaticInvoice, messagePathsTable, type StaticInvoice } from './static-invoice.js';

interface Extra {
  /** Records of one's own, in the experimental range of what is built. */
  readonly extraRecords?: readonly TlvRecord[];
}

export interface RequestDraft extends Omit<RequestFields, 'payerId' | 'metadata'>, Extra {
  readonly offer: Offer;
  /** 16 unpredictable bytes or more, or sealed data of the payer's own. */
  readonly metadata: Uint8Array;
  /** A key for this request alone. */
  readonly signer: Bolt12Signer;
}

interface InvoiceDraft extends Extra {
  /** In order of preference, at least one. */
  readonly paymentPaths: readonly PaymentPath[];
  readonly createdAt: UnixSeconds;
  /** Left out: the default of the sort of invoice. */
  readonly relativeExpirySeconds?: number;
  readonly fallbacks?: readonly Bolt12Fallback[];
  /** Bits to set. Multi-part payment (17) has to be asked for. */
  readonly features?: readonly number[];
  readonly signer: Bolt12Signer;
}

export interface Bolt12InvoiceDraft extends InvoiceDraft {
  readonly request: InvoiceRequest;
  readonly paymentHash: PaymentHash;
  /** Left out: what the request names, or else the offer costs. */
  readonly amountMsat?: Msat;
}

export interface StaticInvoiceDraft extends InvoiceDraft {
  readonly offer: Offer;
  readonly messagePaths: readonly BlindedPath[];
}

/** Runs a writer, whose `RangeError` tells of a value that does not fit its record. */
function written<T>(build: () => Bolt12Result<T>): Bolt12Result<T> {
  const result = refusable(() => {
    try {
      return build();
    } catch (thrown) {
      if (thrown instanceof RangeError) return refuse('bad_value', `a value cannot be written: ${thrown.message}`);
      throw thrown;
    }
  });
  return result.ok ? result.value : err(result.error);
}

/** Errors are those of `decodeOffer`, and `bad_value` for a value that does not fit its record. */
export function buildOffer(fields: OfferFields & Extra): Bolt12Result<Offer> {
  return written(() => decodeOffer(encodeTlvStream([...offerTable.write(fields), ...(fields.extraRecords ?? [])])));
}

export interface DerivedOffer {
  readonly offer: Offer;
  /** Signs invoices for it. */
  readonly signer: Bolt12Signer;
}

/**
 * An offer whose issuer id is derived from a secret, a nonce of 16 bytes and the offer itself ({@link derivedOfferKey}).
 * Errors as {@link buildOffer}.
 */
export function buildDerivedOffer(
  offersKey: Uint8Array,
  nonce: Uint8Array,
  fields: Omit<OfferFields, 'issuerId' | 'metadata'> & Extra,
): Bolt12Result<DerivedOffer> {
  return written(() => {
    const records = [...offerTable.write(fields), ...(fields.extraRecords ?? [])].sort(byType);
    const signer = signerOf(derivedOfferKey(offersKey, nonce, records));
    const built = buildOffer({ ...fields, issuerId: signer.nodeId });
    return built.ok ? ok({ offer: built.value, signer }) : built;
  });
}

const byType = (a: TlvRecord, b: TlvRecord): number => (a.type < b.type ? -1 : 1);

/**
 * Writes and signs a request for an offer. Without `chain` it is for bitcoin if the offer allows it, else for the offer's
 * first chain. Errors are those of `decodeInvoiceRequest`, and `bad_value`.
 */
export function buildInvoiceRequest(draft: RequestDraft): Bolt12Result<InvoiceRequest> {
  return written(() => {
    const { offer, signer, extraRecords = [], ...fields } = draft;
    const chain = fields.chain ?? defaultChain(offer);
    const own = requestTable.write({ ...fields, ...(chain && { chain }), payerId: signer.nodeId });
    const unsigned = [...offer.records, ...own, ...extraRecords];
    return decodeInvoiceRequest(signed('invoice_request', unsigned, signer));
  });
}

/** Bitcoin is not written. */
function defaultChain(offer: OfferFields): Uint8Array | undefined {
  const chains = chainsOf(offer);
  return chains.some((chain) => equalBytes(chain, BITCOIN_CHAIN)) ? undefined : chains[0];
}

/** Answers a request. Errors are those of `decodeInvoice`, `missing_invoice_amount`, and `bad_value`. */
export function buildInvoice(draft: Bolt12InvoiceDraft): Bolt12Result<Bolt12Invoice> {
  return written(() => {
    const { request, paymentHash } = draft;
    const amountMsat = draft.amountMsat ?? request.amountMsat ?? priceOf(request.offer, request.quantity);
    const own = invoiceTable.write({
      ...commonFields(draft),
      paymentHash,
      ...(amountMsat !== undefined && { amountMsat }),
    });
    const repeated = request.records.filter(({ type }) => isRequestRecord(type));
    return decodeInvoice(signed('invoice', [...repeated, ...own, ...(draft.extraRecords ?? [])], draft.signer));
  });
}

/** Writes and signs a static invoice for an offer. Errors are those of `decodeStaticInvoice`, and `bad_value`. */
export function buildStaticInvoice(draft: StaticInvoiceDraft): Bolt12Result<StaticInvoice> {
  return written(() => {
    const { offer, messagePaths, extraRecords = [] } = draft;
    const unsigned = [
      ...offer.records.filter(({ type }) => isOfferRecord(type)),
      ...invoiceTable.write(commonFields(draft)),
      ...messagePathsTable.write({ messagePaths }),
      ...extraRecords,
    ];
    return decodeStaticInvoice(signed('static_invoice', unsigned, draft.signer));
  });
}

function commonFields(draft: InvoiceDraft): InvoiceFields {
  const { createdAt, relativeExpirySeconds: expiry, paymentPaths, fallbacks, features } = draft;
  if (!Number.isSafeInteger(createdAt)) throw new RangeError(`${createdAt} is not a time in whole seconds`);
  if (expiry !== undefined && !(Number.isInteger(expiry) && expiry >= 0 && expiry <= MAX_U32)) {
    throw new RangeError(`${expiry} is not an expiry in whole seconds that fits 32 bits`);
  }
  return {
    paths: paymentPaths.map(({ path }) => path),
    payInfos: paymentPaths.map(({ payInfo }) => payInfo),
    createdAt: BigInt(createdAt),
    ...(expiry !== undefined && { relativeExpiry: expiry }),
    ...(fallbacks && fallbacks.length > 0 && { fallbacks }),
    ...(features && features.length > 0 && { features }),
    nodeId: draft.signer.nodeId,
  };
}

/** The stream of these records with their signature. */
function signed(message: SignedMessage, unsigned: readonly TlvRecord[], signer: Bolt12Signer): Uint8Array {
  const records = [...unsigned].sort(byType);
  const value = signer.sign(signingDigest(message, records));
  return encodeTlvStream([...records, { type: SIGNATURE_RECORD, value }]);
}
