/** LDK and a virtual node of ours behind one of its nodes: onion messages both ways, and HTLCs that wait for our verdict. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeInvoice } from '../../src/bolt11/index.js';
import {
  buildInvoice,
  buildOffer,
  decodeInvoiceRequest,
  encodeOfferString,
  encodeRecords,
  type InvoiceRequest,
  signerOf,
} from '../../src/bolt12/index.js';
import { ec, sha256 } from '../../src/crypto/index.js';
import {
  type BlindedPath,
  chainHashOf,
  encodeFailureMessage,
  FailureCode,
  ONION_MESSAGE_TYPE,
  originateFailure,
} from '../../src/onion/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { Feature } from '../../src/wire/features.js';
import { unwrap } from '../../src/wire/result.js';
import { LdkProgram } from './ldk-program.js';
import { LdkVirtualNode } from './ldk-virtual-node.js';

const NOW = 1_790_000_000;
const PAYMENT_ID = '11'.repeat(32);
const AMOUNT_MSAT = 25_000n;
const FAKE_SCID = (16_000_000n << 40n) | (1n << 16n) | 2n;
const PATH_ID = new Uint8Array(32).fill(9);
const PREIMAGE = new Uint8Array(32).fill(5);
const PAYMENT_HASH = sha256(PREIMAGE);
const SECRET = new Uint8Array(32).fill(0x42);
const ISSUER = new Uint8Array(32).fill(0x43);
/** Of a blinded final hop, with what the payer may add for privacy. */
const FAR_EXPIRY = 20_000;

let ldk: LdkProgram;
let virtual: LdkVirtualNode;
let memberId: string;
beforeAll(async () => {
  ldk = await LdkProgram.start();
});
afterAll(() => ldk.close());
beforeEach(async () => {
  const { nodes } = await ldk.call('build', {
    time: NOW,
    nodes: [{ name: 'payer' }, { name: 'hub' }, { name: 'member', standIn: true }],
    channels: [
      { from: 'payer', to: 'hub', sat: 1_000_000 },
      { from: 'hub', to: 'member', sat: 4_000_000, announced: true },
    ],
  });
  const member = nodes.find(({ name }) => name === 'member')!;
  memberId = member.nodeId;
  virtual = new LdkVirtualNode(ldk, member, SECRET);
  await virtual.connect();
  ldk.forget();
});

const offer = () =>
  unwrap(
    buildOffer({
      chains: [chainHashOf('regtest')],
      amount: AMOUNT_MSAT,
      description: 'from our virtual node',
      paths: [virtual.messagePath(PATH_ID)],
      issuerId: ec.publicKey(ISSUER),
    }),
  );

/** LDK asks for an invoice; what it asks, as the virtual node gets it. */
async function askedFor(): Promise<{ request: InvoiceRequest; replyPath: BlindedPath | undefined }> {
  await ldk.call('payOffer', { node: 'payer', offer: encodeOfferString(offer()), paymentId: PAYMENT_ID, retries: 0 });
  const { content, pathId, replyPath } = virtual.got('invoice_request');
  expect(pathId).toEqual(PATH_ID);
  return { request: unwrap(decodeInvoiceRequest(content.bytes)), replyPath };
}

async function answer(): Promise<void> {
  const { request, replyPath } = await askedFor();
  const { height } = await ldk.call('channels', { node: 'member' });
  const invoice = unwrap(
    buildInvoice({
      request,
      paymentPaths: [virtual.paymentPath(FAKE_SCID, PATH_ID, height + FAR_EXPIRY)],
      createdAt: NOW,
      paymentHash: PAYMENT_HASH,
      signer: signerOf(ISSUER),
    }),
  );
  await virtual.send({ name: 'invoice', bytes: encodeRecords(invoice.records) }, replyPath);
}

describe('onion messages', () => {
  it('of LDK to a foreign node come as bytes that we can peel', async () => {
    const { request, replyPath } = await askedFor();
    expect(request.offer.description).toBe('from our virtual node');
    expect(replyPath).toBeDefined();
  });

  it('that LDK cannot read are dropped without harm', async () => {
    const hex = `0201${toHex(virtual.nodeId)}0004deadbeef`;
    await expect(ldk.call('deliver', { node: 'member', from: virtual.hexId, hex })).rejects.toThrow();
    await expect(ldk.call('deliver', { node: 'hub', from: virtual.hexId, hex })).rejects.toThrow(/not connected/);
    await answer();
    expect(ldk.all('htlc')).toHaveLength(1);
  });

  it('are peeled by LDK for the node they are for, and for no other', async () => {
    await ldk.call('watch', { types: [ONION_MESSAGE_TYPE] });
    await askedFor();
    expect(ldk.all('connectionNeeded', { node: 'payer', peer: 'member' }), 'the path begins there').toHaveLength(1);
    const { hex } = ldk.all('message', { from: 'payer', to: 'member' })[0]!;
    expect(await ldk.call('peel', { node: 'member', hex })).toMatchObject({ kind: 'forward' });
    await expect(ldk.call('peel', { node: 'hub', hex })).rejects.toThrow(/drops it/);
    expect(await ldk.call('benchPeel', { node: 'member', hex, count: 10 })).toMatchObject({ peeled: 10 });
  });
});

describe('an HTLC of LDK over a blinded path to the virtual node', () => {
  it('is shown raw, settled by us, and reported as sent by the payer', async () => {
    await answer();
    const htlc = ldk.one('htlc', { node: 'member' });
    expect(htlc).toMatchObject({
      from: 'hub',
      paymentHash: toHex(PAYMENT_HASH),
      outgoingMsat: Number(AMOUNT_MSAT),
      requestedScid: FAKE_SCID.toString(),
    });
    expect(htlc.hex.startsWith('0080')).toBe(true);
    const opened = virtual.open(htlc);
    expect(opened.payload).toMatchObject({ kind: 'blinded_final', totalAmountMsat: AMOUNT_MSAT });
    expect(opened.data?.pathId).toEqual(PATH_ID);
    expect(ldk.all('paymentSent')).toEqual([]);

    await ldk.call('settleHtlc', { node: 'member', interceptId: htlc.interceptId, preimage: toHex(PREIMAGE) });
    expect(ldk.one('paymentSent', { node: 'payer' }).preimage).toBe(toHex(PREIMAGE));
    const { channels } = await ldk.call('channels', { node: 'hub' });
    expect(channels.every((channel) => channel.inHtlcs === 0 && channel.outHtlcs === 0)).toBe(true);
  });

  it('is settled late: just before the member would have to give it up', async () => {
    await answer();
    const htlc = ldk.one('htlc');
    const { height } = await ldk.call('channels', { node: 'member' });
    await ldk.call('mine', { blocks: htlc.outgoingCltv - height - 45 });
    await ldk.call('settleHtlc', { node: 'member', interceptId: htlc.interceptId, preimage: toHex(PREIMAGE) });
    expect(ldk.one('paymentSent').preimage).toBe(toHex(PREIMAGE));
  });

  it('is failed by us, for which its payer blames the blinded path', async () => {
    await answer();
    const { interceptId } = ldk.one('htlc');
    await ldk.call('failHtlc', { node: 'member', interceptId });
    expect(ldk.one('pathFailed', { node: 'payer' })).toMatchObject({ failure: null, scid: null, permanently: false });
    expect(ldk.one('paymentFailed').reason).toBe('RetriesExhausted');
  });
});

describe('an HTLC of LDK to a phantom behind a member', () => {
  const PAYMENT_SECRET = new Uint8Array(32).fill(6);

  async function pay(amountMsat = AMOUNT_MSAT): Promise<void> {
    const hint = {
      nodeId: fromHex(memberId),
      shortChannelId: FAKE_SCID,
      feeBaseMsat: 0,
      feeProportionalMillionths: 0,
      cltvExpiryDelta: 80,
    };
    const invoice = unwrap(
      encodeInvoice(
        {
          currency: 'bcrt',
          amountMsat,
          timestamp: NOW,
          paymentHash: PAYMENT_HASH,
          paymentSecret: PAYMENT_SECRET,
          description: '',
          minFinalCltvExpiryDelta: 80,
          routeHints: [[hint]],
          features: [Feature.varOnion, Feature.paymentSecret, Feature.basicMpp + 1],
        },
        SECRET,
      ),
    );
    await ldk.call('payBolt11', { node: 'payer', invoice, paymentId: PAYMENT_ID, retries: 0 });
  }

  it('is settled by us', async () => {
    await pay();
    const htlc = ldk.one('htlc');
    expect(virtual.open(htlc).payload).toMatchObject({
      kind: 'final',
      paymentData: { paymentSecret: PAYMENT_SECRET, totalMsat: AMOUNT_MSAT },
    });
    await ldk.call('settleHtlc', { node: 'member', interceptId: htlc.interceptId, preimage: toHex(PREIMAGE) });
    expect(ldk.one('paymentSent').preimage).toBe(toHex(PREIMAGE));
  });

  it('is failed by us in the name of the phantom, and the payer blames the phantom', async () => {
    await pay();
    const htlc = ldk.one('htlc');
    const { sharedSecret } = virtual.open(htlc);
    const failure = encodeFailureMessage(FailureCode.incorrectOrUnknownPaymentDetails, {
      htlcMsat: AMOUNT_MSAT,
      height: 207,
    });
    const reason = toHex(originateFailure(sharedSecret, failure));
    await ldk.call('failHtlc', { node: 'member', interceptId: htlc.interceptId, reason });
    expect(ldk.one('pathFailed').failure).toContain(`${virtual.hexId}: IncorrectPaymentDetails(0x400f)`);
    expect(ldk.one('paymentFailed').reason).toBe('RecipientRejected');
  });

  it('is failed as malformed, and the payer blames the phantom hop by the member', async () => {
    await pay();
    const { interceptId, next } = ldk.one('htlc');
    await ldk.call('failHtlc', {
      node: 'member',
      interceptId,
      malformed: FailureCode.invalidOnionHmac,
      onionHash: toHex(sha256(fromHex(next!.onion))),
    });
    expect(ldk.one('pathFailed').failure).toContain(`${memberId}: InvalidOnionHMAC(0xc005)`);
  });

  it('in two parts over one member is settled part by part', async () => {
    await ldk.call('open', { from: 'payer', to: 'hub', sat: 1_000_000 });
    await pay(1_500_000_000n);
    const parts = ldk.all('htlc');
    expect(parts.length).toBeGreaterThan(1);
    for (const { interceptId } of parts) {
      await ldk.call('settleHtlc', { node: 'member', interceptId, preimage: toHex(PREIMAGE) });
    }
    expect(ldk.one('paymentSent').preimage).toBe(toHex(PREIMAGE));
    expect(ldk.all('pathSuccessful')).toHaveLength(parts.length);
  });
});
