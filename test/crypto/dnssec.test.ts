import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { dsDigest, isDnssecAlgorithm, isDsDigestType, nsec3Hash, verifyDnssec } from '../../src/crypto/dnssec.js';
import { concat, fromHex, utf8 } from '../../src/wire/bytes.js';
import { uintBytes, uintOf } from '../../src/wire/integers.js';
import { base32Hex } from '../bip353/made-up-dns.js';

const DATA = utf8('what is signed');
const number = (text: string | undefined): Uint8Array => new Uint8Array(Buffer.from(text ?? '', 'base64url'));

function rsaKey(
  modulusLength: number,
  publicExponent = 65_537,
): { key: Uint8Array; privateKey: KeyObject; modulus: bigint } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  const { n, e } = publicKey.export({ format: 'jwk' });
  const exponent = number(e);
  return { key: concat(Uint8Array.of(exponent.length), exponent, number(n)), privateKey, modulus: uintOf(number(n)) };
}

const rsaSign = (privateKey: KeyObject, digest: 'sha256' | 'sha512' | 'sha1'): Uint8Array =>
  new Uint8Array(sign(digest, DATA, privateKey));

function powerOf(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) result = (result * result * (bit === '1' ? base : 1n)) % modulus;
  return result;
}

function inverseOf(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value, modulus, 1n, 0n];
  while (b > 0n) [a, b, x, y] = [b, a % b, y, x - (a / b) * y];
  return ((x % modulus) + modulus) % modulus;
}

describe('RSA', () => {
  const rsa1024 = rsaKey(1024);
  const { key, privateKey } = rsa1024;
  const good = rsaSign(privateKey, 'sha256');

  it.each([
    [1024, 3],
    [1025, 65_537],
    [2048, 65_537],
    [1024, 4_294_967_291],
  ])('of %i bits with exponent %i', (bits, exponent) => {
    const made = rsaKey(bits, exponent);
    expect(verifyDnssec(8, made.key, rsaSign(made.privateKey, 'sha256'), DATA)).toBe(true);
    expect(verifyDnssec(10, made.key, rsaSign(made.privateKey, 'sha512'), DATA)).toBe(true);
    expect(verifyDnssec(8, made.key, rsaSign(made.privateKey, 'sha512'), DATA)).toBe(false);
    expect(verifyDnssec(8, made.key, rsaSign(made.privateKey, 'sha1'), DATA)).toBe(false);
  });

  it('reads the long form of the exponent length', () => {
    const long = concat(Uint8Array.of(0, 0, 3), key.subarray(1));
    expect(verifyDnssec(8, long, good, DATA)).toBe(true);
  });

  it('refuses other data, and signatures that are one bit or one byte off', () => {
    expect(verifyDnssec(8, key, good, utf8('other'))).toBe(false);
    for (let bit = 0; bit < 1024; bit += 37) {
      const bad = good.slice();
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyDnssec(8, key, bad, DATA)).toBe(false);
    }
    expect(verifyDnssec(8, key, good.subarray(1), DATA)).toBe(false);
    expect(verifyDnssec(8, key, concat(Uint8Array.of(0), good), DATA)).toBe(false);
  });

  it('refuses a signature that is as good modulo the key, but larger', () => {
    const made = rsaKey(1025);
    const signature = uintOf(rsaSign(made.privateKey, 'sha256'));
    const verdict = (value: bigint): boolean => verifyDnssec(8, made.key, uintBytes(value, 129), DATA);
    expect([signature, signature + made.modulus].map(verdict)).toEqual([true, false]);
  });

  it('refuses a key of fewer than 1,024 bits', () => {
    const made = rsaKey(1023);
    expect(verifyDnssec(8, made.key, rsaSign(made.privateKey, 'sha256'), DATA)).toBe(false);
  });

  /** φ of a key's modulus. */
  const orderOf = (privateKey: KeyObject): bigint => {
    const { p, q } = privateKey.export({ format: 'jwk' });
    return (uintOf(number(p)) - 1n) * (uintOf(number(q)) - 1n);
  };
  /** What is behind a signature: digest and its algorithm, with their filler in front. */
  const openedBy = (made: ReturnType<typeof rsaKey>): bigint =>
    powerOf(uintOf(rsaSign(made.privateKey, 'sha256')), 65_537n, made.modulus);

  it('refuses a key of more than 4,096 bits', () => {
    const half = rsaKey(2048);
    const content = uintBytes(openedBy(half), 256).subarray(-52);
    const verdict = (other: ReturnType<typeof rsaKey>): boolean => {
      const n = half.modulus * other.modulus;
      const length = Math.ceil(n.toString(16).length / 2);
      const padded = concat(Uint8Array.of(0, 1), new Uint8Array(length - 54).fill(0xff), content);
      const secret = inverseOf(65_537n, orderOf(half.privateKey) * orderOf(other.privateKey));
      const key = concat(fromHex('03010001'), uintBytes(n, length));
      return verifyDnssec(8, key, uintBytes(powerOf(uintOf(padded), secret, n), length), DATA);
    };
    expect([2048, 2064].map((bits) => verdict(rsaKey(bits)))).toEqual([true, false]);
  });

  it('bounds the exponent', () => {
    const made = rsaKey(1024);
    const order = orderOf(made.privateKey);
    const padded = openedBy(made);
    const verdict = (exponent: bigint): boolean => {
      const signature = powerOf(padded, inverseOf(exponent, order), made.modulus);
      const changed = concat(Uint8Array.of(5), uintBytes(exponent, 5), made.key.subarray(4));
      return verifyDnssec(8, changed, uintBytes(signature, 128), DATA);
    };
    // The primes next to 2^32; and 1, by which everybody could sign.
    expect([4_294_967_291n, 4_294_967_311n, 1n].map(verdict)).toEqual([true, false, false]);
  });

  it('refuses a modulus with a zero in front, even if signed for', () => {
    const content = uintBytes(openedBy(rsa1024), 128).subarray(-52);
    const padded = concat(Uint8Array.of(0, 1), new Uint8Array(75).fill(0xff), content);
    const secret = inverseOf(65_537n, orderOf(rsa1024.privateKey));
    const signature = uintBytes(powerOf(uintOf(padded), secret, rsa1024.modulus), 129);
    const zeroInFront = concat(fromHex('0301000100'), uintBytes(rsa1024.modulus, 128));
    expect(verifyDnssec(8, zeroInFront, signature, DATA)).toBe(false);
  });

  it.each([
    ['', 'nothing'],
    ['00', 'half a length'],
    ['03010001', 'no modulus'],
    [`0101${'ff'.repeat(128)}`, 'exponent 1'],
    [`00ffff${'ff'.repeat(128)}`, 'an exponent longer than the key'],
    [`03010001${'00'.repeat(128)}`, 'a zero modulus'],
    [`0301000100${'ff'.repeat(128)}`, 'a modulus with a zero in front'],
  ])('refuses %s: %s', (hex) => {
    expect(verifyDnssec(8, fromHex(hex), good, DATA)).toBe(false);
  });
});

describe('curves', () => {
  const jwkKey = (publicKey: KeyObject): Uint8Array => {
    const { x, y } = publicKey.export({ format: 'jwk' });
    return concat(number(x), number(y));
  };

  it.each([
    [13, 'P-256', 'sha256', 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n],
    [
      14,
      'P-384',
      'sha384',
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    ],
  ] as const)('%i %s', (algorithm, namedCurve, digest, order) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
    const key = jwkKey(publicKey);
    const good = new Uint8Array(sign(digest, DATA, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
    const half = good.length / 2;
    expect(verifyDnssec(algorithm, key, good, DATA)).toBe(true);
    // High and low s are both good: signers of zones do not choose.
    const otherS = concat(good.subarray(0, half), uintBytes(order - uintOf(good.subarray(half)), half));
    expect(verifyDnssec(algorithm, key, otherS, DATA)).toBe(true);
    expect(verifyDnssec(algorithm, key, good, utf8('other'))).toBe(false);
    expect(verifyDnssec(27 - algorithm, key, good, DATA)).toBe(false);
    for (const bad of [
      new Uint8Array(2 * half),
      new Uint8Array(2 * half).fill(0xff),
      good.subarray(1),
      new Uint8Array(),
    ]) {
      expect(verifyDnssec(algorithm, key, bad, DATA)).toBe(false);
      expect(verifyDnssec(algorithm, bad, good, DATA)).toBe(false);
    }
    const der = new Uint8Array(sign(digest, DATA, privateKey));
    expect(verifyDnssec(algorithm, key, der, DATA)).toBe(false);
  });

  it('15 Ed25519', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const key = jwkKey(publicKey);
    const good = new Uint8Array(sign(null, DATA, privateKey));
    expect(verifyDnssec(15, key, good, DATA)).toBe(true);
    expect(verifyDnssec(15, key, good, utf8('other'))).toBe(false);
    expect(verifyDnssec(15, key, good.subarray(1), DATA)).toBe(false);
    expect(verifyDnssec(15, new Uint8Array(32).fill(0xff), good, DATA)).toBe(false);
    expect(verifyDnssec(15, concat(key, key), good, DATA)).toBe(false);
  });
});

describe('numbers', () => {
  it('of algorithms that sign with SHA-1, or that nobody knows, are unknown', () => {
    const known = Array.from({ length: 256 }, (_, algorithm) => algorithm).filter(isDnssecAlgorithm);
    expect(known).toEqual([8, 10, 13, 14, 15]);
    expect(verifyDnssec(5, new Uint8Array(64), new Uint8Array(64), DATA)).toBe(false);
  });

  it('of digests', () => {
    expect(Array.from({ length: 256 }, (_, type) => type).filter(isDsDigestType)).toEqual([1, 2, 4]);
    expect(dsDigest(3, DATA)).toBeUndefined();
    expect([1, 2, 4].map((type) => dsDigest(type, DATA)?.length)).toEqual([20, 32, 48]);
  });

  it.each([
    ['\u0007example\u0000', '0p9mhaveqvm6t7vbl5lop2u3t2rp3tom'],
    ['\u0001a\u0007example\u0000', '35mthgpgcu1qg68fab165klnsnk3dpvl'],
  ])('of NSEC3 names, as RFC 5155 appendix A has them: %j', (name, hash) => {
    expect(base32Hex(nsec3Hash(utf8(name), fromHex('aabbccdd'), 12))).toBe(hash);
  });
});
