/** RSASSA-PKCS1-v1_5 verification (RFC 8017 §8.2.2). Public data only, so time may depend on it. */
import { concat, equalBytes, fromHex } from '../wire/bytes.js';
import { uintBytes, uintOf } from '../wire/integers.js';

export interface RsaKey {
  readonly modulus: Uint8Array;
  readonly exponent: bigint;
}

/** What stands before the digest: its algorithm in DER (RFC 8017 §9.2, note 1). */
export const DIGEST_INFO = {
  sha256: fromHex('3031300d060960864801650304020105000420'),
  sha512: fromHex('3051300d060960864801650304020305000440'),
} as const;

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base % modulus, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** True if `signature` is this key's over the digest. Bounding the sizes is the caller's part. */
export function verifyRsa(
  { modulus, exponent }: RsaKey,
  digestInfo: Uint8Array,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const length = modulus.length;
  const filler = length - 3 - digestInfo.length - digest.length;
  if (signature.length !== length || filler < 8) return false;
  const [n, s] = [uintOf(modulus), uintOf(signature)];
  if (s >= n) return false;
  const wanted = concat(Uint8Array.of(0, 1), new Uint8Array(filler).fill(0xff), Uint8Array.of(0), digestInfo, digest);
  return equalBytes(uintBytes(power(s, exponent, n), length), wanted);
}
