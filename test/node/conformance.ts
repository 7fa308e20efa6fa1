/**
 * What every adapter of the intercept port has to do, as tests that know nothing of the adapter. A harness supplies a small
 * world around two nodes of the kind under test; `describePortConformance` registers the cases.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { FailureCode } from '../../src/onion/failure-codes.js';
import { encodeFailureMessage } from '../../src/onion/failure-message.js';
import { decodePaymentPayload } from '../../src/onion/payload.js';
import type { InterceptedHtlc, Network, NodePort } from '../../src/receive/node-port.js';
import { toHex } from '../../src/wire/bytes.js';
import type { BlockHeight, Msat } from '../../src/wire/units.js';
import { Listener, Phantom, PHANTOM_SCID } from './conformance-cast.js';

/** An HTLC that shall arrive at a member, its onion made for a node behind it. */
export interface HtlcOrder {
  /** Index of the member that shall be asked. */
  readonly to: 0 | 1;
  /** Over the member's outside peer, or over the other member (which forwards it). Default peer. */
  readonly via?: 'peer' | 'member';
  readonly paymentHash: Uint8Array;
  readonly paymentSecret: Uint8Array;
  /** Whoever is behind the member; its layer names `amountMsat` and `outgoingExpiry` too. */
  readonly payee: Uint8Array;
  readonly outgoingScid: bigint;
  readonly amountMsat: Msat;
  /** What the member keeps of the incoming HTLC. */
  readonly feeMsat: Msat;
  readonly cltvDelta: number;
}

export type PayerView =
  | { readonly outcome: 'pending' }
  | { readonly outcome: 'settled'; readonly preimage: string }
  /** `hop`: the member asked, the payee behind it, or somebody else. */
  | { readonly outcome: 'failed'; readonly hop: 'member' | 'payee' | 'other'; readonly code: number | undefined };

export interface SentHtlc {
  /** What the payer set: the member must report exactly this. */
  readonly incomingExpiry: BlockHeight;
  readonly outgoingExpiry: BlockHeight;
  view(): Promise<PayerView>;
}

export interface ConformanceWorld {
  readonly ports: readonly [NodePort, NodePort];
  readonly nodeIds: readonly [Uint8Array, Uint8Array];
  readonly network: Network;
  /** SCID by which member 0 forwards to member 1 over the channel they share. */
  readonly sharedScid: bigint;
  send(order: HtlcOrder): Promise<SentHtlc>;
  /** Lets time pass until the condition holds. Rejects if it never does. */
  until(condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Lets enough time pass for everything under way to happen. */
  quiet(): Promise<void>;
  mine(blocks: number): Promise<void>;
  dropStream(member: 0 | 1): Promise<void>;
  /** Kills the node's process; answers that it has not made durable are gone. */
  crash(member: 0 | 1): Promise<void>;
  restart(member: 0 | 1): Promise<void>;
  /** The connection of a member to its outside peer. */
  cutPeer(member: 0 | 1, cut: boolean): Promise<void>;
  /** The outside peer goes on chain with its channel to a member. Without this verb the suite lets HTLCs on it expire. */
  closeByPeer?(member: 0 | 1): Promise<void>;
  close(): Promise<void>;
}

export interface ConformanceHarness {
  /** Blocks before the expiry at which the node fails a held HTLC; undefined: it does not. */
  readonly autoFailBlocks: number | undefined;
  /** What the node does with an HTLC that arrives while nobody listens; default `hold`. */
  readonly withoutSession?: 'hold' | 'fail';
  make(): Promise<ConformanceWorld>;
}

const TEMPORARY = encodeFailureMessage(FailureCode.temporaryChannelFailure, { channelUpdate: new Uint8Array() });

export function describePortConformance(name: string, harness: ConformanceHarness): void {
  const make = async (): Promise<ConformanceWorld> => {
    const world = await harness.make();
    onTestFinished(() => world.close());
    return world;
  };

  /** An open session at member 0 and one HTLC for our phantom that was shown on it. */
  const shown = async (): Promise<{
    world: ConformanceWorld;
    phantom: Phantom;
    listener: Listener;
    sent: SentHtlc;
    htlc: InterceptedHtlc;
  }> => {
    const world = await make();
    const phantom = new Phantom();
    const listener = await Listener.open(world.ports[0]);
    const sent = await world.send(phantom.order(0));
    await world.until(() => listener.htlcs.length > 0);
    return { world, phantom, listener, sent, htlc: listener.htlcs[0]! };
  };

  /** The channel of member 0 over which the HTLC came is closed. */
  const close = async (world: ConformanceWorld, htlc: InterceptedHtlc): Promise<void> => {
    if (world.closeByPeer) {
      await world.closeByPeer(0);
      return;
    }
    await world.cutPeer(0, true);
    const { height } = await world.ports[0].info();
    await world.mine(htlc.incomingExpiry - height + 2);
  };

  const ended = async (world: ConformanceWorld, sent: SentHtlc): Promise<PayerView> => {
    await world.until(async () => (await sent.view()).outcome !== 'pending');
    return sent.view();
  };

  describe(`port conformance: ${name}`, () => {
    it('tells who the node is', async () => {
      const world = await make();
      const [port] = world.ports;
      const info = await port.info();
      expect(toHex(info.nodeId)).toBe(toHex(world.nodeIds[0]));
      expect(info).toMatchObject({ network: world.network, synced: true });
      expect(info.height).toBeGreaterThan(0);
      expect(info.alias.length * info.version.length).toBeGreaterThan(0);
      expect(toHex((await world.ports[1].info()).nodeId)).toBe(toHex(world.nodeIds[1]));
    });

    it('lists channels with what can be received', async () => {
      const world = await make();
      const channels = await world.ports[0].channels();
      const shared = channels.find(({ peerId }) => toHex(peerId) === toHex(world.nodeIds[1]));
      expect(channels.length).toBeGreaterThanOrEqual(2);
      expect(shared).toMatchObject({ ready: true, usable: true, announced: true, scid: world.sharedScid });
      for (const channel of channels) {
        expect(channel.receivableMsat).toBeGreaterThan(0n);
        expect(channel.spendableMsat).toBeGreaterThanOrEqual(0n);
        expect(channel.peerPolicy?.cltvExpiryDelta).toBeGreaterThan(0);
      }
    });

    it('follows the height and answers heartbeats with it', async () => {
      const world = await make();
      const { height } = await world.ports[0].info();
      const listener = await Listener.open(world.ports[0]);
      expect(await listener.session.heartbeat()).toBe(height);
      await world.mine(3);
      await world.until(() => listener.heights.includes(height + 3));
      expect(await listener.session.heartbeat()).toBe(height + 3);
      expect([...listener.heights].sort((a, b) => a - b)).toEqual(listener.heights);
    });

    it('shows an HTLC with exactly what was sent, and the onion of the next hop', async () => {
      const { world, phantom, sent, htlc } = await shown();
      const { nodeId, channelId } = htlc.key;
      expect(toHex(nodeId)).toBe(toHex(world.nodeIds[0]));
      const channels = await world.ports[0].channels();
      expect(channels.some(({ scid, peerAlias }) => scid === channelId || peerAlias === channelId)).toBe(true);
      expect(toHex(htlc.paymentHash)).toBe(toHex(phantom.paymentHash));
      expect(htlc).toMatchObject({
        incomingAmountMsat: 25_001_000n,
        outgoingAmountMsat: 25_000_000n,
        incomingExpiry: sent.incomingExpiry,
        outgoingExpiry: sent.outgoingExpiry,
        outgoingScid: PHANTOM_SCID,
        deadline: sent.incomingExpiry - (harness.autoFailBlocks ?? 0),
        onChain: false,
      });
      const peeled = phantom.peel(htlc);
      if (!peeled.ok) throw new Error(peeled.error.message);
      expect(peeled.value.next).toBeUndefined();
      const payload = decodePaymentPayload(peeled.value.payload, { final: true, updateAddHasPathKey: false });
      expect(payload).toMatchObject({
        ok: true,
        value: { kind: 'final', amtToForward: 25_000_000n, outgoingCltvValue: sent.outgoingExpiry },
      });
      if (payload.ok) expect(toHex(payload.value.paymentData!.paymentSecret)).toBe(toHex(phantom.paymentSecret));
    });

    it('settles: the payer gets the preimage, and the end is told and can be looked up', async () => {
      const { world, phantom, listener, sent, htlc } = await shown();
      expect(await world.ports[0].intercept!.lookupFinal(htlc.key)).toBeUndefined();
      expect(listener.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage })).toBe('sent');
      expect(await ended(world, sent)).toEqual({ outcome: 'settled', preimage: toHex(phantom.preimage) });
      await world.until(() => listener.finalOf(htlc.key) !== undefined);
      expect(listener.finalOf(htlc.key)).toMatchObject({ outcome: 'settled', onChain: false });
      expect(await world.ports[0].intercept!.lookupFinal(htlc.key)).toBe('settled');
      expect(
        await world.ports[0].intercept!.lookupFinal({ ...htlc.key, htlcId: htlc.key.htlcId + 99n }),
      ).toBeUndefined();
      expect(listener.closed).toEqual([]);
    });

    it('fails as the phantom: the payer blames the payee', async () => {
      const { world, phantom, listener, sent, htlc } = await shown();
      const fields = { htlcMsat: 25_000_000n, height: 1 };
      const message = encodeFailureMessage(FailureCode.incorrectOrUnknownPaymentDetails, fields);
      const packet = phantom.failure(htlc, message);
      expect(listener.session.answer(htlc.key, { action: 'fail-as-phantom', packet })).toBe('sent');
      const code = FailureCode.incorrectOrUnknownPaymentDetails;
      expect(await ended(world, sent)).toEqual({ outcome: 'failed', hop: 'payee', code });
      await world.until(() => listener.finalOf(htlc.key) !== undefined);
      expect(listener.finalOf(htlc.key)).toMatchObject({ outcome: 'failed', onChain: false });
      expect(await world.ports[0].intercept!.lookupFinal(htlc.key)).toBe('failed');
    });

    it('fails as the node: the payer blames the member', async () => {
      const { world, listener, sent, htlc } = await shown();
      expect(listener.session.answer(htlc.key, { action: 'fail-as-node', message: TEMPORARY })).toBe('sent');
      const code = FailureCode.temporaryChannelFailure;
      expect(await ended(world, sent)).toEqual({ outcome: 'failed', hop: 'member', code });
    });

    it('maps failure codes that the node cannot send', async () => {
      const { world, listener, sent, htlc } = await shown();
      const codes = world.ports[0].intercept!.nodeFailureCodes;
      const message = encodeFailureMessage(FailureCode.unknownNextPeer);
      expect(listener.session.answer(htlc.key, { action: 'fail-as-node', message })).toBe('sent');
      const sendable = codes === 'any' || codes.has(FailureCode.unknownNextPeer);
      const code = sendable ? FailureCode.unknownNextPeer : FailureCode.temporaryChannelFailure;
      expect(await ended(world, sent)).toEqual({ outcome: 'failed', hop: 'member', code });
    });

    it('resumes: a channel that nobody knows is an unknown next peer', async () => {
      const { world, listener, sent, htlc } = await shown();
      expect(listener.session.answer(htlc.key, { action: 'resume' })).toBe('sent');
      expect(await ended(world, sent)).toEqual({ outcome: 'failed', hop: 'member', code: FailureCode.unknownNextPeer });
    });

    it('shows ordinary forwards too, and carries them on when they are resumed', async () => {
      const world = await make();
      const phantom = new Phantom();
      const [first, second] = [await Listener.open(world.ports[0]), await Listener.open(world.ports[1])];
      const sent = await world.send(phantom.order(1, { via: 'member' }));
      await world.until(() => first.htlcs.length > 0);
      expect(first.htlcs[0]!.outgoingScid).toBe(world.sharedScid);
      expect(first.session.answer(first.htlcs[0]!.key, { action: 'resume' })).toBe('sent');
      await world.until(() => second.htlcs.length > 0);
      const { key } = second.htlcs[0]!;
      expect(key.channelId).toBe(world.sharedScid);
      expect(second.session.answer(key, { action: 'settle', preimage: phantom.preimage })).toBe('sent');
      expect(await ended(world, sent)).toEqual({ outcome: 'settled', preimage: toHex(phantom.preimage) });
    });

    it('keeps two nodes apart that share a channel id and an HTLC id', async () => {
      const world = await make();
      const listeners = [await Listener.open(world.ports[0]), await Listener.open(world.ports[1])] as const;
      const phantoms = [new Phantom(), new Phantom()] as const;
      const sent = [
        await world.send(phantoms[0].order(0, { via: 'member' })),
        await world.send(phantoms[1].order(1, { via: 'member' })),
      ] as const;
      const mine = (i: 0 | 1): InterceptedHtlc | undefined =>
        listeners[i].htlcs.find(({ outgoingScid }) => outgoingScid === PHANTOM_SCID);
      for (const i of [0, 1] as const) {
        await world.until(() => listeners[i].htlcs.some(({ outgoingScid }) => outgoingScid === world.sharedScid));
        const forward = listeners[i].htlcs.find(({ outgoingScid }) => outgoingScid === world.sharedScid)!;
        listeners[i].session.answer(forward.key, { action: 'resume' });
      }
      await world.until(() => mine(0) !== undefined && mine(1) !== undefined);
      const keys = [mine(0)!.key, mine(1)!.key] as const;
      expect([keys[0].channelId, keys[0].htlcId]).toEqual([keys[1].channelId, keys[1].htlcId]);
      expect(listeners[0].session.answer(keys[1], { action: 'settle', preimage: phantoms[1].preimage })).toBe(
        'unknown',
      );
      expect(listeners[0].session.answer(keys[0], { action: 'settle', preimage: phantoms[0].preimage })).toBe('sent');
      expect(await ended(world, sent[0])).toMatchObject({ outcome: 'settled' });
      expect(await sent[1].view()).toEqual({ outcome: 'pending' });
      await world.until(() => listeners[0].finalOf(keys[0]) !== undefined);
      expect(await world.ports[0].intercept!.lookupFinal(keys[0])).toBe('settled');
      expect(await world.ports[1].intercept!.lookupFinal(keys[1])).toBeUndefined();
      expect(await world.ports[0].intercept!.lookupFinal(keys[1])).toBeUndefined();
    });

    it('refuses a second session while the first lives', async () => {
      const world = await make();
      const first = await Listener.open(world.ports[0]);
      await expect(Listener.open(world.ports[0])).rejects.toThrow();
      expect(first.closed).toEqual([]);
      expect(await first.session.heartbeat()).toBeGreaterThan(0);
    });

    if (harness.withoutSession === 'fail') {
      it('fails what arrives while nobody listens, and keeps what was shown before', async () => {
        const { world, phantom, listener, sent, htlc } = await shown();
        listener.session.close();
        await world.quiet();
        const late = await world.send(new Phantom().order(0));
        const code = FailureCode.temporaryChannelFailure;
        expect(await ended(world, late)).toEqual({ outcome: 'failed', hop: 'member', code });
        expect(await sent.view()).toEqual({ outcome: 'pending' });
        const next = await Listener.open(world.ports[0]);
        await world.until(() => next.htlcs.length > 0);
        expect(next.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage })).toBe('sent');
        expect(await ended(world, sent)).toMatchObject({ outcome: 'settled' });
      });
    } else {
      it('holds what arrives while nobody listens, and shows it later', async () => {
        const world = await make();
        const phantom = new Phantom();
        const sent = await world.send(phantom.order(0));
        await world.quiet();
        expect(await sent.view()).toEqual({ outcome: 'pending' });
        const listener = await Listener.open(world.ports[0]);
        await world.until(() => listener.htlcs.length > 0);
        listener.session.answer(listener.htlcs[0]!.key, { action: 'settle', preimage: phantom.preimage });
        expect(await ended(world, sent)).toMatchObject({ outcome: 'settled' });
      });
    }

    it('shows every unanswered HTLC again after the stream was lost, and no answered one', async () => {
      const { world, phantom, listener, htlc } = await shown();
      const other = new Phantom();
      const sentOther = await world.send(other.order(0));
      await world.until(() =>
        listener.htlcs.some(({ paymentHash }) => toHex(paymentHash) === toHex(other.paymentHash)),
      );
      listener.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage });
      await world.until(() => listener.finalOf(htlc.key) !== undefined);
      await world.dropStream(0);
      await world.until(() => listener.closed.length > 0);
      expect(listener.session.answer(htlc.key, { action: 'resume' })).toBe('closed');
      await expect(listener.session.heartbeat()).rejects.toThrow();

      const next = await Listener.open(world.ports[0]);
      await world.until(() => next.htlcs.length > 0);
      await world.quiet();
      expect(new Set(next.htlcs.map(({ paymentHash }) => toHex(paymentHash)))).toEqual(
        new Set([toHex(other.paymentHash)]),
      );
      expect(next.session.answer(next.htlcs[0]!.key, { action: 'settle', preimage: other.preimage })).toBe('sent');
      expect(await ended(world, sentOther)).toMatchObject({ outcome: 'settled' });
      expect(listener.closed).toHaveLength(1);
    });

    it('frees the session when it is closed, and loses answers given after that', async () => {
      const { world, phantom, listener, sent, htlc } = await shown();
      listener.session.close();
      await world.until(() => listener.closed.length > 0);
      expect(listener.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage })).toBe('closed');
      await world.quiet();
      expect(await sent.view()).toEqual({ outcome: 'pending' });
      const next = await Listener.open(world.ports[0]);
      await world.until(() => next.htlcs.length > 0);
      expect(next.htlcs[0]!.key).toEqual(htlc.key);
      expect(next.htlcs[0]!.deadline).toBe(htlc.deadline);
    });

    it('takes one answer per HTLC', async () => {
      const { world, phantom, listener, sent, htlc } = await shown();
      const settle = { action: 'settle', preimage: phantom.preimage } as const;
      expect(listener.session.answer(htlc.key, settle)).toBe('sent');
      expect(listener.session.answer(htlc.key, settle)).toBe('unknown');
      expect(await ended(world, sent)).toMatchObject({ outcome: 'settled' });
      expect(listener.session.answer(htlc.key, { action: 'resume' })).toBe('unknown');
      expect(listener.session.answer({ ...htlc.key, htlcId: 12_345n }, settle)).toBe('unknown');
      expect(listener.closed).toEqual([]);
    });

    it('shows held HTLCs again after the node was restarted', async () => {
      const { world, phantom, listener, sent, htlc } = await shown();
      await world.crash(0);
      await world.until(() => listener.closed.length > 0);
      await expect(world.ports[0].info()).rejects.toThrow();
      await expect(Listener.open(world.ports[0])).rejects.toThrow();
      await world.restart(0);
      const next = await Listener.open(world.ports[0]);
      await world.until(() => next.htlcs.length > 0);
      const { onion, ...rest } = next.htlcs[0]!;
      expect({ ...rest, onion: toHex(onion) }).toEqual({ ...htlc, onion: toHex(htlc.onion) });
      next.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage });
      expect(await ended(world, sent)).toMatchObject({ outcome: 'settled' });
    });

    it('shows an HTLC again whose answer a crash has eaten', async () => {
      const { world, phantom, listener, sent, htlc } = await shown();
      await world.cutPeer(0, true); // the node cannot make the answer durable without its peer
      expect(listener.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage })).toBe('sent');
      await world.quiet();
      await world.crash(0);
      await world.restart(0);
      await world.cutPeer(0, false);
      const next = await Listener.open(world.ports[0]);
      await world.until(() => next.htlcs.length > 0);
      expect(next.htlcs[0]!.key).toEqual(htlc.key);
      expect(await sent.view()).toEqual({ outcome: 'pending' });
      next.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage });
      expect(await ended(world, sent)).toMatchObject({ outcome: 'settled' });
    });

    if (harness.autoFailBlocks !== undefined) {
      it('fails a held HTLC by itself at its deadline, not a block earlier', async () => {
        const { world, listener, sent, htlc } = await shown();
        const { height } = await world.ports[0].info();
        await world.mine(htlc.deadline - height - 1);
        await world.quiet();
        expect(await sent.view()).toEqual({ outcome: 'pending' });
        await world.mine(1);
        const code = FailureCode.temporaryChannelFailure;
        expect(await ended(world, sent)).toEqual({ outcome: 'failed', hop: 'member', code });
        await world.until(() => listener.finalOf(htlc.key) !== undefined);
        expect(listener.finalOf(htlc.key)).toMatchObject({ outcome: 'failed', onChain: false });
        expect(listener.session.answer(htlc.key, { action: 'resume' })).toBe('unknown');
        expect(await world.ports[0].intercept!.lookupFinal(htlc.key)).toBe('failed');
      });
    }

    it('shows an HTLC once more when its channel is closed, and settles it on chain', async () => {
      const { world, phantom, listener, sent, htlc } = await shown();
      await close(world, htlc);
      await world.until(() => listener.htlcs.some(({ onChain }) => onChain));
      const onChain = listener.htlcs.find((shownAgain) => shownAgain.onChain)!;
      expect(onChain.key).toEqual(htlc.key);
      expect(onChain.deadline).toBe(htlc.incomingExpiry);
      expect(listener.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage })).toBe('sent');
      expect(listener.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage })).toBe('unknown');
      await world.quiet();
      await world.mine(1);
      expect(await ended(world, sent)).toEqual({ outcome: 'settled', preimage: toHex(phantom.preimage) });
      await world.until(() => listener.finalOf(htlc.key) !== undefined);
      expect(listener.finalOf(htlc.key)).toMatchObject({ outcome: 'settled', onChain: true });
      expect(await world.ports[0].intercept!.lookupFinal(htlc.key)).toBe('settled');
      expect(listener.closed).toEqual([]);
    });

    it('shows an HTLC that is on chain again on the next session', async () => {
      const { world, phantom, listener, sent, htlc } = await shown();
      await close(world, htlc);
      await world.until(() => listener.htlcs.some(({ onChain }) => onChain));
      await world.dropStream(0);
      await world.until(() => listener.closed.length > 0);
      const next = await Listener.open(world.ports[0]);
      await world.until(() => next.htlcs.length > 0);
      expect(next.htlcs[0]).toMatchObject({ key: htlc.key, onChain: true, deadline: htlc.incomingExpiry });
      next.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage });
      await world.quiet();
      await world.mine(1);
      expect(await ended(world, sent)).toMatchObject({ outcome: 'settled' });
    });

    it('loses an HTLC on chain that nobody settles', async () => {
      const { world, listener, sent, htlc } = await shown();
      await close(world, htlc);
      await world.until(() => listener.htlcs.some(({ onChain }) => onChain));
      const { height } = await world.ports[0].info();
      await world.mine(htlc.incomingExpiry - height + 12);
      await world.until(() => listener.finalOf(htlc.key) !== undefined);
      expect(listener.finalOf(htlc.key)).toMatchObject({ outcome: 'failed', onChain: true });
      expect((await ended(world, sent)).outcome).toBe('failed');
      expect(await world.ports[0].intercept!.lookupFinal(htlc.key)).toBe('failed');
    });

    it('keeps a channel id of any size', async () => {
      const world = await make();
      const listener = await Listener.open(world.ports[0]);
      const phantom = new Phantom();
      const outgoingScid = (1n << 64n) - 2n;
      const sent = await world.send(phantom.order(0, { outgoingScid }));
      await world.until(() => listener.htlcs.length > 0);
      expect(listener.htlcs[0]).toMatchObject({ outgoingScid });
      listener.session.answer(listener.htlcs[0]!.key, { action: 'settle', preimage: phantom.preimage });
      expect(await ended(world, sent)).toMatchObject({ outcome: 'settled' });
    });

    it('takes many HTLCs at once, and answers to them in any order', async () => {
      const { world, phantom, listener, htlc } = await shown();
      const others = Array.from({ length: 60 }, () => new Phantom());
      const sent: SentHtlc[] = [];
      for (const other of others) sent.push(await world.send(other.order(0, { amountMsat: 1_000_000n })));
      const hashes = (): Set<string> => new Set(listener.htlcs.map(({ paymentHash }) => toHex(paymentHash)));
      await world.until(() => hashes().size === others.length + 1);
      const byHash = new Map(others.map((other) => [toHex(other.paymentHash), other]));
      const answered = new Set<string>();
      for (const { key, paymentHash } of [...listener.htlcs].reverse()) {
        const other = byHash.get(toHex(paymentHash));
        if (!other || answered.has(toHex(paymentHash))) continue;
        answered.add(toHex(paymentHash));
        expect(listener.session.answer(key, { action: 'settle', preimage: other.preimage })).toBe('sent');
      }
      for (const one of sent) expect(await ended(world, one)).toMatchObject({ outcome: 'settled' });
      expect(listener.session.answer(htlc.key, { action: 'settle', preimage: phantom.preimage })).toBe('sent');
      expect(listener.closed).toEqual([]);
    });
  });
}
