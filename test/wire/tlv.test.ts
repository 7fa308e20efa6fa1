import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/wire/bytes.js';
import { encodeBigSize } from '../../src/wire/integers.js';
import { refusable } from '../../src/wire/result.js';
import {
  encodeLengthPrefixedTlvStream,
  encodeTlvStream,
  refuseUnknownEven,
  splitLengthPrefixedTlvStream,
  splitTlvStream,
  type TlvRecord,
} from '../../src/wire/tlv.js';
import { MAX_U64 } from '../../src/wire/units.js';

const record = fc.record({
  type: fc.oneof(fc.bigInt({ min: 0n, max: 20n }), fc.bigInt({ min: 0n, max: MAX_U64 })),
  value: fc.uint8Array({ maxLength: 300 }),
});
const records = fc.uniqueArray(record, { selector: ({ type }) => type, maxLength: 8 });

const rising = (list: readonly TlvRecord[]): TlvRecord[] =>
  [...list].sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
const bare = (list: readonly TlvRecord[]) => list.map(({ type, value }) => ({ type, value }));

describe('TLV streams', () => {
  it('come back in rising order, whatever order they were given in', () => {
    fc.assert(
      fc.property(records, (list) => {
        expect(bare(splitTlvStream(encodeTlvStream(list)))).toEqual(rising(list));
        expect(bare(splitLengthPrefixedTlvStream(encodeLengthPrefixedTlvStream(list)))).toEqual(rising(list));
      }),
    );
  });

  it('what splits encodes to the same bytes; offsets point at the records', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), records.map(encodeTlvStream)), (bytes) => {
        const result = refusable(() => splitTlvStream(bytes));
        if (!result.ok) {
          expect(result.error.code).toMatch(/^tlv_/);
          expect(result.error.position).toBeLessThanOrEqual(bytes.length);
          return;
        }
        expect(encodeTlvStream(result.value)).toEqual(bytes);
        for (const { type, offset } of result.value) {
          const head = encodeBigSize(type);
          expect(bytes.slice(offset, offset! + head.length)).toEqual(head);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses a record twice and records out of order', () => {
    fc.assert(
      fc.property(records, (list) => {
        fc.pre(list.length >= 2);
        const one = (r: TlvRecord) => encodeTlvStream([r]);
        const [first, second] = rising(list) as [TlvRecord, TlvRecord];
        const code = (...parts: Uint8Array[]) => {
          const result = refusable(() => splitTlvStream(concat(...parts)));
          return result.ok ? 'ok' : result.error.code;
        };
        expect(code(one(first), one(second))).toBe('ok');
        expect(code(one(second), one(first))).toBe('tlv_out_of_order');
        expect(code(one(first), one(first))).toBe('tlv_duplicate_type');
        expect(() => encodeTlvStream([first, second, first])).toThrow(RangeError);
      }),
    );
  });

  it('refuses unknown even records only', () => {
    const known = new Set([2n]);
    const stream = (...types: bigint[]) => types.map((type) => ({ type, value: new Uint8Array() }));
    refuseUnknownEven(stream(1n, 2n, 3n, MAX_U64), known);
    for (const type of [0n, 4n, MAX_U64 - 1n]) {
      const result = refusable(() => refuseUnknownEven(stream(1n, type), known));
      expect(result).toMatchObject({ ok: false, error: { code: 'unknown_even_type' } });
    }
  });

  it('refuses a length prefix that is off by one either way', () => {
    fc.assert(
      fc.property(records, (list) => {
        const stream = encodeTlvStream(list);
        for (const length of [stream.length + 1, stream.length - 1]) {
          if (length < 0) continue;
          const result = refusable(() => splitLengthPrefixedTlvStream(concat(encodeBigSize(length), stream)));
          expect(result).toMatchObject({ ok: false, error: { code: 'length_mismatch' } });
        }
      }),
    );
  });
});
