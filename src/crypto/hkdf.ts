/** HKDF with SHA-256 and empty info (RFC 5869), as BOLT 8 and LDK use it. */
import { concat } from '../wire/bytes.js';
import { hmacSha256 } from './platform.js';

/** `blocks` output blocks of 32 bytes each. */
export function hkdfBlocks(salt: Uint8Array | string, input: Uint8Array, blocks: number): Uint8Array[] {
  const key = hmacSha256(salt, input);
  const out: Uint8Array[] = [];
  let previous = new Uint8Array();
  for (let counter = 1; counter <= blocks; counter++) {
    previous = hmacSha256(key, concat(previous, Uint8Array.of(counter))) as Uint8Array<ArrayBuffer>;
    out.push(previous);
  }
  return out;
}
