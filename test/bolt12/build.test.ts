/** What is written is read back the same, and what nobody could use is not written. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bolt12InvoiceExpiresAt,
  buildInvoice,
  buildInvoiceRequest,
  buildOffer,
  buildStaticInvoice,
  checkInvoiceAgainstRequest,
  checkRequestAgainstOffer,
  checkStaticInvoiceAgainstRequest,
  decodeInvoice,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  encodeInvoiceRequestString,
  encodeInvoiceString,
  encodeOfferString,
  encodeRecords,
  encodeStaticInvoice,
  encodeStaticInvoiceString,
  type OfferFields,
  signerOf,
} from '../../src/bolt12/index.js';
import { unwrap } from '../../src/wire/result.js';
import {
  BITCOIN,
  filled,
  invoiceFor,
  issuer,
  NOW,
  offerWith,
  pathTo,
  payer,
  payInfo,
  REGTEST,
  requestFor,
  staticFor,
} from './support.js';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const blob = fc.uint8Array({ maxLength: 60 });
const bits = fc
  .uniqueArray(
    fc.nat({ max: 100 }).map((n) => 2 * n + 1),
    { maxLength: 5 },
  )
  .map((odd) => odd.sort((a, b) => a - b));
const ways = fc
  .uniqueArray(fc.integer({ min: 20, max: 40 }), { minLength: 1, maxLength: 3 })
  .map((ends) => ends.map(pathTo));
const oddExtra = (from: number) =>
  fc
    .uniqueArray(fc.nat({ max: 1000 }), { maxLength: 3 })
    .chain((offsets) =>
      fc.tuple(...offsets.map((offset) => blob.map((value) => ({ type: BigInt(from + 1 + 2 * offset), value })))),
    );

const someOffer = fc.record(
  {
    description: text,
    metadata: blob,
    chains: fc.constantFrom([REGTEST], [BITCOIN], [REGTEST, BITCOIN]),
    amount: fc.bigInt({ min: 1n, max: 10n ** 15n }),
    features: bits,
    absoluteExpiry: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    paths: ways,
    issuer: text,
    quantityMax: fc.bigInt({ min: 0n, max: 100n }),
    issuerId: fc.constant(issuer.nodeId),
    extraRecords: oddExtra(1_000_000_000),
  },
  { requiredKeys: ['description', 'issuerId', 'extraRecords'] },
);

describe('offers', () => {
  it('are read as they were written, as text and as bytes', () => {
    fc.assert(
      fc.property(someOffer, ({ extraRecords, ...fields }) => {
        const offer = unwrap(buildOffer({ ...fields, extraRecords }));
        const { records, ...read } = unwrap(decodeOffer(encodeOfferString(offer)));
        const { features, ...others } = fields;
        expect(read).toEqual({ ...others, ...(features && { features }) });
        expect(unwrap(decodeOffer(encodeRecords(records)))).toEqual(
          unwrap(decodeOffer(encodeOfferString(offer).toUpperCase())),
        );
        for (const { type, value } of extraRecords) {
          expect(records.find((record) => record.type === type)?.value).toEqual(value);
        }
      }),
      { numRuns: 150 },
    );
  });

  const bad: readonly (readonly [string, OfferFields])[] = [
    ['zero_offer_amount', { description: 'x', amount: 0n, issuerId: issuer.nodeId }],
    ['missing_offer_description', { amount: 5n, issuerId: issuer.nodeId }],
    ['missing_issuer_id_and_paths', { description: 'x' }],
    ['currency_without_amount', { description: 'x', currency: 'EUR', issuerId: issuer.nodeId }],
    ['invalid_currency', { description: 'x', currency: 'eur', amount: 1n, issuerId: issuer.nodeId }],
    [
      'amount_too_large:offer_amount',
      { description: 'x', amount: 2_100_000_000_000_000_001n, issuerId: issuer.nodeId },
    ],
    ['empty_paths:offer_paths', { description: 'x', paths: [] }],
    ['empty_offer_chains', { description: 'x', chains: [], issuerId: issuer.nodeId }],
    ['unknown_required_feature:offer_features', { description: 'x', features: [16], issuerId: issuer.nodeId }],
    ['bad_value', { description: '\ud800', issuerId: issuer.nodeId }],
    ['bad_value', { description: 'x', amount: 1n << 64n, issuerId: issuer.nodeId }],
    ['bad_value', { description: 'x', amount: -1n, issuerId: issuer.nodeId }],
    ['bad_value', { description: 'x', chains: [filled(1, 31)], issuerId: issuer.nodeId }],
    ['bad_value', { description: 'x', issuerId: filled(5, 33) }],
    ['bad_value', { description: 'x', features: [1_000_001], issuerId: issuer.nodeId }],
    ['bad_value', { description: 'x', paths: [{ ...pathTo(9), hops: [] }] }],
    ['too_long', { description: 'x'.repeat(70_000), issuerId: issuer.nodeId }],
  ];
  it.each(bad)('are not written if they break a rule: %s', (code, fields) => {
    expect(buildOffer(fields)).toMatchObject({ ok: false, error: { code } });
  });

  it('take no record of a stranger: out of range, even, or twice', () => {
    const build = (type: bigint) =>
      buildOffer({ description: 'x', issuerId: issuer.nodeId, extraRecords: [{ type, value: filled(1, 2) }] });
    expect(build(81n)).toMatchObject({ ok: false, error: { code: 'type_out_of_range', record: 81n } });
    expect(build(1_000_000_000n)).toMatchObject({ ok: false, error: { code: 'unknown_even_type' } });
    expect(build(10n)).toMatchObject({ ok: false, error: { code: 'bad_value' } });
    expect(build(33n).ok).toBe(true);
  });
});

const someRequest = fc.record(
  {
    amountMsat: fc.bigInt({ min: 10n ** 17n, max: 10n ** 18n }),
    payerNote: text,
    features: bits,
    bip353Name: fc.record({
      name: fc.stringMatching(/^[0-9A-Za-z._-]{1,20}$/),
      domain: fc.stringMatching(/^[0-9A-Za-z._-]{1,20}$/),
    }),
    extraRecords: oddExtra(2_000_000_000),
  },
  { requiredKeys: ['amountMsat', 'extraRecords'] },
);

describe('a request and its invoice', () => {
  it('repeat all there is, unknown records too, and fit each other', () => {
    fc.assert(
      fc.property(
        someOffer,
        someRequest,
        fc.bigInt({ min: 1n, max: 100n }),
        blob,
        (given, draft, quantity, metadata) => {
          const offer = unwrap(buildOffer(given));
          const isBounded = given.quantityMax !== undefined && given.quantityMax !== 0n && quantity > given.quantityMax;
          const count = isBounded ? given.quantityMax! : quantity;
          const items = given.quantityMax === undefined ? {} : { quantity: count };
          const { extraRecords, ...fields } = draft;
          const request = requestFor(offer, { ...fields, extraRecords, ...items, metadata });
          expect(unwrap(decodeInvoiceRequest(encodeInvoiceRequestString(request)))).toEqual(request);
          expect(request).toMatchObject({ ...fields, ...items, metadata, isForOffer: true, payerId: payer.nodeId });
          expect(checkRequestAgainstOffer(offer, request)).toEqual({ ok: true, value: undefined });
          const wanted = given.chains?.every((chain) => chain === REGTEST) ? REGTEST : undefined;
          expect(request.chain).toEqual(wanted);

          const invoice = invoiceFor(request);
          expect(invoice.amountMsat).toBe(draft.amountMsat);
          expect(unwrap(decodeInvoice(encodeInvoiceString(invoice)))).toEqual(invoice);
          expect(checkInvoiceAgainstRequest(request, invoice, { now: NOW })).toEqual({ ok: true, value: undefined });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('cost what the offer costs, times the quantity', () => {
    const offer = offerWith({ quantityMax: 10n });
    expect(invoiceFor(requestFor(offer, { quantity: 3n })).amountMsat).toBe(15_000n);
    expect(invoiceFor(requestFor(offer, { quantity: 3n, amountMsat: 20_000n })).amountMsat).toBe(20_000n);
  });

  it('overflow is refused, not wrapped', () => {
    const offer = offerWith({ amount: 2n ** 60n, quantityMax: 0n });
    const request = buildInvoiceRequest({ offer, metadata: filled(1), signer: payer, quantity: 2n ** 63n });
    expect(request).toMatchObject({ ok: false, error: { code: 'amount_too_large' } });
  });

  it('are refused by the builder if the signer is another one or signs badly', () => {
    const offer = offerWith();
    const build = (sign: (digest: Uint8Array) => Uint8Array) =>
      buildInvoiceRequest({ offer, metadata: filled(1), signer: { nodeId: payer.nodeId, sign } });
    expect(build((digest) => payer.sign(digest)).ok).toBe(true);
    expect(build((digest) => issuer.sign(digest))).toMatchObject({
      ok: false,
      error: { code: 'invalid_signature', record: 240n },
    });
    expect(build(() => filled(1, 63))).toMatchObject({ ok: false, error: { code: 'bad_length:signature' } });
    const other = buildInvoice({
      request: requestFor(offer),
      paymentPaths: [{ path: pathTo(11), payInfo }],
      createdAt: NOW,
      paymentHash: filled(12),
      signer: signerOf(filled(0x43)),
    });
    expect(other).toMatchObject({ ok: false, error: { code: 'node_id_mismatch' } });
  });

  it('want an amount if nobody has named one', () => {
    const request = requestFor(offerWith({ currency: 'EUR', amount: 300n }));
    const draft = {
      request,
      paymentPaths: [{ path: pathTo(11), payInfo }],
      createdAt: NOW,
      paymentHash: filled(12),
      signer: issuer,
    };
    expect(buildInvoice(draft)).toMatchObject({ ok: false, error: { code: 'missing_invoice_amount' } });
    expect(unwrap(buildInvoice({ ...draft, amountMsat: 7n })).amountMsat).toBe(7n);
    for (const createdAt of [-1, 1.5, Number.NaN]) {
      expect(buildInvoice({ ...draft, amountMsat: 7n, createdAt })).toMatchObject({
        ok: false,
        error: { code: 'bad_value' },
      });
    }
    for (const relativeExpirySeconds of [-1, 0.5, 2 ** 32]) {
      const built = buildInvoice({ ...draft, amountMsat: 7n, relativeExpirySeconds });
      expect(built).toMatchObject({ ok: false, error: { code: 'bad_value' } });
    }
    expect(buildInvoice({ ...draft, amountMsat: 7n, paymentPaths: [] })).toMatchObject({
      ok: false,
      error: { code: 'missing_invoice_paths' },
    });
  });

  it('leave out ways that need what we do not know, and addresses that cannot be', () => {
    const strange = { ...payInfo, features: [100] };
    const draft = {
      request: requestFor(offerWith()),
      createdAt: NOW,
      paymentHash: filled(12),
      signer: issuer,
      fallbacks: [
        { version: 0, address: filled(1, 20) },
        { version: 17, address: filled(1, 20) },
        { version: 1, address: filled(1, 41) },
        { version: 0, address: filled(1, 21) },
      ],
    };
    const paths = [
      { path: pathTo(11), payInfo: strange },
      { path: pathTo(12), payInfo },
    ];
    const invoice = unwrap(buildInvoice({ ...draft, paymentPaths: paths }));
    expect(invoice.paymentPaths).toEqual([paths[1]]);
    expect(invoice.fallbacks).toEqual([draft.fallbacks[0]]);
    const none = buildInvoice({ ...draft, paymentPaths: [paths[0]!] });
    expect(none).toMatchObject({ ok: false, error: { code: 'no_usable_path', record: 162n } });
  });
});

describe('a static invoice', () => {
  const offer = offerWith({ paths: [pathTo(21)] });

  it('is read as it was written and fits its offer', () => {
    const invoice = staticFor(offer);
    expect(unwrap(decodeStaticInvoice(encodeStaticInvoice(invoice)))).toEqual(invoice);
    expect(unwrap(decodeStaticInvoice(encodeStaticInvoiceString(invoice)))).toEqual(invoice);
    expect(invoice).toMatchObject({ relativeExpirySeconds: 1_209_600, features: [17], nodeId: issuer.nodeId });
    expect(bolt12InvoiceExpiresAt(invoice)).toBe(NOW + 1_209_600);
    expect(checkStaticInvoiceAgainstRequest(offer, invoice, { now: NOW + 1_209_600 })).toMatchObject({ ok: true });
    expect(checkStaticInvoiceAgainstRequest(requestFor(offer), invoice)).toMatchObject({ ok: true });
  });

  it('is signed as a static invoice, so neither sort passes for the other', () => {
    expect(decodeInvoice(encodeRecords(staticFor(offer).records)).ok).toBe(false);
    expect(decodeStaticInvoice(encodeRecords(invoiceFor(requestFor(offer)).records)).ok).toBe(false);
  });

  it('needs paths of its offer and to its payee, and one chain', () => {
    const draft = {
      paymentPaths: [{ path: pathTo(11), payInfo }],
      messagePaths: [pathTo(13)],
      createdAt: NOW,
      signer: issuer,
    };
    expect(buildStaticInvoice({ ...draft, offer: offerWith() })).toMatchObject({
      ok: false,
      error: { code: 'missing_offer_paths' },
    });
    expect(buildStaticInvoice({ ...draft, offer, messagePaths: [] })).toMatchObject({
      ok: false,
      error: { code: 'missing_message_paths', record: 236n },
    });
    const two = offerWith({ paths: [pathTo(21)], chains: [REGTEST, BITCOIN] });
    expect(buildStaticInvoice({ ...draft, offer: two })).toMatchObject({
      ok: false,
      error: { code: 'too_many_offer_chains' },
    });
  });

  it('never expires before its time, and its time never wraps', () => {
    const invoice = staticFor(offer, 60);
    const bytes = encodeStaticInvoice(invoice);
    expect(decodeStaticInvoice(bytes, { now: NOW + 60 }).ok).toBe(true);
    expect(decodeStaticInvoice(bytes, { now: NOW + 61 })).toMatchObject({ ok: false, error: { code: 'expired' } });
    const endless = { ...invoice, createdAt: (1n << 64n) - 1n };
    expect(bolt12InvoiceExpiresAt(endless)).toBe(Number.MAX_SAFE_INTEGER);
  });
});
