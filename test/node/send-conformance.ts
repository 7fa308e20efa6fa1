/**
 * What every adapter of the send port has to do, as tests that know nothing of the adapter. A harness supplies a small world
 * (a sender, a relay and a payee, all joined by channels); `describeSendConformance` registers the cases.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { FailureCode } from '../../src/onion/failure-codes.js';
import type { LookUpAnswer, PartOutcome } from '../../src/send/payment/messages.js';
import type { SendPort } from '../../src/send/run/ports.js';
import { toHex } from '../../src/wire/bytes.js';
import type { BlockDelta, Millis, Msat, NodeId, PaymentHash, ShortChannelId } from '../../src/wire/units.js';
import { Order, type RouteChanges, type Way } from './send-conformance-order.js';

/** An invoice of the payee. */
export interface SendInvoice {
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: Uint8Array;
  readonly finalCltvDelta: BlockDelta;
}

/** An invoice whose payment the payee holds until it is told what to do. */
export interface HeldInvoice extends SendInvoice {
  /** All that was asked for has arrived and is held. */
  isHeld(): Promise<boolean>;
  settle(): Promise<void>;
  cancel(): Promise<void>;
}

/**
 * ```
 * sender ── first ── relay ── second ── payee
 *    └──────────────── direct ────────────┘
 * ```
 */
export interface SendWorld {
  /** Of the sender; works again after a restart of its node. */
  readonly port: SendPort;
  readonly sender: NodeId;
  readonly relay: NodeId;
  readonly payee: NodeId;
  readonly first: ShortChannelId;
  readonly second: ShortChannelId;
  readonly direct: ShortChannelId;
  /** What the relay wants for forwarding over `second`. */
  readonly relayTerms: { readonly feeBaseMsat: number; readonly feePpm: number; readonly cltvDelta: BlockDelta };
  /** The sender can send it over `first`, the relay cannot send it on over `second`, no policy forbids it. */
  readonly aboveRelayMsat: Msat;
  invoice(amountMsat: Msat): Promise<SendInvoice>;
  holdInvoice(amountMsat: Msat): Promise<HeldInvoice>;
  /** What the payee has received for good; 0 if nothing. */
  receivedMsat(paymentHash: PaymentHash): Promise<Msat>;
  /** Lets time pass until the condition holds. Rejects if it never does. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Lets time pass for a promise. */
  finish<T>(promise: Promise<T>): Promise<T>;
  /** Kills the sender's process at once. */
  crash(): Promise<void>;
  /** Comes back when its channels can be used again. */
  restart(): Promise<void>;
  /** The connection between sender and payee; without this verb the case is left out. */
  cutDirect?(cut: boolean): Promise<void>;
  /** From now on the payee's answers through the relay arrive spoilt. Without this verb the case is left out. */
  garbleFailures?(): Promise<void>;
  close(): Promise<void>;
}

export interface SendHarness {
  /** The failures of relays carry their channel_update. */
  readonly enclosesUpdates: boolean;
  /** How long the payee waits for the rest of a payment, if a test can wait for it. */
  readonly mppTimeoutMs?: Millis;
  /** Failures carry attribution data. */
  readonly attribution?: boolean;
  make(): Promise<SendWorld>;
}

const AMOUNT = 20_000_000n;
const DIRECT: Way = ['direct'];
const RELAYED: Way = ['first', 'second'];

export function describeSendConformance(name: string, harness: SendHarness): void {
  const make = async (): Promise<SendWorld> => {
    const world = await harness.make();
    onTestFinished(() => world.close());
    return world;
  };

  /** An order for an invoice of its own. */
  const ordered = async (world: SendWorld, amountMsat = AMOUNT): Promise<Order> =>
    Order.of(world, await world.invoice(amountMsat), amountMsat);

  const held = async (): Promise<{ world: SendWorld; invoice: HeldInvoice; order: Order }> => {
    const world = await make();
    const invoice = await world.holdInvoice(AMOUNT);
    return { world, invoice, order: await Order.of(world, invoice, AMOUNT) };
  };

  const failureOf = (outcome: PartOutcome | LookUpAnswer) => {
    expect(outcome.kind).toBe('failed');
    return (outcome as Extract<PartOutcome, { kind: 'failed' }>).failure;
  };

  const expectSettled = (outcome: PartOutcome | LookUpAnswer, paymentHash: PaymentHash): void => {
    expect(outcome.kind).toBe('settled');
    expect(toHex(sha256((outcome as Extract<PartOutcome, { kind: 'settled' }>).preimage))).toBe(toHex(paymentHash));
  };

  /** The promise rejects, however late. Handled from the start, so that it may do so before it is waited for. */
  const rejection = (promise: Promise<unknown>): Promise<boolean> =>
    promise.then(
      () => false,
      () => true,
    );

  describe(`send port conformance: ${name}`, () => {
    it('tells who the node is and what its channels can send', async () => {
      const world = await make();
      const { nodeId, height, channels } = await world.port.balances();
      expect(toHex(nodeId)).toBe(toHex(world.sender));
      expect(height).toBeGreaterThan(0);
      expect(new Set(channels.map(({ scid }) => scid)).size).toBe(channels.length);
      const peerOf = (scid: ShortChannelId): string => toHex(channels.find((channel) => channel.scid === scid)!.peer);
      expect(peerOf(world.direct)).toBe(toHex(world.payee));
      expect(peerOf(world.first)).toBe(toHex(world.relay));
      for (const { spendableMsat, slots } of channels) {
        expect(spendableMsat).toBeGreaterThan(AMOUNT);
        expect(slots).toBeGreaterThan(0);
      }
    });

    it('takes what is in flight off the balance, and gives it back', async () => {
      const { world, invoice, order } = await held();
      const spendable = async (): Promise<Msat> =>
        (await world.port.balances()).channels.find(({ scid }) => scid === world.direct)!.spendableMsat;
      const before = await spendable();
      const sending = order.send(0, AMOUNT, DIRECT);
      await world.until(() => invoice.isHeld());
      expect(await spendable()).toBeLessThanOrEqual(before - AMOUNT);
      await invoice.cancel();
      await world.finish(sending);
      await world.until(async () => (await spendable()) === before);
    });

    it.each([
      ['over a channel of its own', DIRECT],
      ['through a relay', RELAYED],
    ])('pays %s', async (_where, way) => {
      const world = await make();
      const order = await ordered(world);
      let accepted = 0;
      const outcome = await world.finish(order.send(0, AMOUNT, way, () => (accepted += 1)));
      expectSettled(outcome, order.paymentHash);
      expect(accepted).toBeLessThanOrEqual(1);
      await world.until(async () => (await world.receivedMsat(order.paymentHash)) === AMOUNT);
      expectSettled(await order.lookUp(0), order.paymentHash);
    });

    it('pays in two parts at once, each over a way of its own', async () => {
      const world = await make();
      const order = await ordered(world);
      const parts = [order.send(0, AMOUNT / 4n, DIRECT), order.send(1, AMOUNT - AMOUNT / 4n, RELAYED)];
      for (const outcome of await world.finish(Promise.all(parts))) expectSettled(outcome, order.paymentHash);
      await world.until(async () => (await world.receivedMsat(order.paymentHash)) === AMOUNT);
      expectSettled(await order.lookUp(0), order.paymentHash);
      expectSettled(await order.lookUp(1), order.paymentHash);
    });

    it('pays two parts over the same way', async () => {
      const world = await make();
      const order = await ordered(world);
      const parts = [order.send(0, AMOUNT / 2n, RELAYED), order.send(1, AMOUNT / 2n, RELAYED)];
      for (const outcome of await world.finish(Promise.all(parts))) expectSettled(outcome, order.paymentHash);
      await world.until(async () => (await world.receivedMsat(order.paymentHash)) === AMOUNT);
    });

    it('pays a node that asked for nothing: keysend', async () => {
      const world = await make();
      const preimage = randomBytes(32);
      const order = await Order.keysend(world, preimage, AMOUNT);
      expectSettled(await world.finish(order.send(0, AMOUNT, RELAYED)), sha256(preimage));
      await world.until(async () => (await world.receivedMsat(order.paymentHash)) === AMOUNT);
    });

    it.each([
      ['next to it', DIRECT, 1],
      ['behind a relay', RELAYED, 2],
    ] as const)('reports what the payee %s refuses as the payee’s word', async (_where, way, reporter) => {
      const world = await make();
      const { paymentSecret, finalCltvDelta } = await world.invoice(AMOUNT);
      const order = await Order.of(world, { paymentHash: randomBytes(32), paymentSecret, finalCltvDelta }, AMOUNT);
      const failure = failureOf(await world.finish(order.send(0, AMOUNT, way)));
      expect(failure).toMatchObject({ kind: 'decoded', reporter, code: FailureCode.incorrectOrUnknownPaymentDetails });
      if (harness.attribution && failure.kind === 'decoded') expect(failure.holdTimes).toHaveLength(reporter);
      expect(failureOf(await order.lookUp(0))).toMatchObject({ kind: 'decoded', reporter });
    });

    it.each<[string, number, RouteChanges & { readonly isTooMuch?: true }]>([
      ['a fee that is too low', FailureCode.feeInsufficient, { feeMsat: 0n }],
      ['an expiry that leaves it too few blocks', FailureCode.incorrectCltvExpiry, { relayBlocks: 1 }],
      ['a channel that it does not have', FailureCode.unknownNextPeer, { second: 0x7fff_0000_0100_0001n }],
      ['more than it can send on', FailureCode.temporaryChannelFailure, { isTooMuch: true }],
    ])('reports what a relay refuses as the relay’s word: %s', async (_what, code, { isTooMuch, ...changes }) => {
      const world = await make();
      const amountMsat = isTooMuch ? world.aboveRelayMsat : AMOUNT;
      const order = await ordered(world, amountMsat);
      const failure = failureOf(await world.finish(order.send(0, amountMsat, RELAYED, undefined, changes)));
      expect(failure).toMatchObject({ kind: 'decoded', reporter: 1, code });
      if (harness.enclosesUpdates && (code & 0x1000) !== 0 && failure.kind === 'decoded') {
        expect(failure.fields?.channelUpdate?.length).toBeGreaterThan(100);
      }
      expect(await world.receivedMsat(order.paymentHash)).toBe(0n);
      expect(failureOf(await order.lookUp(0))).toMatchObject({ kind: 'decoded', reporter: 1, code });
    });

    it('refuses by itself what it cannot send: nothing leaves', async () => {
      const world = await make();
      const before = await world.port.balances();
      const unknown = await ordered(world);
      const outcome = await world.finish(
        unknown.send(0, AMOUNT, DIRECT, undefined, { direct: 0x7fff_0000_0100_0001n }),
      );
      expect(failureOf(outcome).kind).toBe('local');
      const mine = before.channels.find(({ scid }) => scid === world.direct)!;
      const tooMuch = mine.spendableMsat * 2n;
      const order = await ordered(world, tooMuch);
      expect(failureOf(await world.finish(order.send(0, tooMuch, DIRECT))).kind).toBe('local');
      // Not sent, by whichever word.
      expect(['failed', 'never_seen']).toContain((await order.lookUp(0)).kind);
      expect((await world.port.balances()).channels.map(({ spendableMsat }) => spendableMsat)).toEqual(
        before.channels.map(({ spendableMsat }) => spendableMsat),
      );
    });

    it('refuses by itself while the peer is away, and lists no channel that cannot be used', async () => {
      const world = await make();
      if (!world.cutDirect) return;
      await world.cutDirect(true);
      const listed = async (): Promise<boolean> =>
        (await world.port.balances()).channels.some(({ scid }) => scid === world.direct);
      await world.until(async () => !(await listed()));
      const order = await ordered(world);
      expect(failureOf(await world.finish(order.send(0, AMOUNT, DIRECT))).kind).toBe('local');
      await world.cutDirect(false);
      await world.until(listed);
      const again = await ordered(world);
      expectSettled(await world.finish(again.send(0, AMOUNT, DIRECT)), again.paymentHash);
    });

    it('says so where nobody can read a failure', async () => {
      const world = await make();
      if (!world.garbleFailures) return;
      await world.garbleFailures();
      const { paymentSecret, finalCltvDelta } = await world.invoice(AMOUNT);
      const order = await Order.of(world, { paymentHash: randomBytes(32), paymentSecret, finalCltvDelta }, AMOUNT);
      expect(failureOf(await world.finish(order.send(0, AMOUNT, RELAYED))).kind).toBe('unreadable');
    });

    it('does not pay a hash again that it has paid', async () => {
      const world = await make();
      const order = await ordered(world);
      expectSettled(await world.finish(order.send(0, AMOUNT, DIRECT)), order.paymentHash);
      const again = await world.finish(order.send(1, AMOUNT, RELAYED));
      expect(failureOf(again).kind).toBe('local');
      await world.until(async () => (await world.receivedMsat(order.paymentHash)) === AMOUNT);
      expectSettled(await order.lookUp(0), order.paymentHash);
    });

    it('sends another part after one has failed, and while others are out', async () => {
      const { world, invoice, order } = await held();
      const half = order.send(0, AMOUNT / 2n, DIRECT);
      const failed = await world.finish(order.send(1, AMOUNT / 2n, RELAYED, undefined, { feeMsat: 0n }));
      expect(failureOf(failed)).toMatchObject({ kind: 'decoded', reporter: 1 });
      const other = order.send(2, AMOUNT / 2n, RELAYED);
      await world.until(() => invoice.isHeld());
      await invoice.settle();
      for (const outcome of await world.finish(Promise.all([half, other]))) expectSettled(outcome, order.paymentHash);
      expect(failureOf(await order.lookUp(1))).toMatchObject({ kind: 'decoded', reporter: 1 });
    });

    it('knows how each part stands', async () => {
      const { world, invoice, order } = await held();
      // Recorded by the sender, never handed to the node: as after a crash between the two.
      order.plan(1, AMOUNT, RELAYED);
      expect((await order.lookUp(1)).kind).toBe('never_seen');
      const sending = order.send(0, AMOUNT, DIRECT);
      await world.until(() => invoice.isHeld());
      expect((await order.lookUp(0)).kind).toBe('in_flight');
      expect((await order.lookUp(1)).kind).toBe('never_seen');
      await invoice.settle();
      expectSettled(await world.finish(sending), order.paymentHash);
      expectSettled(await order.lookUp(0), order.paymentHash);
      const stranger = await ordered(world);
      stranger.plan(0, AMOUNT, DIRECT);
      expect((await stranger.lookUp(0)).kind).toBe('never_seen');
    });

    it('gives a part back that is cancelled by the payee', async () => {
      const { world, invoice, order } = await held();
      const sending = order.send(0, AMOUNT, RELAYED);
      await world.until(() => invoice.isHeld());
      await invoice.cancel();
      const code = FailureCode.incorrectOrUnknownPaymentDetails;
      expect(failureOf(await world.finish(sending))).toMatchObject({ kind: 'decoded', reporter: 2, code });
      expect(failureOf(await order.lookUp(0))).toMatchObject({ kind: 'decoded', reporter: 2, code });
    });

    it.each(['settle', 'cancel'] as const)(
      'loses the call when its node dies, and finds the part again: %s',
      async (end) => {
        const { world, invoice, order } = await held();
        const lost = rejection(order.send(0, AMOUNT, RELAYED));
        await world.until(() => invoice.isHeld());
        await world.crash();
        expect(await world.finish(lost)).toBe(true);
        expect((await world.finish(order.lookUp(0))).kind).toBe('unavailable');
        expect(await world.finish(rejection(world.port.balances()))).toBe(true);
        await world.restart();
        await world.until(async () => (await order.lookUp(0)).kind === 'in_flight');
        await invoice[end]();
        await world.until(async () => (await order.lookUp(0)).kind !== 'in_flight');
        const answer = await order.lookUp(0);
        if (end === 'settle') expectSettled(answer, order.paymentHash);
        else expect(failureOf(answer)).toMatchObject({ kind: 'decoded', reporter: 2 });
        const due = end === 'settle' ? AMOUNT : 0n;
        await world.until(async () => (await world.receivedMsat(order.paymentHash)) === due);
      },
    );

    it('finds the end of a part that came while its node was dead', async () => {
      const { world, invoice, order } = await held();
      const lost = rejection(order.send(0, AMOUNT, DIRECT));
      await world.until(() => invoice.isHeld());
      await world.crash();
      expect(await world.finish(lost)).toBe(true);
      await invoice.settle();
      await world.restart();
      await world.until(async () => (await order.lookUp(0)).kind === 'settled');
      expectSettled(await order.lookUp(0), order.paymentHash);
    });

    it('has never seen what was handed over while its node was dead', async () => {
      const world = await make();
      const order = await ordered(world);
      await world.crash();
      expect(await world.finish(rejection(order.send(0, AMOUNT, DIRECT)))).toBe(true);
      await world.restart();
      await world.until(async () => (await order.lookUp(0)).kind !== 'unavailable');
      expect((await order.lookUp(0)).kind).toBe('never_seen');
      expect(await world.receivedMsat(order.paymentHash)).toBe(0n);
    });

    it('reports parts that waited in vain for the others', async () => {
      if (harness.mppTimeoutMs === undefined) return;
      const world = await make();
      const order = await ordered(world);
      const failure = failureOf(await world.finish(order.send(0, AMOUNT / 2n, RELAYED)));
      expect(failure).toMatchObject({ kind: 'decoded', reporter: 2, code: FailureCode.mppTimeout });
      expect(await world.receivedMsat(order.paymentHash)).toBe(0n);
    });
  });
}
