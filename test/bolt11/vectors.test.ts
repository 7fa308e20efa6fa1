import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeInvoice, encodeInvoice, type InvoiceDraft, LDK_INVOICE_STYLE } from '../../src/bolt11/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { bolt11Handlers, runInvoiceCase } from '../vector-runner/bolt11.js';
import { type VectorCase, type VectorFile, VectorMismatch } from '../vector-runner/registry.js';
import { draftOf, tagLetters } from './support.js';

const FILES = ['bolt11', 'extra-bolt11', 'blip39-bolt11-blinded-path'];

const load = (name: string): VectorFile =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8')) as VectorFile;

/** Valid cases with a known key whose text our encoder would not write, in the order of the files. */
const NOT_WRITTEN = [
  'valid-14', // unknown tag and version, fields of other lengths
  'd-x-duplicate',
  'd-9-empty', // ours always has the features that payers need
  'd-9-absent',
  'd-9-mpp-without-secret-bit',
  'd-m-without-feature',
  'd-dup-p',
  'd-dup-p-same',
  'd-p-wrong-then-right',
  'd-h-len-51-with-d',
  'd-n-len-52',
  'd-recovery-flipped',
  'd-tampered-no-n',
  'd-high-s-no-n',
  'd-f-v19',
  'd-m-duplicate',
  'd-unknown-tag',
  'd-unknown-tag-max',
];

const allCases = FILES.flatMap((name) => load(name).cases);

describe.each(FILES)('%s', (name) => {
  const file = load(name);

  it.each(file.cases.map((testCase) => [testCase.id, testCase] as const))('%s', (_, testCase) => {
    expect(bolt11Handlers[0]!.matches(testCase, file)).toBe(true);
    bolt11Handlers[0]!.run(testCase, file);
  });
});

describe('all vectors of BOLT 11', () => {
  it('refuses for a reason that the vectors name', () => {
    for (const testCase of allCases) {
      const result = decodeInvoice(testCase['invoice'] as string);
      if (result.ok) continue;
      const { error, errors, error_without_blip39: draft } = testCase as VectorCase & { errors?: string[] };
      expect([error, draft, ...(errors ?? [])], testCase.id).toContain(result.error.code);
    }
  });

  it('signs again to the published text', () => {
    expect(allCases.filter((testCase) => runInvoiceCase(testCase)).length).toBe(69);
  });

  it('writes invoices again from their decoded content, but for what no draft can say', () => {
    const others: string[] = [];
    let written = 0;
    for (const testCase of allCases) {
      const text = testCase['invoice'] as string;
      const key = testCase['signing_privkey'];
      const result = decodeInvoice(text);
      if (!result.ok || typeof key !== 'string') continue;
      const letters = tagLetters(text);
      const fieldOrder = [...new Set(letters)].join('');
      const again = encodeInvoice(draftOf(result.value, letters), fromHex(key), { fieldOrder });
      if (again.ok && again.value === text.toLowerCase()) written++;
      else others.push(testCase.id);
    }
    expect(others).toEqual(NOT_WRITTEN);
    expect(written).toBe(54);
  });

  it('has a runner that can fail', () => {
    const good = load('bolt11').cases.find((testCase) => testCase.valid === true)!;
    const fields = good['fields'] as Record<string, unknown>;
    expect(() => runInvoiceCase({ ...good, valid: false })).toThrow(VectorMismatch);
    expect(() => runInvoiceCase({ ...good, fields: { ...fields, expiry: '3601' } })).toThrow(VectorMismatch);
    expect(() => runInvoiceCase({ ...good, signed_data: '00' })).toThrow(VectorMismatch);
    const { invoice: bad } = load('bolt11').cases.find((testCase) => testCase.valid === false)!;
    expect(() => runInvoiceCase({ ...good, invoice: bad })).toThrow(VectorMismatch);
  });
});

interface PhantomInvoice {
  name: string;
  cross_node_seed: string;
  network: string;
  timestamp: number;
  expiry_seconds: number;
  amount_msat: string | null;
  description: string | null;
  description_hash: string | null;
  expected: {
    invoice: string;
    invoice_by_ldk_head: string | null;
    invoice_min_final_cltv: number;
    invoice_min_final_cltv_by_ldk_head: number;
    phantom_node_id: string;
    signable_digest: string;
    payment_hash: string;
    payment_secret: string;
    route_hints: {
      src_node_id: string;
      short_channel_id: string;
      fee_base_msat: number;
      fee_proportional_millionths: number;
      cltv_expiry_delta: number;
    }[][];
  };
}

interface PhantomVectors {
  key_derivation: { vectors: { cross_node_seed: string; phantom_secret_key: string }[] };
  phantom_invoices: { vectors: PhantomInvoice[] };
}

/** `phantomDelta`: CLTV delta of the phantom hop, 42 up to LDK 0.1 and 48 later. */
function phantomDraft(vector: PhantomInvoice, finalDelta: number, phantomDelta: number): InvoiceDraft {
  const { expected } = vector;
  return {
    currency: vector.network === 'mainnet' ? 'bc' : 'bcrt',
    timestamp: vector.timestamp,
    ...(vector.amount_msat !== null && { amountMsat: BigInt(vector.amount_msat) }),
    ...(vector.description_hash !== null
      ? { descriptionHash: fromHex(vector.description_hash) }
      : { description: vector.description ?? '' }),
    paymentHash: fromHex(expected.payment_hash),
    paymentSecret: fromHex(expected.payment_secret),
    expirySeconds: vector.expiry_seconds,
    minFinalCltvExpiryDelta: finalDelta,
    features: [8, 14],
    routeHints: expected.route_hints.map((hint) =>
      hint.map((hop, index) => ({
        nodeId: fromHex(hop.src_node_id),
        shortChannelId: BigInt(hop.short_channel_id),
        feeBaseMsat: hop.fee_base_msat,
        feeProportionalMillionths: hop.fee_proportional_millionths,
        cltvExpiryDelta: index === hint.length - 1 ? phantomDelta : hop.cltv_expiry_delta,
      })),
    ),
  };
}

describe('phantom invoices of LDK', () => {
  const { key_derivation, phantom_invoices } = load('ldk-phantom') as unknown as PhantomVectors;
  const keyOf = new Map(key_derivation.vectors.map((v) => [v.cross_node_seed, fromHex(v.phantom_secret_key)]));

  it.each(phantom_invoices.vectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const { expected } = vector;
    const key = keyOf.get(vector.cross_node_seed)!;
    const draft = phantomDraft(vector, expected.invoice_min_final_cltv, 42);
    expect(unwrap(encodeInvoice(draft, key, LDK_INVOICE_STYLE))).toBe(expected.invoice);

    const decoded = unwrap(decodeInvoice(expected.invoice));
    expect(toHex(decoded.payee)).toBe(expected.phantom_node_id);
    expect(toHex(decoded.signingHash)).toBe(expected.signable_digest);

    if (expected.invoice_by_ldk_head === null) return;
    const headDraft = phantomDraft(vector, expected.invoice_min_final_cltv_by_ldk_head, 48);
    expect(unwrap(encodeInvoice(headDraft, key, LDK_INVOICE_STYLE))).toBe(expected.invoice_by_ldk_head);
  });
});
