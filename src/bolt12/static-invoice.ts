/**
 * Static invoices: without payment hash, for payees that may be offline. Numbers and rules as LDK has them, the text being
 * unmerged (bolts#1149).
 */
import type { BlindedPath } from '../onion/index.js';
import { encodeBech32WithoutChecksum } from '../wire/bech32.js';
import { refusable } from '../wire/result.js';
import { FieldTable } from './fields.js';
import {
  checkNotExpired,
  checkSignature,
  type InvoiceFields,
  type InvoiceTerms,
  invoiceTable,
  readInvoiceTerms,
} from './invoice.js';
import { chainsOf, checkOfferTerms, includesChain, offerTable } from './offer.js';
import { type Bolt12Result, checkRecordTypes, isOfferRecord, refuseRecord, SIGNATURE_RECORD } from './record.js';
import { encodeRecords, type ReadOptions, readRecords } from './stream.js';
import { paths } from './values.js';

export interface StaticInvoice extends InvoiceTerms {
  /** Ways to tell the payee that an HTLC is held for it (`held_htlc_available`). At least one. */
  readonly messagePaths: readonly BlindedPath[];
}

export const messagePathsTable = new FieldTable<{ messagePaths?: readonly BlindedPath[] }>({
  messagePaths: [236, 'invoice_message_paths', paths],
});

/** Two weeks in seconds, where a static invoice does not say. */
export const DEFAULT_STATIC_RELATIVE_EXPIRY = 1_209_600;

/**
 * Reads a static invoice and checks its signature. Its own form is the stream; text with the prefix of invoices is read
 * too. Whether it answers our request is another question: `checkStaticInvoiceAgainstRequest`. Total, with codes as
 * `decodeOffer` has them.
 */
export function decodeStaticInvoice(
  input: string | Uint8Array,
  options: ReadOptions = {},
): Bolt12Result<StaticInvoice> {
  return refusable(() => {
    const records = readRecords(input, 'lni');
    checkRecordTypes(records, isInRange, isKnownRecord);
    const offer = offerTable.read(records);
    const fields: InvoiceFields = invoiceTable.read(records);
    const { messagePaths } = messagePathsTable.read(records);
    refuseUnexpected(fields);

    checkOfferTerms(offer);
    if (offer.chains && offer.chains.length > 1) {
      refuseRecord(2n, 'too_many_offer_chains', 'the offer is for several chains, a static invoice for one only');
    }
    if (!offer.paths)
      refuseRecord(16n, 'missing_offer_paths', 'the offer has no path, so nobody serves for its issuer');
    if (!messagePaths || messagePaths.length === 0) {
      refuseRecord(236n, 'missing_message_paths', 'there is no path to tell the payee about a held payment');
    }
    if (options.chains && !includesChain(options.chains, chainsOf(offer)[0]!)) {
      refuseRecord(2n, 'unsupported_chain', 'the static invoice is for another chain');
    }
    const terms = readInvoiceTerms(records, offer, fields, DEFAULT_STATIC_RELATIVE_EXPIRY);
    checkSignature('static_invoice', terms);
    checkNotExpired(terms, options);
    return { ...terms, messagePaths };
  });
}

const isInRange = (type: bigint): boolean =>
  isOfferRecord(type) || (type >= 160n && type <= 1000n) || (type >= 3_000_000_000n && type <= 3_999_999_999n);

const isKnownRecord = (type: bigint): boolean =>
  offerTable.has(type) || invoiceTable.has(type) || messagePathsTable.has(type) || type === SIGNATURE_RECORD;

function refuseUnexpected({ paymentHash, amountMsat }: InvoiceFields): void {
  if (paymentHash) refuseRecord(168n, 'unexpected_payment_hash', 'a static invoice has no payment hash');
  if (amountMsat !== undefined) refuseRecord(170n, 'unexpected_amount', 'a static invoice has no amount');
}

/** The stream, which is what is sent. */
export function encodeStaticInvoice({ records }: Pick<StaticInvoice, 'records'>): Uint8Array {
  return encodeRecords(records);
}

/** `lni1…`; LDK has no text form, so it is for people and logs only. */
export function encodeStaticInvoiceString(invoice: Pick<StaticInvoice, 'records'>): string {
  return encodeBech32WithoutChecksum('lni', encodeStaticInvoice(invoice));
}
