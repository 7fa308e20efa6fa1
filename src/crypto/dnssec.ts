/**
 * Signatures and digests of DNSSEC. A door of its own beside the index: only who checks a DNS proof loads these curves.
 * Everything here is public data and runs in browsers as well.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384 } from '@noble/curves/nist.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { concat } from '../wire/bytes.js';
import { uintOf } from '../wire/integers.js';
import { DIGEST_INFO, type RsaKey, verifyRsa } from './rsa.js';

/** DNSSEC algorithm numbers (IANA "DNS Security Algorithm Numbers"). Those that sign with SHA-1 are left out: BIP 353. */
const RSASHA256 = 8;
const RSASHA512 = 10;
const ECDSAP256SHA256 = 13;
const ECDSAP384SHA384 = 14;
const ED25519 = 15;

type Verifier = (key: Uint8Array, signature: Uint8Array, data: Uint8Array) => boolean;

const VERIFIERS: ReadonlyMap<number, Verifier> = new Map<number, Verifier>([
  [RSASHA256, (key, signature, data) => rsa(key, (n) => verifyRsa(n, DIGEST_INFO.sha256, sha256(data), signature))],
  [RSASHA512, (key, signature, data) => rsa(key, (n) => verifyRsa(n, DIGEST_INFO.sha512, sha512(data), signature))],
  [ECDSAP256SHA256, (key, signature, data) => ecdsa(p256, key, signature, data)],
  [ECDSAP384SHA384, (key, signature, data) => ecdsa(p384, key, signature, data)],
  [ED25519, (key, signature, data) => ed25519.verify(signature, data, key, { zip215: false })],
]);

/** RFC 6605: the key is x ‖ y, the signature r ‖ s; high s is as good as low s. The library checks the lengths. */
function ecdsa(curve: typeof p256, key: Uint8Array, signature: Uint8Array, data: Uint8Array): boolean {
  return curve.verify(signature, data, concat(Uint8Array.of(4), key), {
    prehash: true,
    lowS: false,
    format: 'compact',
  });
}

/** BIP 353 refuses shorter keys; longer ones than the usual largest would only cost time. */
const MIN_RSA_BITS = 1024;
const MAX_RSA_BITS = 4096;
/** The largest exponent in use. */
const MAX_RSA_EXPONENT = 2n ** 32n + 1n;

/** RFC 3110: the exponent's length in one byte, or in two behind a zero byte; the exponent; the modulus. */
function rsa(key: Uint8Array, verify: (key: RsaKey) => boolean): boolean {
  const isLong = key[0] === 0;
  const start = isLong ? 3 : 1;
  const length = isLong ? Number(uintOf(key.subarray(1, 3))) : (key[0] ?? 0);
  const [exponentBytes, modulus] = [key.subarray(start, start + length), key.subarray(start + length)];
  if (exponentBytes.length > 5 || modulus.length === 0 || modulus.length > MAX_RSA_BITS / 8) return false;
  const bits = 8 * (modulus.length - 1) + (32 - Math.clz32(modulus[0]!));
  const exponent = uintOf(exponentBytes);
  const isSound = modulus[0] !== 0 && bits >= MIN_RSA_BITS && exponent >= 3n && exponent <= MAX_RSA_EXPONENT;
  return isSound && verify({ modulus, exponent });
}

export function isDnssecAlgorithm(algorithm: number): boolean {
  return VERIFIERS.has(algorithm);
}

/**
 * True if the public key (as a DNSKEY record carries it) made the signature over `data`. False as well for an algorithm that
 * is not known, and for keys and signatures of a wrong form.
 */
export function verifyDnssec(algorithm: number, key: Uint8Array, signature: Uint8Array, data: Uint8Array): boolean {
  try {
    return VERIFIERS.get(algorithm)?.(key, signature, data) ?? false;
  } catch {
    return false; // the libraries throw on wrong lengths, points off the curve and numbers out of range
  }
}

/** DS digest types (IANA "DS RR Type Digest Algorithms"). */
export const DS_SHA1 = 1;

const DIGESTS: ReadonlyMap<number, (data: Uint8Array) => Uint8Array> = new Map([
  [DS_SHA1, sha1],
  [2, sha256],
  [4, sha384],
]);

export function isDsDigestType(type: number): boolean {
  return DIGESTS.has(type);
}

/** Undefined for a digest type that is not known. */
export function dsDigest(type: number, data: Uint8Array): Uint8Array | undefined {
  return DIGESTS.get(type)?.(data);
}

/** NSEC3 hash of a name in wire form (RFC 5155 §5): `iterations` more rounds after the first. */
export function nsec3Hash(name: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
  let hash: Uint8Array = sha1(concat(name, salt));
  for (let round = 0; round < iterations; round++) hash = sha1(concat(hash, salt));
  return hash;
}
