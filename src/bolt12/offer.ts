/** Offers: what they say, and what makes one unusable (BOLT 12, "Offers"). */
import { type BlindedPath, chainHashOf } from '../onion/index.js';
import { equalBytes } from '../wire/bytes.js';
import { refusable } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';
import { MAX_MSAT, type NodeId } from '../wire/units.js';
import { FieldTable } from './fields.js';
import { type Bolt12Result, checkRecordTypes, isOfferRecord, refuseRecord } from './record.js';
import { encodeText, type ReadOptions, readRecords } from './stream.js';
import { bytes, chains, features, paths, point, text, tu64 } from './values.js';

export interface OfferFields {
  /** 32-byte hashes of the chains it can be paid on; absent: bitcoin only. */
  readonly chains?: readonly Uint8Array[];
  /** Means something to the issuer only. */
  readonly metadata?: Uint8Array;
  /** ISO 4217 code; absent: `amount` is in millisatoshi. */
  readonly currency?: string;
  /** Per item, in millisatoshi or the currency's smallest unit. Absent: the payer chooses. */
  readonly amount?: bigint;
  readonly description?: string;
  /** Set bits, ascending. */
  readonly features?: readonly number[];
  /** Seconds since 1970; still good in that second. */
  readonly absoluteExpiry?: bigint;
  /** Ways for messages to the issuer. */
  readonly paths?: readonly BlindedPath[];
  readonly issuer?: string;
  /** 0: as many as one likes; absent: requests name no quantity. */
  readonly quantityMax?: bigint;
  /** Signs the invoices; absent: the last node of the path that the request takes does. */
  readonly issuerId?: NodeId;
}

/** Fields, and the records as they came, unknown ones included: what is repeated and compared are the records. */
export interface Offer extends OfferFields {
  readonly records: readonly TlvRecord[];
}

export const offerTable = new FieldTable<OfferFields>({
  chains: [2, 'offer_chains', chains],
  metadata: [4, 'offer_metadata', bytes],
  currency: [6, 'offer_currency', text],
  amount: [8, 'offer_amount', tu64],
  description: [10, 'offer_description', text],
  features: [12, 'offer_features', features],
  absoluteExpiry: [14, 'offer_absolute_expiry', tu64],
  paths: [16, 'offer_paths', paths],
  issuer: [18, 'offer_issuer', text],
  quantityMax: [20, 'offer_quantity_max', tu64],
  issuerId: [22, 'offer_issuer_id', point],
});

/**
 * Reads an offer, as text or as its stream. Total: every input gives a value or an error. Codes are the labels of the
 * rules, with the name of the field where one is to blame (`tu_not_minimal:offer_amount`).
 */
export function decodeOffer(input: string | Uint8Array, options: ReadOptions = {}): Bolt12Result<Offer> {
  return refusable(() => {
    const records = readRecords(input, 'lno');
    checkRecordTypes(records, isOfferRecord, (type) => offerTable.has(type));
    const fields = offerTable.read(records);
    checkOfferTerms(fields);
    if (!isAnswerable(fields)) {
      refuseRecord(22n, 'missing_issuer_id_and_paths', 'the offer has neither an issuer id nor a path to its issuer');
    }
    checkOfferExpiry(fields, options);
    checkOfferChains(fields, options);
    return { ...fields, records };
  });
}

/** `lno1…`, lower case, in one piece. */
export function encodeOfferString(offer: Pick<Offer, 'records'>): string {
  return encodeText('lno', offer.records);
}

/** True if somebody can be asked for an invoice. A request without either answers no offer. */
export function isAnswerable({ issuerId, paths: ways }: OfferFields): boolean {
  return issuerId !== undefined || ways !== undefined;
}

/** Rules for the fields of an offer, wherever they stand. No feature is known, so none may be required. */
export function checkOfferTerms(offer: OfferFields): void {
  const { amount, currency, description } = offer;
  if (offer.chains?.length === 0) refuseRecord(2n, 'empty_offer_chains', 'the list of chains is empty');
  if (offer.paths?.length === 0) refuseRecord(16n, 'empty_paths:offer_paths', 'the list of paths is empty');
  refuseRequiredFeature(12n, 'offer_features', offer.features ?? []);
  if (currency !== undefined && !/^[A-Z]{3}$/.test(currency)) {
    refuseRecord(6n, 'invalid_currency', 'a currency is three capital letters (ISO 4217)');
  }
  if (currency !== undefined && amount === undefined) {
    refuseRecord(6n, 'currency_without_amount', 'there is a currency but no amount');
  }
  if (amount === undefined) return;
  if (amount === 0n) refuseRecord(8n, 'zero_offer_amount', 'the amount is zero; leave it out to let the payer choose');
  if (currency === undefined) checkMsat(8n, 'offer_amount', amount);
  if (description === undefined) {
    refuseRecord(10n, 'missing_offer_description', 'there is an amount but no description of what it is for');
  }
}

export function refuseRequiredFeature(
  record: bigint,
  name: string,
  bits: readonly number[],
  known: readonly number[] = [],
): void {
  const unknown = bits.find((bit) => bit % 2 === 0 && !known.includes(bit));
  if (unknown !== undefined) {
    refuseRecord(record, `unknown_required_feature:${name}`, `feature ${unknown} is required and not known here`);
  }
}

export function checkMsat(record: bigint, name: string, amount: bigint | undefined): void {
  if (amount !== undefined && amount > MAX_MSAT) {
    refuseRecord(record, `amount_too_large:${name}`, 'the amount is above 21 million bitcoin');
  }
}

export function checkOfferExpiry({ absoluteExpiry }: OfferFields, { now }: ReadOptions): void {
  if (now !== undefined && absoluteExpiry !== undefined && now > absoluteExpiry) {
    refuseRecord(14n, 'expired', `the offer was good until ${absoluteExpiry}, it is ${now} now (seconds since 1970)`);
  }
}

export const BITCOIN_CHAIN: Uint8Array = chainHashOf('bitcoin');

/** The chains an offer can be paid on. */
export function chainsOf(offer: OfferFields): readonly Uint8Array[] {
  return offer.chains ?? [BITCOIN_CHAIN];
}

export function includesChain(known: readonly Uint8Array[], chain: Uint8Array): boolean {
  return known.some((one) => equalBytes(one, chain));
}

function checkOfferChains(offer: OfferFields, options: ReadOptions): void {
  const { chains: known } = options;
  if (known && !chainsOf(offer).some((chain) => includesChain(known, chain))) {
    refuseRecord(2n, 'unsupported_chain', 'the offer is for other chains only');
  }
}
