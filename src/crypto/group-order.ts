/** Arithmetic modulo the order of secp256k1, for backends whose library lacks it. */
import { uintBytes, uintOf } from '../wire/integers.js';

const ORDER = 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n;

export const Fn = {
  /** A 32-byte number modulo n. */
  reduce: (a: Uint8Array): Uint8Array => uintBytes(uintOf(a) % ORDER, 32),
  /** `-a mod n` of a 32-byte number. */
  negate: (a: Uint8Array): Uint8Array => uintBytes((ORDER - (uintOf(a) % ORDER)) % ORDER, 32),
  /** `a · b mod n` of two 32-byte numbers. */
  multiply: (a: Uint8Array, b: Uint8Array): Uint8Array => uintBytes((uintOf(a) * uintOf(b)) % ORDER, 32),
};
