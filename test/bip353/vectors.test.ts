import { describe, expect, it } from 'vitest';
import { chooseUri, readPaymentUri, verifyName } from '../../src/bip353/index.js';
import { concat, fromHex, utf8 } from '../../src/wire/bytes.js';
import { vectorCases } from '../wire/vectors.js';

interface ProofCase {
  readonly id: string;
  readonly kind: string;
  readonly hrn: string;
  readonly proof: string;
  readonly valid?: boolean;
  readonly uri?: string;
  readonly address?: string;
  readonly offer?: string;
  readonly verify_at: number;
  readonly window: { readonly from: number; readonly to: number };
}

interface TxtCase {
  readonly id: string;
  readonly kind: string;
  readonly txt_records?: readonly (readonly string[])[];
  readonly txt_strings?: readonly string[];
  readonly valid?: boolean;
  readonly uri?: string;
  readonly offer?: string;
  readonly error?: string;
}

const CASES = vectorCases<ProofCase & TxtCase>('bip353');
const PROOFS = CASES.filter(({ kind }) => kind === 'proof').map((one) => [one.id, one] as const);
const named = (id: string): ProofCase => CASES.find((one) => one.id === id)!;

const verify = ({ hrn, proof, verify_at }: ProofCase, now = verify_at): ReturnType<typeof verifyName> =>
  verifyName(hrn, fromHex(proof), { now });

describe('published proofs, by the root keys of IANA', () => {
  it.each(PROOFS)('%s', (_id, testCase) => {
    const result = verify(testCase);
    expect(result.ok).toBe(testCase.valid);
    if (!result.ok) return;
    const { uri, addresses, offer, validFrom, validUntil } = result.value;
    expect({ uri, address: addresses[0], offer, from: validFrom, to: validUntil }).toEqual({
      uri: testCase.uri,
      address: testCase.address,
      offer: testCase.offer,
      ...testCase.window,
    });
  });

  it.each(PROOFS.filter(([, { valid }]) => valid))('%s holds in its window only', (_id, testCase) => {
    const { from, to } = testCase.window;
    const codes = [from - 1, from, to, to + 1].map((now) => {
      const result = verify(testCase, now);
      return result.ok || result.error.code;
    });
    expect(codes).toEqual(['signature_not_yet_valid', true, true, 'signature_expired']);
  });

  it('are refused for the reason that they were made for', () => {
    expect(verify(named('proof-two-records'))).toMatchObject({ error: { code: 'multiple_bitcoin_records' } });
    expect(verify(named('proof-missing-nsec3'))).toMatchObject({ error: { code: 'denial_missing' } });
  });
});

/** Where each record of a proof begins, found without the reader under test. */
function recordStarts(proof: Uint8Array): number[] {
  const starts: number[] = [];
  for (let at = 0; at < proof.length;) {
    starts.push(at);
    while (proof[at]! > 0) at += proof[at]! + 1;
    at += 1 + 8;
    at += 2 + 256 * proof[at]! + proof[at + 1]!;
  }
  return starts;
}

describe('a published proof that was tampered with', () => {
  const simple = named('proof-simple');
  const cname = named('proof-wildcard-cname');
  const good = fromHex(simple.proof);

  it('never says anything else, whichever bit is turned', () => {
    const original = verify(simple);
    if (!original.ok) throw new Error('the untouched proof is refused');
    let refused = 0;
    for (let at = 0; at < good.length; at += 5) {
      const proof = good.slice();
      proof[at]! ^= 1 << (at % 8);
      const result = verifyName(simple.hrn, proof, { now: simple.verify_at });
      if (!result.ok) {
        refused++;
        continue;
      }
      // Letter case and the unsigned time to live may change, nothing else.
      const { ttl, ...rest } = result.value;
      expect({ ...rest, ttl: original.value.ttl }).toEqual(original.value);
      expect(ttl).toBeLessThanOrEqual(original.value.ttl);
    }
    expect(refused).toBeGreaterThan(600);
  });

  it.each([simple, cname])('needs every record: $id', (testCase) => {
    const proof = fromHex(testCase.proof);
    const starts = recordStarts(proof);
    const spare = starts.filter((start, i) => {
      const without = concat(proof.subarray(0, start), proof.subarray(starts[i + 1] ?? proof.length));
      return verifyName(testCase.hrn, without, { now: testCase.verify_at }).ok;
    });
    expect(spare).toEqual([]);
  });

  it('is refused if it is cut anywhere', () => {
    for (let length = 0; length < good.length; length += 3) {
      expect(verifyName(simple.hrn, good.subarray(0, length), { now: simple.verify_at }).ok, String(length)).toBe(
        false,
      );
    }
  });

  it('does not prove another name', () => {
    for (const hrn of ['simpl@dnssec_proof_tests.bitcoin.ninja', 'simple@bitcoin.ninja', 'simple@x.bitcoin.ninja']) {
      expect(verifyName(hrn, good, { now: simple.verify_at })).toMatchObject({ error: { code: 'record_missing' } });
    }
  });
});

describe('published and derived TXT records', () => {
  it.each(
    CASES.filter(({ kind }) => kind === 'txt_selection' || kind === 'record').map((one) => [one.id, one] as const),
  )('%s', (_id, { txt_records, txt_strings, valid = true, uri, error, offer }) => {
    const records = txt_records ?? [txt_strings!];
    const result = chooseUri(records.map((pieces) => pieces.map((piece) => utf8(piece))));
    expect(result).toMatchObject(valid ? { value: uri } : { error: { code: error } });
    if (offer !== undefined) expect(readPaymentUri(uri!)).toMatchObject({ value: { offers: [offer] } });
  });
});
