import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInvoice, type Invoice } from '../../../src/bolt11/index.js';
import { badInvoice, type OrderContext, type PayOptions, termsOfInvoice } from '../../../src/send/index.js';
import { MAX_MSAT } from '../../../src/wire/units.js';
import { contextOf, invoiceOf, invoiceText, NOW, openInvoice, OWN, PAYEE } from './support.js';

interface Bad {
  readonly invoice?: Invoice;
  readonly options?: PayOptions;
  readonly context?: Partial<OrderContext>;
  readonly code: string;
  /** What to do. */
  readonly cure: RegExp;
}

const BAD: Readonly<Record<string, Bad>> = {
  'an expired invoice': {
    context: { now: NOW + 7_130_000 },
    code: 'invoice_expired',
    cure: /59 min ago: ask the payee for a new one/,
  },
  'an invoice in its last second': { context: { now: NOW + 3_590_000 }, code: 'invoice_expired', cure: /new one/ },
  'another network': { context: { currency: 'bc' }, code: 'wrong_network', cure: /regtest.*mainnet.*another one/ },
  'no payment secret': {
    invoice: { ...invoiceOf(), paymentSecret: new Uint8Array() },
    code: 'missing_payment_secret',
    cure: /ask for a new one/,
  },
  'no amount anywhere': { invoice: openInvoice(), code: 'amount_missing', cure: /say how much/ },
  'two amounts': { options: { amountMsat: 1n }, code: 'amount_given_twice', cure: /leave the amount out/ },
  'amount zero': { invoice: openInvoice(), options: { amountMsat: 0n }, code: 'amount_zero', cure: /above 0/ },
  'a negative amount': { invoice: openInvoice(), options: { amountMsat: -1n }, code: 'amount_zero', cure: /above 0/ },
  'an amount above everything': {
    invoice: openInvoice(),
    options: { amountMsat: MAX_MSAT + 1n },
    code: 'amount_too_large',
    cure: /check it/,
  },
  'a negative budget': { options: { maxFeeMsat: -1n }, code: 'bad_max_fee', cure: /0 or more/ },
  'no parts': { options: { maxParts: 0 }, code: 'bad_max_parts', cure: /between 1 and 483/ },
  'half a part': { options: { maxParts: 1.5 }, code: 'bad_max_parts', cure: /whole number/ },
  'parts without end': { options: { maxParts: 484 }, code: 'bad_max_parts', cure: /between 1 and 483/ },
  'no time': { options: { timeoutMs: 999 }, code: 'bad_timeout', cure: /one second/ },
  'a time that is no number': { options: { timeoutMs: Number.NaN }, code: 'bad_timeout', cure: /one second/ },
  'time without end': { options: { timeoutMs: 86_400_001 }, code: 'bad_timeout', cure: /one day/ },
  'no blocks': { options: { maxBlocks: 0 }, code: 'bad_max_blocks', cure: /choose 1 to 2016/ },
  'blocks without end': { options: { maxBlocks: 2017 }, code: 'bad_max_blocks', cure: /choose 1 to 2016/ },
  'a final expiry that no node forwards': {
    invoice: invoiceOf({ minFinalCltvExpiryDelta: 2017 }),
    code: 'final_expiry_too_far',
    cure: /another invoice/,
  },
  'a final expiry above the own limit': {
    invoice: invoiceOf({ minFinalCltvExpiryDelta: 200 }),
    options: { maxBlocks: 199 },
    code: 'final_expiry_too_far',
    cure: /allow more/,
  },
  'the only own node as payee': { context: { ownNodeIds: [PAYEE] }, code: 'to_ourselves', cure: /add another node/ },
};

describe('an invoice that cannot be paid', () => {
  for (const [name, { invoice = invoiceOf(), options = {}, context, code, cure }] of Object.entries(BAD)) {
    it(`${name}: ${code}`, () => {
      const answer = termsOfInvoice(invoice, options, contextOf(context));
      expect(answer).toMatchObject({ ok: false, error: { code } });
      if (!answer.ok) expect(answer.error.message).toMatch(cure);
      if (!answer.ok) expect(answer.error.field).toBeDefined();
    });
  }

  it('says what to do where the text itself is no good', () => {
    const cut = decodeInvoice(invoiceText().slice(0, -3));
    if (cut.ok) throw new Error('a cut invoice was read');
    expect(badInvoice(cut.error)).toMatchObject({ code: cut.error.code, field: 'invoice' });
    expect(badInvoice(cut.error).message).toMatch(/copy it again/);
    expect(badInvoice({ code: 'missing_payment_secret', message: 'x' }).message).toMatch(/with a payment secret/);
    expect(badInvoice({ code: 'unknown_required_feature', message: 'x' }).message).toMatch(
      /does not need this feature/,
    );
  });
});

describe('terms of an invoice', () => {
  it('takes amount, payee, secret and metadata from the invoice and has defaults for the rest', () => {
    const invoice = invoiceOf({ paymentMetadata: new Uint8Array([9]), features: [8, 14, 16, 48] });
    expect(termsOfInvoice(invoice, {}, contextOf())).toEqual({
      ok: true,
      value: {
        paymentHash: invoice.paymentHash,
        amountMsat: 100_000_000n,
        budgetMsat: 1_000_000n,
        maxParts: 100,
        maxBlocks: 2016,
        payee: { nodeId: PAYEE, finalCltvDelta: 18, hints: [] },
        supportsMpp: true,
        records: {
          paymentData: { paymentSecret: invoice.paymentSecret, totalMsat: 100_000_000n },
          paymentMetadata: new Uint8Array([9]),
        },
        offsetBlocks: 0,
        startedAt: NOW,
        deadline: NOW + 60_000,
      },
    });
  });

  const valueOf = (invoice: Invoice, options: PayOptions = {}, over: Partial<OrderContext> = {}) => {
    const answer = termsOfInvoice(invoice, options, contextOf(over));
    if (!answer.ok) throw new Error(answer.error.code);
    return answer.value;
  };

  it('allows the exempt fee by default, and a budget of zero when it is asked for', () => {
    expect(valueOf(invoiceOf({ amountMsat: 1000n })).budgetMsat).toBe(5000n);
    expect(valueOf(invoiceOf(), { maxFeeMsat: 0n }).budgetMsat).toBe(0n);
    expect(valueOf(invoiceOf(), { maxFeeMsat: 1n }).budgetMsat).toBe(1n);
  });

  it('sends in parts only to payees that take them', () => {
    expect(valueOf(invoiceOf({ features: [8, 14] })).supportsMpp).toBe(false);
    expect(valueOf(invoiceOf({ features: [8, 14, 17] })).supportsMpp).toBe(true);
    expect(valueOf(invoiceOf({ features: [8, 14, 16] })).supportsMpp).toBe(true);
  });

  it('takes an amount that is given again, if it is the same', () => {
    expect(valueOf(invoiceOf(), { amountMsat: 100_000_000n }).amountMsat).toBe(100_000_000n);
    expect(valueOf(openInvoice(), { amountMsat: MAX_MSAT }).amountMsat).toBe(MAX_MSAT);
  });

  it('begins nothing after the expiry of the invoice', () => {
    const late = { now: NOW + 3_580_000 };
    expect(valueOf(invoiceOf(), {}, late).deadline).toBe(NOW + 3_590_000);
    const longest = invoiceOf({ expirySeconds: (1n << 64n) - 1n });
    expect(valueOf(longest, {}, late).deadline).toBe(late.now + 60_000);
  });

  it('pays an own node from another one, and the own phantom inside the cluster', () => {
    expect(valueOf(invoiceOf(), {}, { ownNodeIds: [PAYEE, OWN] }).payee.nodeId).toEqual(PAYEE);
    expect(valueOf(invoiceOf(), {}, { ownNodeIds: [PAYEE], isOwnPhantom: () => true }).payee.nodeId).toEqual(PAYEE);
  });

  it('has terms within all limits or a code for every order', () => {
    const odd = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, -1, 1, 2016, 483, 60_000));
    const amount = fc.option(fc.bigInt({ min: -5n, max: 2n * MAX_MSAT }), { nil: undefined });
    fc.assert(
      fc.property(
        amount,
        amount,
        amount,
        odd,
        odd,
        odd,
        fc.nat({ max: 4000 }),
        (asked, given, fee, parts, ms, blocks, cltv) => {
          const base = openInvoice({ minFinalCltvExpiryDelta: cltv });
          const invoice = asked === undefined ? base : { ...base, amountMsat: asked };
          const options = {
            ...(given === undefined ? {} : { amountMsat: given }),
            ...(fee === undefined ? {} : { maxFeeMsat: fee }),
            ...{ maxParts: parts, timeoutMs: ms, maxBlocks: blocks },
          };
          const answer = termsOfInvoice(invoice, options, contextOf());
          if (!answer.ok) {
            expect(answer.error.code).toMatch(/^[a-z_]+$/);
            return;
          }
          const { amountMsat, budgetMsat, maxParts, maxBlocks, deadline, payee } = answer.value;
          expect(amountMsat > 0n && amountMsat <= MAX_MSAT && budgetMsat >= 0n).toBe(true);
          expect(Number.isInteger(maxParts) && maxParts >= 1 && maxBlocks >= payee.finalCltvDelta).toBe(true);
          expect(deadline).toBeGreaterThan(NOW);
        },
      ),
      { seed: 31, numRuns: 500 },
    );
  });
});
