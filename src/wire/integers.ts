/** Fixed-width and truncated integers, and BigSize (BOLT 1, "Fundamental Types"). Big-endian throughout. */
import { concat } from './bytes.js';
import { refuse } from './result.js';
import { MAX_U64 } from './units.js';

/** `value` in `length` bytes. @throws {RangeError} if it does not fit. */
export function uintBytes(value: bigint | number, length: number): Uint8Array {
  let rest = BigInt(value);
  if (rest < 0n || rest >> BigInt(8 * length) !== 0n) {
    throw new RangeError(`${rest} does not fit an unsigned integer of ${length} bytes`);
  }
  const bytes = new Uint8Array(length);
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

export const u16 = (value: number): Uint8Array => uintBytes(value, 2);
export const u32 = (value: number): Uint8Array => uintBytes(value, 4);
export const u64 = (value: bigint): Uint8Array => uintBytes(value, 8);

/** The unsigned integer that all of `bytes` spell. */
export function uintOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** Two's complement of `width` bytes (1, 2, 4 or 8). @throws {RangeError} if the value does not fit. */
export function encodeSigned(value: bigint, width: number): Uint8Array {
  const bits = 8 * width;
  if (BigInt.asIntN(bits, value) !== value) throw new RangeError(`${value} does not fit s${bits}`);
  return uintBytes(BigInt.asUintN(bits, value), width);
}

export function decodeSigned(bytes: Uint8Array, width: number): bigint {
  if (bytes.length !== width) refuse('bad_length', `a signed integer of ${width} bytes has ${bytes.length}`);
  return BigInt.asIntN(8 * width, uintOf(bytes));
}

/** Truncated unsigned integer (tu16, tu32, tu64): no leading zero byte, zero is empty. */
export function encodeTruncated(value: bigint | number): Uint8Array {
  let rest = BigInt(value);
  if (rest < 0n || rest > MAX_U64) throw new RangeError(`${rest} is not an unsigned 64-bit integer`);
  const digits: number[] = [];
  for (; rest > 0n; rest >>= 8n) digits.unshift(Number(rest & 0xffn));
  return Uint8Array.from(digits);
}

/** @throws Refusal `tu_too_long`, `tu_not_minimal` */
export function decodeTruncated(bytes: Uint8Array, width: 2 | 4 | 8): bigint {
  if (bytes.length > width)
    refuse('tu_too_long', `a tu${8 * width} has at most ${width} bytes, this one ${bytes.length}`);
  if (bytes[0] === 0) refuse('tu_not_minimal', `a tu${8 * width} must not start with a zero byte`);
  return uintOf(bytes);
}

/** BigSize: 1, 3, 5 or 9 bytes, always the shortest. @throws {RangeError} outside u64. */
export function encodeBigSize(value: bigint | number): Uint8Array {
  const n = BigInt(value);
  if (n < 0xfdn) return uintBytes(n, 1);
  if (n < 0x1_0000n) return concat(Uint8Array.of(0xfd), uintBytes(n, 2));
  if (n < 0x1_0000_0000n) return concat(Uint8Array.of(0xfe), uintBytes(n, 4));
  return concat(Uint8Array.of(0xff), uintBytes(n, 8));
}
