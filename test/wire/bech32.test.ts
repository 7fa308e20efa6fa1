import { readFileSync } from 'node:fs';
import { bech32, bech32m } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BECH32_CHARSET,
  bytesToGroups,
  decodeBech32,
  decodeBech32WithoutChecksum,
  encodeBech32,
  encodeBech32WithoutChecksum,
  groupsToBytes,
  groupsToText,
  packGroups,
  paddingFault,
} from '../../src/wire/bech32.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';

const hrp = fc.string({
  unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code).toLowerCase()),
  minLength: 1,
  maxLength: 90,
});
const groups = fc.uint8Array({ max: 31, maxLength: 1500 });
const bytes = fc.uint8Array({ maxLength: 300 });

const codeOf = (result: ReturnType<typeof decodeBech32WithoutChecksum> | ReturnType<typeof decodeBech32>): string =>
  result.ok ? 'accepted' : result.error.code;

describe('with checksum', () => {
  it('writes what @scure/base writes, and reads it back in either case', () => {
    fc.assert(
      fc.property(hrp, groups, (prefix, data) => {
        const text = encodeBech32(prefix, data);
        expect(text).toBe(bech32.encode(prefix, [...data], false));
        expect(encodeBech32(prefix, data, 'bech32m')).toBe(bech32m.encode(prefix, [...data], false));
        expect(decodeBech32(text)).toEqual({ ok: true, value: { hrp: prefix, groups: data } });
        expect(decodeBech32(text.toUpperCase())).toEqual({ ok: true, value: { hrp: prefix, groups: data } });
      }),
      { numRuns: 300 },
    );
  });

  it('accepts exactly what @scure/base accepts', () => {
    const alphabet = [...BECH32_CHARSET, '1', 'b', 'Q', ' ', 'é', 'B'];
    const damaged = fc
      .tuple(
        hrp,
        groups,
        fc.array(fc.tuple(fc.nat(), fc.constantFrom(...alphabet)), { maxLength: 2 }),
        fc.nat({ max: 20 }),
      )
      .map(([prefix, data, changes, cut]) => {
        const letters = [...encodeBech32(prefix, data)];
        for (const [at, letter] of changes) letters[at % letters.length] = letter;
        return letters.slice(0, cut < 18 ? undefined : -cut + 15).join('');
      });
    let accepted = 0;
    fc.assert(
      fc.property(damaged, (text) => {
        const ours = decodeBech32(text);
        if (ours.ok) accepted++;
        const theirs = bech32.decodeUnsafe(text, false);
        if (!theirs) expect(ours.ok).toBe(false);
        // It also takes prefixes outside visible ASCII, which BIP 173 excludes.
        else if (/^[!-~]+$/.test(theirs.prefix)) {
          expect(ours).toEqual({ ok: true, value: { hrp: theirs.prefix, groups: Uint8Array.from(theirs.words) } });
        }
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  it.each([
    ['', 'bech32_no_separator', undefined],
    ['qqqqqqqq', 'bech32_no_separator', undefined],
    ['1qqqqqqq', 'bech32_empty_hrp', 0],
    ['a b1qqqqqqq', 'bech32_invalid_char', 1],
    ['a\u007f1qqqqqq', 'bech32_invalid_char', 1],
    ['aé1qqqqqq', 'bech32_invalid_char', 1],
    ['a1qqbqqqq', 'bech32_invalid_char', 4],
    ['a1qqéqqqq', 'bech32_invalid_char', 4],
    ['a1qq\u0000qqqq', 'bech32_invalid_char', 4],
    ['a1qqqqq', 'bech32_too_short', 2],
    ['a1qqQqqqq', 'bech32_mixed_case', 4],
    ['A1qqqqqqq', 'bech32_mixed_case', 2],
    ['a1qqqqqqq', 'bech32_checksum', undefined],
  ])('refuses %j as %s', (text, code, position) => {
    const result = decodeBech32(text);
    expect(result.ok ? undefined : [result.error.code, result.error.position]).toEqual([code, position]);
  });

  it('reads the examples of BIP 173 and refuses bech32m', () => {
    for (const text of [
      'A12UEL5L',
      'a12uel5l',
      '?1ezyfcl',
      'split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w',
    ]) {
      expect(decodeBech32(text).ok).toBe(true);
    }
    expect(codeOf(decodeBech32('a1lqfn3a'))).toBe('bech32_checksum');
  });

  it('throws on a prefix or group that cannot be written', () => {
    expect(() => encodeBech32('', new Uint8Array())).toThrow(RangeError);
    expect(() => encodeBech32('A', new Uint8Array())).toThrow(RangeError);
    expect(() => encodeBech32('a b', new Uint8Array())).toThrow(RangeError);
    expect(() => encodeBech32('a', Uint8Array.of(32))).toThrow(RangeError);
  });
});

describe('groups and bytes', () => {
  it('agree with @scure/base, padding included', () => {
    fc.assert(
      fc.property(bytes, groups, (data, words) => {
        expect([...bytesToGroups(data)]).toEqual(bech32.toWords(data));
        expect(groupsToBytes(bytesToGroups(data))).toEqual(data);
        expect(paddingFault(bytesToGroups(data), 0, bytesToGroups(data).length)).toBeUndefined();
        const theirs = bech32.fromWordsUnsafe([...words]);
        expect(paddingFault(words, 0, words.length) === undefined).toBe(theirs !== undefined);
        if (theirs) expect(groupsToBytes(words)).toEqual(Uint8Array.from(theirs));
        expect(groupsToText(words)).toBe([...words].map((word) => BECH32_CHARSET[word]).join(''));
      }),
      { numRuns: 300 },
    );
  });

  it('tell long from non-zero padding', () => {
    expect(paddingFault(Uint8Array.of(0), 0, 1)).toBe('bech32_padding_too_long');
    expect(paddingFault(Uint8Array.of(0, 0), 0, 2)).toBeUndefined();
    expect(paddingFault(Uint8Array.of(0, 1), 0, 2)).toBe('bech32_padding_not_zero');
    expect(paddingFault(Uint8Array.of(0, 3), 0, 2)).toBe('bech32_padding_not_zero');
    expect(paddingFault(Uint8Array.of(0, 4), 0, 2)).toBeUndefined();
    expect(paddingFault(Uint8Array.of(9, 9, 9), 1, 1)).toBeUndefined();
  });

  it('pack into the middle of a buffer, the rest filling one more byte if there is room', () => {
    const out = new Uint8Array(4);
    packGroups(Uint8Array.of(31, 31), 0, 2, out, 1);
    expect([...out]).toEqual([0, 0xff, 0xc0, 0]);
    const tight = new Uint8Array(2);
    packGroups(Uint8Array.of(31, 31), 0, 2, tight, 1);
    expect([...tight]).toEqual([0, 0xff]);
  });
});

interface FormatCase {
  readonly id: string;
  readonly valid: boolean;
  readonly string: string;
  readonly hrp?: string;
  readonly hex?: string;
  readonly error?: string;
}

const casesOf = (name: string): FormatCase[] =>
  (JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8')) as { cases: FormatCase[] })
    .cases;

describe('without checksum', () => {
  it.each(casesOf('bolt12-format-string').map((testCase) => [testCase.id, testCase] as const))('%s', (_, testCase) => {
    const result = decodeBech32WithoutChecksum(testCase.string);
    expect(codeOf(result)).toBe(testCase.valid ? 'accepted' : testCase.error);
    if (!result.ok) return;
    expect([result.value.hrp, toHex(result.value.bytes)]).toEqual([testCase.hrp, testCase.hex]);
  });

  it('reads every BOLT 12 string whose bytes are known', () => {
    const known = casesOf('extra-bolt12').filter(({ hex, valid }) => hex !== undefined && valid);
    expect(known.length).toBeGreaterThan(20);
    for (const { id, string, hex } of known) {
      expect(toHex(unwrap(decodeBech32WithoutChecksum(string)).bytes), id).toBe(hex);
    }
  });

  it('refuses the malformed strings of BOLT 12 for the reason named', () => {
    const malformed = casesOf('extra-bolt12').filter(({ error }) => /^(bech32_|invalid_cont)/.test(error ?? ''));
    expect(malformed.length).toBeGreaterThan(5);
    for (const { id, string, error } of malformed) {
      const code = codeOf(decodeBech32WithoutChecksum(string));
      // This one starts with a control character before its blanks come.
      expect(code, id).toBe(id === 'ldk-004' ? 'bech32_invalid_char' : error);
    }
  });

  it('reads what it writes, with joins at any inner place', () => {
    const join = fc.tuple(fc.nat(), fc.constantFrom('+', '+ ', '+\n', '+\r\n\t '));
    fc.assert(
      fc.property(bytes, fc.array(join, { maxLength: 5 }), fc.boolean(), (data, joins, upper) => {
        const plain = encodeBech32WithoutChecksum('lno', data);
        expect(plain).toBe(`lno1${groupsToText(bytesToGroups(data))}`);
        const places = new Map(joins.map(([at, plus]) => [1 + (at % (plain.length - 1)), plus]));
        const joined = [...plain].map((letter, i) => (places.get(i) ?? '') + letter).join('');
        const result = decodeBech32WithoutChecksum(upper ? joined.toUpperCase() : joined);
        expect(result).toEqual({ ok: true, value: { hrp: 'lno', bytes: data } });
      }),
    );
  });

  it.each([
    ['+lno1qq', 'invalid_continuation', 0],
    ['lno1qq+', 'invalid_continuation', 6],
    ['lno1q++q', 'invalid_continuation', 5],
    ['lno1q+ +q', 'invalid_continuation', 5],
    ['lno1q q', 'bech32_invalid_char', 5],
    ['lno1q+\u00a0q', 'bech32_invalid_char', 6],
    ['lno1q+ Qb', 'bech32_invalid_char', 8],
    ['lno1q+\nQ', 'bech32_mixed_case', 7],
    ['lno1q', 'bech32_padding_too_long', 4],
    ['lno1ql', 'bech32_padding_not_zero', 5],
  ])('refuses %j as %s', (text, code, position) => {
    expect(decodeBech32WithoutChecksum(text)).toMatchObject({ ok: false, error: { code, position } });
  });

  it('never throws on random text', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...BECH32_CHARSET, '1', '+', ' ', 'Q'), maxLength: 60 }),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        expect(typeof decodeBech32WithoutChecksum(text).ok).toBe('boolean');
        expect(typeof decodeBech32(text).ok).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
  });

  it('takes time linear in text of megabytes', () => {
    const started = performance.now();
    expect(codeOf(decodeBech32WithoutChecksum(`lno1q${'+ '.repeat(1_000_000)}q`))).toBe('invalid_continuation');
    expect(codeOf(decodeBech32WithoutChecksum(`lno1${`q+${' '.repeat(50)}`.repeat(39_999)}q`))).toBe('accepted');
    expect(codeOf(decodeBech32(`lno1${'q'.repeat(3_000_000)}`))).toBe('bech32_checksum');
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
