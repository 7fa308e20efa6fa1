/**
 * Bech32 text (BIP 173) as Lightning uses it: without the length limit of addresses (BOLT 11), and without checksum but
 * with `+` joins (BOLT 12). A "group" is the 5-bit value of one character; groups live one per byte in a `Uint8Array`.
 */
import { refusable, refuse, type Result } from './result.js';

export const BECH32_CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

/** Final constant of the checksum: BIP 173, and BIP 350 for witness version 1 and up. */
export type Bech32Checksum = 'bech32' | 'bech32m';
const CHECKSUM_CONSTANT: Record<Bech32Checksum, number> = { bech32: 1, bech32m: 0x2bc830a3 };
const CHECKSUM_LENGTH = 6;

export interface Bech32Text {
  /** Lower case. */
  readonly hrp: string;
  /** Without the checksum. */
  readonly groups: Uint8Array;
}

export interface Bech32Bytes {
  /** Lower case. */
  readonly hrp: string;
  readonly bytes: Uint8Array;
}

const LOWER = 1;
const UPPER = 2;
const MIXED = LOWER | UPPER;

/** Group of an ASCII character in either case, -1 where it has none. */
const GROUP_OF = new Int8Array(128).fill(-1);
/** LOWER or UPPER for ASCII letters, else 0. */
const CASE_OF = new Uint8Array(128);
/** Character codes of the groups. */
const CODE_OF = new Uint8Array(32);
for (let group = 0; group < 32; group++) {
  const code = BECH32_CHARSET.charCodeAt(group);
  CODE_OF[group] = code;
  GROUP_OF[code] = group;
  GROUP_OF[BECH32_CHARSET.charAt(group).toUpperCase().charCodeAt(0)] = group;
}
for (let letter = 0; letter < 26; letter++) {
  CASE_OF[0x61 + letter] = LOWER;
  CASE_OF[0x41 + letter] = UPPER;
}

/** What the five bits shifted out of the checksum register add back to it. */
const FEEDBACK = Int32Array.from({ length: 32 }, (_, top) =>
  [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3].reduce(
    (sum, generator, bit) => ((top >> bit) & 1 ? sum ^ generator : sum),
    0,
  ),
);

function checksumStep(register: number, group: number): number {
  return ((register & 0x1ff_ffff) << 5) ^ group ^ FEEDBACK[register >>> 25]!;
}

/** The register after the human-readable part: high bits of every character, zero, low bits. */
function checksumOfHrp(hrp: string): number {
  let register = 1;
  for (let i = 0; i < hrp.length; i++) register = checksumStep(register, hrp.charCodeAt(i) >> 5);
  register = checksumStep(register, 0);
  for (let i = 0; i < hrp.length; i++) register = checksumStep(register, hrp.charCodeAt(i) & 31);
  return register;
}

function shownCharacter(code: number): string {
  return code > 32 && code < 127 ? `"${String.fromCharCode(code)}"` : `U+${code.toString(16).padStart(4, '0')}`;
}

/** Offset of the last `1`, which ends the human-readable part. */
function separatorOf(text: string): number {
  const separator = text.lastIndexOf('1');
  if (separator < 0) refuse('bech32_no_separator', 'there is no "1" between prefix and data');
  if (separator === 0) refuse('bech32_empty_hrp', 'nothing stands before the separator "1"', 0);
  return separator;
}

function groupAt(code: number, position: number): number {
  const group = code < 128 ? GROUP_OF[code]! : -1;
  if (group < 0)
    refuse('bech32_invalid_char', `character ${shownCharacter(code)} has no place in bech32 data`, position);
  return group;
}

/** Letter case of a character of the human-readable part, which may be any visible ASCII character. */
function hrpCaseAt(code: number, position: number): number {
  if (code < 33 || code > 126) {
    refuse('bech32_invalid_char', `character ${shownCharacter(code)} has no place in a bech32 prefix`, position);
  }
  return CASE_OF[code]!;
}

/** Blames the first letter whose case differs from the letters before it. */
function refuseMixedCase(text: string): never {
  let seen = 0;
  let position = 0;
  for (; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (code < 128) seen |= CASE_OF[code]!;
    if (seen === MIXED) break;
  }
  refuse('bech32_mixed_case', 'upper- and lower-case letters are mixed', position);
}

/**
 * Reads text with a BIP 173 checksum, of any length.
 * @throws Refusal `bech32_…` with the character offset
 */
export function readBech32(text: string): Bech32Text {
  const separator = separatorOf(text);
  let cases = 0;
  for (let i = 0; i < separator; i++) cases |= hrpCaseAt(text.charCodeAt(i), i);
  const hrp = text.slice(0, separator).toLowerCase();

  const first = separator + 1;
  const groups = new Uint8Array(text.length - first);
  let register = checksumOfHrp(hrp);
  for (let i = first; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const group = groupAt(code, i);
    cases |= CASE_OF[code]!;
    groups[i - first] = group;
    register = checksumStep(register, group);
  }
  if (cases === MIXED) refuseMixedCase(text);
  if (groups.length < CHECKSUM_LENGTH) {
    refuse('bech32_too_short', `the checksum has ${CHECKSUM_LENGTH} characters, only ${groups.length} are here`, first);
  }
  if (register !== CHECKSUM_CONSTANT.bech32) {
    refuse('bech32_checksum', 'the checksum does not fit: a character is wrong, missing or too many');
  }
  return { hrp, groups: groups.subarray(0, groups.length - CHECKSUM_LENGTH) };
}

/** {@link readBech32} with the refusal as a value. */
export function decodeBech32(text: string): Result<Bech32Text> {
  return refusable(() => readBech32(text));
}

function requireHrp(hrp: string): void {
  if (!/^[!-@[-~]+$/.test(hrp)) throw new RangeError('a bech32 prefix is visible ASCII without upper-case letters');
}

const ascii = new TextDecoder();

/**
 * Text with checksum, lower case, of any length.
 * @throws {RangeError} on a bad prefix or a group above 31: a bug of the caller.
 */
export function encodeBech32(hrp: string, groups: Uint8Array, checksum: Bech32Checksum = 'bech32'): string {
  requireHrp(hrp);
  const codes = new Uint8Array(groups.length + CHECKSUM_LENGTH);
  let register = checksumOfHrp(hrp);
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i]!;
    if (group > 31) throw new RangeError(`${group} is not a 5-bit group`);
    register = checksumStep(register, group);
    codes[i] = CODE_OF[group]!;
  }
  for (let i = 0; i < CHECKSUM_LENGTH; i++) register = checksumStep(register, 0);
  register ^= CHECKSUM_CONSTANT[checksum];
  for (let i = 0; i < CHECKSUM_LENGTH; i++) {
    codes[groups.length + i] = CODE_OF[(register >> (5 * (CHECKSUM_LENGTH - 1 - i))) & 31]!;
  }
  return `${hrp}1${ascii.decode(codes)}`;
}

const PLUS = 0x2b;
const isBlank = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);

/** Offset of the character after the `+` at `plus` and its blanks. The join must stand between two characters. */
function endOfJoin(text: string, plus: number): number {
  let next = plus + 1;
  while (next < text.length && isBlank(text.charCodeAt(next))) next++;
  if (plus === 0 || next === text.length || text.charCodeAt(next) === PLUS) {
    refuse('invalid_continuation', 'a "+" must stand between two characters of the string', plus);
  }
  return next;
}

/**
 * Reads text without checksum (BOLT 12): `+` followed by any blanks may stand between two characters, and the data must
 * be whole bytes with at most four zero bits behind.
 * @throws Refusal `bech32_…` or `invalid_continuation` with the character offset
 */
function readBech32WithoutChecksum(text: string): Bech32Bytes {
  const separator = separatorOf(text);
  const groups = new Uint8Array(text.length - separator - 1);
  let hrp = '';
  let count = 0;
  let cases = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === PLUS) {
      i = endOfJoin(text, i);
      code = text.charCodeAt(i);
    }
    if (i < separator) {
      cases |= hrpCaseAt(code, i);
      hrp += text.charAt(i);
    } else if (i > separator) {
      groups[count++] = groupAt(code, i);
      cases |= CASE_OF[code]!;
    }
  }
  if (cases === MIXED) refuseMixedCase(text);
  const padding = paddingFault(groups, 0, count);
  if (padding) refuse(padding, PADDING_MESSAGE[padding], text.length - 1);
  return { hrp: hrp.toLowerCase(), bytes: groupsToBytes(groups, 0, count) };
}

/** {@link readBech32WithoutChecksum} with the refusal as a value. */
export function decodeBech32WithoutChecksum(text: string): Result<Bech32Bytes> {
  return refusable(() => readBech32WithoutChecksum(text));
}

/** Text without checksum, lower case. @throws {RangeError} on a bad prefix. */
export function encodeBech32WithoutChecksum(hrp: string, bytes: Uint8Array): string {
  requireHrp(hrp);
  return `${hrp}1${groupsToText(bytesToGroups(bytes))}`;
}

/** The characters of groups that are known to be below 32. */
export function groupsToText(groups: Uint8Array): string {
  return ascii.decode(groups.map((group) => CODE_OF[group]!));
}

export type PaddingFault = 'bech32_padding_too_long' | 'bech32_padding_not_zero';

const PADDING_MESSAGE: Record<PaddingFault, string> = {
  bech32_padding_too_long: 'the data ends with a group that belongs to no byte',
  bech32_padding_not_zero: 'the bits behind the last byte are not zero',
};

/** What is wrong with the bits behind the last whole byte of `groups[start..end)`: at most four, all zero. */
export function paddingFault(groups: Uint8Array, start: number, end: number): PaddingFault | undefined {
  const bits = ((end - start) * 5) & 7;
  if (bits > 4) return 'bech32_padding_too_long';
  return bits > 0 && groups[end - 1]! & ((1 << bits) - 1) ? 'bech32_padding_not_zero' : undefined;
}

/**
 * Packs `groups[start..end)` into `out` from `offset` on. Bits behind the last whole byte are dropped, or, if `out` has
 * room for one more byte, fill its top.
 */
export function packGroups(groups: Uint8Array, start: number, end: number, out: Uint8Array, offset: number): void {
  let held = 0;
  let bits = 0;
  let at = offset;
  for (let i = start; i < end; i++) {
    held = ((held << 5) | groups[i]!) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = held >> bits;
    }
  }
  if (bits > 0 && at < out.length) out[at] = held << (8 - bits);
}

/** The whole bytes of `groups[start..end)`; see {@link paddingFault} for what is behind them. */
export function groupsToBytes(groups: Uint8Array, start = 0, end = groups.length): Uint8Array {
  const bytes = new Uint8Array(((end - start) * 5) >> 3);
  packGroups(groups, start, end, bytes, 0);
  return bytes;
}

/** The bits of `bytes` in groups, the last one filled up with zero bits. */
export function bytesToGroups(bytes: Uint8Array): Uint8Array {
  const groups = new Uint8Array(Math.ceil((bytes.length * 8) / 5));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < bytes.length; i++) {
    held = ((held << 8) | bytes[i]!) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      groups[at++] = (held >> bits) & 31;
    }
  }
  if (bits > 0) groups[at] = (held << (5 - bits)) & 31;
  return groups;
}
