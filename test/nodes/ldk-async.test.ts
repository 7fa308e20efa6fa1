/**
 * Async payments between LDK and our codecs and paths, one side each time: LDK pays a virtual node of ours that was asleep,
 * and an LDK node is served by a static invoice server that is ours.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  buildOffer,
  buildStaticInvoice,
  checkStaticInvoiceAgainstRequest,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  encodeOfferString,
  encodeRecords,
  offerIdOf,
  signerOf,
} from '../../src/bolt12/index.js';
import { ec, sha256 } from '../../src/crypto/index.js';
import { decodeReleasePaths, RELEASE_PATHS_TYPE } from '../../src/messages/index.js';
import { chainHashOf, encodeBlindedPath } from '../../src/onion/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { splitTlvStream } from '../../src/wire/tlv.js';
import { LdkProgram } from './ldk-program.js';
import type { LdkNodeOptions } from './ldk-protocol.js';
import { LdkVirtualNode } from './ldk-virtual-node.js';

const NOW = 1_790_000_000;
const PAYMENT_ID = '11'.repeat(32);
const AMOUNT_MSAT = 25_000;
const FAKE_SCID = (16_000_000n << 40n) | (1n << 16n) | 2n;
const SECRET = new Uint8Array(32).fill(0x42);
const ISSUER = new Uint8Array(32).fill(0x43);
const REGTEST = chainHashOf('regtest');
const FAR_EXPIRY = 20_000;
const UPDATE_ADD_HTLC = 128;
const REVOKE_AND_ACK = 133;
/** Up to its TLVs, with the type. */
const REVOKE_LENGTH = 2 + 32 + 32 + 33;

/** Path ids by purpose. */
const ids = {
  offer: new Uint8Array(32).fill(1),
  available: new Uint8Array(32).fill(2),
  payment: new Uint8Array(32).fill(3),
  server: new Uint8Array(32).fill(4),
  slot: new Uint8Array(32).fill(5),
  serve: new Uint8Array(32).fill(6),
};

let ldk: LdkProgram;
let virtual: LdkVirtualNode;
beforeAll(async () => {
  ldk = await LdkProgram.start();
});
afterAll(() => ldk.close());

describe('LDK pays a static invoice of ours', () => {
  async function world(payer: Partial<LdkNodeOptions>): Promise<void> {
    const { nodes } = await ldk.call('build', {
      time: NOW,
      nodes: [
        { name: 'payer', ...payer },
        { name: 'lsp', htlcHold: true, mailbox: 'auto' },
        { name: 'member', standIn: true },
      ],
      channels: [
        { from: 'payer', to: 'lsp', sat: 1_000_000 },
        { from: 'lsp', to: 'member', sat: 1_000_000, announced: true },
      ],
    });
    virtual = new LdkVirtualNode(
      ldk,
      nodes.find(({ name }) => name === 'member')!,
      SECRET,
    );
    await virtual.connect();
    ldk.forget();
  }

  /** Until LDK has our static invoice. */
  async function ask(): Promise<void> {
    const offer = unwrap(
      buildOffer({ chains: [REGTEST], paths: [virtual.messagePath(ids.offer)], issuerId: ec.publicKey(ISSUER) }),
    );
    await ldk.call('payOffer', {
      node: 'payer',
      offer: encodeOfferString(offer),
      amountMsat: AMOUNT_MSAT,
      paymentId: PAYMENT_ID,
      payerNote: 'good night',
    });
    const { height } = await ldk.call('channels', { node: 'member' });
    const invoice = unwrap(
      buildStaticInvoice({
        offer,
        paymentPaths: [virtual.paymentPath(FAKE_SCID, ids.payment, height + FAR_EXPIRY)],
        messagePaths: [virtual.messagePath(ids.available)],
        createdAt: NOW,
        features: [17],
        signer: signerOf(ISSUER),
      }),
    );
    const { replyPath } = virtual.got('invoice_request');
    await virtual.send({ name: 'static_invoice', bytes: encodeRecords(invoice.records) }, replyPath);
  }

  /** The HTLC that came after the release, claimed with what it brings itself. */
  async function claim(): Promise<void> {
    const htlc = ldk.one('htlc', { node: 'member' });
    const { payload, data } = virtual.open(htlc);
    expect(data?.pathId).toEqual(ids.payment);
    const preimage = payload.keysendPreimage!;
    expect(toHex(sha256(preimage))).toBe(htlc.paymentHash);
    const request = unwrap(decodeInvoiceRequest(payload.invoiceRequest!));
    expect(request).toMatchObject({ amountMsat: BigInt(AMOUNT_MSAT), payerNote: 'good night' });
    await ldk.call('settleHtlc', { node: 'member', interceptId: htlc.interceptId, preimage: toHex(preimage) });
  }

  it('as a payer who waits for our release before it sends anything', async () => {
    await world({});
    await ask();
    expect(ldk.all('htlc')).toEqual([]);
    const { pathId, replyPath } = virtual.got('held_htlc_available');
    expect(pathId).toEqual(ids.available);
    await virtual.send({ name: 'release_held_htlc' }, replyPath);
    await claim();
    expect(ldk.one('paymentSent')).toMatchObject({ invoiceKind: 'static', amountMsat: AMOUNT_MSAT });
  });

  it('as a payer who sleeps while its LSP holds the HTLC for us', async () => {
    await world({ holdAtNextHop: true });
    await ldk.call('watch', { types: [UPDATE_ADD_HTLC, REVOKE_AND_ACK] });
    await ask();
    const { replyPath } = virtual.got('held_htlc_available');
    await ldk.call('sleep', { node: 'payer' });
    expect(ldk.all('message', { from: 'payer', to: 'lsp', type: UPDATE_ADD_HTLC })).toHaveLength(1);
    expect(ldk.all('message', { from: 'lsp', to: 'member', type: UPDATE_ADD_HTLC })).toEqual([]);
    const revoke = ldk.one('message', { from: 'lsp', to: 'payer', type: REVOKE_AND_ACK });
    const [released] = splitTlvStream(fromHex(revoke.hex).subarray(REVOKE_LENGTH));
    expect(released?.type).toBe(RELEASE_PATHS_TYPE);
    expect(unwrap(decodeReleasePaths(released!.value)), 'as we read it').toEqual([{ htlcId: 0n, path: replyPath }]);

    await virtual.send({ name: 'release_held_htlc' }, replyPath);
    await claim();
    await virtual.send({ name: 'release_held_htlc' }, replyPath);
    expect(ldk.all('htlc'), 'a second release does nothing').toHaveLength(1);
    await ldk.call('wake', { node: 'payer' });
    expect(ldk.one('paymentSent').invoiceKind).toBe('static');
  });
});

describe('LDK is served by a static invoice server of ours', () => {
  beforeEach(async () => {
    const { nodes } = await ldk.call('build', {
      time: NOW,
      nodes: [{ name: 'payer' }, { name: 'member', mailbox: 'auto' }, { name: 'payee' }],
      channels: [
        { from: 'payer', to: 'member', sat: 1_000_000, announced: true },
        { from: 'member', to: 'payee', sat: 1_000_000 },
      ],
    });
    virtual = new LdkVirtualNode(
      ldk,
      nodes.find(({ name }) => name === 'member')!,
      SECRET,
    );
    await virtual.connect();
    ldk.forget();
  });

  /** Plays the server up to the point where the payee has its offer. */
  async function serve(): Promise<{ offer: string; staticInvoice: Uint8Array }> {
    await ldk.call('useServer', { node: 'payee', paths: [toHex(encodeBlindedPath(virtual.messagePath(ids.server)))] });
    const asked = virtual.got('offer_paths_request');
    expect(asked).toMatchObject({ pathId: ids.server, content: { slot: 0 } });
    await virtual.send(
      { name: 'offer_paths', paths: [virtual.messagePath(ids.slot)] },
      asked.replyPath,
      virtual.messagePath(ids.serve),
    );
    const served = virtual.got('serve_static_invoice');
    expect(served.pathId).toEqual(ids.serve);
    await expect(ldk.call('asyncOffer', { node: 'payee' }), 'not stored yet').rejects.toThrow(/stored/);
    await virtual.send({ name: 'static_invoice_persisted' }, served.replyPath);
    const { offer } = await ldk.call('asyncOffer', { node: 'payee' });
    return { offer, staticInvoice: served.content.staticInvoice };
  }

  it('and paid when it wakes', async () => {
    const { offer, staticInvoice } = await serve();
    const invoice = unwrap(decodeStaticInvoice(staticInvoice, { now: NOW, chains: [REGTEST] }));
    expect(offerIdOf(invoice.records)).toEqual(offerIdOf(unwrap(decodeOffer(offer)).records));
    await ldk.call('sleep', { node: 'payee' });
    await ldk.call('payOffer', { node: 'payer', offer, amountMsat: AMOUNT_MSAT, paymentId: PAYMENT_ID });

    const asked = virtual.got('invoice_request');
    expect(asked.pathId).toEqual(ids.slot);
    const request = unwrap(decodeInvoiceRequest(asked.content.bytes));
    expect(checkStaticInvoiceAgainstRequest(request, invoice, { now: NOW, chains: [REGTEST] })).toMatchObject({
      ok: true,
    });
    await virtual.send({ name: 'static_invoice', bytes: staticInvoice }, asked.replyPath);
    expect(ldk.all('claimed')).toEqual([]);

    await ldk.call('wake', { node: 'payee' });
    expect(ldk.one('claimed', { node: 'payee' }).amountMsat).toBe(AMOUNT_MSAT);
    expect(ldk.one('paymentSent', { node: 'payer' }).invoice).toBe(toHex(staticInvoice));
  });

  it('but does not take an invoice that was changed on the way', async () => {
    const { offer, staticInvoice } = await serve();
    await ldk.call('payOffer', { node: 'payer', offer, amountMsat: AMOUNT_MSAT, paymentId: PAYMENT_ID });
    const changed = staticInvoice.slice();
    changed[changed.length - 1]! ^= 1;
    await virtual.send({ name: 'static_invoice', bytes: changed }, virtual.got('invoice_request').replyPath);
    expect(ldk.all('claimed')).toEqual([]);
    const { payments } = await ldk.call('payments', { node: 'payer' });
    expect(payments).toEqual([{ paymentId: PAYMENT_ID, state: 'awaitingInvoice', paymentHash: null }]);
  });
});
