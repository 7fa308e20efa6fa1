/** What a browser computes with: `@noble` packages only. Same face as `platform`. */
import { chacha20 as nobleChacha20, chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { concat, utf8 } from '../wire/bytes.js';
import { type Ec } from './ec.js';
import { nobleEc } from './ec-noble.js';

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return nobleSha256(concat(...parts));
}

export function hmacSha256(key: Uint8Array | string, ...parts: readonly Uint8Array[]): Uint8Array {
  return hmac(nobleSha256, typeof key === 'string' ? utf8(key) : key, concat(...parts));
}

export function chacha20(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Uint8Array {
  const counter = new DataView(iv.buffer, iv.byteOffset, 4).getUint32(0, true);
  return nobleChacha20(key, iv.subarray(4), data, undefined, counter);
}

export function sealChaCha20Poly1305(
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array = new Uint8Array(),
): Uint8Array {
  return chacha20poly1305(key, nonce, associatedData).encrypt(plaintext);
}

export function openChaCha20Poly1305(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associatedData: Uint8Array = new Uint8Array(),
): Uint8Array | undefined {
  try {
    return chacha20poly1305(key, nonce, associatedData).decrypt(sealed);
  } catch {
    return undefined;
  }
}

export function randomBytes(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}

export function availableBackends(): Ec[] {
  return [nobleEc];
}

export const ec: Ec = nobleEc;
