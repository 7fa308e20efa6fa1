import { describe, expect, it } from 'vitest';
import { decodeStaticInvoice } from '../../../src/bolt12/index.js';
import { sha256 } from '../../../src/crypto/index.js';
import {
  type Bolt12Context,
  type Bolt12InvoiceLike,
  HOLD_RECORD,
  type PayableInvoice,
  termsOfBolt12Invoice,
  termsOfStaticInvoice,
} from '../../../src/send/index.js';
import { fromHex } from '../../../src/wire/bytes.js';
import { unwrap } from '../../../src/wire/result.js';
import { vectorText } from '../../wire/vectors.js';
import { pathFrom } from '../blinded/support.js';
import { nodeId } from '../support.js';

const NOW = 1_700_000_000_000;
const CONTEXT: Bolt12Context = { now: NOW, currency: 'bcrt', ownNodeIds: [nodeId(1)], endOfChannel: () => undefined };
const INVOICE: PayableInvoice = {
  nodeId: nodeId(50),
  paymentPaths: [pathFrom(3), pathFrom(4)],
  createdAt: BigInt(NOW / 1000 - 60),
  relativeExpirySeconds: 7200,
  features: [17],
  paymentHash: new Uint8Array(32).fill(6),
  amountMsat: 250_000n,
};
const PREIMAGE = new Uint8Array(32).fill(8);
const ORDER = { amountMsat: 70_000n, preimage: PREIMAGE, invoiceRequest: Uint8Array.of(0, 2, 7, 7) };

describe('an invoice of BOLT 12', () => {
  it('is paid over its paths, as it says', () => {
    const terms = unwrap(termsOfBolt12Invoice(INVOICE, { timeoutMs: 5000 }, CONTEXT));
    expect(terms).toMatchObject({
      paymentHash: INVOICE.paymentHash,
      amountMsat: 250_000n,
      supportsMpp: true,
      records: {},
      budgetMsat: 5000n,
      deadline: NOW + 5000,
      payee: { nodeId: nodeId(50), isBlinded: true, finalCltvDelta: 0 },
    });
    expect(terms.payee.hints).toHaveLength(2);
    expect(terms.payee.hints[0]![0]).toMatchObject({ from: nodeId(3), cltvDelta: 58, htlcMinimumMsat: 1n });
    expect(terms).not.toHaveProperty('isHeld');
  });

  it('is paid whole where it does not say that parts will do, and in time', () => {
    const soon = { ...INVOICE, features: [], relativeExpirySeconds: 61 };
    const terms = unwrap(termsOfBolt12Invoice(soon, { timeoutMs: 5000 }, CONTEXT));
    expect(terms).toMatchObject({ supportsMpp: false, deadline: NOW + 1000 });
  });

  it.each([
    ['expired', { relativeExpirySeconds: 60 }, {}, 'invoice_expired'],
    ['with a feature that has to be known', { features: [262] }, {}, 'unknown_required_feature'],
    ['without a path', { paymentPaths: [] }, {}, 'no_usable_path'],
    ['over too few blocks', {}, { maxBlocks: 57 }, 'no_usable_path'],
    ['with another amount', {}, { amountMsat: 1n }, 'amount_given_twice'],
    ['of nothing', { amountMsat: 0n }, {}, 'amount_zero'],
    ['of more than there is', { amountMsat: 2n ** 63n }, {}, 'amount_too_large'],
    ['of the only own node', { nodeId: nodeId(1) }, {}, 'to_ourselves'],
    ['with impossible limits', {}, { maxParts: 0 }, 'bad_max_parts'],
  ])('is refused %s', (_, over, options, code) => {
    expect(termsOfBolt12Invoice({ ...INVOICE, ...over }, options, CONTEXT)).toMatchObject({
      ok: false,
      error: { code },
    });
  });

  it('of the cluster itself is paid inside, by the secret that its paths hide', () => {
    const own = { phantomNodeId: nodeId(77), paymentSecret: new Uint8Array(32).fill(1), finalCltvDelta: 80, scid: 5n };
    const terms = unwrap(termsOfBolt12Invoice(INVOICE, {}, { ...CONTEXT, own }));
    expect(terms).toMatchObject({
      paymentHash: INVOICE.paymentHash,
      payee: { nodeId: nodeId(77), finalCltvDelta: 80 },
      records: { paymentData: { paymentSecret: own.paymentSecret, totalMsat: 250_000n } },
    });
    expect(terms.payee).not.toHaveProperty('isBlinded');
    expect(terms.payee.hints).toMatchObject([[{ scid: 5n }]]);
    expect(termsOfStaticInvoice(INVOICE, ORDER, {}, { ...CONTEXT, own })).toMatchObject({
      error: { code: 'to_ourselves' },
    });
    const late = { ...INVOICE, relativeExpirySeconds: 1 };
    expect(termsOfBolt12Invoice(late, {}, { ...CONTEXT, own })).toMatchObject({ error: { code: 'invoice_expired' } });
  });
});

describe('a static invoice', () => {
  it('is taken as LDK makes it', () => {
    const { static_invoices: made } = JSON.parse(vectorText('static-invoice')) as {
      static_invoices: readonly { readonly static_invoice_bytes: string }[];
    };
    for (const { static_invoice_bytes: bytes } of made) {
      const invoice: Bolt12InvoiceLike = unwrap(decodeStaticInvoice(fromHex(bytes)));
      const now = Number(invoice.createdAt) * 1000;
      const terms = unwrap(termsOfStaticInvoice(invoice, ORDER, {}, { ...CONTEXT, now }));
      expect(terms.payee).toMatchObject({ nodeId: invoice.nodeId, isBlinded: true });
      expect(terms.payee.hints).toHaveLength(invoice.paymentPaths.length);
      const late = { ...CONTEXT, now: now + invoice.relativeExpirySeconds * 1000 };
      expect(termsOfStaticInvoice(invoice, ORDER, {}, late)).toMatchObject({ error: { code: 'invoice_expired' } });
    }
    expect(made.length).toBeGreaterThan(0);
  });

  it('is paid with the payer’s own preimage and the request', () => {
    const terms = unwrap(termsOfStaticInvoice(INVOICE, ORDER, {}, CONTEXT));
    expect(terms).toMatchObject({
      paymentHash: sha256(PREIMAGE),
      amountMsat: 70_000n,
      records: { keysendPreimage: PREIMAGE, invoiceRequest: ORDER.invoiceRequest },
      payee: { finalCltvDelta: 0, isBlinded: true },
      supportsMpp: true,
    });
    expect(terms).not.toHaveProperty('isHeld');
    expect(terms).not.toHaveProperty('firstHopRecords');
  });

  it('is held for as many blocks as are left beside the way', () => {
    const hold = { extraBlocks: 432, atFirstPeer: true };
    const terms = unwrap(termsOfStaticInvoice(INVOICE, { ...ORDER, hold }, {}, CONTEXT));
    expect(terms).toMatchObject({ isHeld: true, firstHopRecords: [HOLD_RECORD], payee: { finalCltvDelta: 432 } });
    const most = { ...ORDER, hold: { extraBlocks: 2016 - 58 } };
    expect(unwrap(termsOfStaticInvoice(INVOICE, most, {}, CONTEXT)).firstHopRecords).toBeUndefined();
    const tooMany = { ...ORDER, hold: { extraBlocks: 2016 - 57 } };
    expect(termsOfStaticInvoice(INVOICE, tooMany, {}, CONTEXT)).toMatchObject({ error: { code: 'no_usable_path' } });
    const absurd = { ...ORDER, hold: { extraBlocks: 2017 } };
    expect(termsOfStaticInvoice(INVOICE, absurd, {}, CONTEXT)).toMatchObject({
      error: { code: 'final_expiry_too_far' },
    });
  });

  it('takes the record of LightningRod beside or instead of the flag', () => {
    const records = [{ type: 1_978_231n, value: new Uint8Array(32) }];
    const of = (atFirstPeer: boolean) =>
      unwrap(termsOfStaticInvoice(INVOICE, { ...ORDER, hold: { extraBlocks: 10, atFirstPeer, records } }, {}, CONTEXT));
    expect(of(true).firstHopRecords).toEqual([HOLD_RECORD, ...records]);
    expect(of(false).firstHopRecords).toEqual(records);
  });

  it('needs a preimage of 32 bytes', () => {
    const order = { ...ORDER, preimage: new Uint8Array(31) };
    expect(termsOfStaticInvoice(INVOICE, order, {}, CONTEXT)).toMatchObject({ error: { code: 'bad_preimage' } });
  });
});
