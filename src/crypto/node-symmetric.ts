/** Hashes and streams on `node:crypto`. */
import { createCipheriv, createDecipheriv, hash, randomBytes as nodeRandomBytes } from 'node:crypto';
import { chacha20 as nobleChacha20 } from '@noble/ciphers/chacha.js';
import { concat, utf8 } from '../wire/bytes.js';

/** A plain `Uint8Array` over the same memory: `Buffer` must not leave this file, its `slice` does not copy. */
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);

/**
 * A digest through text of one character per byte: a one-shot hash that leaves neither a handle nor memory outside the heap
 * behind, of which thousands per second would make every garbage collection a pause that forwards have to wait for.
 */
function digestOf(data: Uint8Array): string {
  return hash('sha256', data, 'binary');
}

function bytesOf(text: string, into = new Uint8Array(text.length), offset = 0): Uint8Array {
  for (let i = 0; i < text.length; i++) into[offset + i] = text.charCodeAt(i);
  return into;
}

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return bytesOf(digestOf(parts.length === 1 ? parts[0]! : concat(...parts)));
}

const HASH_LENGTH = 32;
/** Bytes that SHA-256 takes at a time, and length of the key inside an HMAC. */
const HASH_BLOCK = 64;
/** Where inner and outer input are put together; longer messages (an onion has 1,366 bytes) get memory of their own. */
const innerScratch = new Uint8Array(2048);
const outerScratch = new Uint8Array(HASH_BLOCK + HASH_LENGTH);

/** RFC 2104, as two one-shot hashes. */
export function hmacSha256(key: Uint8Array | string, ...parts: readonly Uint8Array[]): Uint8Array {
  const given = typeof key === 'string' ? utf8(key) : key;
  const short = given.length > HASH_BLOCK ? sha256(given) : given;
  let length = HASH_BLOCK;
  for (const part of parts) length += part.length;
  const inner = length <= innerScratch.length ? innerScratch : new Uint8Array(length);
  for (let i = 0; i < HASH_BLOCK; i++) {
    const byte = i < short.length ? short[i]! : 0;
    inner[i] = byte ^ 0x36;
    outerScratch[i] = byte ^ 0x5c;
  }
  let at = HASH_BLOCK;
  for (const part of parts) {
    inner.set(part, at);
    at += part.length;
  }
  bytesOf(digestOf(inner.subarray(0, length)), outerScratch, HASH_BLOCK);
  return bytesOf(digestOf(outerScratch));
}

/** Up to here JavaScript is faster than making a cipher. */
const SHORT_STREAM = 256;
const STREAM_BLOCK = 64;
const LAST_COUNTER = 0xffff_ffff;

/**
 * ChaCha20 with a 16-byte IV: bytes 0–3 are the initial block counter (little-endian), bytes 4–15 the nonce.
 * Encrypts and decrypts.
 */
export function chacha20(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const counter = (iv[0]! | (iv[1]! << 8) | (iv[2]! << 16) | (iv[3]! << 24)) >>> 0;
  // The JavaScript cipher refuses the last counters, which a payer may choose.
  const isShort = data.length <= SHORT_STREAM && counter < LAST_COUNTER - SHORT_STREAM / STREAM_BLOCK;
  if (isShort) return nobleChacha20(key, iv.subarray(4), data, undefined, counter);
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
