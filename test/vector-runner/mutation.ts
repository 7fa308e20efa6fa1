/** Changes a case in one place, to see whether its handler notices. */
import type { VectorCase } from './registry.js';

export type Path = readonly (string | number)[];

/** Members that describe the case or choose its handler, and say nothing that could be compared. */
const DESCRIPTIVE: ReadonlySet<string> = new Set([
  ...['id', 'title', 'description', 'source', 'line', 'origin', 'observed', 'rule', 'note', 'computed'],
  // Labels of our own for the reason of a refusal: "a test should demand the rejection, not the label".
  ...['error', 'errors', 'error_without_blip39', 'intended_error', 'does_not_reach_intended_check'],
  ...['op', 'kind'],
]);

/** Paths to all numbers, texts and booleans of a case but the descriptive ones. */
export function leavesOf(testCase: VectorCase): Path[] {
  return Object.entries(testCase)
    .filter(([member]) => !DESCRIPTIVE.has(member))
    .flatMap(([member, value]) => leaves(value, [member]));
}

function leaves(value: unknown, path: Path): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const steps: Path = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return steps.flatMap((step) => leaves((value as Record<string | number, unknown>)[step], [...path, step]));
}

/** `a.#.b`: a path with every index as #. */
export const patternOf = (path: Path): string => path.map((step) => (typeof step === 'number' ? '#' : step)).join('.');

/** A copy with one more, the opposite, or another digit in the middle, at the end of `path`. */
export function mutated(testCase: VectorCase, path: Path): VectorCase {
  const copy = structuredClone(testCase) as Record<string | number, unknown>;
  const holder = path.slice(0, -1).reduce((at, step) => at[step] as Record<string | number, unknown>, copy);
  const last = path.at(-1)!;
  holder[last] = changed(holder[last]);
  return copy as unknown as VectorCase;
}

function changed(value: unknown): unknown {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number') return value + 1;
  if (typeof value !== 'string') throw new Error(`no rule to change ${String(value)}`);
  if (/^-?\d{1,19}$/.test(value)) return (BigInt(value) + 1n).toString();
  const digits = [...value.matchAll(/[0-9a-f]/g)];
  const middle = digits[Math.floor(digits.length / 2)];
  if (!middle) return `${value}0`;
  const digit = ((Number.parseInt(middle[0], 16) + 1) % 16).toString(16);
  return value.slice(0, middle.index) + digit + value.slice(middle.index + 1);
}
