/**
 * LDK nodes that hold HTLCs for Manifold, as LND would: payer A, router B, stand-ins N1 and N2. Invoices, verdicts and
 * failures are Manifold's; the payer and every channel are LDK's.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { encodeInvoice } from '../../src/bolt11/index.js';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import {
  channelsReady,
  LdkNode,
  LdkStandIn,
  LdkWorld,
  localChannels,
  openChannel,
  payInParts,
  payInvoice,
} from '../../src/node/ldk/index.js';
import { encodeFailureMessage, FailureCode, originateFailure } from '../../src/onion/index.js';
import {
  ClusterKeys,
  createPhantomInvoice,
  DEFAULT_VERDICT_POLICY,
  judgeHtlc,
  KeyRing,
  type PhantomInvoice,
  recognisePhantomScid,
  type Verdict,
} from '../../src/phantom/index.js';
import type { FinalResult, InterceptedHtlc, InterceptSession, LocalChannel } from '../../src/receive/node-port.js';
import { equalBytes, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';

/** A session that writes down what it is told. */
interface Recorder {
  readonly standIn: LdkStandIn;
  readonly session: InterceptSession;
  readonly htlcs: InterceptedHtlc[];
  readonly finals: FinalResult[];
  readonly heights: number[];
  readonly closed: string[];
}

const ring = new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(7)) });
const phantomId = toHex(ring.current.keys.phantomNodeId);
const recorders: Recorder[] = [];
let world: LdkWorld;
let payer: LdkNode, router: LdkNode;
let n1: LdkStandIn, n2: LdkStandIn;

beforeAll(async () => {
  world = await LdkWorld.create();
  payer = await LdkNode.start(world, { name: 'A' });
  router = await LdkNode.start(world, { name: 'B' });
  await payer.connect(router);
  await openChannel(payer, router, { capacitySats: 4_000_000n });
  n1 = await LdkStandIn.start(world, { name: 'N1', vaultSats: 1_000_000n });
  n2 = await LdkStandIn.start(world, { name: 'N2', vaultSats: 1_000_000n });
  for (const { node } of [n1, n2]) {
    await router.connect(node);
    await openChannel(router, node, { capacitySats: 1_000_000n });
  }
});

afterAll(() => world.stop());

afterEach(() => {
  for (const { session } of recorders.splice(0)) session.close();
  expect([n1.waiting, n2.waiting]).toEqual([0, 0]);
});

async function record(standIn: LdkStandIn): Promise<Recorder> {
  const [htlcs, finals, heights, closed]: [InterceptedHtlc[], FinalResult[], number[], string[]] = [[], [], [], []];
  const session = await standIn.intercept.open({
    onHtlc: (htlc) => htlcs.push(htlc),
    onFinal: (result) => finals.push(result),
    onHeight: (height) => heights.push(height),
    onClosed: (reason) => closed.push(reason),
  });
  const recorder = { standIn, session, htlcs, finals, heights, closed };
  recorders.push(recorder);
  return recorder;
}

async function invoiceOver(
  standIns: readonly LdkStandIn[],
  amountMsat: bigint,
  minFinalCltv = 80,
): Promise<PhantomInvoice> {
  const members = standIns.map(async (standIn) => {
    const { channels } = await standIn.phantomHints(0n);
    return { nodeId: standIn.id, healthy: true, holdsParts: true, channels };
  });
  const made = createPhantomInvoice({
    ring,
    members: await Promise.all(members),
    currency: 'bcrt',
    amountMsat,
    about: { description: 'held' },
    now: Math.floor(Date.now() / 1000),
    entropy: randomBytes(32),
    rotation: 0,
    minFinalCltv,
  });
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

function judge(htlc: InterceptedHtlc): Verdict {
  return judgeHtlc(htlc, {
    keys: ring,
    nodeId: htlc.key.nodeId,
    height: world.chain.height,
    now: world.chain.time,
    policy: DEFAULT_VERDICT_POLICY,
  });
}

/** The HTLC as a part that Manifold would accept. */
function partOf(htlc: InterceptedHtlc): Extract<Verdict, { type: 'part' }> {
  const verdict = judge(htlc);
  if (verdict.type !== 'part') throw new Error(`no part but ${JSON.stringify(verdict.type)}`);
  return verdict;
}

/** An invoice of a node behind `over`, which knows nothing of phantoms. */
async function ordinaryInvoice(payee: LdkNode, over: LdkStandIn, paymentHash: Uint8Array): Promise<string> {
  const { ldk, stack } = payee;
  const secret = stack.manager.create_inbound_payment_for_hash(
    paymentHash,
    ldk.Option_u64Z.constructor_none(),
    3600,
    ldk.Option_u16Z.constructor_none(),
  );
  if (!(secret instanceof ldk.Result_ThirtyTwoBytesNoneZ_OK)) throw new Error('no payment secret');
  const outside = (await over.channels()).find(({ peerId }) => equalBytes(peerId, router.id))!;
  const inside = localChannels(payee)[0]!;
  const hop = ({ peerId, peerAlias, peerPolicy }: LocalChannel) => ({
    nodeId: peerId,
    shortChannelId: peerAlias!,
    feeBaseMsat: peerPolicy!.feeBaseMsat,
    feeProportionalMillionths: peerPolicy!.feeProportionalMillionths,
    cltvExpiryDelta: peerPolicy!.cltvExpiryDelta,
  });
  const draft = {
    currency: 'bcrt',
    amountMsat: 20_000n,
    timestamp: Math.floor(Date.now() / 1000),
    paymentHash,
    paymentSecret: secret.res,
    description: 'ordinary',
    minFinalCltvExpiryDelta: 40,
    routeHints: [[hop(outside), hop(inside)]],
  } as const;
  return unwrap(encodeInvoice(draft, payee.stack.keys.get_node_secret_key()));
}

const parts = (recorder: Recorder, count: number) =>
  world.until(() => recorder.htlcs.length >= count && recorder.htlcs, `${count} HTLCs at ${recorder.standIn.name}`);

describe('an LDK stand-in', () => {
  it('shows an HTLC whole, and settles it with the preimage of the secret', async () => {
    const recorder = await record(n1);
    const invoice = await invoiceOver([n1], 60_000n);
    const payment = payInvoice(payer, invoice.invoice);
    const [htlc] = (await parts(recorder, 1)) as [InterceptedHtlc];

    expect(htlc.key).toMatchObject({ nodeId: n1.id });
    expect(htlc.paymentHash).toEqual(invoice.paymentHash);
    expect(htlc.onion).toHaveLength(1366);
    expect(htlc).toMatchObject({ incomingAmountMsat: 60_000n, outgoingAmountMsat: 60_000n, onChain: false });
    expect(htlc.incomingExpiry - htlc.outgoingExpiry).toBe(48);
    expect(htlc.deadline).toBe(htlc.outgoingExpiry - 21);
    expect(recognisePhantomScid(ring, n1.id, htlc.outgoingScid)).toBeDefined();
    const [channel] = await n1.channels();
    expect(htlc.key.channelId).toBe(channel!.scid);
    const part = partOf(htlc);
    expect(part).toMatchObject({
      totalMsat: 60_000n,
      paymentSecret: invoice.paymentSecret,
      preimage: invoice.preimage,
    });

    expect(recorder.session.answer(htlc.key, { action: 'settle', preimage: part.preimage! })).toBe('sent');
    expect(recorder.session.answer(htlc.key, { action: 'settle', preimage: part.preimage! })).toBe('unknown');
    expect(await payment.outcome()).toMatchObject({ paid: true, preimage: invoice.preimage });
    await world.until(() => recorder.finals.length > 0, 'the final result');
    expect(recorder.finals).toEqual([{ key: htlc.key, outcome: 'settled', onChain: false }]);
    expect(await n1.intercept.lookupFinal(htlc.key)).toBe('settled');
    expect(recorder.htlcs).toHaveLength(1);
  });

  it('holds parts of one payment at two nodes, then settles both', async () => {
    const [first, second] = [await record(n1), await record(n2)];
    const invoice = await invoiceOver([n1, n2], 100_000n);
    expect(invoice.multiPart).toBe(true);
    const split = [
      { hint: 0, amountMsat: 35_000n },
      { hint: 1, amountMsat: 65_000n },
    ];
    const payment = payInParts(payer, invoice.invoice, { parts: split });
    const held = [...(await parts(first, 1)), ...(await parts(second, 1))];
    expect(held.reduce((sum, { outgoingAmountMsat }) => sum + outgoingAmountMsat, 0n)).toBe(100_000n);
    for (const htlc of held) expect(partOf(htlc)).toMatchObject({ totalMsat: 100_000n, preimage: invoice.preimage });
    expect(await n1.intercept.lookupFinal(held[0]!.key)).toBeUndefined();

    for (const [i, recorder] of [first, second].entries()) {
      recorder.session.answer(held[i]!.key, { action: 'settle', preimage: invoice.preimage! });
    }
    expect(await payment.outcome()).toMatchObject({ paid: true, preimage: invoice.preimage });
    for (const [i, recorder] of [first, second].entries()) {
      await world.until(() => recorder.finals.length > 0, 'the final result');
      expect(recorder.finals).toEqual([{ key: held[i]!.key, outcome: 'settled', onChain: false }]);
    }
  });

  it('settles one part by itself: each answer counts for its HTLC alone', async () => {
    const recorder = await record(n1);
    const invoice = await invoiceOver([n1], 90_000n);
    const split = [40_000n, 30_000n, 20_000n].map((amountMsat) => ({ hint: 0, amountMsat }));
    const payment = payInParts(payer, invoice.invoice, { parts: split });
    const held = [...(await parts(recorder, 3))];
    recorder.session.answer(held[0]!.key, { action: 'settle', preimage: invoice.preimage! });
    await world.until(() => recorder.finals.length === 1, 'the first part');
    expect(n1.waiting).toBe(2);
    for (const { key } of held.slice(1)) {
      recorder.session.answer(key, { action: 'settle', preimage: invoice.preimage! });
    }
    await world.until(() => recorder.finals.length === 3, 'the other parts');
    expect(new Set(recorder.finals.map(({ outcome }) => outcome))).toEqual(new Set(['settled']));
    expect((await payment.outcome()).paid).toBe(true);
  });

  it("sends the phantom's return packet, which LDK decodes and blames on the phantom", async () => {
    const recorder = await record(n1);
    const cases = [
      { code: FailureCode.incorrectOrUnknownPaymentDetails, fields: { htlcMsat: 7_000n, height: world.chain.height } },
      { code: FailureCode.mppTimeout, fields: {} },
      { code: FailureCode.finalIncorrectHtlcAmount, fields: { incomingHtlcAmt: 7_000n } },
      { code: FailureCode.invalidOnionPayload, fields: {} },
    ];
    for (const { code, fields } of cases) {
      const seen = recorder.htlcs.length;
      const payment = payInvoice(payer, (await invoiceOver([n1], 7_000n)).invoice);
      const htlc = (await parts(recorder, seen + 1))[seen]!;
      const packet = originateFailure(partOf(htlc).sharedSecret, encodeFailureMessage(code, fields));
      expect(packet).toHaveLength(292);
      expect(recorder.session.answer(htlc.key, { action: 'fail-as-phantom', packet })).toBe('sent');
      const outcome = await payment.outcome();
      expect(outcome).toMatchObject({ paid: false, failures: [{ code, blamedNodeId: phantomId }] });
      await world.until(() => recorder.finals.length === seen + 1, 'the final result');
      expect(recorder.finals.at(-1)).toEqual({ key: htlc.key, outcome: 'failed', onChain: false });
    }
  });

  it('fails in its own name, and lets go what is resumed', async () => {
    const recorder = await record(n1);
    const temporary = encodeFailureMessage(FailureCode.temporaryChannelFailure, { channelUpdate: new Uint8Array() });
    const answers = [
      { answer: { action: 'fail-as-node', message: temporary }, code: 0x1007 },
      { answer: { action: 'resume' }, code: 0x400a },
    ] as const;
    for (const [i, { answer, code }] of answers.entries()) {
      const payment = payInvoice(payer, (await invoiceOver([n1], 7_000n)).invoice);
      const htlc = (await parts(recorder, i + 1))[i]!;
      recorder.session.answer(htlc.key, answer);
      expect(await payment.outcome()).toMatchObject({ paid: false, failures: [{ code, blamedNodeId: toHex(n1.id) }] });
    }
  });

  it('shows held HTLCs again to every new session, and to one at a time', async () => {
    const before = await record(n1);
    await expect(record(n1)).rejects.toThrow(/already connected/);
    expect(await before.session.heartbeat()).toBe(world.chain.height);
    const invoice = await invoiceOver([n1], 50_000n);
    const payment = payInvoice(payer, invoice.invoice);
    const [htlc] = (await parts(before, 1)) as [InterceptedHtlc];

    n1.breakSession();
    expect(before.closed).toHaveLength(1);
    const settle = { action: 'settle', preimage: invoice.preimage! } as const;
    expect(before.session.answer(htlc.key, settle)).toBe('closed');
    await expect(before.session.heartbeat()).rejects.toThrow();

    const after = await record(n1);
    expect(await parts(after, 1)).toEqual([htlc]);
    expect(after.heights).toEqual([world.chain.height]);
    expect(after.session.answer(htlc.key, { action: 'settle', preimage: new Uint8Array(32) })).toBe('closed');
    expect(after.closed[0]).toMatch(/preimage/);

    const last = await record(n1);
    await parts(last, 1);
    expect(last.session.answer(htlc.key, settle)).toBe('sent');
    expect((await payment.outcome()).paid).toBe(true);
  });

  it('keeps an HTLC over a restart from its serialised state', async () => {
    const before = await record(n2);
    const invoice = await invoiceOver([n2], 50_000n);
    const payment = payInvoice(payer, invoice.invoice);
    const [htlc] = (await parts(before, 1)) as [InterceptedHtlc];
    const id = toHex(n2.id);
    await n2.restart();
    expect(before.closed).toHaveLength(1);
    expect(toHex(n2.id)).toBe(id);
    await router.connect(n2.node);
    await channelsReady(router, n2.node);

    const after = await record(n2);
    expect(await parts(after, 1)).toEqual([htlc]);
    after.session.answer(htlc.key, { action: 'settle', preimage: invoice.preimage! });
    expect(await payment.outcome()).toMatchObject({ paid: true, preimage: invoice.preimage });
  });

  it('offers its outside channel only, and forwards over real channels without asking', async () => {
    const channels = await n1.channels();
    expect(localChannels(n1.node)).toHaveLength(2);
    expect(channels.map(({ peerId }) => toHex(peerId))).toEqual([toHex(router.id)]);
    expect(channels[0]).toMatchObject({ usable: true, ready: true, announced: false });
    expect(await n1.info()).toMatchObject({ nodeId: n1.id, network: 'regtest', height: world.chain.height });

    const recorder = await record(n1);
    const behind = await LdkNode.start(world, { name: 'E' });
    await n1.node.connect(behind);
    await openChannel(n1.node, behind, { capacitySats: 500_000n });
    const preimage = randomBytes(32);
    const payment = payInvoice(payer, await ordinaryInvoice(behind, n1, sha256(preimage)));
    await behind.waitForEvent(behind.ldk.Event_PaymentClaimable);
    behind.claim(preimage);
    expect(await payment.outcome()).toMatchObject({ paid: true, preimage });
    expect(recorder.htlcs).toEqual([]);
  });

  it('fails by itself what is not answered before the deadline', async () => {
    const recorder = await record(n1);
    const invoice = await invoiceOver([n1], 30_000n, 40);
    const payment = payInvoice(payer, invoice.invoice);
    const [htlc] = (await parts(recorder, 1)) as [InterceptedHtlc];
    world.chain.mine(htlc.deadline - world.chain.height - 1);
    expect(recorder.heights.at(-1)).toBe(htlc.deadline - 1);
    expect(n1.waiting).toBe(1);
    world.chain.mine();
    const outcome = await payment.outcome();
    expect(outcome).toMatchObject({ paid: false, failures: [{ blamedNodeId: toHex(n1.id) }] });
    await world.until(() => recorder.finals.length > 0, 'the final result');
    expect(recorder.finals).toEqual([{ key: htlc.key, outcome: 'failed', onChain: false }]);
    expect(recorder.session.answer(htlc.key, { action: 'settle', preimage: invoice.preimage! })).toBe('unknown');
  });
});
