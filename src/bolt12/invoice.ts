/** Invoices that answer a request (BOLT 12, "Invoices"). */
import type { BlindedPath } from '../onion/index.js';
import { equalBytes } from '../wire/bytes.js';
import { refusable } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { Msat, NodeId, PaymentHash, UnixSeconds } from '../wire/units.js';
import { FieldTable } from './fields.js';
import { chainOf, checkQuantity, type KnownRequestFields, requestTable, signatureTable } from './invoice-request.js';
import {
  checkMsat,
  checkOfferTerms,
  includesChain,
  isAnswerable,
  type OfferFields,
  offerTable,
  refuseRequiredFeature,
} from './offer.js';
import { type Bolt12Fallback, isUsableFallback, type PayInfo, type PaymentPath } from './pay-info.js';
import { type Bolt12Result, checkRecordTypes, refuseRecord, requirePresent, SIGNATURE_RECORD } from './record.js';
import { verifySignature } from './signature.js';
import { encodeText, type ReadOptions, readRecords } from './stream.js';
import { exactly, fallbacks, features, paths, payInfos, point, tu32, tu64 } from './values.js';

/** Records of an invoice by themselves; `Bolt12Invoice` has them put together. */
export interface InvoiceFields {
  readonly paths?: readonly BlindedPath[];
  readonly payInfos?: readonly PayInfo[];
  readonly createdAt?: bigint;
  readonly relativeExpiry?: number;
  readonly paymentHash?: PaymentHash;
  readonly amountMsat?: Msat;
  readonly fallbacks?: readonly Bolt12Fallback[];
  readonly features?: readonly number[];
  readonly nodeId?: NodeId;
}

/** What invoices of both sorts have. */
export interface InvoiceTerms {
  /** Fields of the offer that it repeats. */
  readonly offer: OfferFields;
  /** Ways to pay, in order of preference; those that require an unknown feature are left out. At least one. */
  readonly paymentPaths: readonly PaymentPath[];
  /** Seconds since 1970, u64. */
  readonly createdAt: bigint;
  /** 7200 if an invoice does not say, two weeks if a static invoice does not. */
  readonly relativeExpirySeconds: number;
  /** Those that can exist on chain. */
  readonly fallbacks: readonly Bolt12Fallback[];
  /** Set bits, ascending. 16: must be paid in parts; 17: may be; neither: one part only. */
  readonly features: readonly number[];
  /** Who signed. */
  readonly nodeId: NodeId;
  readonly signature: Uint8Array;
  readonly records: readonly TlvRecord[];
}

export interface Bolt12Invoice extends InvoiceTerms {
  /** Fields of the request that it repeats. */
  readonly request: KnownRequestFields;
  readonly paymentHash: PaymentHash;
  readonly amountMsat: Msat;
}

export const invoiceTable = new FieldTable<InvoiceFields>({
  paths: [160, 'invoice_paths', paths],
  payInfos: [162, 'invoice_blindedpay', payInfos],
  createdAt: [164, 'invoice_created_at', tu64],
  relativeExpiry: [166, 'invoice_relative_expiry', tu32],
  paymentHash: [168, 'invoice_payment_hash', exactly(32)],
  amountMsat: [170, 'invoice_amount', tu64],
  fallbacks: [172, 'invoice_fallbacks', fallbacks],
  features: [174, 'invoice_features', features],
  nodeId: [176, 'invoice_node_id', point],
});

/** Seconds, where an invoice does not say. */
export const DEFAULT_RELATIVE_EXPIRY = 7200;
/** Multi-part payment required and optional (BOLT 9). */
const KNOWN_INVOICE_FEATURES = [16, 17];

/**
 * Reads an invoice, as text or as its stream, and checks its signature. Whether it answers our request is another
 * question: `checkInvoiceAgainstRequest`. Total, with codes as `decodeOffer` has them.
 */
export function decodeInvoice(input: string | Uint8Array, options: ReadOptions = {}): Bolt12Result<Bolt12Invoice> {
  return refusable(() => {
    const records = readRecords(input, 'lni');
    checkRecordTypes(records, () => true, isKnownRecord);
    const offer = offerTable.read(records);
    const request = requestTable.read(records);
    const fields = invoiceTable.read(records);
    const metadata = requirePresent(request.metadata, 0n, 'invreq_metadata');
    const payerId = requirePresent(request.payerId, 88n, 'invreq_payer_id');
    const paymentHash = requirePresent(fields.paymentHash, 168n, 'payment_hash');
    const amountMsat = requirePresent(fields.amountMsat, 170n, 'invoice_amount');

    checkOfferTerms(offer);
    if (isAnswerable(offer)) checkQuantity(offer, request);
    checkMsat(170n, 'invoice_amount', amountMsat);
    if (request.amountMsat !== undefined && request.amountMsat !== amountMsat) {
      refuseRecord(
        170n,
        'amount_mismatch',
        `${request.amountMsat} msat were asked for, the invoice is for ${amountMsat}`,
      );
    }
    if (options.chains && !includesChain(options.chains, chainOf(request))) {
      refuseRecord(80n, 'unsupported_chain', 'the invoice is for another chain');
    }
    const terms = readInvoiceTerms(records, offer, fields, DEFAULT_RELATIVE_EXPIRY);
    checkSignature('invoice', terms);
    checkNotExpired(terms, options);
    return { ...terms, request: { ...request, metadata, payerId }, paymentHash, amountMsat };
  });
}

const isKnownRecord = (type: bigint): boolean =>
  offerTable.has(type) || requestTable.has(type) || invoiceTable.has(type) || type === SIGNATURE_RECORD;

/** `lni1…`, lower case, in one piece. */
export function encodeInvoiceString(invoice: Pick<Bolt12Invoice, 'records'>): string {
  return encodeText('lni', invoice.records);
}

/** What both sorts of invoice must have and keep to, but for expiry and signature. */
export function readInvoiceTerms(
  records: readonly TlvRecord[],
  offer: OfferFields,
  fields: InvoiceFields,
  defaultExpiry: number,
): InvoiceTerms {
  const { signature } = signatureTable.read(records);
  const nodeId = requirePresent(fields.nodeId, 176n, 'invoice_node_id');
  const bits = fields.features ?? [];
  refuseRequiredFeature(174n, 'invoice_features', bits, KNOWN_INVOICE_FEATURES);
  checkNodeId(offer, nodeId);
  return {
    offer,
    paymentPaths: paymentPathsOf(fields),
    createdAt: requirePresent(fields.createdAt, 164n, 'created_at'),
    relativeExpirySeconds: fields.relativeExpiry ?? defaultExpiry,
    fallbacks: (fields.fallbacks ?? []).filter(isUsableFallback),
    features: bits,
    nodeId,
    signature: requirePresent(signature, SIGNATURE_RECORD, 'signature'),
    records,
  };
}

function paymentPathsOf({ paths: ways, payInfos: infos }: InvoiceFields): PaymentPath[] {
  if (!ways || ways.length === 0) refuseRecord(160n, 'missing_invoice_paths', 'there is no path to pay over');
  const costs = requirePresent(infos, 162n, 'blindedpay');
  if (costs.length !== ways.length) {
    refuseRecord(162n, 'payinfo_count_mismatch', `${costs.length} payinfos stand for ${ways.length} paths`);
  }
  const usable = ways
    .map((path, i) => ({ path, payInfo: costs[i]! }))
    .filter(({ payInfo }) => payInfo.features.every((bit) => bit % 2 === 1));
  if (usable.length === 0) {
    refuseRecord(162n, 'no_usable_path', 'every path requires a feature that is not known here');
  }
  return usable;
}

/** Last blinded ids of an offer's paths: any of them may answer where there is no issuer id. */
export function lastBlindedIds(offer: OfferFields): Uint8Array[] {
  return (offer.paths ?? []).map(({ hops }) => hops.at(-1)!.blindedNodeId);
}

function checkNodeId(offer: OfferFields, nodeId: NodeId): void {
  const { issuerId } = offer;
  if (!isAnswerable(offer)) return;
  const allowed = issuerId ? [issuerId] : lastBlindedIds(offer);
  if (!allowed.some((id) => equalBytes(id, nodeId))) {
    refuseRecord(176n, 'node_id_mismatch', 'the node id is neither the issuer id nor the end of an offer path');
  }
}

export function checkSignature(message: 'invoice' | 'static_invoice', terms: InvoiceTerms): void {
  if (!verifySignature(message, terms.records, terms.signature, terms.nodeId)) {
    refuseRecord(SIGNATURE_RECORD, 'invalid_signature', 'the invoice is not signed by its node id');
  }
}

export function checkNotExpired(terms: InvoiceTerms, { now }: ReadOptions): void {
  const until = lastSecondOf(terms);
  if (now !== undefined && now > until) {
    refuseRecord(166n, 'expired', `the invoice was good until ${until}, it is ${now} now (seconds since 1970)`);
  }
}

const lastSecondOf = ({ createdAt, relativeExpirySeconds }: InvoiceTerms): bigint =>
  createdAt + BigInt(relativeExpirySeconds);

/** The last second in which it can be paid; the largest safe integer instead of more. */
export function bolt12InvoiceExpiresAt(invoice: InvoiceTerms): UnixSeconds {
  return Math.min(Number(lastSecondOf(invoice)), Number.MAX_SAFE_INTEGER);
}
