import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runLdkPhantomFile } from '../vector-runner/ldk-phantom.js';

const file = JSON.parse(readFileSync(new URL('../vectors/ldk-phantom.json', import.meta.url), 'utf8')) as Record<
  string,
  unknown
>;

/** Members whose change must be noticed where not every long hex text plays a part in the result. */
const RESULTS: Readonly<Record<string, RegExp>> = {
  inbound_payment_verification: /(?<="outcome":")/g,
  fake_scids: /(?<="expected_scid":")/g,
};
const LAST_DIGIT_OF_LONG_HEX = /(?<="[0-9a-f]{31,})[0-9a-f](?=")/g;

/** One section with wrong results: a digit put before them, or the last digit of every long hex text changed. */
function spoiled(section: string): Record<string, unknown> {
  const text = JSON.stringify(file[section]);
  const results = RESULTS[section];
  const wrong = results
    ? text.replaceAll(results, '1')
    : text.replaceAll(LAST_DIGIT_OF_LONG_HEX, (digit) => (digit === '0' ? '1' : '0'));
  return { [section]: JSON.parse(wrong) as unknown };
}

describe('LDK phantom vectors', () => {
  it('all agree', () => {
    const report = runLdkPhantomFile(file);
    expect(report.failures).toEqual([]);
    expect(report.skipped).toEqual([]);
    expect(report.passed).toBe(101);
  });

  const sections = Object.keys(file).filter((name) => name !== 'about' && name !== 'phantom_invoice_errors');
  it.each(sections)('a changed %s is noticed in every vector', (name) => {
    const report = runLdkPhantomFile(spoiled(name));
    expect(report.passed).toBe(0);
    expect(report.failures.length).toBeGreaterThan(0);
  });

  it('counts what it has no rule for', () => {
    const report = runLdkPhantomFile({
      about: {},
      phantom_rockets: { vectors: [{}, {}] },
      phantom_invoice_errors: { vectors: [{ name: 'never heard of', creation_error: 'LDKCreationError_X' }] },
    });
    expect(report).toEqual({
      passed: 0,
      failures: [],
      skipped: [
        { what: 'section phantom_rockets', count: 2 },
        { what: 'phantom_invoice_errors: input of never heard of', count: 1 },
      ],
    });
  });

  it('does not take a wrong error for the right one', () => {
    const section = { vectors: [{ name: 'no_nodes', creation_error: 'LDKCreationError_InvalidAmount' }] };
    expect(runLdkPhantomFile({ phantom_invoice_errors: section }).failures).toHaveLength(1);
  });
});
