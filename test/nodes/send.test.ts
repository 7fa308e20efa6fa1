/** Paying through real LNDs: from several at once, over private channels, by whoever is killed meanwhile. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { decodeInvoice } from '../../src/bolt11/index.js';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import type { LndNode } from '../../src/node/lnd/node.js';
import { FailureCode } from '../../src/onion/failure-codes.js';
import { updateVerifier } from '../../src/onion/signed-update.js';
import { wallClock } from '../../src/receive/clock.js';
import { type PaymentPart, Sender, type StoredPayment } from '../../src/send/index.js';
import { believedPolicy } from '../../src/send/payment/failure/policy-update.js';
import type { SendPort } from '../../src/send/run/ports.js';
import { termsOfInvoice, termsOfKeysend } from '../../src/send/request/index.js';
import type { PaymentTerms } from '../../src/send/payment/payment.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { repositoryPath } from '../e2e/processes.js';
import { Order } from '../node/send-conformance-order.js';
import { MemoryStore } from '../send/run/memory-store.js';
import { Network, type NetworkPlan } from './network.js';
import { until } from './program.js';
import { sendToRouteWithMetadata, updateChannelPolicy } from './rpc.js';
import { heldInvoiceOf, invoiceOf, lndSendNode, receivedBy, relayTermsOf, SENDER_FLAGS } from './send-harness.js';
import { type DirectPart, directPart } from './send-part.js';

const SAT = 1_000n;
const PLAN: NetworkPlan = {
  nodes: { north: SENDER_FLAGS, south: SENDER_FLAGS, relay: [], payee: [] },
  channels: [
    { from: 'north', to: 'relay', capacitySat: 3_000_000n, pushSat: 100_000n },
    { from: 'south', to: 'relay', capacitySat: 3_000_000n, pushSat: 100_000n },
    { from: 'relay', to: 'payee', capacitySat: 9_000_000n, pushSat: 500_000n },
    { from: 'south', to: 'payee', capacitySat: 600_000n, pushSat: 100_000n, isPrivate: true },
  ],
};

const verifyUpdate = updateVerifier('simnet');

describe('paying through real LNDs', () => {
  let net: Network;
  let north: LndNode;
  let south: LndNode;
  const id = (name: string): Uint8Array => net.node(name).nodeId;

  beforeAll(async () => {
    net = await Network.open(PLAN);
    [north, south] = [lndSendNode(net.node('north')), lndSendNode(net.node('south'))];
  });
  afterAll(async () => {
    north.close();
    south.close();
    await net.close();
  });

  /** What the conformance suite's orders need of a world. */
  const worldOf = async (sender: 'north' | 'south', port: SendPort) => ({
    port,
    sender: id(sender),
    relay: id('relay'),
    payee: id('payee'),
    first: net.scid(sender, 'relay'),
    second: net.scid('relay', 'payee'),
    direct: sender === 'south' ? net.scid('south', 'payee') : 0n,
    relayTerms: await relayTermsOf(net, 'relay', 'payee'),
  });
  const orderFrom = async (
    sender: 'north' | 'south',
    invoice: Parameters<typeof Order.of>[1],
    totalMsat: bigint,
  ): Promise<Order> => {
    const world = await worldOf(sender, (sender === 'north' ? north : south).send!);
    return Order.of(world as Parameters<typeof Order.of>[0], invoice, totalMsat);
  };

  it('sends the parts of one payment from two nodes that know nothing of each other', async () => {
    const total = 4_000_000n * SAT;
    const invoice = await invoiceOf(net.node('payee'), total);
    const orders = [await orderFrom('north', invoice, total), await orderFrom('south', invoice, total)];
    const outcomes = await Promise.all(orders.map((order) => order.send(0, total / 2n, ['first', 'second'])));
    for (const outcome of outcomes) expect(outcome.kind).toBe('settled');
    await until(
      'the payee to have all',
      async () => (await receivedBy(net.node('payee'), invoice.paymentHash)) === total,
    );
    for (const order of orders) expect((await order.lookUp(0)).kind).toBe('settled');
  });

  it('sends over a private channel by the id by which LND lists it, and keeps it out of the graph', async () => {
    const { channels } = await south.send!.balances();
    const listed = channels.find(({ peer }) => toHex(peer) === toHex(id('payee')))!;
    expect(listed.scid).toBe(net.scid('south', 'payee'));
    const invoice = await invoiceOf(net.node('payee'), 50_000n * SAT);
    const order = await orderFrom('south', invoice, 50_000n * SAT);
    expect((await order.send(0, 50_000n * SAT, ['direct'])).kind).toBe('settled');
    // All that LND says it can send, it can.
    const spendable = (await south.send!.balances()).channels.find(({ scid }) => scid === listed.scid)!.spendableMsat;
    const most = await invoiceOf(net.node('payee'), spendable);
    const all = await orderFrom('south', most, spendable);
    expect((await all.send(0, spendable, ['direct'])).kind).toBe('settled');
  });

  it('tells the graph and its changes, with updates that their nodes have signed', async () => {
    const told = new Map<string, { feePpm: number | undefined; cltvDelta: number | undefined }>();
    let isLoaded = false;
    const session = await south.graph!.follow({
      onNews(news) {
        for (const one of news) {
          if (one.kind !== 'policy') continue;
          const { scid, direction, policy } = one.update;
          told.set(`${scid}/${direction}`, { feePpm: policy?.feePpm, cltvDelta: policy?.cltvDelta });
        }
      },
      onLoaded: () => (isLoaded = true),
      onClosed: (reason) => {
        throw new Error(reason);
      },
    });
    onTestFinished(() => {
      session.close();
    });
    await until('the graph', () => isLoaded);
    const second = net.scid('relay', 'payee');
    const direction = toHex(id('relay')) < toHex(id('payee')) ? 0 : 1;
    expect(told.size).toBe(6);
    expect([...told.keys()].some((key) => key.startsWith(`${net.scid('south', 'payee')}/`))).toBe(false);
    // Paid by the old terms once the new ones hold: the failure encloses them.
    const invoice = await invoiceOf(net.node('payee'), 10_000n * SAT);
    const order = await orderFrom('north', invoice, 10_000n * SAT);
    const dearer = { global: true, baseFeeMsat: 5_000n, feeRatePpm: 77, timeLockDelta: 66 };
    await net.node('relay').client.call(updateChannelPolicy, dearer);
    await until('the change', () => told.get(`${second}/${direction}`)?.feePpm === 77);
    const outcome = await order.send(0, 10_000n * SAT, ['first', 'second']);
    expect(outcome).toMatchObject({ failure: { kind: 'decoded', reporter: 1, code: FailureCode.feeInsufficient } });
    const { fields } = (outcome as { failure: { fields: { channelUpdate: Uint8Array } } }).failure;
    const channel = { scid: second, direction } as const;
    const now = Math.floor(Date.now() / 1000);
    const terms = { feeBaseMsat: 5_000, feePpm: 77, cltvDelta: 66 };
    expect(believedPolicy(fields.channelUpdate, channel, id('relay'), now, verifyUpdate)).toMatchObject(terms);
    expect(believedPolicy(fields.channelUpdate, channel, id('payee'), now, verifyUpdate)).toBeUndefined();
  });

  // If this fails LND has learnt it, and the adapter need not refuse such parts any more.
  it('leaves payment metadata out of the onion, which is why such parts are refused', async () => {
    const { paymentSecret, finalCltvDelta } = await invoiceOf(net.node('payee'), 10_000n * SAT);
    const { height } = await north.send!.balances();
    const amounts = { amtToForwardMsat: 10_000n * SAT, expiry: height + finalCltvDelta + 3 };
    const hop = { ...amounts, chanId: net.scid('relay', 'payee'), pubKey: toHex(id('payee')) };
    const mppRecord = { paymentAddr: paymentSecret, totalAmtMsat: amounts.amtToForwardMsat };
    const hops = [{ ...hop, mppRecord, metadata: Uint8Array.of(1, 2, 3) }];
    const route = { hops, totalTimeLock: amounts.expiry, totalAmtMsat: amounts.amtToForwardMsat };
    const request = { paymentHash: randomBytes(32), route, skipTempErr: true };
    const answer = await net.node('relay').client.call(sendToRouteWithMetadata, request);
    expect(answer.route!.hops[0]!.mppRecord).toEqual(mppRecord);
    expect(answer.route!.hops[0]!.metadata).toHaveLength(0);
  });

  it('calls no part unseen that LND takes up when it wakes from a stand-still', async () => {
    const amountMsat = 15_000n * SAT;
    const invoice = await heldInvoiceOf(net.node('payee'), amountMsat);
    const order = await orderFrom('south', invoice, amountMsat);
    net.node('south').freeze();
    const lost = order.send(0, amountMsat, ['direct']).then(
      () => false,
      () => true,
    );
    const asked = lost.then(() => order.lookUp(0));
    expect(await lost).toBe(true);
    net.node('south').thaw();
    const answer = await asked;
    await net.untilActive('south', 'payee');
    const said = (await order.lookUp(0)).kind;
    if (answer.kind === 'never_seen') expect(said).toBe('never_seen');
    // It may have taken the part up and failed it, as the channel was not back yet. What it never saw never shows.
    await sleep(3_000);
    if (said === 'never_seen') expect(await invoice.isHeld()).toBe(false);
    const isInFlight = async (): Promise<boolean> => (await order.lookUp(0)).kind === 'in_flight';
    await until('both ends to agree', async () => (await invoice.isHeld()) === (await isInFlight()));
    await invoice.cancel();
  });

  describe('after kill -9 of whoever sent the part', () => {
    const prepared = async () => {
      const amountMsat = 30_000n * SAT;
      const invoice = await heldInvoiceOf(net.node('payee'), amountMsat);
      const { height } = await north.send!.balances();
      const order: DirectPart = {
        hash: toHex(invoice.paymentHash),
        secret: toHex(invoice.paymentSecret),
        source: toHex(id('relay')),
        payee: toHex(id('payee')),
        scid: String(net.scid('relay', 'payee')),
        amountMsat: String(amountMsat),
        height,
        expiry: height + invoice.finalCltvDelta + 3,
      };
      const part: PaymentPart = directPart(order);
      const question = { paymentHash: invoice.paymentHash, totalMsat: amountMsat, part, siblings: [part] };
      return { invoice, order, question };
    };
    const launch = (order: DirectPart) => {
      const { address, certificatePath: certificate, macaroonPath: macaroon } = net.node('relay');
      const task = JSON.stringify({ ...order, address, certificate, macaroon });
      const child = spawn(process.execPath, ['--import', 'tsx', repositoryPath('test/nodes/send-child.ts'), task], {
        stdio: 'inherit',
      });
      return async (): Promise<void> => {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await ended;
      };
    };
    const lookUpAnew = async (question: Parameters<SendPort['lookUp']>[0]) => {
      const node = lndSendNode(net.node('relay'));
      onTestFinished(() => {
        node.close();
      });
      return node.send!.lookUp(question);
    };

    it('a part that was recorded and not sent was never seen', async () => {
      const { question } = await prepared();
      expect(await lookUpAnew(question)).toEqual({ kind: 'never_seen' });
    });

    it.each(['settle', 'cancel'] as const)('a part in flight is found, and how it ended: %s', async (end) => {
      const { invoice, order, question } = await prepared();
      const kill = launch(order);
      await until('the part to arrive', () => invoice.isHeld());
      await kill();
      expect(await lookUpAnew(question)).toEqual({ kind: 'in_flight' });
      await invoice[end]();
      await until('its end', async () => (await lookUpAnew(question)).kind !== 'in_flight');
      expect((await lookUpAnew(question)).kind).toBe(end === 'settle' ? 'settled' : 'failed');
    });
  });

  describe('by the sender', () => {
    const started = async (
      store = new MemoryStore(() => Date.now()),
    ): Promise<{ sender: Sender; store: MemoryStore }> => {
      const sender = new Sender({
        nodes: [
          { name: 'north', send: north.send!, graph: north.graph! },
          { name: 'south', send: south.send!, graph: south.graph! },
        ],
        store,
        clock: wallClock,
        random: Math.random,
        owner: toHex(randomBytes(8)),
        verifyUpdate,
      });
      await sender.start();
      onTestFinished(() => sender.stop());
      await until(
        'the graph',
        () => sender.status().graph.loaded && sender.status().nodes.every((one) => one.reachable),
      );
      return { sender, store };
    };
    const ended = async (sender: Sender, terms: PaymentTerms, kind: 'invoice' | 'keysend'): Promise<StoredPayment> => {
      const answer = await sender.pay({ request: { kind }, terms });
      if (answer.kind !== 'started') throw new Error(`not started: ${JSON.stringify(answer.kind)}`);
      const read = async (): Promise<StoredPayment> => (await sender.read(answer.payment.id))!;
      await until('the end', async () => (await read()).state.isEnded, {
        onLate: () => net.logs(),
      });
      return read();
    };
    const context = () => ({ now: Date.now(), currency: 'sb' as const, ownNodeIds: [id('north'), id('south')] });

    it('pays more than either node has, once', async () => {
      const { sender } = await started();
      const { channels } = await north.send!.balances();
      const amountMsat = channels[0]!.spendableMsat + 200_000n * SAT;
      const { paymentRequest, paymentHash } = await invoiceOf(net.node('payee'), amountMsat);
      const invoice = unwrap(decodeInvoice(paymentRequest));
      const { state } = await ended(sender, unwrap(termsOfInvoice(invoice, {}, context())), 'invoice');
      expect(state.phase).toBe('succeeded');
      expect(await receivedBy(net.node('payee'), paymentHash)).toBe(amountMsat);
      const paid = state.parts.filter((part) => part.state === 'settled');
      expect(new Set(paid.map(({ source }) => toHex(source))).size).toBe(2);
      expect(paid.reduce((sum, part) => sum + part.amountMsat, 0n)).toBe(amountMsat);
    });

    it.each(['the node', 'the process'] as const)('pays to the end when %s dies with a part in flight', async (who) => {
      const { sender, store } = await started();
      const amountMsat = 20_000n * SAT;
      const held = await heldInvoiceOf(net.node('payee'), amountMsat);
      const invoice = unwrap(decodeInvoice(held.paymentRequest));
      const terms = unwrap(termsOfInvoice(invoice, { timeoutMs: 120_000 }, context()));
      const answer = await sender.pay({ request: { kind: 'invoice' }, terms });
      if (answer.kind !== 'started') throw new Error('not started');
      const { id: paymentId } = answer.payment;
      await until('the parts to arrive', () => held.isHeld());
      const state = () => store.payments.get(paymentId)!.state;
      if (who === 'the node') {
        const name = toHex(state().parts[0]!.source) === toHex(id('north')) ? 'north' : 'south';
        await net.node(name).kill();
        await until('the loss to be noticed', () => state().parts[0]!.state === 'unknown');
        await net.node(name).start();
        await net.untilActive(name, 'relay');
      } else {
        await sender.stop();
        await started(store);
      }
      await held.settle();
      await until('the end', () => state().isEnded, { onLate: () => net.logs() });
      expect(state().phase).toBe('succeeded');
      expect(state().parts.filter((part) => part.state === 'settled')).toHaveLength(1);
      expect(await receivedBy(net.node('payee'), held.paymentHash)).toBe(amountMsat);
    });

    it('pays a keysend', async () => {
      const { sender } = await started();
      const preimage = randomBytes(32);
      const order = { destination: id('payee'), amountMsat: 5_000n * SAT, preimage };
      const { state } = await ended(sender, unwrap(termsOfKeysend(order, {}, context())), 'keysend');
      expect(state.phase).toBe('succeeded');
      expect(await receivedBy(net.node('payee'), sha256(preimage))).toBe(5_000n * SAT);
    });
  });
});
