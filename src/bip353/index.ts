/** BIP 353: names like user@domain, and proofs from the DNS root that they stand for payment instructions. */
export type { KeyDigest } from './keys.js';
export {
  decodeDnssecProof,
  decodeDnssecQuery,
  DNSSEC_PROOF_TYPE,
  DNSSEC_QUERY_TYPE,
  type DnssecProof,
  type DnssecQuery,
  encodeDnssecProof,
  encodeDnssecQuery,
} from './messages.js';
export { parsePaymentName, type PaymentName } from './name.js';
export { chooseUri, type PaymentUri, readPaymentUri } from './uri.js';
export { type VerifiedName, verifyName, type VerifyOptions } from './verify.js';
