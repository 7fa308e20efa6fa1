import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBytes,
  concat,
  equalBytes,
  fromHex,
  isHexOf,
  toHex,
  utf8,
  utf8Text,
  xorBytes,
} from '../../src/wire/bytes.js';

const bytes = (maxLength = 64) => fc.uint8Array({ maxLength });

describe('hex', () => {
  it('agrees with Buffer and comes back', () => {
    fc.assert(
      fc.property(bytes(), (data) => {
        expect(toHex(data)).toBe(Buffer.from(data).toString('hex'));
        expect(fromHex(toHex(data))).toEqual(data);
        expect(fromHex(toHex(data).toUpperCase())).toEqual(data);
        expect(isHexOf(toHex(data), data.length)).toBe(true);
        expect(isHexOf(toHex(data), data.length + 1)).toBe(false);
      }),
    );
  });

  it.each(['0', 'zz', '0g', ' 00', '00 ', '0x00', '00\n', '٠٠'])('refuses %j', (text) => {
    expect(() => fromHex(text)).toThrow(RangeError);
    expect(isHexOf(text, Math.ceil(text.length / 2))).toBe(false);
  });

  it('never answers with a Buffer', () => {
    expect(fromHex('00').constructor).toBe(Uint8Array);
    expect(concat(Buffer.from([1]), Buffer.from([2])).constructor).toBe(Uint8Array);
  });
});

describe('byte strings', () => {
  it('concat equals Buffer.concat and copies', () => {
    fc.assert(
      fc.property(fc.array(bytes(20), { maxLength: 6 }), (parts) => {
        expect(toHex(concat(...parts))).toBe(Buffer.concat(parts).toString('hex'));
      }),
    );
    const part = Uint8Array.of(1);
    const joined = concat(part);
    part[0] = 2;
    expect(joined[0]).toBe(1);
  });

  it('compares as Buffer does, and equality is order zero', () => {
    fc.assert(
      fc.property(bytes(6), bytes(6), (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
        expect(equalBytes(a, a.slice())).toBe(true);
      }),
    );
  });

  it('sees a difference of one bit at any place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), fc.nat(7), (a, at, bit) => {
        const b = a.slice();
        b[at % b.length]! ^= 1 << bit;
        expect(equalBytes(a, b)).toBe(false);
        expect(compareBytes(a, b)).not.toBe(0);
      }),
    );
  });

  it('xor undoes itself over the shorter length', () => {
    fc.assert(
      fc.property(bytes(), bytes(), (a, b) => {
        const length = Math.min(a.length, b.length);
        const once = xorBytes(a, b);
        expect(once.length).toBe(length);
        expect(xorBytes(once, b)).toEqual(a.slice(0, length));
      }),
    );
  });
});

describe('UTF-8', () => {
  it('comes back, and bad bytes are no text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(utf8Text(utf8(text))).toBe(text);
      }),
    );
    for (const bad of ['80', 'c0af', 'eda080', 'f4908080', 'e282']) expect(utf8Text(fromHex(bad))).toBeUndefined();
    expect(utf8Text(fromHex('efbbbf41'))).toBe('\ufeffA'); // a byte order mark is content
  });
});
