/** BOLT 12: offers, invoice requests, invoices and static invoices: reading, writing, signatures, checks, JSON. */
export { offerPriceMsat } from './amount.js';
export { buildDerivedOffer, buildInvoice, buildInvoiceRequest, buildOffer, buildStaticInvoice } from './build.js';
export type { Bolt12InvoiceDraft, DerivedOffer, RequestDraft, StaticInvoiceDraft } from './build.js';
export { derivedOfferKey, derivedOfferSigner, offerIdOf } from './derived-key.js';
export { decodeInvoiceError, encodeInvoiceError, type InvoiceError } from './invoice-error.js';
export {
  type Bolt12Invoice,
  bolt12InvoiceExpiresAt,
  decodeInvoice,
  DEFAULT_RELATIVE_EXPIRY,
  encodeInvoiceString,
  type InvoiceTerms,
} from './invoice.js';
export {
  decodeInvoiceRequest,
  encodeInvoiceRequestString,
  type InvoiceRequest,
  type KnownRequestFields,
  type RequestFields,
} from './invoice-request.js';
export { bolt12Fields, type Bolt12Kind, unknownBolt12Records } from './json.js';
export { merkleRoot } from './merkle.js';
export { decodeOffer, encodeOfferString, type Offer, type OfferFields } from './offer.js';
export {
  checkInvoiceAgainstRequest,
  checkRequestAgainstOffer,
  checkStaticInvoiceAgainstRequest,
  type InvoiceCheck,
  type RequestCheck,
} from './pairs.js';
export type { Bolt12Fallback, PayInfo, PaymentPath } from './pay-info.js';
export type { Bolt12Error, Bolt12Result } from './record.js';
export { type Bolt12Signer, type SignedMessage, signerOf, signingDigest, verifySignature } from './signature.js';
export {
  decodeStaticInvoice,
  DEFAULT_STATIC_RELATIVE_EXPIRY,
  encodeStaticInvoice,
  encodeStaticInvoiceString,
  type StaticInvoice,
} from './static-invoice.js';
export { encodeRecords, type ReadOptions } from './stream.js';
export type { Bip353Name } from './values.js';
