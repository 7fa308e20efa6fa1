import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/wire/bytes.js';
import { ByteReader } from '../../src/wire/reader.js';
import { err, ok, Refusal, refusable, refuse, unwrap } from '../../src/wire/result.js';

describe('ByteReader', () => {
  it('hands out copies, also of a Buffer', () => {
    for (const source of [Uint8Array.of(1, 2, 3), Buffer.from([1, 2, 3])]) {
      const taken = new ByteReader(source).bytes(2);
      source[0] = 9;
      expect(taken).toEqual(Uint8Array.of(1, 2));
      expect(taken.constructor).toBe(Uint8Array);
    }
  });

  it('reads a window of a larger buffer', () => {
    const window = Uint8Array.of(9, 9, 0, 1, 9).subarray(2, 4);
    const reader = new ByteReader(window);
    expect(reader.u16()).toBe(1);
    expect(reader.left).toBe(0);
    expect(refusable(() => reader.u8())).toMatchObject({ ok: false, error: { code: 'truncated', position: 2 } });
  });

  it('reads each integer big-endian', () => {
    const reader = new ByteReader(
      fromHex('01' + '0203' + '04050607' + '08090a0b0c0d0e0f' + '000001000002ffff' + 'aabb'),
    );
    expect(reader.u8()).toBe(1);
    expect(reader.u16()).toBe(0x0203);
    expect(reader.u32()).toBe(0x04050607);
    expect(reader.msat()).toBe(0x08090a0b0c0d0e0fn);
    expect(reader.scid()).toBe(0x000001000002ffffn);
    expect(reader.rest()).toEqual(fromHex('aabb'));
    reader.end();
  });

  it('a refused read names where it stood and takes nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.nat(20), fc.nat(1000), (bytes, skip, extra) => {
        const reader = new ByteReader(bytes);
        const at = Math.min(skip, bytes.length);
        reader.bytes(at);
        const result = refusable(() => reader.bytes(bytes.length - at + 1 + extra, 'mine'));
        expect(result).toMatchObject({ ok: false, error: { code: 'mine', position: at } });
        expect(reader.offset).toBe(at);
      }),
    );
  });

  it('refuses a length beyond the input without allocating it', () => {
    const labels = { missing: 'm', truncated: 't', notMinimal: 'n' };
    const reader = new ByteReader(fromHex('ffffffffffffffffff00'));
    expect(refusable(() => reader.bigSizeLength(labels, 'cut'))).toMatchObject({ ok: false, error: { code: 'cut' } });
  });

  it('tells trailing bytes', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2));
    reader.u8();
    expect(refusable(() => reader.end())).toMatchObject({ ok: false, error: { code: 'trailing_bytes', position: 1 } });
  });
});

describe('Result', () => {
  it('a refusal becomes a value and back', () => {
    const result = refusable(() => refuse('some_code', 'why', 3));
    expect(result).toEqual(err({ code: 'some_code', message: 'why', position: 3 }));
    expect(() => unwrap(result)).toThrow(Refusal);
    expect(refusable(() => unwrap(result))).toEqual(result);
    expect(refusable(() => refuse('some_code', 'why'))).toEqual(err({ code: 'some_code', message: 'why' }));
    expect(unwrap(ok(5))).toBe(5);
  });

  it('another exception is a bug and passes', () => {
    expect(() =>
      refusable(() => {
        throw new TypeError('bug');
      }),
    ).toThrow(TypeError);
  });
});
