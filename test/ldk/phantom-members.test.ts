/** LDK nodes as members of a phantom cluster, paid over real channels: payer A, router B, members C and D. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import {
  createPhantomInvoice,
  hintsToJson,
  LdkNode,
  LdkWorld,
  openChannel,
  payInParts,
  payInvoice,
  phantomHints,
  phantomNodeId,
  serializedPhantomHints,
} from '../../src/node/ldk/index.js';
import {
  ClusterKeys,
  createPhantomInvoice as createManifoldInvoice,
  decodeLdkPhantomRouteHints,
  importedMember,
  KeyRing,
  phantomRouteHintsOfJson,
} from '../../src/phantom/index.js';
import { equalBytes, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';

const crossNodeSeed = new Uint8Array(32).fill(7);
let world: LdkWorld;
let payer: LdkNode, router: LdkNode, c: LdkNode, d: LdkNode;

beforeAll(async () => {
  world = await LdkWorld.create();
  payer = await LdkNode.start(world, { name: 'A' });
  router = await LdkNode.start(world, { name: 'B' });
  c = await LdkNode.start(world, { name: 'C', crossNodeSeed });
  d = await LdkNode.start(world, { name: 'D', crossNodeSeed });
  await payer.connect(router);
  await openChannel(payer, router, { capacitySats: 4_000_000n });
  for (const member of [c, d]) {
    await router.connect(member);
    await openChannel(router, member, { capacitySats: 1_000_000n });
  }
});

afterAll(() => world.stop());

const claimable = (node: LdkNode, hash: Uint8Array) =>
  node.findEvent(node.ldk.Event_PaymentClaimable, (event) => equalBytes(event.payment_hash, hash));
const claimed = (node: LdkNode, hash: Uint8Array) =>
  node.findEvent(node.ldk.Event_PaymentClaimed, (event) => equalBytes(event.payment_hash, hash));
const holdsHtlc = (node: LdkNode): boolean =>
  node.stack.manager.list_channels().some((channel) => channel.get_pending_inbound_htlcs().length > 0);

async function withoutAutoClaim(body: () => Promise<void>): Promise<void> {
  c.autoClaim = false;
  try {
    await body();
  } finally {
    c.autoClaim = true;
  }
}

describe('LDK phantom members', () => {
  it('are paid over a private channel under the phantom id', async () => {
    const invoice = createPhantomInvoice(c, { hints: [phantomHints(c)], amountMsat: 50_000n });
    const payment = payInvoice(payer, invoice);
    const outcome = await payment.outcome();
    expect(outcome).toMatchObject({ paid: true, feeMsat: 1000n, failures: [] });
    if (outcome.paid) expect(sha256(outcome.preimage)).toEqual(payment.paymentHash);
    const event = await world.until(() => claimed(c, payment.paymentHash), 'the claim');
    expect(toHex(event.receiver_node_id)).toBe(toHex(phantomNodeId(d)!));
    expect(event.amount_msat).toBe(50_000n);
  });

  it('claim an invoice that another member made', async () => {
    const invoice = createPhantomInvoice(c, { hints: [phantomHints(d)], amountMsat: 70_000n });
    const payment = payInvoice(payer, invoice);
    expect((await payment.outcome()).paid).toBe(true);
    expect(claimable(d, payment.paymentHash)?.amount_msat).toBe(70_000n);
    expect(claimable(c, payment.paymentHash)).toBeUndefined();
  });

  it('hand their hints over as JSON and as LDK writes them', async () => {
    const hints = phantomHints(c);
    const json: unknown = JSON.parse(JSON.stringify(hintsToJson(hints)));
    expect(unwrap(phantomRouteHintsOfJson(json))).toEqual(hints);
    expect(hints).toMatchObject({
      nodeId: c.id,
      channels: [
        {
          peerId: router.id,
          announced: false,
          ready: true,
          usable: true,
          peerPolicy: { feeBaseMsat: 1000, feeProportionalMillionths: 0, cltvExpiryDelta: 72 },
        },
      ],
    });
    const written = unwrap(decodeLdkPhantomRouteHints(serializedPhantomHints(c)));
    expect(written.nodeId).toEqual(c.id);
    expect(written.channels).toMatchObject(hints.channels);
    expect(written.phantomScid).not.toBe(hints.phantomScid);
  });

  it('claim an invoice that Manifold made from their hints', async () => {
    const ring = new KeyRing({ id: 1, keys: new ClusterKeys(crossNodeSeed) });
    const made = createManifoldInvoice({
      ring,
      members: [c, d].map((member) => importedMember([phantomHints(member)], { healthy: true })),
      currency: 'bcrt',
      amountMsat: 123_456n,
      about: { description: 'from Manifold' },
      now: Math.floor(Date.now() / 1000),
      entropy: randomBytes(32),
    });
    if (!made.ok) throw new Error(made.error.message);
    const { invoice, paymentHash, preimage, multiPart } = made.value;
    expect(multiPart).toBe(false);
    const payment = payInvoice(payer, invoice);
    expect(payment.paymentHash).toEqual(paymentHash);
    expect(await payment.outcome()).toMatchObject({ paid: true, preimage });
    const claims = [c, d].map((member) => claimable(member, paymentHash)?.amount_msat);
    expect(claims.filter((amount) => amount === 123_456n)).toHaveLength(1);
  });

  it('wait for the preimage of a user hash, with a final CLTV of choice', async () => {
    const preimage = new Uint8Array(32).fill(5);
    const hints = [phantomHints(c)];
    const invoice = createPhantomInvoice(c, {
      hints,
      amountMsat: 9_000n,
      paymentHash: sha256(preimage),
      minFinalCltv: 80,
    });
    const payment = payInvoice(payer, invoice);
    const event = await world.until(() => claimable(c, payment.paymentHash), 'the payment');
    expect(event.purpose.preimage()).toBeInstanceOf(c.ldk.Option_ThirtyTwoBytesZ_None);
    expect(claimed(c, payment.paymentHash)).toBeUndefined();
    c.claim(preimage);
    expect(await payment.outcome()).toMatchObject({ paid: true, preimage });
  });

  it('reject in the name of the phantom', async () => {
    await withoutAutoClaim(async () => {
      const payment = payInvoice(payer, createPhantomInvoice(c, { hints: [phantomHints(c)], amountMsat: 9_000n }));
      await world.until(() => claimable(c, payment.paymentHash), 'the payment');
      c.reject(payment.paymentHash);
      expect(await payment.outcome()).toMatchObject({
        paid: false,
        failures: [{ code: 0x400f, blamedNodeId: toHex(phantomNodeId(c)!) }],
      });
    });
  });

  it('refuse a wrong payment secret', async () => {
    const invoice = createPhantomInvoice(c, { hints: [phantomHints(c)], amountMsat: 9_000n });
    const payment = payInvoice(payer, invoice, { paymentSecret: new Uint8Array(32).fill(1) });
    expect(await payment.outcome()).toMatchObject({ paid: false, failures: [{ code: 0x400f }] });
    expect(claimable(c, payment.paymentHash)).toBeUndefined();
  });

  it('claim two parts that reach the same member', async () => {
    const invoice = createPhantomInvoice(c, { hints: [phantomHints(c)], amountMsat: 100_000n });
    const parts = [
      { hint: 0, amountMsat: 40_000n },
      { hint: 0, amountMsat: 60_000n },
    ];
    const payment = payInParts(payer, invoice, { parts });
    expect((await payment.outcome()).paid).toBe(true);
    expect(claimable(c, payment.paymentHash)?.amount_msat).toBe(100_000n);
  });

  it('cannot join parts that reach different members: each waits alone and gives up', async () => {
    const invoice = createPhantomInvoice(c, { hints: [phantomHints(c), phantomHints(d)], amountMsat: 100_000n });
    const parts = [
      { hint: 0, amountMsat: 50_000n },
      { hint: 1, amountMsat: 50_000n },
    ];
    const payment = payInParts(payer, invoice, { parts });
    await world.until(() => holdsHtlc(c) && holdsHtlc(d), 'a part at each member');
    const minutes = setInterval(() => [c, d].forEach((member) => member.tick()), 20);
    const outcome = await payment.outcome().finally(() => clearInterval(minutes));
    expect(outcome.paid).toBe(false);
    expect(outcome.failures.map(({ code }) => code)).toEqual([0x17, 0x17]);
    for (const member of [c, d]) expect(claimable(member, payment.paymentHash)).toBeUndefined();
  });

  it('refuse what has expired by block time', async () => {
    const invoice = createPhantomInvoice(c, { hints: [phantomHints(c)], amountMsat: 9_000n, expirySeconds: 3600 });
    world.chain.mine(1, 5 * 3600);
    const payment = payInvoice(payer, invoice, { ignoreExpiry: true });
    expect(await payment.outcome()).toMatchObject({ paid: false, failures: [{ code: 0x400f }] });
  });
});
