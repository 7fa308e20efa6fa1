/** What payers of offers hand to the phantom: requests, and HTLCs over blinded paths. */
import { strict as assert } from 'node:assert';
import { ec, sha256 } from '../../../src/crypto/index.js';
import { answerInvoiceRequest } from '../../../src/phantom/index.js';
import {
  decodeInvoicePath,
  decodeStaticPath,
  encodeInvoicePath,
  encodeStaticPath,
} from '../../../src/phantom/offer/path-content.js';
import { equalBytes } from '../../../src/wire/bytes.js';
import { MAX_MSAT } from '../../../src/wire/units.js';
import { htlcOver } from '../../phantom/offer/payer.js';
import {
  answer,
  answerParams,
  bytesOf,
  entropyOf,
  HEIGHT,
  judgeAt,
  members,
  NAMES,
  offerOf,
  requestFor,
  staticInvoiceOf,
} from '../../phantom/offer/world.js';
import type { BytesTarget, FuzzTarget } from '../target.js';

const AMOUNT = 100_000n;
const payerId = ec.publicKey(entropyOf(1));
const named = members.slice(0, 1);

const invoicePath: BytesTarget = {
  name: 'phantom/invoice-path-id',
  kind: 'bytes',
  maxLength: 300,
  corpus: () =>
    [{}, { quantity: 5n }, { quantity: 0n, payerNote: 'tea, please' }].map((more) =>
      encodeInvoicePath({ paymentSecret: entropyOf(1), receipt: { offerId: entropyOf(2), payerId, ...more } }),
    ),
  run(input) {
    const decoded = decodeInvoicePath(input);
    if (!decoded.ok) return false;
    const again = decodeInvoicePath(encodeInvoicePath(decoded.value));
    assert.ok(again.ok && again.value.receipt.quantity === decoded.value.receipt.quantity);
    return true;
  },
};

const staticPath: BytesTarget = {
  name: 'phantom/static-path-id',
  kind: 'bytes',
  maxLength: 64,
  corpus: () => [encodeStaticPath({ paymentSecret: entropyOf(1), nonce: entropyOf(2).subarray(16) })],
  run(input) {
    const decoded = decodeStaticPath(input);
    if (decoded.ok) assert.ok(equalBytes(encodeStaticPath(decoded.value), input));
    return decoded.ok;
  },
};

const invoiceRequest: BytesTarget = {
  name: 'phantom/invoice-request',
  kind: 'bytes',
  slow: true,
  corpus: () => {
    const open = offerOf();
    return [
      bytesOf(requestFor(open, { amountMsat: AMOUNT })),
      bytesOf(requestFor(offerOf({ amountMsat: AMOUNT, quantityMax: 5n }), { quantity: 2n, payerNote: 'two' })),
    ];
  },
  run(input) {
    const answered = answerInvoiceRequest(answerParams(input, { maxPaths: 1 }));
    if (!answered.ok) return false;
    assert.ok(
      answered.value.amountMsat >= AMOUNT && answered.value.amountMsat <= MAX_MSAT,
      'an invoice below the price',
    );
    return true;
  },
};

/** The invoice request of a payment by a static invoice, in an onion that is otherwise right. */
const staticPart: BytesTarget = {
  name: 'phantom/static-part',
  kind: 'bytes',
  slow: true,
  maxLength: 700,
  corpus: () => [bytesOf(requestFor(offerOf({ maxPaths: 1 }), { amountMsat: AMOUNT }))],
  run(input) {
    const keysendPreimage = entropyOf(9);
    const paymentHash = sha256(keysendPreimage);
    const final = { keysendPreimage, invoiceRequest: input };
    const payment = { paymentHash, amountMsat: AMOUNT, height: HEIGHT, final };
    const verdict = judgeAt('M1', htlcOver(staticInvoice().invoice.paymentPaths[0]!, payment, NAMES));
    assert.notEqual(verdict.type, 'resume');
    if (verdict.type === 'part') assert.deepEqual(verdict.preimage, keysendPreimage);
    return verdict.type === 'part';
  },
};

/** Each run of the tests makes it once. */
const staticInvoice = (() => {
  let made: ReturnType<typeof staticInvoiceOf> | undefined;
  return () => (made ??= staticInvoiceOf(offerOf({ maxPaths: 1 }), { members: named, maxPaths: 1 }));
})();

/** The onion of a part, over the path of an invoice. */
const blindedOnion: BytesTarget = {
  name: 'phantom/blinded-onion',
  kind: 'bytes',
  slow: true,
  maxLength: 1366,
  corpus: () => [ordinary().htlc.onion],
  run(input) {
    const { htlc, preimage } = ordinary();
    const verdict = judgeAt('M1', { ...htlc, onion: input });
    assert.notEqual(verdict.type, 'resume');
    if (verdict.type === 'part') assert.deepEqual(verdict.preimage, preimage);
    return verdict.type === 'part';
  },
};

const ordinary = (() => {
  let made: { htlc: ReturnType<typeof htlcOver>; preimage: Uint8Array } | undefined;
  return () => {
    if (made) return made;
    const invoice = answer(bytesOf(requestFor(offerOf(), { amountMsat: AMOUNT })), { members: named });
    const payment = { paymentHash: invoice.paymentHash, amountMsat: AMOUNT, height: HEIGHT };
    made = { htlc: htlcOver(invoice.invoice.paymentPaths[0]!, payment, NAMES), preimage: invoice.preimage };
    return made;
  };
})();

export const phantomOfferTargets: readonly FuzzTarget[] = [
  invoicePath,
  staticPath,
  invoiceRequest,
  staticPart,
  blindedOnion,
];
