import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeInvoice,
  encodeInvoice,
  type InvoiceDraft,
  invoiceFields,
  LDK_INVOICE_STYLE,
} from '../../src/bolt11/index.js';
import { availableBackends, ec } from '../../src/crypto/index.js';
import { unwrap } from '../../src/wire/result.js';
import { anyDraft, baseDraft, draftOf, filled, payeeKey, secretKey, tagLetters } from './support.js';

const without = (...names: (keyof InvoiceDraft)[]): InvoiceDraft => {
  const left = Object.entries(baseDraft).filter(([name]) => !(names as string[]).includes(name));
  return Object.fromEntries(left) as unknown as InvoiceDraft;
};

describe('encodeInvoice', () => {
  it('gives back every draft when decoded', () => {
    fc.assert(
      fc.property(anyDraft, (draft) => {
        const text = unwrap(encodeInvoice(draft, secretKey));
        expect(text).toBe(text.toLowerCase());
        const invoice = unwrap(decodeInvoice(text));
        expect(invoice.payee).toEqual(payeeKey);
        const expected = {
          fallbacks: [],
          routeHints: [],
          features: draft.paymentMetadata ? [8, 14, 48] : [8, 14],
          ...draft,
        };
        expected.features = [...expected.features].sort((a, b) => a - b);
        expect(draftOf(invoice, tagLetters(text))).toEqual(expected);
        expect(() => JSON.stringify(invoiceFields(invoice))).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same text with every curve backend', () => {
    const text = unwrap(encodeInvoice(baseDraft, secretKey));
    for (const backend of availableBackends()) {
      expect(encodeInvoice(baseDraft, (hash) => backend.sign(hash, secretKey))).toEqual({ ok: true, value: text });
    }
  });

  it('writes fields in the default order, in LDK order and in any order asked for', () => {
    const draft: InvoiceDraft = {
      ...baseDraft,
      payee: payeeKey,
      paymentMetadata: filled(1, 3),
      fallbacks: [
        { version: 1, program: filled(7) },
        { version: 17, program: filled(7, 20) },
      ],
    };
    expect(tagLetters(unwrap(encodeInvoice(draft, secretKey)))).toBe('psdn9xcffrm');
    expect(tagLetters(unwrap(encodeInvoice(draft, secretKey, LDK_INVOICE_STYLE)))).toBe('dps9cxrffnm');
    expect(tagLetters(unwrap(encodeInvoice(draft, secretKey, { fieldOrder: 'mrfcx9ndsp' })))).toBe('mrffcx9ndsp');
    expect(encodeInvoice(draft, secretKey, { fieldOrder: 'ps9dxcfr' })).toMatchObject({
      ok: false,
      error: { code: 'invalid_field_order' },
    });
  });

  it('writes expiry and final delta if and only if they are given, zero as an empty field', () => {
    expect(tagLetters(unwrap(encodeInvoice(without('expirySeconds', 'minFinalCltvExpiryDelta'), secretKey)))).toBe(
      'psd9r',
    );
    const zero = unwrap(encodeInvoice({ ...baseDraft, expirySeconds: 0, minFinalCltvExpiryDelta: 0 }, secretKey));
    expect(zero).toContain('xqqcqq');
    const same = { ...baseDraft, expirySeconds: 3600 };
    expect(tagLetters(unwrap(encodeInvoice(same, secretKey)))).toContain('x');
    expect(encodeInvoice({ ...same, expirySeconds: 3600n }, secretKey)).toEqual(encodeInvoice(same, secretKey));
  });

  it.each<[string, InvoiceDraft]>([
    ['amount_not_positive', { ...baseDraft, amountMsat: 0n }],
    ['amount_not_positive', { ...baseDraft, amountMsat: -1n }],
    ['amount_too_large', { ...baseDraft, amountMsat: 2_100_000_000_000_000_001n }],
    ['timestamp_out_of_range', { ...baseDraft, timestamp: 2 ** 35 }],
    ['timestamp_out_of_range', { ...baseDraft, timestamp: -1 }],
    ['timestamp_out_of_range', { ...baseDraft, timestamp: 1.5 }],
    ['timestamp_out_of_range', { ...baseDraft, timestamp: Number.NaN }],
    ['bad_length', { ...baseDraft, paymentHash: filled(1, 31) }],
    ['bad_length', { ...baseDraft, paymentSecret: filled(1, 33) }],
    ['bad_length', { ...without('description'), descriptionHash: filled(1, 20) }],
    ['missing_description', without('description')],
    ['both_descriptions', { ...baseDraft, descriptionHash: filled(1) }],
    ['description_too_long', { ...baseDraft, description: 'a'.repeat(640) }],
    ['description_too_long', { ...baseDraft, description: 'é'.repeat(320) }],
    ['invalid_utf8_description', { ...baseDraft, description: 'half \ud83d' }],
    ['metadata_too_long', { ...baseDraft, paymentMetadata: filled(1, 640) }],
    ['invalid_payee_pubkey', { ...baseDraft, payee: filled(2, 33).fill(0xff, 1) }],
    ['payee_mismatch', { ...baseDraft, payee: ec.publicKey(filled(9)) }],
    ['expiry_overflow', { ...baseDraft, expirySeconds: 2n ** 64n }],
    ['expiry_overflow', { ...baseDraft, expirySeconds: -1n }],
    ['expiry_overflow', { ...baseDraft, expirySeconds: 0.5 }],
    ['expiry_overflow', { ...baseDraft, expirySeconds: Infinity }],
    ['cltv_overflow', { ...baseDraft, minFinalCltvExpiryDelta: 2 ** 32 }],
    ['cltv_overflow', { ...baseDraft, minFinalCltvExpiryDelta: -1 }],
    ['invalid_fallback', { ...baseDraft, fallbacks: [{ version: 0, program: filled(1, 21) }] }],
    ['invalid_fallback', { ...baseDraft, fallbacks: [{ version: 19, program: filled(1, 20) }] }],
    ['invalid_fallback', { ...baseDraft, fallbacks: [{ version: 1.5, program: filled(1, 20) }] }],
    ['empty_route_hint', { ...baseDraft, routeHints: [[]] }],
    ['route_hint_too_long', { ...baseDraft, routeHints: [new Array(13).fill(baseDraft.routeHints![0]![0]!)] }],
    ['invalid_route_hint_pubkey', hintWith({ nodeId: filled(3, 32) })],
    ['invalid_route_hint_value', hintWith({ shortChannelId: 2n ** 64n })],
    ['invalid_route_hint_value', hintWith({ feeBaseMsat: 2 ** 32 })],
    ['invalid_route_hint_value', hintWith({ feeProportionalMillionths: -1 })],
    ['invalid_route_hint_value', hintWith({ cltvExpiryDelta: 65536 })],
    ['invalid_feature', { ...baseDraft, features: [8, 14, 5115] }],
    ['invalid_feature', { ...baseDraft, features: [8, 14, -1] }],
    ['unknown_required_feature', { ...baseDraft, features: [8, 14, 30] }],
    ['missing_feature', { ...baseDraft, features: [9] }],
    ['missing_feature', { ...baseDraft, features: [14] }],
    ['missing_feature', { ...baseDraft, features: [8, 14], paymentMetadata: filled(1) }],
  ])('refuses a draft as %s', (code, draft) => {
    expect(encodeInvoice(draft, secretKey)).toMatchObject({ ok: false, error: { code } });
  });

  it('takes drafts at the limits', () => {
    const draft: InvoiceDraft = {
      ...baseDraft,
      expirySeconds: 2n ** 64n - 1n,
      amountMsat: 2_100_000_000_000_000_000n,
      timestamp: 2 ** 35 - 1,
      description: 'a'.repeat(639),
      paymentMetadata: filled(1, 639),
      routeHints: [new Array(12).fill(baseDraft.routeHints![0]![0]!)],
      features: [8, 14, 49, 5113],
    };
    const invoice = unwrap(decodeInvoice(unwrap(encodeInvoice(draft, secretKey))));
    expect(invoice).toMatchObject(draft);
  });

  it('refuses text beyond the length that is read', () => {
    const routeHints = new Array(4000).fill(baseDraft.routeHints![0]!);
    expect(encodeInvoice({ ...baseDraft, routeHints }, secretKey)).toMatchObject({
      ok: false,
      error: { code: 'invoice_too_long' },
    });
  });

  it('checks what a signer function returns', () => {
    const refused = { ok: false, error: { code: 'invalid_signature' } };
    const high = filled(0x11, 64).fill(0xfe, 32);
    expect(encodeInvoice(baseDraft, () => ({ signature: filled(1, 63), recoveryId: 0 }))).toMatchObject(refused);
    expect(encodeInvoice(baseDraft, () => ({ signature: high, recoveryId: 0 }))).toMatchObject(refused);
    expect(encodeInvoice(baseDraft, () => ({ signature: filled(0, 64), recoveryId: 0 }))).toMatchObject(refused);
    expect(encodeInvoice(baseDraft, (hash) => ({ ...ec.sign(hash, secretKey), recoveryId: 4 }))).toMatchObject(refused);
  });

  it('throws on a key that is none', () => {
    expect(() => encodeInvoice(baseDraft, filled(0))).toThrow(RangeError);
    expect(() => encodeInvoice(baseDraft, filled(1, 31))).toThrow(RangeError);
  });
});

function hintWith(change: Partial<NonNullable<InvoiceDraft['routeHints']>[number][number]>): InvoiceDraft {
  return { ...baseDraft, routeHints: [[{ ...baseDraft.routeHints![0]![0]!, ...change }]] };
}
