/**
 * Curve backend on `tiny-secp256k1` (libsecp256k1 in WebAssembly): the default where no native binary exists.
 *
 * Its point multiplication takes variable time, so a secret scalar is split into two random shares that are multiplied
 * separately and added: every multiplication sees a fresh random scalar and its time says nothing about the key.
 */
import * as tiny from 'tiny-secp256k1';
import { Fn } from './group-order.js';
import { type Ec, isRecoveryId, looksCompressed, looksSchnorr, requireSchnorrInput, requireSecret } from './ec.js';
import { nobleEc } from './ec-noble.js';
import { randomBytes, sha256 } from './node-symmetric.js';

const isSecret = (secret: Uint8Array): boolean => secret.length === 32 && tiny.isPrivate(secret);
const isPoint = (point: Uint8Array): boolean => looksCompressed(point) && tiny.isPoint(point);

/** Both coordinates, so that the square root behind a compressed point is taken once. Undefined if it is not on the curve. */
function wholePoint(point: Uint8Array): Uint8Array | undefined {
  if (!looksCompressed(point)) return undefined;
  try {
    return tiny.pointCompress(point, false);
  } catch {
    return undefined;
  }
}

/** `secret · point` as the sum of two random shares of `secret`; takes a whole point, gives a compressed one. */
function blindedMultiply(point: Uint8Array, secret: Uint8Array): Uint8Array {
  for (;;) {
    const share = randomBytes(32);
    if (!tiny.isPrivate(share)) continue;
    const other = tiny.privateSub(secret, share);
    if (other === null) continue; // the share was the secret itself
    const left = tiny.pointMultiply(point, share, false);
    const right = tiny.pointMultiply(point, other, false);
    const sum = left && right && tiny.pointAdd(left, right, true);
    if (sum) return sum;
  }
}

export const tinyEc: Ec = {
  backend: 'tiny',
  isSecret,
  isPoint,
  publicKey(secret) {
    requireSecret(isSecret(secret));
    return tiny.pointFromScalar(secret, true)!;
  },
  ecdh(secret, point) {
    requireSecret(isSecret(secret));
    const whole = wholePoint(point);
    return whole && sha256(blindedMultiply(whole, secret));
  },
  multiplyPoint(point, scalar) {
    requireSecret(isSecret(scalar));
    const whole = wholePoint(point);
    return whole && (tiny.pointMultiply(whole, scalar, true) ?? undefined);
  },
  multiplySecret(a, b) {
    requireSecret(isSecret(a) && isSecret(b));
    return Fn.multiply(a, b);
  },
  sign(hash, secret) {
    requireSecret(isSecret(secret));
    return tiny.signRecoverable(hash, secret);
  },
  recover(hash, signature, recoveryId) {
    if (signature.length !== 64 || !isRecoveryId(recoveryId)) return undefined;
    // With id 2 or 3 the x of the nonce point is r plus the order; this library demands a point at r as well.
    if (recoveryId >= 2) return nobleEc.recover(hash, signature, recoveryId);
    try {
      return tiny.recover(hash, signature, recoveryId, true) ?? undefined;
    } catch {
      return undefined;
    }
  },
  verify(hash, signature, point) {
    if (signature.length !== 64 || !isPoint(point)) return false;
    try {
      return tiny.verify(hash, point, signature, true);
    } catch {
      return false;
    }
  },
  signSchnorr(message, secret, auxiliary = new Uint8Array(32)) {
    requireSecret(isSecret(secret));
    requireSchnorrInput(message, auxiliary);
    return tiny.signSchnorr(message, secret, auxiliary);
  },
  verifySchnorr(message, signature, key) {
    if (!looksSchnorr(message, signature, key)) return false;
    try {
      return tiny.verifySchnorr(message, key, signature);
    } catch {
      return false;
    }
  },
};
