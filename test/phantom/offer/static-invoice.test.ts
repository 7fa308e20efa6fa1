import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildInvoiceRequest,
  checkStaticInvoiceAgainstRequest,
  decodeStaticInvoice,
  encodeRecords,
  type PaymentPath,
  signerOf,
} from '../../../src/bolt12/index.js';
import { sha256 } from '../../../src/crypto/index.js';
import {
  createPhantomStaticInvoice,
  DEFAULT_VERDICT_POLICY,
  type JudgedHtlc,
  type PhantomOffer,
  recognisePhantomScid,
  type Verdict,
} from '../../../src/phantom/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { encodeTlvStream } from '../../../src/wire/tlv.js';
import { unwrap } from '../../../src/wire/result.js';
import { nodeId } from '../support.js';
import { htlcOver, type Payment } from './payer.js';
import {
  answer,
  BITCOIN,
  bytesOf,
  entropyOf,
  epoch,
  HEIGHT,
  hidden,
  judgeAt,
  type JudgeChange,
  members,
  NAMES,
  NONCE,
  NOW,
  offerOf,
  requestFor,
  ring,
  staticInvoiceOf,
  type Wish,
} from './world.js';

const AMOUNT = 100_000n;
const PREIMAGE = new Uint8Array(32).fill(0x99);
const offer = offerOf({ maxPaths: 1 });
const other = offerOf({ maxPaths: 1, description: 'coffee', nonce: new Uint8Array(16).fill(0x66) });
const made = staticInvoiceOf(offer);
const priced = offerOf({ maxPaths: 1, amountMsat: AMOUNT, quantityMax: 9n });
const pricedInvoice = staticInvoiceOf(priced);

const nameOf = ({ path }: PaymentPath): string => {
  const first = 'nodeId' in path.firstNode ? toHex(path.firstNode.nodeId) : '';
  const name = NAMES.find((one) => toHex(nodeId(one)) === first)!;
  return name.startsWith('P') ? 'M3' : name;
};
const pathTo = (paths: readonly PaymentPath[], name = 'M1'): PaymentPath =>
  paths.find((path) => nameOf(path) === name)!;
const direct = pathTo(made.invoice.paymentPaths);

interface Change {
  readonly wish?: Wish;
  readonly of?: PhantomOffer;
  readonly preimage?: Uint8Array | undefined;
  readonly invoiceRequest?: Uint8Array | undefined;
  readonly payment?: Partial<Payment>;
  readonly htlc?: Partial<JudgedHtlc>;
  readonly at?: JudgeChange;
}

/** An honest payment over the path but for the change. */
function pay(path: PaymentPath, change: Change = {}): Verdict {
  const { wish = { amountMsat: AMOUNT }, of = offer } = change;
  const preimage = 'preimage' in change ? change.preimage : PREIMAGE;
  const invoiceRequest = 'invoiceRequest' in change ? change.invoiceRequest : bytesOf(requestFor(of, wish));
  const payment: Payment = {
    paymentHash: sha256(PREIMAGE),
    amountMsat: AMOUNT,
    height: HEIGHT,
    ...change.payment,
    final: {
      ...(preimage && { keysendPreimage: preimage }),
      ...(invoiceRequest && { invoiceRequest }),
      ...change.payment?.final,
    },
  };
  return judgeAt(nameOf(path), { ...htlcOver(path, payment, NAMES), ...change.htlc }, change.at);
}

function refusal(verdict: Verdict, stable = true): string {
  if (verdict.type !== 'fail') throw new Error(`expected a failure, not ${verdict.type}`);
  expect(toHex(verdict.failure.asNode!)).toBe(`c018${'00'.repeat(32)}`);
  expect(verdict.stable, verdict.reason).toBe(stable);
  return verdict.reason;
}

describe('a static invoice of the phantom', () => {
  it('is what a payer of the offer accepts', () => {
    const read = unwrap(decodeStaticInvoice(made.bytes, { now: NOW, chains: [BITCOIN] }));
    const request = requestFor(offer, { amountMsat: AMOUNT });
    expect(checkStaticInvoiceAgainstRequest(request, read, { now: NOW, chains: [BITCOIN] })).toMatchObject({
      ok: true,
    });
    expect(read).toMatchObject({ features: [17], relativeExpirySeconds: 1_209_600 });
    expect(read.paymentPaths).toHaveLength(3);
    expect(read.messagePaths).toHaveLength(3);
    expect(toHex(made.offerId)).toBe(toHex(offer.offerId));
    expect(made.acceptedUntil).toBe(NOW + 1_209_600 + 7200);
  });

  it('has SCIDs of its own kind', () => {
    const htlc = htlcOver(direct, { paymentHash: sha256(PREIMAGE), amountMsat: 1n, height: HEIGHT }, NAMES);
    expect(recognisePhantomScid(ring, nodeId('M1'), htlc.outgoingScid)).toMatchObject({ blinded: 'static_invoice' });
  });

  it('is refused for an offer that is not ours, too long, or that nobody can pay', () => {
    const make = (more: object) =>
      createPhantomStaticInvoice({
        epoch,
        offer: offer.offer,
        nonce: NONCE,
        members,
        messagePaths: made.invoice.messagePaths,
        height: HEIGHT,
        now: NOW,
        expirySeconds: 3600,
        entropy: entropyOf(1),
        ...more,
      });
    expect(make({}).ok).toBe(true);
    expect(make({ nonce: new Uint8Array(16) })).toMatchObject({ error: { code: 'not_our_offer' } });
    expect(make({ nonce: new Uint8Array(3) })).toMatchObject({ error: { code: 'not_our_offer' } });
    expect(make({ offer: other.offer })).toMatchObject({ error: { code: 'not_our_offer' } });
    expect(make({ offer: offerOf({ maxPaths: 3 }).offer })).toMatchObject({ error: { code: 'offer_too_long' } });
    expect(make({ members: [] })).toMatchObject({ error: { code: 'no_members' } });
    expect(make({ messagePaths: [] })).toMatchObject({ ok: false });
    expect(make({ expirySeconds: -1 })).toMatchObject({ error: { code: 'invalid_expiry' } });
  });

  it('leaves payers room in the onion for a route before a path through a peer too', () => {
    const hiddenOffer = offerOf({ members: hidden, maxPaths: 1 });
    const invoice = staticInvoiceOf(hiddenOffer, { members: hidden });
    expect(pay(invoice.invoice.paymentPaths[0]!, { of: hiddenOffer }).type).toBe('part');
  });
});

describe('a payment by a static invoice', () => {
  it('is a part with the preimage that the payer brings, and says what for', () => {
    const wish = { quantity: 3n, payerNote: 'three of them' };
    const path = pathTo(pricedInvoice.invoice.paymentPaths);
    const verdict = pay(path, { of: priced, wish, payment: { amountMsat: 3n * AMOUNT } });
    expect(verdict).toMatchObject({
      type: 'part',
      epochId: 3,
      preimage: PREIMAGE,
      totalMsat: 3n * AMOUNT,
      amountMsat: 3n * AMOUNT,
      offer: { isStatic: true, offerId: priced.offerId, payerId: requestFor(priced, wish).payerId, ...wish },
    });
  });

  it('may be paid by anybody with any hash, again and again, in parts over every member', () => {
    const all = made.invoice.paymentPaths.flatMap((path) =>
      [1, 2].map((byte) => {
        const preimage = entropyOf(byte);
        return pay(path, { preimage, payment: { paymentHash: sha256(preimage), amountMsat: 5n, totalMsat: AMOUNT } });
      }),
    );
    expect(all.map(({ type }) => type)).toEqual(all.map(() => 'part'));
    expect(new Set(all.map((verdict) => toHex((verdict as { paymentSecret: Uint8Array }).paymentSecret))).size).toBe(1);
  });

  it('may wait for the payee until 23 blocks are left of what the payinfo asks for', () => {
    expect(pay(direct, { at: { height: HEIGHT + 60 } }).type).toBe('part');
    expect(refusal(pay(direct, { at: { height: HEIGHT + 61 } }), false)).toBe('expires too soon for the invoice');
    expect(pay(direct, { payment: { extraBlocks: 432 }, at: { height: HEIGHT + 60 + 432 } }).type).toBe('part');
  });

  it('for any amount and number of items, the price counts and not a millisatoshi less', () => {
    const path = pathTo(pricedInvoice.invoice.paymentPaths);
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 9n }), fc.bigInt({ min: 0n, max: 50_000n }), (quantity, more) => {
        const due = quantity * AMOUNT + more;
        const wish = { quantity, ...(more > 0n && { amountMsat: due }) };
        const paid = (total: bigint) => pay(path, { of: priced, wish, payment: { amountMsat: total } });
        expect(paid(due).type).toBe('part');
        expect(paid(2n * due).type).toBe('part');
        expect(refusal(paid(2n * due + 1n))).toBe('more than twice the amount');
        const short =
          quantity === 1n && more === 0n ? 'payment secret: amount_too_low' : 'less than the invoice request says';
        expect(refusal(paid(due - 1n))).toBe(short);
      }),
      { numRuns: 12 },
    );
  });
});

describe('every single deviation fails:', () => {
  const badSignature = (() => {
    const { records } = requestFor(offer, { amountMsat: AMOUNT });
    return encodeTlvStream(
      records.map(({ type, value }) => ({ type, value: type === 240n ? value.slice().reverse() : value })),
    );
  })();
  const stranger = signerOf(entropyOf(0x77));
  const changedOffer = unwrap(
    buildInvoiceRequest({
      offer: {
        ...offer.offer,
        records: offer.offer.records.map((one) => (one.type === 10n ? { type: 10n, value: Uint8Array.of(65) } : one)),
      },
      metadata: entropyOf(1),
      signer: stranger,
      amountMsat: AMOUNT,
    }),
  );

  it.each<[string, Change, string]>([
    ['no preimage', { preimage: undefined }, 'no preimage over the path of a static invoice'],
    ['preimage of another hash', { preimage: entropyOf(1) }, 'preimage of another hash'],
    ['no invoice request', { invoiceRequest: undefined }, 'no invoice request with the preimage'],
    [
      'an empty invoice request',
      { invoiceRequest: new Uint8Array() },
      'invoice request refused: missing_invreq_metadata',
    ],
    ['garbage for an invoice request', { invoiceRequest: entropyOf(3) }, 'invoice request refused: tlv_duplicate_type'],
    [
      'an invoice request signed by nobody',
      { invoiceRequest: badSignature },
      'invoice request refused: invalid_signature',
    ],
    [
      'an invoice request for another offer of ours',
      { of: other },
      'the invoice request is not for the offer of this path',
    ],
    [
      'an invoice request for a changed offer',
      { invoiceRequest: encodeRecords(changedOffer.records) },
      'the invoice request is not for the offer of this path',
    ],
    ['one msat less than requested', { payment: { amountMsat: AMOUNT - 1n } }, 'less than the invoice request says'],
    ['more than twice of it', { payment: { amountMsat: 2n * AMOUNT + 1n } }, 'more than twice the amount'],
    ['a request for nothing', { wish: { amountMsat: 0n } }, 'more than twice the amount'],
    [
      'a custom record',
      { payment: { final: { customRecords: [{ type: 77_779n, value: Uint8Array.of(1) }] } } },
      'payload refused: forbidden_type:77779',
    ],
    [
      'data of an earlier hop',
      { payment: { finalData: direct.path.hops[0]!.encryptedData } },
      'path refused: decryption_failed',
    ],
  ])('%s', (_, change, reason) => {
    expect(refusal(pay(direct, change))).toBe(reason);
  });

  it('one msat or block less on the way', () => {
    expect(refusal(pay(direct, { htlc: { incomingAmountMsat: AMOUNT - 1n } }))).toMatch(/^the HTLC pays/);
    expect(refusal(pay(direct, { htlc: { outgoingAmountMsat: AMOUNT - 1n } }))).toBe('less than the payload says');
    expect(refusal(pay(direct, { htlc: { incomingExpiry: HEIGHT + 83 + 79 } }))).toMatch(/^the HTLC expires/);
  });

  it('after its time', () => {
    expect(pay(direct, { at: { now: made.acceptedUntil } }).type).toBe('part');
    expect(refusal(pay(direct, { at: { now: made.acceptedUntil + 1 } }), false)).toBe('payment secret: expired');
    // What was made two weeks ago is payable; behind the path's own limit nothing is, however late it is asked.
    const late = HEIGHT + 2240 - 83 + 4;
    const htlc = { outgoingExpiry: late + 83, incomingExpiry: late + 163, deadline: late + 140 };
    expect(refusal(pay(direct, { htlc, at: { height: late } }))).toBe('the path is not good for so long an expiry');
    expect(pay(direct, { htlc: { ...htlc, outgoingExpiry: late + 82 }, at: { height: late } }).type).toBe('part');
  });

  it('locked for too long, or too near to its deadline', () => {
    const { maxExpiryDelta, marginBlocks } = DEFAULT_VERDICT_POLICY;
    expect(refusal(pay(direct, { htlc: { incomingExpiry: HEIGHT + maxExpiryDelta + 1 } }), false)).toBe(
      'locked for too long',
    );
    expect(refusal(pay(direct, { htlc: { deadline: HEIGHT + marginBlocks - 1 } }), false)).toBe(
      'too few blocks are left',
    );
  });

  it('over the path of another offer', () => {
    const elsewhere = staticInvoiceOf(other, { nonce: new Uint8Array(16).fill(0x66) });
    const path = pathTo(elsewhere.invoice.paymentPaths);
    expect(pay(path, { of: other }).type).toBe('part');
    expect(refusal(pay(path, { of: offer }))).toBe('the invoice request is not for the offer of this path');
  });

  it('over the SCID of another path or member', () => {
    const again = pathTo(staticInvoiceOf(offer, { entropy: entropyOf(33) }).invoice.paymentPaths);
    const payment = { paymentHash: sha256(PREIMAGE), amountMsat: AMOUNT, height: HEIGHT };
    const { outgoingScid } = htlcOver(again, payment, NAMES);
    expect(refusal(pay(direct, { htlc: { outgoingScid } }))).toMatch(/^onion refused/);
    expect(judgeAt('M2', htlcOver(direct, payment, NAMES))).toEqual({ type: 'resume' });
  });

  it('an ordinary BOLT 12 part over a static path, and a spontaneous one over an ordinary path', () => {
    const request = bytesOf(requestFor(offer, { amountMsat: AMOUNT }));
    const ordinary = answer(request);
    const overStatic = pay(direct, {
      preimage: undefined,
      invoiceRequest: undefined,
      payment: { paymentHash: ordinary.paymentHash },
    });
    expect(refusal(overStatic)).toBe('no preimage over the path of a static invoice');
    const path = pathTo(ordinary.invoice.paymentPaths);
    const spontaneous = {
      preimage: ordinary.preimage,
      invoiceRequest: Uint8Array.of(1),
      payment: { paymentHash: ordinary.paymentHash },
    };
    expect(refusal(pay(path, spontaneous))).toBe('a spontaneous payment over the path of an invoice');
    expect(refusal(pay(path))).toMatch(/^onion refused/);
  });

  it('any bytes in place of the request end in a failure, never in an exception', () => {
    const good = bytesOf(requestFor(offer, { amountMsat: AMOUNT }));
    fc.assert(
      fc.property(fc.nat(good.length * 8 - 1), fc.uint8Array({ maxLength: 300 }), (bit, random) => {
        const invoiceRequest = good.slice();
        invoiceRequest[bit >> 3]! ^= 1 << (bit & 7);
        refusal(pay(direct, { invoiceRequest }));
        refusal(pay(direct, { invoiceRequest: random }));
      }),
      { numRuns: 30 },
    );
  });
});
