/** Phantom nodes: cluster keys, payment secrets, SCIDs, route hints and invoices. */
export { BLINDED_SCID_VARIANTS, blindedPhantomScid, type BlindedScidKind } from './blinded-scid.js';
export { ClusterKeys, type KeyEpoch, KeyRing } from './cluster-keys.js';
export { decodeLdkPhantomRouteHints, importedMember, phantomRouteHintsOfJson } from './import-hints.js';
export {
  createPhantomInvoice,
  DEFAULT_MIN_FINAL_CLTV,
  LEAST_MIN_FINAL_CLTV,
  MOST_MIN_FINAL_CLTV,
  type PhantomInvoice,
  type PhantomInvoiceParams,
} from './invoice.js';
export { LDK_MAX_HINTS, ldkHintChannels, ldkRouteHints, type PhantomRouteHints } from './ldk-hints.js';
export {
  createLdkPhantomInvoice,
  LDK_0_1,
  LDK_0_2,
  type LdkInvoiceConstants,
  type LdkInvoiceParams,
  type LdkPhantomInvoice,
} from './ldk-invoice.js';
export {
  isLdkFakeScid,
  ldkFakeOutput,
  ldkFakeScid,
  type LdkFakeScidParams,
  type LdkScidNamespace,
} from './ldk-scid.js';
export type { ClusterMember, MemberChannel, PeerPolicy } from './member.js';
export {
  answerInvoiceRequest,
  type AnswerParams,
  type AnswerRefusal,
  DEFAULT_OFFER_INVOICE_EXPIRY,
  type OfferInvoice,
} from './offer/answer.js';
export { type Draws, drawsFrom } from './offer/draws.js';
export {
  DEFAULT_OFFER_PATHS,
  type MessagePathParams,
  messagePathsToPhantom,
  MOST_OFFER_PATHS,
} from './offer/message-paths.js';
export { createPhantomOffer, type PhantomOffer, type PhantomOfferParams } from './offer/offer.js';
export type { InvoiceReceipt } from './offer/path-content.js';
export { blindedPathKey, type PathIdentity } from './offer/path-key.js';
export type { OfferReceipt } from './offer/receipt.js';
export {
  createPhantomStaticInvoice,
  type PhantomStaticInvoice,
  type StaticInvoiceParams,
} from './offer/static-invoice.js';
export {
  type CreationError,
  EXPIRY_GRACE_SECONDS,
  type IssuedOwnSecret,
  type IssuedSecret,
  issuePaymentSecret,
  issuePaymentSecretForHash,
  issueSpontaneousSecret,
  type OwnSecretParams,
  type SecretTerms,
  type UserHashSecretParams,
} from './payment-secret.js';
export {
  chooseRouteHints,
  type ChosenHints,
  DEFAULT_MAX_HINTS,
  HINT_CLTV_EXPIRY_DELTA,
  type HintError,
  type HintParams,
  MOST_HINTS,
} from './route-hints.js';
export { PHANTOM_SCID_VARIANTS, phantomScid, type RecognisedScid, recognisePhantomScid } from './scid.js';
export { SecretMethod } from './secret-format.js';
export {
  paymentPreimage,
  type SecretRefusal,
  type SecretVerdict,
  type VerifiedSecret,
  verifyPaymentSecret,
  verifyPaymentSecretByRing,
  type VerifySecretParams,
} from './verify-secret.js';
export type { InvoiceDescription, PhantomInvoiceError } from './write-invoice.js';
export { judgeHtlc } from './verdict.js';
export {
  BLINDED_HOP_DELTA,
  DEFAULT_VERDICT_POLICY,
  type JudgedHtlc,
  MIN_PHANTOM_HOP_DELTA,
  PHANTOM_HOP_FEE_MSAT,
  type Verdict,
  type VerdictContext,
  type VerdictFailure,
  type VerdictPolicy,
} from './verdict-types.js';
