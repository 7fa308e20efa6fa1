/** Phantom nodes: cluster keys, payment secrets, SCIDs, route hints and invoices. */
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
export {
  DEFAULT_VERDICT_POLICY,
  type JudgedHtlc,
  judgeHtlc,
  MIN_PHANTOM_HOP_DELTA,
  PHANTOM_HOP_FEE_MSAT,
  type Verdict,
  type VerdictContext,
  type VerdictFailure,
  type VerdictPolicy,
} from './verdict.js';
