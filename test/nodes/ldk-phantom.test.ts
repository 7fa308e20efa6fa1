/**
 * LDK pays the offer of a phantom cluster whose two members are stand-ins: our offer, our answer to its request, our blinded
 * paths, and our verdict on its HTLCs, in one part and in parts over both members.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeOfferString, type Offer } from '../../src/bolt12/index.js';
import { randomBytes } from '../../src/crypto/index.js';
import { type BlindedPath, chainHashOf } from '../../src/onion/index.js';
import {
  answerInvoiceRequest,
  ClusterKeys,
  type ClusterMember,
  createPhantomOffer,
  createPhantomStaticInvoice,
  DEFAULT_VERDICT_POLICY,
  drawsFrom,
  judgeHtlc,
  KeyRing,
  messagePathsToPhantom,
  type OfferInvoice,
  type Verdict,
} from '../../src/phantom/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { LdkProgram } from './ldk-program.js';
import type { LdkEvents } from './ldk-protocol.js';
import { LdkVirtualNode } from './ldk-virtual-node.js';

const NOW = 1_790_000_000;
const PAYMENT_ID = '11'.repeat(32);
const REGTEST = chainHashOf('regtest');
const keys = new ClusterKeys(new Uint8Array(32).fill(7));
const epoch = { id: 1, keys };
const ring = new KeyRing(epoch);
const NONCE = new Uint8Array(16).fill(5);
const PATH_ID = new Uint8Array(32).fill(6);
const MESSAGE_PATH_ID = new Uint8Array(32).fill(8);
/** Blocks before an HTLC expires at which LND gives it up. */
const LND_MARGIN = 19;

let ldk: LdkProgram;
let ids: ReadonlyMap<string, string>;
let phantom: LdkVirtualNode;
beforeAll(async () => {
  ldk = await LdkProgram.start();
});
afterAll(() => ldk.close());
beforeEach(async () => {
  const { nodes } = await ldk.call('build', {
    time: NOW,
    nodes: [{ name: 'payer' }, { name: 'hub' }, { name: 'a', standIn: true }, { name: 'b', standIn: true }],
    channels: [
      { from: 'payer', to: 'hub', sat: 4_000_000 },
      { from: 'hub', to: 'a', sat: 1_000_000, announced: true },
      { from: 'hub', to: 'b', sat: 1_000_000, announced: true },
    ],
  });
  ids = new Map(nodes.map(({ name, nodeId }) => [name, nodeId]));
  for (const name of ['b', 'a']) {
    phantom = new LdkVirtualNode(
      ldk,
      nodes.find((node) => node.name === name)!,
      keys.phantomSecret,
    );
    await phantom.connect();
  }
  ldk.forget();
});

async function member(name: string): Promise<ClusterMember> {
  const { channels } = await ldk.call('channels', { node: name });
  return {
    nodeId: fromHex(ids.get(name)!),
    healthy: true,
    holdsParts: true,
    channels: channels
      .filter(({ isAnnounced }) => isAnnounced)
      .map(({ scid, inboundMsat, isUsable }) => ({
        peerId: fromHex(ids.get('hub')!),
        scid: BigInt(scid!),
        announced: true,
        usable: isUsable,
        ready: isUsable,
        inboundCapacityMsat: BigInt(inboundMsat),
      })),
  };
}

/** LDK asks for an invoice of our offer. */
async function ask(
  amountMsat: bigint,
  maxPaths?: number,
): Promise<{
  members: ClusterMember[];
  offer: Offer;
  request: Uint8Array;
  replyPath: BlindedPath | undefined;
  height: number;
}> {
  const members = [await member('a'), await member('b')];
  const { offer } = unwrap(
    createPhantomOffer({
      epoch,
      members,
      nonce: NONCE,
      pathId: PATH_ID,
      entropy: randomBytes(32),
      amountMsat,
      description: 'from the cluster',
      chainHash: REGTEST,
      maxPaths,
    }),
  );
  await ldk.call('payOffer', {
    node: 'payer',
    offer: encodeOfferString(offer),
    paymentId: PAYMENT_ID,
    payerNote: 'hello',
  });
  const { content, pathId, replyPath } = phantom.got('invoice_request');
  expect(pathId).toEqual(PATH_ID);
  const { height } = await ldk.call('channels', { node: 'a' });
  return { members, offer, request: content.bytes, replyPath, height };
}

/** LDK asks and is answered; it has sent its HTLCs afterwards. */
async function pay(amountMsat: bigint): Promise<OfferInvoice> {
  const { members, request, replyPath, height } = await ask(amountMsat);
  const answered = answerInvoiceRequest({
    request,
    nonce: NONCE,
    ring,
    members,
    height,
    now: NOW,
    entropy: randomBytes(32),
    chains: [REGTEST],
  });
  if (!answered.ok) throw new Error(`${answered.error.code}: ${answered.error.message}`);
  await phantom.send({ name: 'invoice', bytes: answered.value.bytes }, replyPath);
  return answered.value;
}

async function judge(htlc: LdkEvents['htlc'] & { readonly node: string }): Promise<Verdict> {
  const { height } = await ldk.call('channels', { node: htlc.node });
  return judgeHtlc(
    {
      paymentHash: fromHex(htlc.paymentHash),
      incomingAmountMsat: BigInt(htlc.incomingMsat),
      incomingExpiry: htlc.incomingCltv,
      outgoingAmountMsat: BigInt(htlc.outgoingMsat),
      outgoingExpiry: htlc.outgoingCltv,
      outgoingScid: BigInt(htlc.requestedScid),
      onion: fromHex(htlc.next!.onion),
      deadline: htlc.incomingCltv - LND_MARGIN,
    },
    { keys: ring, nodeId: fromHex(ids.get(htlc.node)!), height, now: NOW, policy: DEFAULT_VERDICT_POLICY },
  );
}

/** Settles all HTLCs that wait. @returns the members they are at, and their sum */
async function settleAll(invoice: OfferInvoice): Promise<{ at: Set<string>; sumMsat: bigint }> {
  const at = new Set<string>();
  let sumMsat = 0n;
  for (const htlc of ldk.all('htlc')) {
    const verdict = await judge(htlc);
    if (verdict.type !== 'part') throw new Error(verdict.type === 'fail' ? verdict.reason : verdict.type);
    expect(verdict).toMatchObject({ totalMsat: invoice.amountMsat, preimage: invoice.preimage });
    expect(verdict.offer).toMatchObject({ isStatic: false, payerNote: 'hello' });
    sumMsat += verdict.amountMsat;
    at.add(htlc.node);
    const preimage = toHex(invoice.preimage);
    await ldk.call('settleHtlc', { node: htlc.node, interceptId: htlc.interceptId, preimage });
  }
  return { at, sumMsat };
}

describe('a phantom offer of ours', () => {
  it('is paid by LDK in one part', async () => {
    const invoice = await pay(50_000_000n);
    const { sumMsat } = await settleAll(invoice);
    expect(sumMsat).toBe(50_000_000n);
    expect(ldk.one('paymentSent').preimage).toBe(toHex(invoice.preimage));
  });

  it('is paid by LDK in parts over both members, when it is more than one can take', async () => {
    const invoice = await pay(1_500_000_000n);
    expect(invoice).toMatchObject({ multiPart: true, enoughInbound: true });
    const { at, sumMsat } = await settleAll(invoice);
    expect([...at].sort()).toEqual(['a', 'b']);
    expect(sumMsat).toBe(1_500_000_000n);
    expect(ldk.one('paymentSent').preimage).toBe(toHex(invoice.preimage));
  });

  it('is paid over the other member when the first one fails', async () => {
    const invoice = await pay(50_000_000n);
    const [first] = ldk.all('htlc');
    await ldk.call('failHtlc', { node: first!.node, interceptId: first!.interceptId });
    const second = ldk.all('htlc').at(-1)!;
    expect(second.node).not.toBe(first!.node);
    const preimage = toHex(invoice.preimage);
    await ldk.call('settleHtlc', { node: second.node, interceptId: second.interceptId, preimage });
    expect(ldk.one('paymentSent').paymentHash).toBe(toHex(invoice.paymentHash));
  });

  it('is paid by LDK over a static invoice, with the preimage in the onion', async () => {
    const { members, offer, replyPath, height } = await ask(1_500_000_000n, 1);
    const messagePaths = messagePathsToPhantom({
      phantomNodeId: keys.phantomNodeId,
      members,
      pathId: MESSAGE_PATH_ID,
      draws: drawsFrom(randomBytes(32)),
    });
    const { bytes } = unwrap(
      createPhantomStaticInvoice({
        epoch,
        offer,
        nonce: NONCE,
        members,
        messagePaths,
        height,
        now: NOW,
        expirySeconds: 86_400,
        entropy: randomBytes(32),
      }),
    );
    await phantom.send({ name: 'static_invoice', bytes }, replyPath);
    const available = phantom.got('held_htlc_available');
    expect(available.pathId).toEqual(MESSAGE_PATH_ID);
    await phantom.send({ name: 'release_held_htlc' }, available.replyPath);

    const parts = ldk.all('htlc');
    expect(parts.length).toBeGreaterThan(1);
    for (const htlc of parts) {
      const verdict = await judge(htlc);
      if (verdict.type !== 'part') throw new Error(verdict.type === 'fail' ? verdict.reason : verdict.type);
      expect(verdict.offer).toMatchObject({ isStatic: true, payerNote: 'hello' });
      const preimage = toHex(verdict.preimage!);
      await ldk.call('settleHtlc', { node: htlc.node, interceptId: htlc.interceptId, preimage });
    }
    expect(ldk.one('paymentSent')).toMatchObject({ invoiceKind: 'static', invoice: toHex(bytes) });
  });
});
