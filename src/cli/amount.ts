/** Amounts as people type them. */
import { MAX_MSAT, type Msat } from '../wire/units.js';
import { usageError } from './io.js';

const DECIMALS: Readonly<Record<string, number>> = { msat: 0, sat: 3, btc: 11 };

/**
 * `50000sat`, `50000000msat`, `0.0005btc`; undefined for `any`. A unit is needed: a bare number would be taken for the
 * wrong one sooner or later.
 */
export function parseAmount(text: string): Msat | undefined {
  const trimmed = text.trim().toLowerCase();
  if (trimmed === 'any') return undefined;
  const match = /^(\d{1,20})(?:\.(\d{1,20}))?\s*(msat|sat|btc)s?$/.exec(trimmed);
  if (!match)
    throw usageError(`"${text}" is not an amount; write it with its unit: 50000sat, 50000000msat or 0.0005btc`);
  const [, whole, fraction = '', unit] = match;
  const decimals = DECIMALS[unit!]!;
  if (fraction.replace(/0+$/, '').length > decimals) throw usageError(`"${text}" is finer than a millisatoshi`);
  const msat = BigInt(whole! + fraction.padEnd(decimals, '0').slice(0, decimals));
  if (msat === 0n) throw usageError('an amount is above zero; use "any" to leave it to the payer');
  if (msat > MAX_MSAT) throw usageError(`"${text}" is more than there will ever be`);
  return msat;
}

/** Whole satoshi where possible. */
export function amountText(msat: string | bigint | undefined): string {
  if (msat === undefined) return 'any amount';
  const value = BigInt(msat);
  const rest = value % 1000n;
  return `${value / 1000n}${rest === 0n ? '' : `.${rest.toString().padStart(3, '0')}`} sat`;
}

/** `100sat`, `5000msat`, `0.5%` or `0sat`, as the API takes it. */
export function feeFields(text: string | undefined): Readonly<Record<string, string | number>> {
  if (text === undefined) return {};
  const [, percent] = /^(\d{1,3}(?:\.\d{1,6})?)\s*%$/.exec(text.trim()) ?? [];
  if (percent !== undefined) {
    if (Number(percent) > 100) throw usageError(`--max-fee: ${text} is more than the whole amount`);
    return { max_fee_percent: Number(percent) };
  }
  if (/^0+(\.0+)?\s*(msat|sat|btc)s?$/i.test(text.trim())) return { max_fee_msat: '0' };
  const amount = /^any$/i.test(text.trim()) ? undefined : parseFee(text);
  if (amount === undefined) throw usageError('--max-fee: name a limit, like 100sat, 5000msat or 0.5%');
  return { max_fee_msat: amount.toString() };
}

function parseFee(text: string): Msat | undefined {
  try {
    return parseAmount(text);
  } catch {
    throw usageError(`--max-fee: "${text}" is no fee; write it like 100sat, 5000msat or 0.5%`);
  }
}
