/** Reads members of a case by type. A member of another type is a defect of the vector, told as a mismatch. */
import { fromHex } from '../../src/wire/bytes.js';
import { parseScid } from '../../src/wire/scid.js';
import { mismatch, type VectorCase } from './registry.js';

export type Members = Readonly<Record<string, unknown>>;

export function has(testCase: VectorCase | Members, ...members: string[]): boolean {
  return members.every((member) => testCase[member] !== undefined);
}

export function text(of: Members, member: string): string {
  const value = of[member];
  return typeof value === 'string' ? value : mismatch(member, 'a string', value);
}

export function hex(of: Members, member: string): Uint8Array {
  return fromHex(text(of, member));
}

/** A list of hex strings. */
export function hexes(of: Members, member: string): Uint8Array[] {
  return list(of, member).map((value) => fromHex(String(value)));
}

export function optionalHex(of: Members, member: string): Uint8Array | undefined {
  return of[member] === undefined ? undefined : hex(of, member);
}

/** A JSON number or decimal string. */
export function integer(of: Members, member: string): bigint {
  const value = of[member];
  if (typeof value === 'number' || (typeof value === 'string' && /^-?\d+$/.test(value))) return BigInt(value);
  return mismatch(member, 'an integer', value);
}

export function number(of: Members, member: string): number {
  return Number(integer(of, member));
}

export function list(of: Members, member: string): unknown[] {
  const value = of[member];
  return Array.isArray(value) ? (value as unknown[]) : mismatch(member, 'a list', value);
}

export function records(of: Members, member: string): Members[] {
  return list(of, member) as Members[];
}

export function object(of: Members, member: string): Members {
  const value = of[member];
  return value !== null && typeof value === 'object' ? (value as Members) : mismatch(member, 'an object', value);
}

export function scid(of: Members, member: string): bigint {
  const value = text(of, member);
  return parseScid(value) ?? mismatch(member, 'a short channel id', value);
}
