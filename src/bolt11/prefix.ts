/** The human-readable part of an invoice: `ln`, currency, amount. Amounts are integers throughout. */
import { refuse } from '../wire/result.js';
import { MAX_MSAT, MAX_U64, type Msat } from '../wire/units.js';
import type { Currency } from './invoice.js';

/** Longer prefixes first, so that `bcrt` is not read as `bc` with an amount. */
const CURRENCIES: readonly Currency[] = ['bcrt', 'tbs', 'bc', 'tb', 'sb'];

/** Tenths of a millisatoshi (picobitcoin) in one unit of each multiplier, largest first. */
const PICO_PER_UNIT: readonly (readonly [letter: string, pico: bigint])[] = [
  ['', 1_000_000_000_000n],
  ['m', 1_000_000_000n],
  ['u', 1_000_000n],
  ['n', 1_000n],
  ['p', 1n],
];
const PICO_PER_MSAT = 10n;

/** More significant digits than any unit needs to exceed 64 bits of millisatoshi. */
const MAX_DIGITS = 30;

export interface InvoicePrefix {
  readonly currency: Currency;
  readonly amountMsat: Msat | undefined;
}

/**
 * Reads a lower-case prefix such as `lnbc2500u`.
 * @throws Refusal `bad_prefix`, `unknown_currency`, or one of {@link readAmount}
 */
export function readPrefix(hrp: string): InvoicePrefix {
  if (!hrp.startsWith('ln')) refuse('bad_prefix', 'an invoice starts with "ln"', 0);
  const currency = CURRENCIES.find((name) => hrp.startsWith(name, 2));
  if (currency === undefined) refuse('unknown_currency', 'no currency bc, tb, tbs, bcrt or sb stands behind "ln"', 2);
  const amountStart = 2 + currency.length;
  return { currency, amountMsat: readAmount(hrp.slice(amountStart), amountStart) };
}

/**
 * Millisatoshi of an amount such as `2500u`; undefined for the empty text.
 * @throws Refusal `invalid_amount`, `invalid_multiplier`, `sub_millisatoshi`, `amount_overflow`, `amount_too_large`
 */
export function readAmount(text: string, position: number): Msat | undefined {
  if (text === '') return undefined;
  const digitsEnd = skipDigits(text);
  if (digitsEnd === 0 || text.length - digitsEnd > 1) {
    refuse('invalid_amount', 'the amount is not digits and at most one multiplier letter', position);
  }
  const unit = PICO_PER_UNIT.find(([letter]) => letter === text.slice(digitsEnd));
  if (!unit) refuse('invalid_multiplier', 'the letter behind the amount is none of m, u, n, p', position + digitsEnd);

  let digitsStart = 0;
  while (digitsStart < digitsEnd && text[digitsStart] === '0') digitsStart++;
  if (digitsEnd - digitsStart > MAX_DIGITS) refuse('amount_overflow', 'the amount does not fit 64 bits', position);
  const pico = BigInt(text.slice(digitsStart, digitsEnd)) * unit[1];
  if (pico % PICO_PER_MSAT !== 0n) {
    refuse('sub_millisatoshi', 'the amount is not a whole number of millisatoshi', position);
  }
  const msat = pico / PICO_PER_MSAT;
  if (msat > MAX_U64) refuse('amount_overflow', 'the amount does not fit 64 bits', position);
  if (msat > MAX_MSAT) refuse('amount_too_large', 'the amount is above 21 million bitcoin', position);
  return msat;
}

function skipDigits(text: string): number {
  let at = 0;
  while (at < text.length && text[at]! >= '0' && text[at]! <= '9') at++;
  return at;
}

/**
 * Shortest text of a positive amount: the largest multiplier that divides it (BOLT 11).
 * @param bareWhole whole bitcoins without a letter, as BOLT 11 says; false gives thousands of `m`, as LDK writes.
 */
export function amountText(msat: Msat, bareWhole: boolean): string {
  const pico = msat * PICO_PER_MSAT;
  const [letter, unit] = PICO_PER_UNIT.find(([name, size]) => (bareWhole || name !== '') && pico % size === 0n)!;
  return `${pico / unit}${letter}`;
}
