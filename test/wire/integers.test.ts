import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeSigned,
  decodeTruncated,
  encodeBigSize,
  encodeSigned,
  encodeTruncated,
  u16,
  u32,
  u64,
  uintBytes,
  uintOf,
} from '../../src/wire/integers.js';
import { ByteReader } from '../../src/wire/reader.js';
import { refusable } from '../../src/wire/result.js';
import { MAX_U64 } from '../../src/wire/units.js';

/** Unsigned 64-bit numbers that favour the borders of every width. */
const anyU64 = fc.oneof(
  fc.bigInt({ min: 0n, max: MAX_U64 }),
  fc.tuple(fc.integer({ min: 0, max: 64 }), fc.constantFrom(-1n, 0n, 1n)).map(([bits, delta]) => {
    const value = (1n << BigInt(bits)) + delta;
    return value < 0n ? 0n : value > MAX_U64 ? MAX_U64 : value;
  }),
);

const code = (body: () => unknown): string => {
  const result = refusable(body);
  return result.ok ? 'ok' : result.error.code;
};

describe('fixed width', () => {
  it('writes what DataView writes', () => {
    fc.assert(
      fc.property(anyU64, (value) => {
        const view = new DataView(new ArrayBuffer(8));
        view.setBigUint64(0, value);
        expect(u64(value)).toEqual(new Uint8Array(view.buffer));
        expect(uintOf(u64(value))).toBe(value);
        expect(new ByteReader(u64(value)).u64()).toBe(value);
      }),
    );
    expect(u16(0x1234)).toEqual(Uint8Array.of(0x12, 0x34));
    expect(u32(0xffffffff)).toEqual(Uint8Array.of(255, 255, 255, 255));
  });

  it('throws where the value does not fit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), (length) => {
        const limit = 1n << BigInt(8 * length);
        expect(uintOf(uintBytes(limit - 1n, length))).toBe(limit - 1n);
        expect(() => uintBytes(limit, length)).toThrow(RangeError);
        expect(() => uintBytes(-1n, length)).toThrow(RangeError);
      }),
    );
  });
});

describe('signed', () => {
  it('comes back in every width and throws beyond', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 4, 8),
        fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
        (width, raw) => {
          const value = BigInt.asIntN(8 * width, raw);
          expect(decodeSigned(encodeSigned(value, width), width)).toBe(value);
          expect(() => encodeSigned(1n << BigInt(8 * width - 1), width)).toThrow(RangeError);
          expect(() => encodeSigned(-(1n << BigInt(8 * width - 1)) - 1n, width)).toThrow(RangeError);
        },
      ),
    );
  });

  it('refuses another length', () => {
    expect(code(() => decodeSigned(new Uint8Array(3), 4))).toBe('bad_length');
    expect(code(() => decodeSigned(new Uint8Array(5), 4))).toBe('bad_length');
  });
});

describe('truncated', () => {
  it('comes back, shortest', () => {
    fc.assert(
      fc.property(anyU64, (value) => {
        const bytes = encodeTruncated(value);
        expect(bytes.length).toBe(value === 0n ? 0 : Math.ceil(value.toString(2).length / 8));
        expect(decodeTruncated(bytes, 8)).toBe(value);
      }),
    );
  });

  it('what decodes encodes to the same bytes, the rest is refused with a reason', () => {
    fc.assert(
      fc.property(fc.constantFrom<2 | 4 | 8>(2, 4, 8), fc.uint8Array({ maxLength: 10 }), (width, bytes) => {
        const result = refusable(() => decodeTruncated(bytes, width));
        if (result.ok) expect(encodeTruncated(result.value)).toEqual(bytes);
        else expect(result.error.code).toBe(bytes.length > width ? 'tu_too_long' : 'tu_not_minimal');
        expect(result.ok).toBe(bytes.length <= width && bytes[0] !== 0);
      }),
    );
  });

  it('throws outside u64', () => {
    expect(() => encodeTruncated(MAX_U64 + 1n)).toThrow(RangeError);
    expect(() => encodeTruncated(-1n)).toThrow(RangeError);
  });
});

describe('BigSize', () => {
  it('comes back from any place of a buffer and leaves the reader behind it', () => {
    fc.assert(
      fc.property(anyU64, fc.uint8Array({ maxLength: 4 }), (value, before) => {
        const encoded = encodeBigSize(value);
        const reader = new ByteReader(Uint8Array.from([...before, ...encoded, 7]), before.length);
        expect(reader.bigSize()).toBe(value);
        expect(reader.offset).toBe(before.length + encoded.length);
        expect(reader.left).toBe(1);
      }),
    );
  });

  it('every byte string has at most one meaning', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.constantFrom(0, 1, 0xfc, 0xfd, 0xfe, 0xff), fc.uint8Array({ maxLength: 9 })),
        ([head, tail]) => {
          const reader = new ByteReader(Uint8Array.of(head, ...tail));
          const result = refusable(() => reader.bigSize());
          if (result.ok)
            expect(encodeBigSize(result.value)).toEqual(Uint8Array.of(head, ...tail).slice(0, reader.offset));
          else expect(['bigsize_truncated', 'bigsize_not_minimal']).toContain(result.error.code);
        },
      ),
    );
  });

  it('throws outside u64', () => {
    expect(() => encodeBigSize(MAX_U64 + 1n)).toThrow(RangeError);
    expect(() => encodeBigSize(-1n)).toThrow(RangeError);
  });
});
