/** Invoice requests, for an offer or without one (BOLT 12, "Invoice Requests"). */
import type { BlindedPath } from '../onion/index.js';
import { refusable } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { Msat, NodeId } from '../wire/units.js';
import { priceOf } from './amount.js';
import { FieldTable } from './fields.js';
import {
  BITCOIN_CHAIN,
  chainsOf,
  checkMsat,
  checkOfferExpiry,
  checkOfferTerms,
  includesChain,
  isAnswerable,
  type OfferFields,
  offerTable,
  refuseRequiredFeature,
} from './offer.js';
import {
  type Bolt12Result,
  checkRecordTypes,
  isRequestRecord,
  isSignatureRecord,
  refuseRecord,
  requirePresent,
  SIGNATURE_RECORD,
} from './record.js';
import { verifySignature } from './signature.js';
import { encodeText, type ReadOptions, readRecords } from './stream.js';
import { type Bip353Name, bip353Name, bytes, exactly, features, paths, point, text, tu64 } from './values.js';

export interface RequestFields {
  /** Unpredictable bytes of the payer, which also salt the signature. */
  readonly metadata?: Uint8Array;
  /** 32-byte hash; absent: bitcoin. */
  readonly chain?: Uint8Array;
  readonly amountMsat?: Msat;
  /** Set bits, ascending. */
  readonly features?: readonly number[];
  readonly quantity?: bigint;
  /** A key of this request alone. */
  readonly payerId?: NodeId;
  readonly payerNote?: string;
  /** Ways for messages to the payer, in a request without offer. */
  readonly paths?: readonly BlindedPath[];
  readonly bip353Name?: Bip353Name;
}

/** A request's own fields with those that it must have. */
export type KnownRequestFields = RequestFields & Required<Pick<RequestFields, 'metadata' | 'payerId'>>;

export interface InvoiceRequest extends KnownRequestFields {
  /** Fields of the offer it answers; of a request without offer, those that describe it. */
  readonly offer: OfferFields;
  /** True if it answers an offer; false: "send money" (a refund). */
  readonly isForOffer: boolean;
  /** 64 bytes; always there if it answers an offer. */
  readonly signature?: Uint8Array;
  readonly records: readonly TlvRecord[];
}

export const requestTable = new FieldTable<RequestFields>({
  metadata: [0, 'invreq_metadata', bytes],
  chain: [80, 'invreq_chain', exactly(32)],
  amountMsat: [82, 'invreq_amount', tu64],
  features: [84, 'invreq_features', features],
  quantity: [86, 'invreq_quantity', tu64],
  payerId: [88, 'invreq_payer_id', point],
  payerNote: [89, 'invreq_payer_note', text],
  paths: [90, 'invreq_paths', paths],
  bip353Name: [91, 'invreq_bip_353_name', bip353Name],
});

export const signatureTable = new FieldTable<{ signature?: Uint8Array }>({
  signature: [Number(SIGNATURE_RECORD), 'signature', exactly(64)],
});

/**
 * Reads a request, as text or as its stream, and checks its signature. Whether it fits an offer of ours is another
 * question: `checkRequestAgainstOffer`. Total, with codes as `decodeOffer` has them.
 */
export function decodeInvoiceRequest(
  input: string | Uint8Array,
  options: ReadOptions = {},
): Bolt12Result<InvoiceRequest> {
  return refusable(() => {
    const records = readRecords(input, 'lnr');
    checkRecordTypes(records, (type) => isRequestRecord(type) || isSignatureRecord(type), isKnownRecord);
    const offer = offerTable.read(records);
    const fields = requestTable.read(records);
    const { signature } = signatureTable.read(records);
    const metadata = requirePresent(fields.metadata, 0n, 'invreq_metadata');
    const payerId = requirePresent(fields.payerId, 88n, 'invreq_payer_id');
    const request = { ...fields, metadata, payerId };

    checkOfferTerms(offer);
    checkRequestTerms(request);
    checkRequestChain(request, options);
    const isForOffer = isAnswerable(offer);
    if (isForOffer) checkAgainstTerms(offer, request, options);
    else checkWithoutOffer(offer, request);
    if (isForOffer) requirePresent(signature, SIGNATURE_RECORD, 'signature');
    if (signature && !verifySignature('invoice_request', records, signature, payerId)) {
      refuseRecord(SIGNATURE_RECORD, 'invalid_signature', 'the request is not signed by its payer id');
    }
    return { ...request, offer, isForOffer, ...(signature && { signature }), records };
  });
}

const isKnownRecord = (type: bigint): boolean =>
  offerTable.has(type) || requestTable.has(type) || type === SIGNATURE_RECORD;

/** `lnr1…`, lower case, in one piece. */
export function encodeInvoiceRequestString(request: Pick<InvoiceRequest, 'records'>): string {
  return encodeText('lnr', request.records);
}

function checkRequestTerms(request: RequestFields): void {
  refuseRequiredFeature(84n, 'invreq_features', request.features ?? []);
  checkMsat(82n, 'invreq_amount', request.amountMsat);
  if (request.paths?.length === 0) refuseRecord(90n, 'empty_paths', 'the list of paths to the payer is empty');
  if (request.bip353Name) requireWholeName(request.bip353Name);
}

export function requireWholeName({ name, domain }: Bip353Name): void {
  if (name === '' || domain === '') refuseRecord(91n, 'empty_bip353_name', 'the name or its domain is empty');
}

/** The chain a request is for. */
export function chainOf(request: RequestFields): Uint8Array {
  return request.chain ?? BITCOIN_CHAIN;
}

function checkRequestChain(request: RequestFields, options: ReadOptions): void {
  if (options.chains && !includesChain(options.chains, chainOf(request))) {
    refuseRecord(80n, 'unsupported_chain', 'the request is for another chain');
  }
}

/** Rules that tie a request to the offer fields that it repeats. */
function checkAgainstTerms(offer: OfferFields, request: RequestFields, options: ReadOptions): void {
  if (!includesChain(chainsOf(offer), chainOf(request))) {
    refuseRecord(80n, 'chain_not_in_offer', 'the request is for a chain that the offer does not list');
  }
  checkOfferExpiry(offer, options);
  checkQuantity(offer, request);
  const price = priceOf(offer, request.quantity);
  const { amountMsat } = request;
  if (offer.amount === undefined) requirePresent(amountMsat, 82n, 'invreq_amount');
  if (price !== undefined && amountMsat !== undefined && amountMsat < price) {
    refuseRecord(82n, 'amount_too_low', `the offer costs ${price} msat, the request names ${amountMsat}`);
  }
}

/** Zero is refused where there is no limit too: nothing would be bought. */
export function checkQuantity({ quantityMax }: OfferFields, { quantity }: RequestFields): void {
  if (quantityMax === undefined) {
    if (quantity !== undefined) {
      refuseRecord(86n, 'unexpected_quantity', 'the offer is for one item, the request names a quantity');
    }
    return;
  }
  if (quantity === undefined) refuseRecord(86n, 'missing_quantity', 'the offer wants to know how many items');
  if (quantity === 0n) refuseRecord(86n, 'zero_quantity', 'the request is for no item at all');
  if (quantityMax !== 0n && quantity > quantityMax) {
    refuseRecord(86n, 'quantity_too_large', `the offer is for at most ${quantityMax} items, not ${quantity}`);
  }
}

function checkWithoutOffer(offer: OfferFields, request: RequestFields): void {
  const unexpected = (['chains', 'features', 'quantityMax'] as const).find((key) => offer[key] !== undefined);
  if (unexpected !== undefined) {
    const { record, name } = offerTable.fields[unexpected];
    refuseRecord(record, `unexpected_field:${name}`, `a request without offer has no record ${record} (${name})`);
  }
  requirePresent(offer.description, 10n, 'offer_description');
  requirePresent(request.amountMsat, 82n, 'invreq_amount');
}
