/** Static invoices of the phantom: payable at any time, by payers that bring the preimage (bolts#1149 as LDK has it). */
import {
  buildStaticInvoice,
  derivedOfferSigner,
  encodeRecords,
  encodeStaticInvoice,
  type Offer,
  offerIdOf,
  offerPriceMsat,
  type StaticInvoice,
} from '../../bolt12/index.js';
import { type BlindedPath, PAYMENT_AREA_SIZE } from '../../onion/index.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { BlockHeight, NodeId, UnixSeconds } from '../../wire/units.js';
import type { KeyEpoch } from '../cluster-keys.js';
import { DEFAULT_MIN_FINAL_CLTV } from '../invoice.js';
import type { ClusterMember } from '../member.js';
import { issueSpontaneousSecret } from '../payment-secret.js';
import type { PhantomInvoiceError } from '../write-invoice.js';
import { drawsFrom } from './draws.js';
import { makeInvoicePaths } from './invoice-paths.js';
import { encodeStaticPath, NONCE_LENGTH } from './path-content.js';

export interface StaticInvoiceParams {
  /** Of the offer: its keys sign, and open the payments. */
  readonly epoch: KeyEpoch;
  readonly offer: Offer;
  /** With which the offer was made. */
  readonly nonce: Uint8Array;
  readonly members: readonly ClusterMember[];
  /** Over which payers tell that a payment is held (`held_htlc_available`). At least one. */
  readonly messagePaths: readonly BlindedPath[];
  /** The greatest of the members. */
  readonly height: BlockHeight;
  readonly now: UnixSeconds;
  /** From `now` on. */
  readonly expirySeconds: number;
  /** 32 fresh random bytes. */
  readonly entropy: Uint8Array;
  /** 1 to 5, default 3. Each makes the onion of a payment longer. */
  readonly maxPaths?: number | undefined;
}

export interface PhantomStaticInvoice {
  readonly bytes: Uint8Array;
  readonly invoice: StaticInvoice;
  readonly offerId: Uint8Array;
  readonly members: readonly NodeId[];
  readonly multiPart: boolean;
  /** Last second, by block time, at which a payment is accepted. */
  readonly acceptedUntil: UnixSeconds;
}

/** What a payer adds to the offer to make it a request: metadata, chain, amount, payer id, signature. */
const REQUEST_BYTES = 180;
/** Amounts, preimage and the heads of records for the last hop. */
const FINAL_BYTES = 80;
/** Length, key and check of every blinded hop. */
const HOP_BYTES = 40;
/** Four hops of an ordinary route to the path, or three and a note. */
const ROUTE_BYTES = 230;

/** What a payment over this path takes of the onion. */
function onionBytes(offer: Offer, path: BlindedPath): number {
  const hops = path.hops.reduce((sum, { encryptedData }) => sum + encryptedData.length + HOP_BYTES, 0);
  return encodeRecords(offer.records).length + REQUEST_BYTES + FINAL_BYTES + ROUTE_BYTES + hops;
}

/**
 * Makes a static invoice for an offer of ours. Pure.
 *
 * Errors: `not_our_offer`, `offer_too_long`, `currency_not_supported`, `no_members`, `no_healthy_member`, `no_usable_channel`, `amount_too_small`,
 * `invalid_expiry`, and those of `decodeStaticInvoice`.
 * @throws {RangeError} for entropy not of 32 bytes, `maxPaths` not 1 to 5
 */
export function createPhantomStaticInvoice(
  params: StaticInvoiceParams,
): Result<PhantomStaticInvoice, PhantomInvoiceError> {
  const { epoch, offer, nonce, now, expirySeconds } = params;
  const { keys } = epoch;
  const draws = drawsFrom(params.entropy);
  const signer =
    nonce.length === NONCE_LENGTH && derivedOfferSigner(keys.offersBaseKey, nonce, { offer, records: offer.records });
  if (!signer) return err({ code: 'not_our_offer', message: 'the offer was not made with this seed and nonce' });
  if (offer.currency !== undefined) {
    return err({ code: 'currency_not_supported', message: 'a static invoice cannot follow a currency: use bitcoin' });
  }
  const price = offerPriceMsat(offer);
  if (!price.ok) return price;
  const secret = issueSpontaneousSecret({
    keys,
    minAmountMsat: price.value,
    expiryDeltaSeconds: expirySeconds,
    now,
  });
  if (!secret.ok) return secret;
  const { paymentSecret, expiresAt } = secret.value;
  const paths = makeInvoicePaths({
    keys,
    members: params.members,
    amountMsat: price.value,
    paymentHash: undefined,
    pathId: encodeStaticPath({ paymentSecret, nonce }),
    height: params.height,
    expirySeconds,
    minFinalCltv: DEFAULT_MIN_FINAL_CLTV,
    draws,
    maxPaths: params.maxPaths,
  });
  if (!paths.ok) return paths;
  const { paymentPaths, features, members, multiPart } = paths.value;
  if (paymentPaths.some(({ path }) => onionBytes(offer, path) > PAYMENT_AREA_SIZE)) {
    return err({
      code: 'offer_too_long',
      message: 'payers bring the offer along in the onion, and this one is too long: make one with fewer paths',
    });
  }
  const built = buildStaticInvoice({
    offer,
    paymentPaths,
    messagePaths: params.messagePaths,
    createdAt: now,
    relativeExpirySeconds: expirySeconds,
    features,
    signer,
  });
  if (!built.ok) return built;
  return ok({
    bytes: encodeStaticInvoice(built.value),
    invoice: built.value,
    offerId: offerIdOf(offer.records),
    members,
    multiPart,
    acceptedUntil: expiresAt,
  });
}
