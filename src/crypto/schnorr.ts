/** BIP 340 out of the operations of a library that lacks it. All work on secrets is the library's. */
import { equalBytes, utf8, xorBytes } from '../wire/bytes.js';
import { type Ec, looksSchnorr, requireSchnorrInput, requireSecret } from './ec.js';
import { Fn } from './group-order.js';
import { sha256 } from './node-symmetric.js';

/** Operations that throw where the result is zero, infinity or out of range, and leave their arguments as they are. */
interface Arithmetic {
  isSecret(secret: Uint8Array): boolean;
  /** Compressed. */
  publicKey(secret: Uint8Array): Uint8Array;
  /** `-secret` */
  negate(secret: Uint8Array): Uint8Array;
  multiply(secret: Uint8Array, factor: Uint8Array): Uint8Array;
  add(secret: Uint8Array, summand: Uint8Array): Uint8Array;
  /** Compressed, of a compressed point. */
  multiplyPoint(point: Uint8Array, factor: Uint8Array): Uint8Array;
  /** `point + factor · G` */
  addGenerator(point: Uint8Array, factor: Uint8Array): Uint8Array;
}

const EVEN = 2;

function tagged(name: string): (...parts: readonly Uint8Array[]) => Uint8Array {
  const tag = sha256(utf8(name));
  return (...parts) => sha256(tag, tag, ...parts);
}

const auxiliaryHash = tagged('BIP0340/aux');
const nonceHash = tagged('BIP0340/nonce');
const challengeHash = tagged('BIP0340/challenge');

export function schnorrOver(arithmetic: Arithmetic): Pick<Ec, 'signSchnorr' | 'verifySchnorr'> {
  /** The secret whose point has an even y, and that point's x. */
  const even = (secret: Uint8Array): { secret: Uint8Array; x: Uint8Array } => {
    const point = arithmetic.publicKey(secret);
    return { secret: point[0] === EVEN ? secret : arithmetic.negate(secret), x: point.subarray(1) };
  };

  return {
    signSchnorr(message, secret, auxiliary = new Uint8Array(32)) {
      requireSecret(arithmetic.isSecret(secret));
      requireSchnorrInput(message, auxiliary);
      const key = even(secret);
      const masked = xorBytes(key.secret, auxiliaryHash(auxiliary));
      const nonce = even(Fn.reduce(nonceHash(masked, key.x, message)));
      const challenge = Fn.reduce(challengeHash(nonce.x, key.x, message));
      const signature = new Uint8Array(64);
      signature.set(nonce.x);
      signature.set(arithmetic.add(arithmetic.multiply(key.secret, challenge), nonce.secret), 32);
      return signature;
    },
    verifySchnorr(message, signature, key) {
      if (!looksSchnorr(message, signature, key)) return false;
      const r = signature.subarray(0, 32);
      const challenge = Fn.negate(challengeHash(r, key, message));
      try {
        const point = new Uint8Array(33);
        point[0] = EVEN;
        point.set(key, 1);
        const nonce = arithmetic.addGenerator(arithmetic.multiplyPoint(point, challenge), signature.slice(32));
        return nonce[0] === EVEN && equalBytes(nonce.subarray(1), r);
      } catch {
        return false;
      }
    },
  };
}
