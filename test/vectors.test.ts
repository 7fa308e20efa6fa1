import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { leavesOf, mutated, patternOf } from './vector-runner/mutation.js';
import type { VectorCase, VectorFile } from './vector-runner/registry.js';
import { runVectorFile } from './vector-runner/runner.js';

const FOLDER = fileURLToPath(new URL('./vectors/', import.meta.url));
const read = (name: string): unknown => JSON.parse(readFileSync(`${FOLDER}${name}.json`, 'utf8'));

const NAMES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.replace(/\.json$/, ''));

/** Cases that have to pass per file; a file that is not here is wholly of a later family. */
const PASSING: Readonly<Record<string, number>> = {
  bip353: 19,
  'blip03-keysend': 14,
  'blip32-dns-messages': 8,
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
  'bolt12-format-string': 12,
  'bolt12-offers': 53,
  'bolt12-signature': 4,
  'extra-bolt12': 287,
  'extra-bolt12-pairs': 17,
  'extra-bolt12-parts': 56,
  'static-invoice': 25,
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

  it.each(NAMES)('handles %s the same under another name', (name) => {
    const json = read(name) as object;
    const renamed = 'name' in json ? { ...json, name: 'unheard-of' } : json;
    expect(runVectorFile(renamed, 'unheard-of')).toEqual(runVectorFile(json, name));
  });
});

/** Every file of the common form, under a name that tells nothing. */
const FILES = NAMES.map((name) => read(name) as VectorFile)
  .filter((file) => Array.isArray(file.cases))
  .map((file) => ({ ...file, name: 'unheard-of' }));

const passes = (file: VectorFile, testCase: VectorCase): boolean =>
  runVectorFile({ ...file, cases: [testCase] }, 'unheard-of').passed === 1;

const handledCases = FILES.flatMap((file) =>
  file.cases.filter((testCase) => passes(file, testCase)).map((testCase) => ({ file, testCase })),
);

const isRefused = ({ valid, error }: VectorCase): boolean => !(valid ?? error === undefined);

/** What a refused case was given. Another broken input is refused as well, so a change cannot show. */
const INPUTS = new RegExp(
  `^(${[
    ...['invoice', 'hex', 'namespace', 'role', 'final', 'update_add_has_path_key', 'encrypted_data', 'payment_hash'],
    ...['records\\.#\\.(type|hex)', 'node_privkey', 'path_key', 'associated_data', 'onion', 'um_key', 'session_key'],
    ...['payload_size', 'payloads\\.#', 'hrn', 'txt_records\\.#\\.#', 'verify_at'],
    ...['string', 'now', 'chains\\.#', 'offer', 'invoice_request', 'sent_via_blinded_id'],
  ].join('|')})$`,
);

/** Members of accepted cases, and results of refused ones, that cannot be checked: op or kind and id, path, reason. */
const UNCHECKED: readonly (readonly [kindAndId: RegExp, path: RegExp, reason: string])[] = [
  [/^(create|peel|blind_hop|unblind_hop) /, /^(hops\.#\.)?name$/, 'first names of the nodes'],
  [/^relay /, /^payment_relay\.fee_/, 'the fee is rounded, so one more can give the same amount'],
  [/^failure_decrypt /, /^(shared_secrets\.#|attribution_data)$/, 'tampered at one hop: what lies behind it is unread'],
  [/^filler /, /^payload_lengths_with_length_prefix\.#$/, 'the last hop adds nothing to the filler'],
  [/^custom_tlvs /, /^records\.#\.(type|hex)$/, 'another type of the allowed range, another content'],
  [/^payload_length /, /^hex$/, 'only the length in front is read, not the bytes behind it'],
  [/^message_payload /, /^encrypted_data$/, 'given without its meaning: another one can be read as well'],
  [/^ /, /^fields_despite_error\.(nonstandard_currency|description_hex)$/, 'no reader of ours has such a member'],
  [/^ /, /^fields_despite_error\.(currency|network)$/, 'the text before the separator is itself at fault'],
  [
    /^ /,
    /^fields_despite_error\.(payment_(hash|secret)|description|payee(_pubkey_field)?)$/,
    'the field stands twice, has an unusual length, or field n stands for the payee',
  ],
  [/^ /, /^tags$/, 'a field reaches into the signature, so that the list of tags ends somewhere'],
  [/^(invoice_request|invoice|static_invoice) /, /^signing_privkey$/, 'the signature itself is at fault, or not there'],
  [/^ /, /^signing_privkey$/, 'the text is no bech32 any more, so nothing leads back to the key'],
  [/^record /, /^ttl$/, 'the time to live stands beside the text, and nothing signs it here'],
  [/^txt_selection /, /^txt_records\.#\.#$/, 'a record without the scheme is not read any further'],
  [/^proof /, /^verify_at$/, 'any moment of the window is as good'],
  [/^ either-ok-/, /^hex$/, 'the content of unknown odd records, which no member repeats'],
];

const CASES_PER_KIND = 4;

/** Some cases of every handled kind: accepted ones, and refused ones for every reason. */
function sample(): typeof handledCases {
  const taken = new Map<string, number>();
  return handledCases.filter(({ file, testCase }) => {
    const key = `${FILES.indexOf(file)} ${testCase.kind ?? testCase.op ?? ''} ${isRefused(testCase)} ${String(testCase['error'])}`;
    taken.set(key, (taken.get(key) ?? 0) + 1);
    return taken.get(key)! <= CASES_PER_KIND;
  });
}

describe('a change in one place', () => {
  it('is noticed, whatever the handler: valid', () => {
    const unnoticed = handledCases
      .filter(({ testCase }) => typeof testCase.valid === 'boolean')
      .filter(({ file, testCase }) => passes(file, { ...testCase, valid: !testCase.valid }));
    expect(unnoticed.map(({ testCase }) => testCase.id)).toEqual([]);
  });

  it('is noticed in every member but those that cannot be checked', () => {
    const unnoticed: string[] = [];
    const reasonsUsed = new Set<string>();
    let tried = 0;
    for (const { file, testCase } of sample()) {
      for (const path of leavesOf(testCase)) {
        tried++;
        if (!passes(file, mutated(testCase, path))) continue;
        const pattern = patternOf(path);
        const kindAndId = `${testCase.kind ?? testCase.op ?? ''} ${testCase.id}`;
        if (isRefused(testCase) && INPUTS.test(pattern)) continue;
        const rule = UNCHECKED.find(([kinds, paths]) => kinds.test(kindAndId) && paths.test(pattern));
        if (rule) reasonsUsed.add(rule[2]);
        else unnoticed.push(`${kindAndId}: ${pattern}`);
      }
    }
    expect(unnoticed).toEqual([]);
    expect(UNCHECKED.map(([, , reason]) => reason).filter((reason) => !reasonsUsed.has(reason))).toEqual([]);
    expect(tried).toBeGreaterThan(3000);
  }, 30_000);
});
