import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amountText, parseAmount } from '../../src/cli/amount.js';
import { CliError } from '../../src/cli/io.js';

describe('amounts as typed', () => {
  it('need a unit and are exact', () => {
    expect(parseAmount('50000sat')).toBe(50_000_000n);
    expect(parseAmount('50000 sats')).toBe(50_000_000n);
    expect(parseAmount('50000000msat')).toBe(50_000_000n);
    expect(parseAmount('0.0005btc')).toBe(50_000_000n);
    expect(parseAmount('0.00000000001 BTC')).toBe(1n);
    expect(parseAmount('1.5sat')).toBe(1_500n);
    expect(parseAmount('21000000btc')).toBe(2_100_000_000_000_000_000n);
    expect(parseAmount('any')).toBeUndefined();
  });

  it.each([
    '',
    '5',
    '5 euro',
    '-5sat',
    '0sat',
    '0.0btc',
    '1.5msat',
    '0.0001sat',
    '0.000000000001btc',
    '21000001btc',
    '1e3sat',
    '.5sat',
    '1.sat',
    '٣sat',
  ])('%s is wrong usage', (text) => {
    expect(() => parseAmount(text)).toThrow(CliError);
    expect(() => parseAmount(text)).toThrow(expect.objectContaining({ exitCode: 2 }) as Error);
  });

  it('come back as they are shown', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 2_100_000_000_000_000_000n), (msat) => {
        expect(parseAmount(amountText(msat))).toBe(msat);
        expect(parseAmount(`${msat}msat`)).toBe(msat);
      }),
    );
    expect(amountText(undefined)).toBe('any amount');
  });

  it('never fail otherwise than as wrong usage', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseAmount(text);
        } catch (error) {
          expect(error).toBeInstanceOf(CliError);
        }
      }),
    );
  });
});
