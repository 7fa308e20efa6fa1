import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amountText, readAmount, readPrefix } from '../../src/bolt11/prefix.js';
import { refusable } from '../../src/wire/result.js';

const MAX = 2_100_000_000_000_000_000n;
const codeOf = (text: string): string => {
  const result = refusable(() => readAmount(text, 4));
  return result.ok ? 'accepted' : result.error.code;
};

describe('amounts', () => {
  it.each([
    ['', undefined],
    ['0', 0n],
    ['1', 100_000_000_000n],
    ['1m', 100_000_000n],
    ['1u', 100_000n],
    ['1n', 100n],
    ['10p', 1n],
    ['0010p', 1n],
    ['2500u', 250_000_000n],
    ['21000000', MAX],
    ['21000000000m', MAX],
    ['21000000000000u', MAX],
    ['21000000000000000n', MAX],
    ['21000000000000000000p', MAX],
    ['9678785340p', 967_878_534n],
  ])('reads %s', (text, msat) => {
    expect(readAmount(text, 4)).toBe(msat);
  });

  it.each([
    ['1p', 'sub_millisatoshi'],
    ['19p', 'sub_millisatoshi'],
    ['21000001', 'amount_too_large'],
    ['21000000001m', 'amount_too_large'],
    ['21000000000001u', 'amount_too_large'],
    ['21000000000000001n', 'amount_too_large'],
    ['21000000000000000010p', 'amount_too_large'],
    ['184467440', 'amount_too_large'], // 18,446,744,000,000,000,000 msat still fit 64 bits
    ['184467441', 'amount_overflow'],
    ['184467440738m', 'amount_overflow'],
    ['184467440737095516160p', 'amount_overflow'], // 2^64 msat
    ['184467440737095516150p', 'amount_too_large'],
    ['9'.repeat(300), 'amount_overflow'],
    ['m', 'invalid_amount'],
    ['-1m', 'invalid_amount'],
    ['+1m', 'invalid_amount'],
    ['1.5m', 'invalid_amount'],
    ['1mu', 'invalid_amount'],
    ['1 m', 'invalid_amount'],
    ['١m', 'invalid_amount'],
    ['1k', 'invalid_multiplier'],
    ['1x', 'invalid_multiplier'],
    ['1M', 'invalid_multiplier'],
  ])('refuses %s as %s', (text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it('takes leading zeros in any number, and time linear in the text', () => {
    expect(readAmount(`${'0'.repeat(200_000)}25m`, 4)).toBe(2_500_000_000n);
    const started = performance.now();
    expect(codeOf(`${'0'.repeat(200_000)}xx`)).toBe('invalid_amount');
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('writes every amount so that it reads back, with the largest multiplier that divides', () => {
    const amount = fc.oneof(
      fc.bigInt({ min: 1n, max: MAX }),
      fc.tuple(fc.bigInt({ min: 1n, max: 21n }), fc.nat({ max: 17 })).map(([n, zeros]) => n * 10n ** BigInt(zeros)),
    );
    fc.assert(
      fc.property(amount, fc.boolean(), (msat, bareWhole) => {
        const text = amountText(msat, bareWhole);
        expect(readAmount(text, 4)).toBe(msat);
        const larger = { p: 100n, n: 100_000n, u: 100_000_000n, m: bareWhole ? 100_000_000_000n : undefined }[
          text.at(-1)!
        ];
        if (larger !== undefined) expect(msat % larger).not.toBe(0n);
        expect(text).toMatch(bareWhole ? /^[1-9]\d*[munp]?$/ : /^[1-9]\d*[munp]$/);
      }),
      { numRuns: 500 },
    );
  });

  it('writes one bitcoin as BOLT 11 and as LDK do', () => {
    expect(amountText(100_000_000_000n, true)).toBe('1');
    expect(amountText(100_000_000_000n, false)).toBe('1000m');
  });
});

describe('prefixes', () => {
  it.each([
    ['lnbc', 'bc', undefined],
    ['lnbcrt', 'bcrt', undefined],
    ['lnbcrt20m', 'bcrt', 2_000_000_000n],
    ['lntb1', 'tb', 100_000_000_000n],
    ['lntbs1', 'tbs', 100_000_000_000n],
    ['lnsb10p', 'sb', 1n],
  ])('reads %s', (hrp, currency, amountMsat) => {
    expect(readPrefix(hrp)).toEqual({ currency, amountMsat });
  });

  it.each([
    ['bc', 'bad_prefix', 0],
    ['l', 'bad_prefix', 0],
    ['ln', 'unknown_currency', 2],
    ['lno', 'unknown_currency', 2],
    ['lnltc', 'unknown_currency', 2],
    ['lnbcx', 'invalid_amount', 4],
    ['lnbcrt12x', 'invalid_multiplier', 8],
    ['lntbs1p', 'sub_millisatoshi', 5],
  ])('refuses %s as %s at %i', (hrp, code, position) => {
    const result = refusable(() => readPrefix(hrp));
    expect(result).toMatchObject({ ok: false, error: { code, position } });
  });
});
