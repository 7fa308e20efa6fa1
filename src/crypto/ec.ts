/**
 * The curve port: every secp256k1 operation Manifold needs, so that nothing else knows which library computes it.
 * Backends must agree byte for byte (the property tests run over all of them).
 *
 * Secrets are 32 bytes, points 33 bytes (compressed), signatures 64 bytes (r ‖ s), hashes 32 bytes. A secret that is zero,
 * not below the group order or of another length is a bug of the caller and throws `RangeError`; a *point* or *signature*
 * usually comes from a stranger, so operations on it answer `undefined` or `false` when it is bad.
 */
export type EcBackend = 'native' | 'tiny' | 'noble';

export interface RecoverableSignature {
  readonly signature: Uint8Array;
  /** 0–3 */
  readonly recoveryId: number;
}

export interface Ec {
  readonly backend: EcBackend;
  isSecret(secret: Uint8Array): boolean;
  isPoint(point: Uint8Array): boolean;
  publicKey(secret: Uint8Array): Uint8Array;
  /** SHA-256 of the compressed point `secret · point` (BOLT 4, BOLT 8). Undefined if `point` is not on the curve. */
  ecdh(secret: Uint8Array, point: Uint8Array): Uint8Array | undefined;
  /** `scalar · point` for a scalar that is no long-lived secret. Undefined if `point` is not on the curve. */
  multiplyPoint(point: Uint8Array, scalar: Uint8Array): Uint8Array | undefined;
  /** `a · b` modulo the group order. */
  multiplySecret(a: Uint8Array, b: Uint8Array): Uint8Array;
  /** Deterministic (RFC 6979, no extra data), low s. */
  sign(hash: Uint8Array, secret: Uint8Array): RecoverableSignature;
  /** The key that made the signature; both low and high s. Undefined if there is none. */
  recover(hash: Uint8Array, signature: Uint8Array, recoveryId: number): Uint8Array | undefined;
  /** ECDSA with low s only. */
  verify(hash: Uint8Array, signature: Uint8Array, point: Uint8Array): boolean;
  /**
   * BIP 340 signature of 32 bytes by the key's even point. `auxiliary` are 32 random bytes against faults and side
   * channels; without them the signature is deterministic.
   */
  signSchnorr(message: Uint8Array, secret: Uint8Array, auxiliary?: Uint8Array): Uint8Array;
  /** BIP 340 of 32 bytes; `key` is the x of a point, 32 bytes. */
  verifySchnorr(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean;
}

/** BIP 340 takes messages of any length; these are always hashes. Another length is a bug of the caller. */
export function requireSchnorrInput(message: Uint8Array, auxiliary: Uint8Array): void {
  if (message.length !== 32) throw new RangeError('a message to sign by BIP 340 has 32 bytes here');
  if (auxiliary.length !== 32) throw new RangeError('auxiliary randomness of BIP 340 has 32 bytes');
}

/** True if message, signature and key have the lengths that BIP 340 gives them. */
export function looksSchnorr(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  return message.length === 32 && signature.length === 64 && key.length === 32;
}

export function requireSecret(valid: boolean): void {
  if (!valid) throw new RangeError('a secret key must be 32 bytes, above zero and below the group order');
}

export function isRecoveryId(id: number): id is 0 | 1 | 2 | 3 {
  return id === 0 || id === 1 || id === 2 || id === 3;
}

/** Points are compressed everywhere in Lightning; libraries also read other forms, we do not. */
export function looksCompressed(point: Uint8Array): boolean {
  return point.length === 33 && (point[0] === 2 || point[0] === 3);
}
