/** Messages signed by a node key, as nodes' own `signmessage` does it (LSPS0.ln_signature). */
import { ec, type RecoverableSignature, sha256 } from '../../crypto/index.js';
import { concat, utf8 } from '../../wire/bytes.js';
import type { NodeId } from '../../wire/units.js';
import { fromZbase32, toZbase32 } from './zbase32.js';

const PREFIX = utf8('Lightning Signed Message:');
/** 27, plus 4 for a compressed key. */
const HEADER = 31;
const SIGNATURE_BYTES = 65;

/** What the signature covers: SHA-256 twice over the prefix and the message. */
export function messageDigest(message: Uint8Array): Uint8Array {
  return sha256(sha256(concat(PREFIX, message)));
}

/** For those who hold a key themselves; nodes have a call for it. */
export function signMessage(message: Uint8Array, secretKey: Uint8Array): string {
  return signatureText(ec.sign(messageDigest(message), secretKey));
}

/** A signature of {@link messageDigest} as it is passed on. */
export function signatureText({ signature, recoveryId }: RecoverableSignature): string {
  return toZbase32(concat(Uint8Array.of(HEADER + recoveryId), signature));
}

/**
 * The key that signed the message; undefined if none did. A second form of the same signature (high s), which anybody can
 * make of it, is refused.
 */
export function messageSigner(message: Uint8Array, zbase32: string): NodeId | undefined {
  const bytes = fromZbase32(zbase32, SIGNATURE_BYTES);
  if (!bytes) return undefined;
  const [digest, signature] = [messageDigest(message), bytes.subarray(1)];
  const signer = ec.recover(digest, signature, bytes[0]! - HEADER);
  return signer && ec.verify(digest, signature, signer) ? signer : undefined;
}
