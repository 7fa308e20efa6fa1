/** Hashes and streams on `node:crypto`. */
import { createCipheriv, createDecipheriv, createHmac, hash, randomBytes as nodeRandomBytes } from 'node:crypto';
import { concat } from '../wire/bytes.js';

/** A plain `Uint8Array` over the same memory: `Buffer` must not leave this file, its `slice` does not copy. */
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return plain(hash('sha256', parts.length === 1 ? parts[0]! : concat(...parts), 'buffer'));
}

export function hmacSha256(key: Uint8Array | string, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return plain(mac.digest());
}

/**
 * ChaCha20 with a 16-byte IV: bytes 0–3 are the initial block counter (little-endian), bytes 4–15 the nonce.
 * Encrypts and decrypts.
 */
export function chacha20(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  return plain(createCipheriv('chacha20', key, iv).update(data));
}

const TAG_LENGTH = 16;

/** ChaCha20-Poly1305 (RFC 8439), 12-byte nonce; the 16-byte tag stands behind the ciphertext. */
export function sealChaCha20Poly1305(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array = new Uint8Array(),
): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_LENGTH });
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  const body = cipher.update(plaintext);
  cipher.final();
  return concat(body, cipher.getAuthTag());
}

/** The plaintext, or undefined if the tag does not fit. */
export function openChaCha20Poly1305(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associatedData: Uint8Array = new Uint8Array(),
): Uint8Array | undefined {
  if (sealed.length < TAG_LENGTH) return undefined;
  const split = sealed.length - TAG_LENGTH;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_LENGTH });
  decipher.setAAD(associatedData, { plaintextLength: split });
  decipher.setAuthTag(sealed.subarray(split));
  const body = decipher.update(sealed.subarray(0, split));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain(body);
}

export function randomBytes(length: number): Uint8Array {
  return plain(nodeRandomBytes(length));
}
