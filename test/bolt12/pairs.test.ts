/** An answer that is not exactly what was asked for is refused, with the record that tells. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Bolt12Result,
  buildDerivedOffer,
  buildOffer,
  checkInvoiceAgainstRequest,
  checkRequestAgainstOffer,
  checkStaticInvoiceAgainstRequest,
  decodeInvoiceRequest,
  derivedOfferSigner,
  encodeRecords,
  offerIdOf,
  offerPriceMsat,
  signerOf,
} from '../../src/bolt12/index.js';
import { unwrap } from '../../src/wire/result.js';
import type { TlvRecord } from '../../src/wire/tlv.js';
import {
  BITCOIN,
  filled,
  invoiceFor,
  NOW,
  offerWith,
  pathTo,
  pointOf,
  REGTEST,
  requestFor,
  staticFor,
} from './support.js';

const codeOf = (result: Bolt12Result<unknown>): unknown =>
  result.ok ? 'ok' : [result.error.code, result.error.record].filter((part) => part !== undefined).join(' ');

const changedAt = (records: readonly TlvRecord[], at: number): TlvRecord[] =>
  records.map((record, i) => (i === at ? { ...record, value: Uint8Array.from([...record.value, 0]) } : record));

describe('a request for an offer of ours', () => {
  const offer = offerWith({
    paths: [pathTo(21), pathTo(22)],
    extraRecords: [{ type: 1_000_000_001n, value: filled(1, 3) }],
  });
  const request = requestFor(offer);

  it('has all records of the offer, byte for byte, and no other of its range', () => {
    expect(codeOf(checkRequestAgainstOffer(offer, request))).toBe('ok');
    offer.records.forEach((record, at) => {
      const code = `offer_field_mismatch ${record.type}`;
      const without = { ...offer, records: offer.records.filter((one) => one !== record) };
      expect(codeOf(checkRequestAgainstOffer(without, request))).toBe(code);
      expect(codeOf(checkRequestAgainstOffer({ ...offer, records: changedAt(offer.records, at) }, request))).toBe(code);
      const fewer = { ...request, records: request.records.filter(({ type }) => type !== record.type) };
      expect(codeOf(checkRequestAgainstOffer(offer, fewer))).toBe(code);
    });
  });

  it('came over a path of the offer, or straight if it has none', () => {
    const arrived = (arrivedAt: Uint8Array | 'direct', to = offer) =>
      codeOf(checkRequestAgainstOffer(to, requestFor(to), { arrivedAt }));
    expect(arrived(pointOf(21))).toBe('ok');
    expect(arrived(pointOf(22))).toBe('ok');
    expect(arrived(pointOf(23))).toBe('wrong_path 16');
    expect(arrived('direct')).toBe('wrong_path 16');
    const open = offerWith();
    expect(arrived('direct', open)).toBe('ok');
    expect(arrived(pointOf(21), open)).toBe('wrong_path 16');
  });

  it('is in time and for our chain', () => {
    const timed = offerWith({ absoluteExpiry: BigInt(NOW) });
    const asked = requestFor(timed);
    expect(codeOf(checkRequestAgainstOffer(timed, asked, { now: NOW }))).toBe('ok');
    expect(codeOf(checkRequestAgainstOffer(timed, asked, { now: NOW + 1 }))).toBe('expired 14');
    expect(codeOf(checkRequestAgainstOffer(timed, asked, { chains: [BITCOIN] }))).toBe('ok');
    expect(codeOf(checkRequestAgainstOffer(timed, asked, { chains: [REGTEST] }))).toBe('unsupported_chain 80');
  });

  it('is known by its derived key without the offer being kept', () => {
    const nonce = filled(3, 16);
    const key = filled(8);
    const derived = unwrap(buildDerivedOffer(key, nonce, { description: 'tea', amount: 1n, paths: [pathTo(21)] }));
    const asked = requestFor(derived.offer);
    expect(derivedOfferSigner(key, nonce, asked)?.nodeId).toEqual(derived.offer.issuerId);
    expect(derivedOfferSigner(key, filled(4, 16), asked)).toBeUndefined();
    expect(derivedOfferSigner(key, filled(3, 15), asked)).toBeUndefined();
    expect(derivedOfferSigner(filled(9), nonce, asked)).toBeUndefined();
    expect(derivedOfferSigner(key, nonce, request)).toBeUndefined();
    asked.records.forEach(({ type }, at) => {
      const changed = { ...asked, records: changedAt(asked.records, at) };
      const isCovered = type < 80n && type > 0n && type !== 22n;
      expect(derivedOfferSigner(key, nonce, changed) === undefined, `record ${type}`).toBe(isCovered);
    });
    expect(invoiceFor(asked, undefined, derived.signer).nodeId).toEqual(derived.offer.issuerId);
  });
});

describe('an invoice for a request of ours', () => {
  const offer = offerWith({ extraRecords: [{ type: 33n, value: filled(1, 3) }] });
  const request = requestFor(offer, { payerNote: 'n', extraRecords: [{ type: 2_000_000_001n, value: filled(1, 3) }] });
  const invoice = invoiceFor(request);

  it('repeats every record of the request but the signature', () => {
    expect(codeOf(checkInvoiceAgainstRequest(request, invoice))).toBe('ok');
    request.records.forEach(({ type }, at) => {
      const changed = { ...request, records: changedAt(request.records, at) };
      const expected = type === 240n ? 'ok' : `mirror_mismatch ${type}`;
      expect(codeOf(checkInvoiceAgainstRequest(changed, invoice))).toBe(expected);
      const fewer = { ...invoice, records: invoice.records.filter((record) => record.type !== type) };
      expect(codeOf(checkInvoiceAgainstRequest(request, fewer))).toBe(expected);
    });
  });

  it('wants no more than was agreed', () => {
    expect(codeOf(checkInvoiceAgainstRequest(request, invoiceFor(request, 5001n)))).toBe('amount_not_agreed 170');
    expect(codeOf(checkInvoiceAgainstRequest(request, invoiceFor(request, 4999n)))).toBe('ok');
    const euro = requestFor(offerWith({ currency: 'EUR', amount: 5n }));
    expect(codeOf(checkInvoiceAgainstRequest(euro, invoiceFor(euro, 10n ** 12n)))).toBe('ok');
  });

  it('is signed by the end of the path that the request took', () => {
    const [left, right] = [signerOf(filled(21)), signerOf(filled(22))];
    const anonymous = unwrap(buildOffer({ description: 'tea', amount: 5000n, paths: [pathTo(21), pathTo(22)] }));
    const asked = requestFor(anonymous);
    const answer = invoiceFor(asked, undefined, left);
    expect(codeOf(checkInvoiceAgainstRequest(asked, answer))).toBe('ok');
    expect(codeOf(checkInvoiceAgainstRequest(asked, answer, { sentViaBlindedId: left.nodeId }))).toBe('ok');
    expect(codeOf(checkInvoiceAgainstRequest(asked, answer, { sentViaBlindedId: right.nodeId }))).toBe(
      'node_id_not_requested 176',
    );
  });

  it('is in time and for the chain', () => {
    expect(codeOf(checkInvoiceAgainstRequest(request, invoice, { now: NOW + 7200 }))).toBe('ok');
    expect(codeOf(checkInvoiceAgainstRequest(request, invoice, { now: NOW + 7201 }))).toBe('expired 166');
    expect(codeOf(checkInvoiceAgainstRequest(request, invoice, { chains: [REGTEST] }))).toBe('unsupported_chain 80');
  });
});

describe('a static invoice for a request of ours', () => {
  const offer = offerWith({ paths: [pathTo(21)], absoluteExpiry: BigInt(NOW + 500) });
  const invoice = staticFor(offer, 100);

  it('has all records of the offer, byte for byte', () => {
    for (const asked of [offer, requestFor(offer)]) {
      expect(codeOf(checkStaticInvoiceAgainstRequest(asked, invoice, { now: NOW }))).toBe('ok');
      asked.records.forEach(({ type }, at) => {
        const changed = { ...asked, records: changedAt(asked.records, at) };
        const expected = type > 0n && type < 80n ? `offer_field_mismatch ${type}` : 'ok';
        expect(codeOf(checkStaticInvoiceAgainstRequest(changed, invoice))).toBe(expected);
      });
    }
    const other = staticFor(offerWith({ paths: [pathTo(21)] }));
    expect(codeOf(checkStaticInvoiceAgainstRequest(offer, other))).toBe('offer_field_mismatch 14');
  });

  it('is in time itself, and its offer too', () => {
    const at = (now: number, one = invoice) => codeOf(checkStaticInvoiceAgainstRequest(offer, one, { now }));
    expect([at(NOW + 100), at(NOW + 101), at(NOW + 501, staticFor(offer))]).toEqual([
      'ok',
      'expired 166',
      'expired 14',
    ]);
    expect(codeOf(checkStaticInvoiceAgainstRequest(offer, invoice, { chains: [REGTEST] }))).toBe('unsupported_chain 2');
  });

  it('has the id of its offer', () => {
    const id = offerIdOf(offer.records);
    expect(offerIdOf(invoice.records)).toEqual(id);
    expect(offerIdOf(requestFor(offer).records)).toEqual(id);
    expect(offerIdOf(offerWith().records)).not.toEqual(id);
  });
});

describe('a request changed by one bit', () => {
  it('is no request any more', () => {
    const bytes = encodeRecords(
      requestFor(offerWith({ quantityMax: 5n }), { quantity: 2n, payerNote: 'hello' }).records,
    );
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const changed = bytes.slice();
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(decodeInvoiceRequest(changed).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the price of an offer', () => {
  it('is exact or refused', () => {
    expect(offerPriceMsat({ amount: 5n }, 3n)).toEqual({ ok: true, value: 15n });
    expect(offerPriceMsat({}, 3n)).toEqual({ ok: true, value: undefined });
    expect(offerPriceMsat({ amount: 5n, currency: 'EUR' })).toEqual({ ok: true, value: undefined });
    expect(offerPriceMsat({ amount: 2_100_000_000_000_000_000n })).toMatchObject({ ok: true });
    expect(offerPriceMsat({ amount: 2_100_000_000_000_000_000n }, 2n)).toMatchObject({ ok: false });
  });
});
