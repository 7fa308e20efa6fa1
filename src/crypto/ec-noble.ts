/** Curve backend on `@noble/curves`: audited, pure JavaScript, for browsers and as the oracle of the tests. */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Ec, isRecoveryId, looksCompressed, looksSchnorr, requireSchnorrInput, requireSecret } from './ec.js';

const { Point } = secp256k1;
const { Fn } = Point;

function parsePoint(point: Uint8Array): InstanceType<typeof Point> | undefined {
  if (!looksCompressed(point)) return undefined;
  try {
    const parsed = Point.fromBytes(point);
    parsed.assertValidity();
    return parsed;
  } catch {
    return undefined;
  }
}

function scalar(secret: Uint8Array): bigint {
  requireSecret(secret.length === 32 && secp256k1.utils.isValidSecretKey(secret));
  return Fn.fromBytes(secret);
}

export const nobleEc: Ec = {
  backend: 'noble',
  isSecret: (secret) => secret.length === 32 && secp256k1.utils.isValidSecretKey(secret),
  isPoint: (point) => parsePoint(point) !== undefined,
  publicKey: (secret) => Point.BASE.multiply(scalar(secret)).toBytes(true),
  ecdh(secret, point) {
    const k = scalar(secret);
    const parsed = parsePoint(point);
    return parsed && sha256(parsed.multiply(k).toBytes(true));
  },
  multiplyPoint(point, factor) {
    const k = scalar(factor);
    return parsePoint(point)?.multiply(k).toBytes(true);
  },
  multiplySecret: (a, b) => Fn.toBytes(Fn.mul(scalar(a), scalar(b))),
  sign(hash, secret) {
    requireSecret(nobleEc.isSecret(secret));
    const bytes = secp256k1.sign(hash, secret, { prehash: false, lowS: true, format: 'recovered' });
    return { signature: bytes.slice(1), recoveryId: bytes[0]! };
  },
  recover(hash, signature, recoveryId) {
    if (signature.length !== 64 || !isRecoveryId(recoveryId)) return undefined;
    try {
      const parsed = secp256k1.Signature.fromBytes(signature, 'compact').addRecoveryBit(recoveryId);
      return parsed.recoverPublicKey(hash).toBytes(true);
    } catch {
      return undefined;
    }
  },
  verify(hash, signature, point) {
    if (signature.length !== 64 || !parsePoint(point)) return false;
    try {
      return secp256k1.verify(signature, hash, point, { prehash: false, lowS: true, format: 'compact' });
    } catch {
      return false;
    }
  },
  signSchnorr(message, secret, auxiliary = new Uint8Array(32)) {
    requireSecret(nobleEc.isSecret(secret));
    requireSchnorrInput(message, auxiliary);
    return schnorr.sign(message, secret, auxiliary);
  },
  verifySchnorr(message, signature, key) {
    if (!looksSchnorr(message, signature, key)) return false;
    try {
      return schnorr.verify(signature, message, key);
    } catch {
      return false;
    }
  },
};
