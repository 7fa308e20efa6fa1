/** Keys and streams that Sphinx derives from a shared secret (BOLT 4, "Key Generation" and "Pseudo Random Byte Stream"). */
import { chacha20, hmacSha256 } from '../crypto/index.js';

export type KeyLabel = 'rho' | 'mu' | 'um' | 'pad' | 'ammag' | 'ammagext' | 'blinded_node_id';

/** HMAC-SHA256 of `secret` under the label's ASCII bytes; 32 bytes. `pad` takes the session key as its secret. */
export function onionKey(label: KeyLabel, secret: Uint8Array): Uint8Array {
  return hmacSha256(label, secret);
}

/** The first blocks' counter and the nonce are both zero: a key is used for one stream only. */
const START = new Uint8Array(16);

/** `data` XOR the ChaCha20 stream of `key`. */
export function xorStream(key: Uint8Array, data: Uint8Array): Uint8Array {
  return chacha20(key, START, data);
}

/** The first `length` bytes of the ChaCha20 stream of `key`. */
export function streamBytes(key: Uint8Array, length: number): Uint8Array {
  return chacha20(key, START, new Uint8Array(length));
}

const BLOCK_LENGTH = 64;

/** Bytes `start` to `start + length` of the stream of `key`, without computing the blocks before them. */
export function streamSection(key: Uint8Array, start: number, length: number): Uint8Array {
  const block = Math.floor(start / BLOCK_LENGTH);
  const skip = start - block * BLOCK_LENGTH;
  const iv = new Uint8Array(16);
  new DataView(iv.buffer).setUint32(0, block, true);
  return chacha20(key, iv, new Uint8Array(skip + length)).subarray(skip);
}
