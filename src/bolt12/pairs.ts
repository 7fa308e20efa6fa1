/**
 * Does an answer fit what it answers? Each member was read by its decoder before, so that its own rules and its signature
 * hold. Repeated records are compared as bytes: comparing what they mean would let a changed encoding pass.
 */
import { equalBytes } from '../wire/bytes.js';
import { refusable } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { NodeId } from '../wire/units.js';
import { priceOf } from './amount.js';
import type { Bolt12Invoice, InvoiceTerms } from './invoice.js';
import { checkNotExpired, lastBlindedIds } from './invoice.js';
import type { InvoiceRequest } from './invoice-request.js';
import { chainOf } from './invoice-request.js';
import { chainsOf, checkOfferExpiry, includesChain, type Offer } from './offer.js';
import { type Bolt12Result, firstDifference, isOfferRecord, isRequestRecord, refuseRecord } from './record.js';
import type { StaticInvoice } from './static-invoice.js';
import type { ReadOptions } from './stream.js';

export interface RequestCheck extends ReadOptions {
  /**
   * How the request came: at the last blinded id of one of our paths, or `direct` to the node. Not checked if left out,
   * which gives away whether we are the issuer to anybody who asks.
   */
  readonly arrivedAt?: NodeId | 'direct';
}

export interface InvoiceCheck extends ReadOptions {
  /**
   * Last blinded id of the offer path that our request was sent over. Without issuer id this node, and no other end of a
   * path, has to have signed. Left out: sent to the issuer id, or any end of a path will do.
   */
  readonly sentViaBlindedId?: NodeId;
}

function recordsOf(records: readonly TlvRecord[], isWanted: (type: bigint) => boolean): TlvRecord[] {
  return records.filter(({ type }) => isWanted(type));
}

/**
 * Errors: `not_for_an_offer`, `offer_field_mismatch` with the first record that differs, `wrong_path`, `expired`,
 * `unsupported_chain`. Quantity, amount and chain are checked by the decoder of the request.
 */
export function checkRequestAgainstOffer(
  offer: Offer,
  request: InvoiceRequest,
  options: RequestCheck = {},
): Bolt12Result<void> {
  return refusable(() => {
    if (!request.isForOffer) refuseRecord(22n, 'not_for_an_offer', 'the request answers no offer');
    requireSameOffer(offer.records, request.records);
    checkArrival(offer, options.arrivedAt);
    checkOfferExpiry(offer, options);
    if (options.chains && !includesChain(options.chains, chainOf(request))) {
      refuseRecord(80n, 'unsupported_chain', 'the request is for another chain');
    }
  });
}

function requireSameOffer(offer: readonly TlvRecord[], answer: readonly TlvRecord[]): void {
  const differing = firstDifference(recordsOf(offer, isOfferRecord), recordsOf(answer, isOfferRecord));
  if (differing !== undefined) {
    refuseRecord(differing, 'offer_field_mismatch', `record ${differing} is not the offer's`);
  }
}

function checkArrival(offer: Offer, arrivedAt: RequestCheck['arrivedAt']): void {
  if (arrivedAt === undefined) return;
  const expected = lastBlindedIds(offer);
  const right = arrivedAt === 'direct' ? expected.length === 0 : expected.some((id) => equalBytes(id, arrivedAt));
  if (!right) refuseRecord(16n, 'wrong_path', 'the request did not come over a path of its offer');
}

/**
 * Errors: `mirror_mismatch` with the first record that differs, `node_id_not_requested`, `amount_not_agreed` if the
 * invoice wants more than the request named or the offer costs, `expired`, `unsupported_chain`.
 *
 * An offer in a currency has no price to compare with: there the payer's user has to agree to `invoice.amountMsat`.
 */
export function checkInvoiceAgainstRequest(
  request: InvoiceRequest,
  invoice: Bolt12Invoice,
  options: InvoiceCheck = {},
): Bolt12Result<void> {
  return refusable(() => {
    const differing = firstDifference(
      recordsOf(request.records, isRequestRecord),
      recordsOf(invoice.records, isRequestRecord),
    );
    if (differing !== undefined) {
      refuseRecord(differing, 'mirror_mismatch', `record ${differing} is not the one that was requested`);
    }
    checkSigner(request, invoice, options);
    const agreed = request.amountMsat ?? priceOf(request.offer, request.quantity);
    if (agreed !== undefined && invoice.amountMsat > agreed) {
      refuseRecord(170n, 'amount_not_agreed', `${agreed} msat were agreed, the invoice is for ${invoice.amountMsat}`);
    }
    checkNotExpired(invoice, options);
    if (options.chains && !includesChain(options.chains, chainOf(request))) {
      refuseRecord(80n, 'unsupported_chain', 'the invoice is for another chain');
    }
  });
}

/** Who is allowed at all, the decoder has checked; here is who was asked. */
function checkSigner({ offer }: InvoiceRequest, { nodeId }: InvoiceTerms, { sentViaBlindedId }: InvoiceCheck): void {
  if (offer.issuerId || !sentViaBlindedId || !offer.paths) return;
  if (!equalBytes(nodeId, sentViaBlindedId)) {
    refuseRecord(
      176n,
      'node_id_not_requested',
      'the invoice is signed by the end of another path than it was asked over',
    );
  }
}

/**
 * Does a static invoice belong to the offer, or to the offer that the request answers?
 * Errors: `not_for_an_offer`, `offer_field_mismatch` with the first record that differs, `node_id_not_requested`,
 * `expired`, `unsupported_chain`.
 */
export function checkStaticInvoiceAgainstRequest(
  asked: InvoiceRequest | Offer,
  invoice: StaticInvoice,
  options: InvoiceCheck = {},
): Bolt12Result<void> {
  return refusable(() => {
    const request = 'isForOffer' in asked ? asked : undefined;
    if (request && !request.isForOffer) refuseRecord(22n, 'not_for_an_offer', 'the request answers no offer');
    requireSameOffer(asked.records, invoice.records);
    checkOfferExpiry(invoice.offer, options);
    checkNotExpired(invoice, options);
    if (request) checkSigner(request, invoice, options);
    const [chain] = chainsOf(invoice.offer);
    if (request && !equalBytes(chainOf(request), chain!)) {
      refuseRecord(2n, 'unsupported_chain', 'the request is for another chain than the static invoice');
    }
    if (options.chains && !includesChain(options.chains, chain!)) {
      refuseRecord(2n, 'unsupported_chain', 'the static invoice is for another chain');
    }
  });
}
