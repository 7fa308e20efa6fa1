/**
 * Curve backend on the native binding of `secp256k1`: constant time and several times faster than WebAssembly.
 *
 * The package's main entry silently falls back to a slow library that is not constant time, so only its bindings file is
 * loaded, and a platform without a prebuilt binary gets `undefined` here.
 */
import { createRequire } from 'node:module';
import { type Ec, isRecoveryId, looksCompressed, requireSecret } from './ec.js';
import { Fn } from './group-order.js';
import { schnorrOver } from './schnorr.js';

/** The part of the binding's interface that is used. */
interface Binding {
  privateKeyVerify(secret: Uint8Array): boolean;
  privateKeyNegate(secret: Uint8Array): Uint8Array;
  privateKeyTweakAdd(secret: Uint8Array, tweak: Uint8Array): Uint8Array;
  privateKeyTweakMul(secret: Uint8Array, tweak: Uint8Array): Uint8Array;
  publicKeyVerify(point: Uint8Array): boolean;
  publicKeyCreate(secret: Uint8Array, compressed: boolean): Uint8Array;
  publicKeyTweakAdd(point: Uint8Array, tweak: Uint8Array, compressed: boolean): Uint8Array;
  publicKeyTweakMul(point: Uint8Array, tweak: Uint8Array, compressed: boolean): Uint8Array;
  ecdh(point: Uint8Array, secret: Uint8Array): Uint8Array;
  ecdsaSign(hash: Uint8Array, secret: Uint8Array): { signature: Uint8Array; recid: number };
  ecdsaRecover(signature: Uint8Array, recid: number, hash: Uint8Array, compressed: boolean): Uint8Array;
  ecdsaVerify(signature: Uint8Array, hash: Uint8Array, point: Uint8Array): boolean;
}

function loadBinding(): Binding | undefined {
  try {
    return createRequire(import.meta.url)('secp256k1/bindings.js') as Binding;
  } catch {
    return undefined;
  }
}

/** The native backend, or undefined where this platform has no prebuilt binding. */
export function loadNativeEc(): Ec | undefined {
  const binding = loadBinding();
  if (!binding) return undefined;

  const isSecret = (secret: Uint8Array): boolean => secret.length === 32 && binding.privateKeyVerify(secret);
  const orUndefined = (compute: () => Uint8Array): Uint8Array | undefined => {
    try {
      return compute();
    } catch {
      return undefined;
    }
  };

  // The binding is older than BIP 340, but has all that it is made of. It works on secrets in place.
  const schnorr = schnorrOver({
    isSecret,
    publicKey: (secret) => binding.publicKeyCreate(secret, true),
    negate: (secret) => binding.privateKeyNegate(secret.slice()),
    multiply: (secret, factor) => binding.privateKeyTweakMul(secret.slice(), factor),
    add: (secret, summand) => binding.privateKeyTweakAdd(secret.slice(), summand),
    multiplyPoint: (point, factor) => binding.publicKeyTweakMul(point, factor, true),
    addGenerator: (point, factor) => binding.publicKeyTweakAdd(point, factor, true),
  });

  return {
    ...schnorr,
    backend: 'native',
    isSecret,
    isPoint: (point) => looksCompressed(point) && binding.publicKeyVerify(point),
    publicKey(secret) {
      requireSecret(isSecret(secret));
      return binding.publicKeyCreate(secret, true);
    },
    ecdh(secret, point) {
      requireSecret(isSecret(secret));
      return looksCompressed(point) ? orUndefined(() => binding.ecdh(point, secret)) : undefined;
    },
    multiplyPoint(point, scalar) {
      requireSecret(isSecret(scalar));
      return looksCompressed(point) ? orUndefined(() => binding.publicKeyTweakMul(point, scalar, true)) : undefined;
    },
    multiplySecret(a, b) {
      requireSecret(isSecret(a) && isSecret(b));
      return binding.privateKeyTweakMul(a.slice(), b); // the binding works in place
    },
    sign(hash, secret) {
      requireSecret(isSecret(secret));
      // RFC 6979 takes the hash modulo the order; this binding would take its bytes as they are.
      const { signature, recid } = binding.ecdsaSign(Fn.reduce(hash), secret);
      return { signature, recoveryId: recid };
    },
    recover(hash, signature, recoveryId) {
      if (signature.length !== 64 || !isRecoveryId(recoveryId)) return undefined;
      return orUndefined(() => binding.ecdsaRecover(signature, recoveryId, hash, true));
    },
    verify(hash, signature, point) {
      if (signature.length !== 64 || !looksCompressed(point)) return false;
      try {
        return binding.ecdsaVerify(signature, hash, point);
      } catch {
        return false;
      }
    },
  };
}
