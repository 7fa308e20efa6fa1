/** Reading the members of LDK's phantom vectors, and the derivations that only tests need. */
import { createHmac } from 'node:crypto';
import { poly1305 } from '@noble/ciphers/_poly1305.js';
import { chacha20 } from '../../src/crypto/index.js';
import { concat, fromHex, toHex } from '../../src/wire/bytes.js';
import { u32, uintBytes, uintOf } from '../../src/wire/integers.js';
import type { Result } from '../../src/wire/result.js';

export type Json = Readonly<Record<string, unknown>>;

class Mismatch extends Error {}

/** Thrown by a case that this program has no rule for. */
export class Unknown extends Error {}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(from: Json, name: string): Json {
  const value = from[name];
  if (!isObject(value)) throw new Mismatch(`${name} should be an object`);
  return value;
}

export function listAt(from: Json, name: string): readonly unknown[] {
  const value = from[name];
  if (!Array.isArray(value)) throw new Mismatch(`${name} should be a list`);
  return value;
}

export function maybe<T>(from: Json, name: string, read: (from: Json, name: string) => T): T | undefined {
  return from[name] === undefined || from[name] === null ? undefined : read(from, name);
}

export function text(from: Json, name: string): string {
  const value = from[name];
  if (typeof value !== 'string') throw new Mismatch(`${name} should be a string`);
  return value;
}

export const hex = (from: Json, name: string): Uint8Array => fromHex(text(from, name));

export function big(from: Json, name: string): bigint {
  const value = from[name];
  if (typeof value !== 'string' && typeof value !== 'number') throw new Mismatch(`${name} should be a number`);
  return BigInt(value);
}

export const number = (from: Json, name: string): number => Number(big(from, name));

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'none';
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (isObject(value)) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${name}: ${shown(member)}`).join(', ')}}`;
  }
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return value.toString();
  return 'unreadable';
}

/** Bytes equal their hex, numbers their decimal text, undefined equals null. */
export function same(what: string, actual: unknown, expected: unknown): void {
  const [got, wanted] = [shown(actual), shown(expected)];
  if (got !== wanted) throw new Mismatch(`${what}: got ${got.slice(0, 200)}, expected ${wanted.slice(0, 200)}`);
}

export function good<T>(result: Result<T, { readonly code: string; readonly message: string }>): T {
  if (!result.ok) throw new Mismatch(`refused: ${result.error.code} (${result.error.message})`);
  return result.value;
}

const GROUP_ORDER = 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n;

/** Secret key of BIP 32 child `index`' of the master key of `seed`. */
export function hardenedChild(seed: Uint8Array, index: number): Uint8Array {
  const hmac = (key: Uint8Array | string, data: Uint8Array): Uint8Array =>
    new Uint8Array(createHmac('sha512', key).update(data).digest());
  const master = hmac('Bitcoin seed', seed);
  const secret = master.slice(0, 32);
  const child = hmac(master.slice(32), concat(Uint8Array.of(0), secret, u32(0x8000_0000 + index)));
  return uintBytes((uintOf(child.slice(0, 32)) + uintOf(secret)) % GROUP_ORDER, 32);
}

/**
 * ChaCha20-Poly1305 with LDK's changed MAC: the key stands behind the ciphertext as if it were part of it, so that only who
 * knows the key can make or check the tag.
 */
export function sealWithKey(rho: Uint8Array, plaintext: Uint8Array, key: Uint8Array): Uint8Array {
  const block = (counter: number, data: Uint8Array): Uint8Array =>
    chacha20(rho, concat(u32(counter).reverse(), new Uint8Array(12)), data);
  const body = block(1, plaintext);
  const padding = new Uint8Array((16 - (body.length % 16)) % 16);
  const u64le = (value: number): Uint8Array => uintBytes(value, 8).reverse();
  const tag = poly1305(concat(body, padding, key, u64le(body.length), u64le(key.length)), block(0, new Uint8Array(32)));
  return concat(body, tag);
}
