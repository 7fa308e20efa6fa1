/**
 * The primitives of LDK's stateless payment secrets, shared by their maker and their verifier (rust-lightning
 * `lightning/src/ln/inbound_payment.rs`).
 *
 *     secret = IV (16) ‖ ChaCha20(info key, IV, info)          info = amount field (8) ‖ expiry field (8)
 *
 * The amount field holds the method in its top 3 bits and the least msat in the others; the expiry field a Unix second,
 * with methods 2 and 3 a minimum final CLTV in its first 2 bytes.
 */
import { chacha20, hmacSha256 } from '../crypto/index.js';
import { concat } from '../wire/bytes.js';
import { u64 } from '../wire/integers.js';
import type { PaymentHash, PaymentSecret, Preimage } from '../wire/units.js';
import type { ClusterKeys } from './cluster-keys.js';

/** Kinds of secret by the number in the top 3 bits of the amount field. */
export const SecretMethod = {
  ownHash: 0,
  userHash: 1,
  ownHashCustomCltv: 2,
  userHashCustomCltv: 3,
  spontaneous: 4,
} as const;
export type SecretMethod = (typeof SecretMethod)[keyof typeof SecretMethod];

/** Bytes of the initialisation vector at the head of a secret. */
export const IV_LENGTH = 16;

/** Metadata as it enters an HMAC: absent adds nothing, empty adds its length, so the two differ. */
function committed(metadata: Uint8Array | undefined): Uint8Array {
  if (!metadata) return new Uint8Array();
  return concat(u64(BigInt(metadata.length)).reverse(), metadata);
}

export function seal(keys: ClusterKeys, iv: Uint8Array, info: Uint8Array): PaymentSecret {
  return concat(iv, chacha20(keys.infoKey, iv, info));
}

export function ownPreimage(
  keys: ClusterKeys,
  iv: Uint8Array,
  info: Uint8Array,
  metadata: Uint8Array | undefined,
): Preimage {
  return hmacSha256(keys.ownHashKey, iv, info, committed(metadata));
}

export function userHashIv(
  keys: ClusterKeys,
  info: Uint8Array,
  paymentHash: PaymentHash,
  metadata: Uint8Array | undefined,
): Uint8Array {
  return hmacSha256(keys.userHashKey, info, paymentHash, committed(metadata)).slice(0, IV_LENGTH);
}
