/** BOLT 12 objects of ours read and written anew by LDK, and LDK's by us: byte for byte the same, and with one meaning. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  bolt12InvoiceExpiresAt,
  buildDerivedOffer,
  buildInvoice,
  buildInvoiceRequest,
  buildOffer,
  buildStaticInvoice,
  checkInvoiceAgainstRequest,
  checkStaticInvoiceAgainstRequest,
  decodeInvoice,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  encodeOfferString,
  encodeRecords,
  type Offer,
  offerIdOf,
  signerOf,
} from '../../src/bolt12/index.js';
import { ec, randomBytes } from '../../src/crypto/index.js';
import { messagePath } from '../../src/messages/index.js';
import { chainHashOf } from '../../src/onion/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { LdkProgram } from './ldk-program.js';
import type { LdkObject } from './ldk-protocol.js';

const NOW = 1_790_000_000;
const PAYMENT_ID = '11'.repeat(32);
const REGTEST = chainHashOf('regtest');
const ISSUER = new Uint8Array(32).fill(0x43);
const PAYER = new Uint8Array(32).fill(0x44);
const node = (seed: number): Uint8Array => ec.publicKey(new Uint8Array(32).fill(seed));
const path = () => messagePath({ nodes: [node(1), node(2)], pathId: new Uint8Array(32).fill(9) }, randomBytes);
const payInfo = {
  feeBaseMsat: 1000,
  feeProportionalMillionths: 200,
  cltvExpiryDelta: 160,
  htlcMinimumMsat: 1n,
  htlcMaximumMsat: 1_000_000_000n,
  features: [],
};

let ldk: LdkProgram;
beforeAll(async () => {
  ldk = await LdkProgram.start();
});
afterAll(() => ldk.close());

describe('ours, read by LDK', () => {
  const read = (kind: LdkObject, bytes: Uint8Array) => ldk.call('decode', { kind, hex: toHex(bytes) });

  const fullOffer = (): Offer =>
    unwrap(
      buildOffer({
        chains: [REGTEST],
        amount: 12_345n,
        description: 'Grüße',
        absoluteExpiry: BigInt(NOW + 3600),
        paths: [path(), path()],
        issuer: 'the shop',
        quantityMax: 7n,
        issuerId: ec.publicKey(ISSUER),
      }),
    );
  const requestFor = (offer: Offer) =>
    unwrap(
      buildInvoiceRequest({
        offer,
        metadata: randomBytes(32),
        signer: signerOf(PAYER),
        quantity: 3n,
        chain: REGTEST,
        payerNote: 'three, please',
      }),
    );

  it('offer', async () => {
    const offer = fullOffer();
    const found = await read('offer', encodeRecords(offer.records));
    expect(found).toMatchObject({
      hex: toHex(encodeRecords(offer.records)),
      text: encodeOfferString(offer),
      id: toHex(offerIdOf(offer.records)),
      amount: { msat: 12_345 },
      description: 'Grüße',
      issuer: 'the shop',
      issuerId: toHex(ec.publicKey(ISSUER)),
      absoluteExpiry: NOW + 3600,
      paths: 2,
    });
    expect(await ldk.call('decode', { kind: 'offer', text: encodeOfferString(offer) })).toEqual(found);
  });

  it('offer with the issuer id derived as LDK derives it', async () => {
    const nonce = randomBytes(16);
    const { offer } = unwrap(
      buildDerivedOffer(randomBytes(32), nonce, { chains: [REGTEST], description: 'x', paths: [path()] }),
    );
    expect(await read('offer', encodeRecords(offer.records))).toMatchObject({ id: toHex(offerIdOf(offer.records)) });
  });

  it('invoice request', async () => {
    const request = requestFor(fullOffer());
    expect(await read('invoiceRequest', encodeRecords(request.records))).toMatchObject({
      hex: toHex(encodeRecords(request.records)),
      payerId: toHex(ec.publicKey(PAYER)),
      quantity: 3,
      payerNote: 'three, please',
    });
  });

  it('invoice', async () => {
    const paymentHash = randomBytes(32);
    const invoice = unwrap(
      buildInvoice({
        request: requestFor(fullOffer()),
        paymentPaths: [{ path: path(), payInfo }],
        createdAt: NOW,
        relativeExpirySeconds: 600,
        paymentHash,
        features: [17],
        signer: signerOf(ISSUER),
      }),
    );
    expect(await read('invoice', encodeRecords(invoice.records))).toMatchObject({
      hex: toHex(encodeRecords(invoice.records)),
      paymentHash: toHex(paymentHash),
      amountMsat: 3 * 12_345,
      nodeId: toHex(ec.publicKey(ISSUER)),
      createdAt: NOW,
      relativeExpiry: 600,
      paths: 1,
    });
  });

  it('static invoice', async () => {
    const offer = unwrap(buildOffer({ chains: [REGTEST], paths: [path()], issuerId: ec.publicKey(ISSUER) }));
    const invoice = unwrap(
      buildStaticInvoice({
        offer,
        paymentPaths: [{ path: path(), payInfo }],
        messagePaths: [path(), path()],
        createdAt: NOW,
        features: [17],
        signer: signerOf(ISSUER),
      }),
    );
    expect(await read('staticInvoice', encodeRecords(invoice.records))).toMatchObject({
      hex: toHex(encodeRecords(invoice.records)),
      offerId: toHex(offerIdOf(offer.records)),
      relativeExpiry: 1_209_600,
      messagePaths: 2,
      offerPaths: 1,
    });
  });

  it('with a byte of the signature changed is refused', async () => {
    const bytes = encodeRecords(requestFor(fullOffer()).records);
    bytes[bytes.length - 1]! ^= 1;
    await expect(read('invoiceRequest', bytes)).rejects.toThrow(/LDK refuses/);
    expect(decodeInvoiceRequest(bytes).ok).toBe(false);
  });
});

describe("LDK's, read by us", () => {
  beforeEach(async () => {
    await ldk.call('build', {
      time: NOW,
      nodes: [
        { name: 'payer', manualInvoices: true },
        { name: 'lsp', mailbox: 'auto', staticInvoices: 'auto' },
        { name: 'payee' },
      ],
      channels: [
        { from: 'payer', to: 'lsp', sat: 1_000_000, announced: true },
        { from: 'lsp', to: 'payee', sat: 1_000_000 },
      ],
    });
    ldk.forget();
  });

  it('offer, and the invoice for a request of LDK', async () => {
    const { offer: text } = await ldk.call('createOffer', {
      node: 'payee',
      amountMsat: 5000,
      description: 'tea',
      issuer: 'LDK',
      quantityMax: 4,
      absoluteExpiry: NOW + 999,
    });
    const offer = unwrap(decodeOffer(text, { now: NOW, chains: [REGTEST] }));
    expect(offer).toMatchObject({ amount: 5000n, description: 'tea', issuer: 'LDK', quantityMax: 4n });
    expect(encodeOfferString(offer)).toBe(text);
    const known = await ldk.call('decode', { kind: 'offer', text });
    expect(toHex(offerIdOf(offer.records))).toBe(known['id']);

    await ldk.call('payOffer', { node: 'payer', offer: text, paymentId: PAYMENT_ID, quantity: 2 });
    const received = ldk.one('invoiceReceived');
    const invoice = unwrap(decodeInvoice(fromHex(received.invoice), { now: NOW, chains: [REGTEST] }));
    expect(toHex(encodeRecords(invoice.records))).toBe(received.invoice);
    expect(invoice).toMatchObject({ amountMsat: 10_000n, request: { quantity: 2n }, createdAt: BigInt(NOW + 7) });
    const terms = await ldk.call('decode', { kind: 'invoice', hex: received.invoice });
    expect(toHex(invoice.nodeId)).toBe(terms['nodeId']);
    expect(toHex(invoice.paymentHash)).toBe(terms['paymentHash']);
    expect(bolt12InvoiceExpiresAt(invoice)).toBe(Number(terms['createdAt']) + Number(terms['relativeExpiry']));

    await ldk.call('payInvoice', { token: received.token });
    expect(ldk.one('paymentSent').paymentHash).toBe(toHex(invoice.paymentHash));
  });

  it('static invoice, and the request that asked for it', async () => {
    const { paths } = await ldk.call('serverPaths', { node: 'lsp', recipientId: 'aa' });
    await ldk.call('useServer', { node: 'payee', paths });
    const { offer } = await ldk.call('asyncOffer', { node: 'payee' });
    await ldk.call('sleep', { node: 'payee' });
    await ldk.call('payOffer', { node: 'payer', offer, amountMsat: 5000, paymentId: PAYMENT_ID });

    const stored = ldk.all('persistStaticInvoice')[0]!;
    const invoice = unwrap(decodeStaticInvoice(fromHex(stored.invoice)));
    expect(toHex(encodeRecords(invoice.records))).toBe(stored.invoice);
    const terms = await ldk.call('decode', { kind: 'staticInvoice', hex: stored.invoice });
    expect(terms).toMatchObject({
      offerId: toHex(offerIdOf(invoice.records)),
      nodeId: toHex(invoice.nodeId),
      messagePaths: invoice.messagePaths.length,
    });

    const asked = ldk.one('staticInvoiceRequested');
    const request = unwrap(decodeInvoiceRequest(fromHex(asked.invoiceRequest)));
    expect(toHex(encodeRecords(request.records))).toBe(asked.invoiceRequest);
    expect(checkStaticInvoiceAgainstRequest(request, invoice, { chains: [REGTEST] })).toMatchObject({ ok: true });
    expect(toHex(offerIdOf(request.records))).toBe(terms['offerId']);
  });

  it('refund', async () => {
    const { refund } = await ldk.call('createRefund', {
      node: 'payer',
      amountMsat: 9000,
      absoluteExpiry: NOW + 5000,
      paymentId: PAYMENT_ID,
    });
    const request = unwrap(decodeInvoiceRequest(refund));
    expect(request).toMatchObject({ isForOffer: false, amountMsat: 9000n });
    const { invoice } = await ldk.call('takeRefund', { node: 'payee', refund });
    const answer = unwrap(decodeInvoice(fromHex(invoice)));
    expect(checkInvoiceAgainstRequest(request, answer, { now: NOW })).toMatchObject({ ok: true });
  });
});
