/** What a check found, for a person: one line each, and below it what to do, to be copied. */
import type { Finding } from '../daemon/node-check.js';
import { printable } from './io.js';

const LEVELS = { ok: 'ok', warn: 'WARN', fail: 'FAIL' } as const;

export function findingLines(findings: readonly Finding[]): string[] {
  const width = Math.max(0, ...findings.map(({ what }) => what.length));
  return findings.flatMap(({ level, what, detail, fix }) => [
    `  ${LEVELS[level].padEnd(4)}  ${printable(what).padEnd(width)}  ${printable(detail)}`,
    ...(fix === undefined ? [] : fix.split('\n').map((line) => `          ${printable(line)}`)),
  ]);
}

export function hasFailed(findings: readonly Finding[]): boolean {
  return findings.some(({ level }) => level === 'fail');
}
