import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runVectorFile } from './vector-runner/runner.js';

const FOLDER = fileURLToPath(new URL('./vectors/', import.meta.url));
const read = (name: string): unknown => JSON.parse(readFileSync(`${FOLDER}${name}.json`, 'utf8'));

const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.replace(/\.json$/, ''));

/** Cases that have to pass per file; a file that is not here is wholly of a later family. */
const PASSING: Readonly<Record<string, number>> = {
  'blip03-keysend': 14,
  'blip39-bolt11-blinded-path': 1,
  'bolt01-bigsize': 26,
  'bolt01-integers': 61,
  'bolt01-tlv': 62,
  'bolt04-attribution-data': 3,
  'bolt04-blinded-payment-onion': 10,
  'bolt04-onion-error': 1,
  'bolt04-onion-message': 10,
  'bolt04-onion-packet': 16,
  'bolt04-route-blinding': 10,
  'bolt04-trampoline': 43,
  bolt11: 26,
  'extra-bolt11': 278,
  'extra-bolt12-parts': 16,
  'extra-failures': 32,
  'extra-onion': 13,
  'extra-payloads': 97,
  'extra-primitives': 44,
  'ldk-phantom': 101,
};

describe('vectors', () => {
  it.each(NAMES)('%s', (name) => {
    const report = runVectorFile(read(name), name);
    expect(report.failures).toEqual([]);
    expect(report.deviations).toEqual([]);
    const skipped = report.skipped.reduce((sum, { count }) => sum + count, 0);
    expect(report.passed + skipped).toBeGreaterThan(0);
    expect(report.passed).toBeGreaterThanOrEqual(PASSING[name] ?? 0);
  });
});

interface Case {
  id: string;
  [member: string]: unknown;
}

const flipped = (hex: string): string => hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0');

/** A copy of one case, with one member changed, under a file name that nobody knows. */
function changed(file: string, id: string, change: (testCase: Case) => void): unknown {
  const json = structuredClone(read(file)) as { cases: Case[]; name: string };
  const testCase = json.cases.find((one) => one.id === id);
  if (!testCase) throw new Error(`${file} has no case ${id}`);
  change(testCase);
  return { ...json, name: 'unheard-of', cases: [testCase] };
}

/** file, case, member whose last digit is changed: expected bytes as well as given ones. */
const FLIPS: readonly (readonly [string, string, string])[] = [
  ['bolt01-bigsize', 'decode-two-byte-low', 'hex'],
  ['bolt01-integers', 's16-15000', 'hex'],
  ['bolt01-tlv', 'n1-ok-22', 'hex'],
  ['extra-primitives', 'tlv-22', 'hex'],
  ['bolt04-onion-packet', 'create-five-hops', 'onion'],
  ['bolt04-onion-packet', 'create-five-hops', 'filler'],
  ['bolt04-onion-packet', 'peel-hop-1', 'next_onion'],
  ['bolt04-onion-packet', 'peel-hop-4', 'payload_with_length'],
  ['bolt04-route-blinding', 'blind-bob', 'encrypted_data'],
  ['bolt04-route-blinding', 'unblind-carol', 'next_path_key'],
  ['bolt04-route-blinding', 'path-concatenated', 'encoded'],
  ['bolt04-blinded-payment-onion', 'relay-carol', 'amt_to_forward'],
  ['bolt04-onion-message', 'peel-bob', 'next_path_key'],
  ['bolt04-trampoline', 'failure-1-alice', 'failure_message'],
  ['extra-onion', 'full', 'onion'],
  ['extra-onion', 'error-order', 'received'],
  ['extra-failures', 'failure-400f-19', 'hex'],
  ['extra-failures', 'return-2', 'hex'],
  ['extra-payloads', 'final-2', 'hex'],
  ['extra-payloads', 'enc-4', 'hex'],
  ['extra-payloads', 'msg-final-2', 'hex'],
  ['blip03-keysend', 'tlv-record', 'payment_hash'],
  ['blip03-keysend', 'payload-with-secret', 'hex'],
];

describe('the runner can fail', () => {
  it.each(FLIPS)('%s %s: %s', (file, id, member) => {
    const untouched = runVectorFile(
      changed(file, id, () => undefined),
      'unheard-of',
    );
    expect(untouched).toMatchObject({ passed: 1, failures: [] });
    const json = changed(file, id, (testCase) => {
      testCase[member] = flipped(String(testCase[member]));
    });
    const report = runVectorFile(json, 'unheard-of');
    expect(report.passed).toBe(0);
    expect(report.failures).toHaveLength(1);
  });

  it('tells a refused input that should be accepted, and the reverse', () => {
    for (const [id, valid] of [
      ['relay-1', false],
      ['relay-invalid-1', true],
    ] as const) {
      const json = changed('extra-payloads', id, (testCase) => {
        testCase['valid'] = valid;
      });
      expect(runVectorFile(json, 'unheard-of').failures).toHaveLength(1);
    }
  });

  it('counts a mismatch under policy as deviation only', () => {
    const json = changed('extra-payloads', 'lnd-16', (testCase) => {
      testCase['valid'] = true;
    });
    expect(runVectorFile(json, 'unheard-of')).toMatchObject({ passed: 0, failures: [] });
    expect(runVectorFile(json, 'unheard-of').deviations).toHaveLength(1);
  });

  it('reports unknown kinds and unknown forms', () => {
    const unknown = { schema: 'manifold-vectors/1', name: 'x', cases: [{ id: 'a', kind: 'never-seen' }] };
    expect(runVectorFile(unknown, 'x').failures).toHaveLength(1);
    expect(runVectorFile({ schema: 'other' }, 'x').failures).toHaveLength(1);
  });

  it.each(NAMES.filter((name) => name !== 'static-invoice'))('handles %s the same under another name', (name) => {
    const json = read(name) as object;
    const renamed = 'name' in json ? { ...json, name: 'unheard-of' } : json;
    expect(runVectorFile(renamed, 'unheard-of')).toEqual(runVectorFile(json, name));
  });
});
