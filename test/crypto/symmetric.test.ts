/** Hashes and streams: known answers for both platforms, and equal bytes from both. */
import fc from 'fast-check';
import { createCipheriv, createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hkdfBlocks } from '../../src/crypto/index.js';
import * as node from '../../src/crypto/platform.js';
import * as browser from '../../src/crypto/platform-browser.js';
import { concat, fromHex, toHex, utf8 } from '../../src/wire/bytes.js';

const platforms = [
  ['node', node],
  ['browser', browser],
] as const;

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const data = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 1300, maxLength: 1400 }));
const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });

const SUNSCREEN = utf8(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);
const counterFrom = (n: number): Uint8Array => Uint8Array.of(n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24);

describe.each(platforms)('%s', (_name, platform) => {
  it('SHA-256 (FIPS 180-4)', () => {
    expect(toHex(platform.sha256())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(toHex(platform.sha256(utf8('abc')))).toBe(abc);
    expect(toHex(platform.sha256(utf8('a'), utf8(''), utf8('bc')))).toBe(abc);
  });

  it('HMAC-SHA-256 (RFC 4231)', () => {
    const mac = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
    expect(toHex(platform.hmacSha256(utf8('Jefe'), utf8('what do ya want for nothing?')))).toBe(mac);
    expect(toHex(platform.hmacSha256('Jefe', utf8('what do ya want '), utf8('for nothing?')))).toBe(mac);
    expect(
      toHex(
        platform.hmacSha256(
          new Uint8Array(131).fill(0xaa),
          utf8('Test Using Larger Than Block-Size Key - Hash Key First'),
        ),
      ),
    ).toBe('60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54');
  });

  it('ChaCha20 (RFC 8439 2.4.2), counter in the first four bytes of the IV', () => {
    const chachaKey = Uint8Array.from({ length: 32 }, (_, i) => i);
    const iv = concat(counterFrom(1), fromHex('000000000000004a00000000'));
    expect(toHex(platform.chacha20(chachaKey, iv, SUNSCREEN))).toBe(
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8' +
        '07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42874d',
    );
  });

  it('ChaCha20-Poly1305 (RFC 8439 2.8.2)', () => {
    const aeadKey = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
    const aeadNonce = fromHex('070000004041424344454647');
    const ad = fromHex('50515253c0c1c2c3c4c5c6c7');
    const sealed = platform.sealChaCha20Poly1305(aeadKey, aeadNonce, SUNSCREEN, ad);
    expect(toHex(sealed)).toBe(
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36' +
        '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691',
    );
    expect(platform.openChaCha20Poly1305(aeadKey, aeadNonce, sealed, ad)).toEqual(SUNSCREEN);
  });

  it('what was sealed opens; one changed bit anywhere does not', () => {
    fc.assert(
      fc.property(
        key,
        nonce,
        data,
        fc.uint8Array({ maxLength: 40 }),
        fc.nat(),
        fc.nat(7),
        (k, n, plain, ad, at, bit) => {
          const sealed = platform.sealChaCha20Poly1305(k, n, plain, ad);
          expect(sealed.length).toBe(plain.length + 16);
          expect(platform.openChaCha20Poly1305(k, n, sealed, ad)).toEqual(plain);
          const broken = sealed.slice();
          broken[at % broken.length]! ^= 1 << bit;
          expect(platform.openChaCha20Poly1305(k, n, broken, ad)).toBeUndefined();
          expect(platform.openChaCha20Poly1305(k, n, sealed, concat(ad, Uint8Array.of(0)))).toBeUndefined();
          expect(platform.openChaCha20Poly1305(k, n, sealed.subarray(0, at % sealed.length), ad)).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('randomness has the length asked for, differs, and is no Buffer', () => {
    const drawn = new Set(Array.from({ length: 50 }, () => toHex(platform.randomBytes(16))));
    expect(drawn.size).toBe(50);
    expect(platform.randomBytes(0).length).toBe(0);
    expect(platform.randomBytes(33).length).toBe(33);
    expect(platform.randomBytes(3).constructor).toBe(Uint8Array);
  });
});

describe('node computes as its own library does', () => {
  it('HMACs of every length of key and message at which something changes', () => {
    for (const keyLength of [0, 1, 32, 63, 64, 65, 131]) {
      for (const length of [0, 1, 55, 56, 64, 1366, 1983, 1984, 1985, 5000]) {
        const macKey = Uint8Array.from({ length: keyLength }, (_, i) => 7 * i + 1);
        const message = Uint8Array.from({ length }, (_, i) => 3 * i + length);
        const theirs = createHmac('sha256', macKey).update(message).digest();
        expect(node.hmacSha256(macKey, message.subarray(0, 20), message.subarray(20))).toEqual(new Uint8Array(theirs));
      }
    }
  });

  it('results keep their bytes when the next one is computed', () => {
    const first = node.hmacSha256('a', utf8('first'));
    const kept = first.slice();
    node.hmacSha256('b', utf8('second'));
    expect(first).toEqual(kept);
  });

  it('streams of every length around the change of means, and at the last counters, which a payer may choose', () => {
    const streamKey = Uint8Array.from({ length: 32 }, (_, i) => i);
    for (const counter of [0, 1, 0xffff_fff0, 0xffff_fffa, 0xffff_fffb, 0xffff_fffe, 0xffff_ffff]) {
      for (const length of [0, 1, 16, 63, 64, 65, 192, 255, 256, 257, 320, 1300]) {
        const iv = concat(counterFrom(counter), fromHex('00000000000000004a000000'));
        const text = Uint8Array.from({ length }, (_, i) => i);
        const theirs = createCipheriv('chacha20', streamKey, iv).update(text);
        expect(node.chacha20(streamKey, iv, text)).toEqual(new Uint8Array(theirs));
      }
    }
  });
});

describe('node and browser give equal bytes', () => {
  const same = (compute: (platform: typeof node | typeof browser) => Uint8Array | undefined): void => {
    const [ours, theirs] = [compute(node), compute(browser)];
    expect(ours?.constructor).toBe(theirs?.constructor);
    expect(ours).toEqual(theirs);
  };

  it('for hashes', () => {
    fc.assert(
      fc.property(
        fc.array(data, { maxLength: 3 }),
        fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.string()),
        (parts, macKey) => {
          same((p) => p.sha256(...parts));
          same((p) => p.hmacSha256(macKey, ...parts));
        },
      ),
    );
  });

  it('for the stream, at any counter, also from a window of a larger buffer', () => {
    fc.assert(
      fc.property(key, nonce, fc.nat(0xffff), data, (k, n, counter, text) => {
        const iv = concat(Uint8Array.of(9, 9, 9), counterFrom(counter), n).subarray(3);
        same((p) => p.chacha20(k, iv, text));
        expect(node.chacha20(k, iv, node.chacha20(k, iv, text))).toEqual(text);
      }),
    );
  });

  it('for the sealed box, both directions', () => {
    fc.assert(
      fc.property(key, nonce, data, fc.uint8Array({ maxLength: 40 }), (k, n, text, ad) => {
        same((p) => p.sealChaCha20Poly1305(k, n, text, ad));
        same((p) => p.openChaCha20Poly1305(k, n, text, ad));
        expect(browser.openChaCha20Poly1305(k, n, node.sealChaCha20Poly1305(k, n, text, ad), ad)).toEqual(text);
      }),
    );
  });
});

describe('HKDF (RFC 5869) with empty info', () => {
  it('RFC 5869 test case 3', () => {
    const blocks = hkdfBlocks(new Uint8Array(), new Uint8Array(22).fill(0x0b), 2);
    expect(toHex(concat(...blocks)).slice(0, 84)).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    );
  });

  it('agrees with the platform for any salt, input and number of blocks', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.string()),
        data,
        fc.integer({ min: 1, max: 12 }),
        (salt, input, n) => {
          const wanted = new Uint8Array(hkdfSync('sha256', input, salt, new Uint8Array(), 32 * n));
          expect(concat(...hkdfBlocks(salt, input, n))).toEqual(wanted);
        },
      ),
    );
  });
});
