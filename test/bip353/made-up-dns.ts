/**
 * A DNS of our own with its own root key: zones, records and signatures by node:crypto, written here a second time so that
 * the checker is not tested against itself.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { KeyDigest } from '../../src/bip353/index.js';

export const NOW = 1_800_000_000;
const RRSIG = 46;
export const [CNAME, TXT, DNAME, DS, NSEC, DNSKEY, NSEC3] = [5, 16, 39, 43, 47, 48, 50] as const;

export const bytes = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
export const u16 = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];
const u32 = (value: number): number[] => [...u16(value >>> 16), ...u16(value & 0xffff)];
const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));

/** Wire form of a name written with dots, each one as written. */
export function wire(name: string): Uint8Array {
  const labels = name.split('.').filter((label) => label !== '');
  return bytes(...labels.map((label) => [label.length, ...ascii(label)]), [0]);
}

const labelCount = (name: string): number => name.split('.').filter((label) => label !== '' && label !== '*').length;

export const txt = (...pieces: string[]): Uint8Array =>
  bytes(...pieces.map((piece) => [piece.length, ...ascii(piece)]));

export type Algorithm = 8 | 10 | 13 | 14 | 15;

export interface Key {
  readonly algorithm: number;
  /** DNSKEY record. */
  readonly data: Uint8Array;
  readonly tag: number;
  sign(data: Uint8Array): Uint8Array;
}

const base64 = (text: string | undefined): Uint8Array => new Uint8Array(Buffer.from(text ?? '', 'base64url'));

function keyPair(algorithm: Algorithm, rsaBits: number): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 15) return generateKeyPairSync('ed25519');
  if (algorithm === 8 || algorithm === 10) return generateKeyPairSync('rsa', { modulusLength: rsaBits });
  return generateKeyPairSync('ec', { namedCurve: algorithm === 13 ? 'P-256' : 'P-384' });
}

export function makeKey(algorithm: Algorithm = 13, { flags = 257, rsaBits = 1024, protocol = 3 } = {}): Key {
  const { publicKey, privateKey } = keyPair(algorithm, rsaBits);
  const { x, y, n, e } = publicKey.export({ format: 'jwk' });
  const exponent = base64(e);
  const bare = n ? bytes([exponent.length], exponent, base64(n)) : bytes(base64(x), base64(y));
  const data = bytes(u16(flags), [protocol, algorithm], bare);
  const digest = { 8: 'sha256', 10: 'sha512', 13: 'sha256', 14: 'sha384', 15: null }[algorithm];
  return {
    algorithm,
    data,
    tag: tagOf(data),
    sign: (signed) => new Uint8Array(sign(digest, signed, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  };
}

/** RFC 4034 appendix B, with the sums kept apart. */
export function tagOf(data: Uint8Array): number {
  const sum = data.reduce((total, byte, i) => total + byte * (i % 2 === 0 ? 256 : 1), 0);
  return (sum + Math.floor(sum / 65_536)) % 65_536;
}

const DIGEST_NAMES = { 1: 'sha1', 2: 'sha256', 4: 'sha384' } as const;

export function digestOf(zone: string, key: Key, type: 1 | 2 | 4 = 2): KeyDigest {
  const digest = new Uint8Array(createHash(DIGEST_NAMES[type]).update(wire(zone)).update(key.data).digest());
  return { keyTag: key.tag, algorithm: key.algorithm, digestType: type, digest };
}

export const dsData = ({ keyTag, algorithm, digestType, digest }: KeyDigest): Uint8Array =>
  bytes(u16(keyTag), [algorithm, digestType], digest);

export interface Zone {
  readonly name: string;
  readonly key: Key;
}

export const record = (owner: string, type: number, data: Uint8Array, ttl = 300, dnsClass = 1): Uint8Array =>
  bytes(wire(owner), u16(type), u16(dnsClass), u32(ttl), u16(data.length), data);

export interface SignOptions {
  readonly key?: Key;
  /** Name that is signed, a wildcard for instance; the owner unless given. */
  readonly as?: string;
  readonly labels?: number;
  readonly originalTtl?: number;
  readonly inception?: number;
  readonly expiration?: number;
  readonly keyTag?: number;
  readonly algorithm?: number;
  readonly signer?: string;
  readonly damage?: boolean;
}

const compare = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);

/** An RRSIG record over records in the order of the canonical form. */
export function signature(
  owner: string,
  type: number,
  data: readonly Uint8Array[],
  zone: Zone,
  options: SignOptions = {},
): Uint8Array {
  const { key = zone.key, as = owner, originalTtl = 300, signer = zone.name } = options;
  const header = bytes(
    u16(type),
    [options.algorithm ?? key.algorithm, options.labels ?? labelCount(as)],
    u32(originalTtl),
    u32(options.expiration ?? NOW + 1000),
    u32(options.inception ?? NOW - 1000),
    u16(options.keyTag ?? key.tag),
    wire(signer.toLowerCase()),
  );
  const fixed = bytes(wire(as.toLowerCase()), u16(type), u16(1), u32(originalTtl));
  const sorted = [...data].sort(compare);
  const made = key.sign(bytes(header, ...sorted.flatMap((one) => [fixed, u16(one.length), one])));
  if (options.damage === true) made[made.length - 1]! ^= 1;
  return record(owner, RRSIG, bytes(header, made));
}

/** Records with their signature. */
export function signed(
  owner: string,
  type: number,
  data: readonly Uint8Array[],
  zone: Zone,
  options: SignOptions = {},
): Uint8Array {
  return bytes(...data.map((one) => record(owner, type, one)), signature(owner, type, data, zone, options));
}

/** The zone's own keys. */
export function keysOf(zone: Zone, more: readonly Uint8Array[] = [], options: SignOptions = {}): Uint8Array {
  return signed(zone.name, DNSKEY, [zone.key.data, ...more], zone, options);
}

/** A child's DS record, signed by its parent. */
export function delegation(parent: Zone, child: Zone, type: 1 | 2 | 4 = 2, options: SignOptions = {}): Uint8Array {
  return signed(child.name, DS, [dsData(digestOf(child.name, child.key, type))], parent, options);
}

export const ROOT: Zone = { name: '.', key: makeKey() };
export const TEST: Zone = { name: 'test.', key: makeKey() };
export const SHOP: Zone = { name: 'shop.test.', key: makeKey() };
export const ANCHORS: readonly KeyDigest[] = [digestOf('.', ROOT.key)];
/** Everything from the root to the keys of `shop.test.`. */
export const CHAIN = bytes(keysOf(ROOT), delegation(ROOT, TEST), keysOf(TEST), delegation(TEST, SHOP), keysOf(SHOP));

export const OPTIONS = { now: NOW, anchors: ANCHORS } as const;
export const BOB = 'bob@shop.test';
export const BOB_DNS = 'bob.user._bitcoin-payment.shop.test.';
export const URI = 'bitcoin:?lno=lno1bob';

/** NSEC record: the next name and the types at this one, all below 256. */
export function nsecData(next: string, types: readonly number[]): Uint8Array {
  const bits = new Uint8Array(32);
  for (const type of types) bits[type >> 3]! |= 0x80 >> (type & 7);
  return bytes(wire(next), [0, 32], bits);
}

const SALT = [0xab, 0xcd];

export function nsec3Hash(name: string, iterations: number): Uint8Array {
  let hash = wire(name);
  for (let round = 0; round <= iterations; round++) {
    hash = new Uint8Array(createHash('sha1').update(bytes(hash, SALT)).digest());
  }
  return hash;
}

export function nsec3Data(next: Uint8Array, { iterations = 0, flags = 0, algorithm = 1 } = {}): Uint8Array {
  return bytes([algorithm, flags], u16(iterations), [SALT.length], SALT, [next.length], next);
}

export function base32Hex(data: Uint8Array): string {
  const bits = [...data].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((group) => Number.parseInt(group, 2).toString(32)).join('');
}

/** `hash` moved by a little on the circle of hashes. */
export function shifted(hash: Uint8Array, by: bigint): Uint8Array {
  const value = BigInt(`0x${Buffer.from(hash).toString('hex')}`);
  return new Uint8Array(
    Buffer.from(
      BigInt.asUintN(160, value + by)
        .toString(16)
        .padStart(40, '0'),
      'hex',
    ),
  );
}
