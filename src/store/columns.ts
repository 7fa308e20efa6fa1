/** How values of the program become columns that both engines hold alike, and back. */
import { MAX_U64 } from '../wire/units.js';

export type EngineKind = 'sqlite' | 'postgres';

/** What travels between the program and a database. Integers come back as bigint from both engines. */
export type SqlValue = string | number | bigint | null;
export type SqlRow = readonly SqlValue[];

/**
 * An unsigned 64-bit value as a signed 64-bit column: two's complement. Everything below 2^63 is stored as itself, so sums
 * and people read it plainly; the upper half, which only a hostile or broken peer sends, still comes back exactly.
 * @throws {RangeError} outside 0..2^64-1.
 */
export function u64ToColumn(value: bigint): bigint {
  if (value < 0n || value > MAX_U64) throw new RangeError(`not an unsigned 64-bit value: ${value}`);
  return BigInt.asIntN(64, value);
}

export function u64FromColumn(value: unknown): bigint {
  if (typeof value !== 'bigint') throw new TypeError('a 64-bit column did not come back as bigint');
  return BigInt.asUintN(64, value);
}

/** @throws {RangeError} if the number is not an integer that JavaScript holds exactly. */
export function intToColumn(value: number): number {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`);
  return value;
}

export function intFromColumn(value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError('a column holds a number beyond 2^53');
  return number;
}

export function optionalIntFromColumn(value: unknown): number | undefined {
  return value === null ? undefined : intFromColumn(value);
}

export function textFromColumn(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a text column did not come back as text');
  return value;
}

export function optionalTextFromColumn(value: unknown): string | undefined {
  return value === null ? undefined : textFromColumn(value);
}

/** JSON text with 64-bit values as decimal strings. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => (typeof member === 'bigint' ? member.toString() : member));
}

/** Names of column types in DDL, the only place where the two engines differ. */
export interface ColumnTypes {
  /** Any signed 64-bit integer. */
  readonly int: string;
  /** Text compared byte by byte, on both engines: keys and everything that is sorted. */
  readonly text: string;
  /** Integer primary key that the database hands out in rising order. */
  readonly serial: string;
  /** After the column list. SQLite checks types only where it is told to. */
  readonly tableOptions: string;
}

export function columnTypes(kind: EngineKind): ColumnTypes {
  return kind === 'sqlite'
    ? { int: 'integer', text: 'text', serial: 'integer primary key autoincrement', tableOptions: 'strict' }
    : {
        int: 'bigint',
        text: 'text collate "C"',
        serial: 'bigint generated always as identity primary key',
        tableOptions: '',
      };
}
