/** Values as they travel in the API's JSON. */
import { z } from '@hono/zod-openapi';
import { fromHex } from '../../wire/bytes.js';
import { MAX_MSAT } from '../../wire/units.js';
import { Problem } from './problems.js';

/** Above zero, at most 21 million bitcoin. */
export const amountMsat = z
  .string()
  .refine(
    (text) => /^[1-9]\d{0,18}$/.test(text) && BigInt(text) <= MAX_MSAT,
    'must be a whole number of millisatoshi as a decimal string, above zero and at most 21 million bitcoin',
  )
  .transform((text) => BigInt(text))
  .openapi({ type: 'string', pattern: '^[1-9][0-9]{0,18}$', example: '50000000' });

/** From zero on. */
export const feeMsat = z
  .string()
  .refine(
    (text) => /^(0|[1-9]\d{0,18})$/.test(text) && BigInt(text) <= MAX_MSAT,
    'must be a whole number of millisatoshi as a decimal string, at most 21 million bitcoin',
  )
  .transform((text) => BigInt(text))
  .openapi({ type: 'string', pattern: '^(0|[1-9][0-9]{0,18})$', example: '5000' });

export const nodeId = z
  .string()
  .regex(/^0[23][0-9a-fA-F]{64}$/, 'must be a node id: 66 hex digits that begin with 02 or 03')
  .transform((text) => fromHex(text.toLowerCase()))
  .openapi({ type: 'string', pattern: '^0[23][0-9a-fA-F]{64}$' });

export const hex32 = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, 'must be 32 bytes in hex')
  .transform((text) => fromHex(text))
  .openapi({ type: 'string', pattern: '^[0-9a-fA-F]{64}$' });

/** Text that every database keeps as it is. */
export function plainText(least: number, most: number) {
  return z
    .string()
    .min(least)
    .max(most)
    .refine(
      (text) => !text.includes('\0') && !/\p{Surrogate}/u.test(text),
      'must not hold NUL or half a surrogate pair',
    );
}

const MOST_METADATA = 8_192;
const DEEPEST = 16;

/** Any JSON value of moderate size. */
export const jsonValue = z
  .unknown()
  .refine((value) => depthWithin(value, DEEPEST) && JSON.stringify(value ?? null).length <= MOST_METADATA, {
    error: `must be at most ${MOST_METADATA} characters of JSON, nested at most ${DEEPEST} deep`,
    abort: true,
  })
  .refine(
    hasExactNumbers,
    'must not hold numbers that come back as others: whole ones beyond 2^53 or too large for a double; send them as strings',
  )
  .openapi({ description: 'Any JSON value' });

function depthWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => depthWithin(member, levels - 1));
}

/** A reader of JSON may have rounded what is no safe integer already, so it cannot be kept as it was sent. */
function hasExactNumbers(value: unknown): boolean {
  if (typeof value === 'number')
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return typeof value !== 'object' || value === null || Object.values(value).every(hasExactNumbers);
}

export function wholeNumber(least: number, most: number) {
  return z.int().min(least).max(most);
}

/** A whole number in a query. */
export function queryNumber(least: number, most: number, preset: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be from ${least} to ${most}`)
    .default(preset)
    .openapi({ type: 'integer', minimum: least, maximum: most, default: preset });
}

/** ISO 8601; undefined for a time that no calendar has, which a stranger's invoice may name. */
export function isoTime(millis: number | undefined): string | undefined {
  return millis === undefined || Math.abs(millis) > 8.64e15 ? undefined : new Date(millis).toISOString();
}

/** A place in a list that goes on. */
export function cursorText(time: number, id: string): string {
  return Buffer.from(JSON.stringify([time, id])).toString('base64url');
}

/** @throws {Problem} for a cursor that was not given out here */
export function parseCursor(text: string): { readonly time: number; readonly id: string } {
  try {
    const [time, id] = JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown[];
    if (Number.isSafeInteger(time) && typeof id === 'string' && /^[\x21-\x7e]{1,200}$/.test(id))
      return { time: time as number, id };
  } catch {
    // falls through to the refusal
  }
  throw badCursor();
}

export function badCursor(): Problem {
  return new Problem(400, 'bad_cursor', 'pass next_cursor of an earlier answer to the same list, unchanged');
}
