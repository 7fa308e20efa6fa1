/** What a family of vectors offers to the runner, and the comparisons that all families share. */
import { toHex } from '../../src/wire/bytes.js';
import type { Result } from '../../src/wire/result.js';

/** One case of a vector file: its members depend on `op` or `kind`. */
export interface VectorCase {
  readonly id: string;
  readonly op?: string;
  readonly kind?: string;
  readonly rule?: string;
  readonly valid?: boolean;
  readonly [member: string]: unknown;
}

/** A file of schema `manifold-vectors/1`. Members besides these (namespaces, seeds, ...) differ from file to file. */
export interface VectorFile {
  readonly schema: string;
  readonly name: string;
  readonly cases: readonly VectorCase[];
  readonly [member: string]: unknown;
}

export interface Handler {
  readonly name: string;
  /** Decides by the members of the case, never by the file's name. */
  matches(testCase: VectorCase, file: VectorFile): boolean;
  /** Set if the handler itself demands this outcome, whatever the case says: then `valid` must say the same. */
  readonly always?: 'accepted' | 'refused';
  /** @throws {VectorMismatch} if our answer differs from the expected one. */
  run(testCase: VectorCase, file: VectorFile): void;
}

/** Thrown by a handler: our answer is not the vector's. */
export class VectorMismatch extends Error {
  override readonly name = 'VectorMismatch';
}

export function mismatch(what: string, expected: unknown, actual: unknown): never {
  throw new VectorMismatch(`${what}: expected ${shown(expected)}, got ${shown(actual)}`);
}

const SHOWN_LENGTH = 160;
/** Characters shown before the first difference. */
const CONTEXT_LENGTH = 24;

function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(plain(value));
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}… (${text.length} characters)` : text;
}

/** A value as JSON vectors write it: bytes as hex, bigint as decimal text, absent members left out. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([name, member]) => [name, plain(member)]),
    );
  }
  return value;
}

/** JSON text with sorted member names; numbers equal their decimal text, as vectors use either. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
  }
  return JSON.stringify(typeof value === 'number' ? String(value) : (value ?? null));
}

/** Demands equality after {@link plain} on both sides. */
export function expectSame(what: string, expected: unknown, actual: unknown): void {
  const [wanted, got] = [canonical(plain(expected)), canonical(plain(actual))];
  if (wanted === got) return;
  let same = 0;
  while (wanted[same] === got[same]) same++;
  const from = Math.max(0, same - CONTEXT_LENGTH);
  mismatch(`${what}, different from character ${same}`, plain(wanted.slice(from)), plain(got.slice(from)));
}

/** For outcomes that are demanded whatever the case says: its `valid`, if any, must say the same. */
export function expectStated(testCase: VectorCase, outcome: 'accepted' | 'refused'): void {
  const stated = testCase.valid ?? testCase['error'] === undefined;
  if (testCase.valid === undefined && outcome === 'refused') return;
  if (stated !== (outcome === 'accepted')) mismatch('outcome', stated ? 'accepted' : 'refused', outcome);
}

/** Demands that the case's `valid` is the outcome; returns the value of an accepted input. */
export function expectOutcome<T>(testCase: VectorCase, result: Result<T>): T | undefined {
  const wanted = testCase.valid ?? testCase['error'] === undefined;
  if (result.ok !== wanted) {
    const said = result.ok ? 'accepted' : `refused (${result.error.code}: ${result.error.message})`;
    mismatch('outcome', wanted ? 'accepted' : `refused (${String(testCase['error'])})`, said);
  }
  return result.ok ? result.value : undefined;
}

/** Compares the members of `expected` that `actual` can have, if the vector has them. */
export function expectMembers(
  where: string,
  expected: Readonly<Record<string, unknown>>,
  actual: Readonly<Record<string, unknown>>,
): void {
  for (const [member, value] of Object.entries(actual)) {
    if (expected[member] !== undefined) expectSame(`${where}${member}`, expected[member], value);
  }
}
