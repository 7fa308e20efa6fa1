import { describe, expect, it } from 'vitest';
import {
  buildOnionMessage,
  type Content,
  COPIES_SPAN,
  DEFAULT_INBOX_LIMITS,
  encodeContent,
  messagePath,
  STUCK_AFTER,
  Messenger,
} from '../../src/messages/index.js';
import { type BlindedPath, type OnionMessage } from '../../src/onion/index.js';
import { HELD, RELEASE, REQUEST, PAYMENT, MINE, twoClusters, listen, onePath, strangers, single } from './clusters.js';
import { TestNetwork, testRandom, virtualNode } from './network.js';

describe('a message reaches the one handler that its path was made for', () => {
  it('and none where the kind is another, the path forged, expired, or nobody listens', async () => {
    const { messenger: own, arrive, pathOf, clock, droppedNow } = await single();
    const received = listen(own);
    const requested: unknown[] = [];
    own.handle('invoice_request', 'static_invoice_requested', ({ context }) => void requested.push(context));
    const slot = { kind: 'static_invoice_requested', client: 1, slot: 2, expiry: 1_000 } as const;
    const random = testRandom();
    const fresh = (pathId: Uint8Array | undefined, content: Content = REQUEST): OnionMessage =>
      buildOnionMessage({ target: { path: pathOf(pathId) }, content: encodeContent(content) }, random)!;

    arrive(fresh(own.pathId(MINE)));
    arrive(fresh(own.pathId(slot)));
    await clock.settle();
    expect(received).toMatchObject([{ context: MINE, receiver: own.nodeId }]);
    expect(requested).toEqual([slot]);
    expect(droppedNow()).toEqual({});

    arrive(fresh(own.pathId({ kind: 'outbound_payment', paymentId: PAYMENT })));
    arrive(fresh(new Uint8Array(32).fill(1)));
    arrive(fresh(own.pathId(MINE).slice(1)));
    arrive(fresh(undefined));
    await clock.settle();
    expect(droppedNow()).toEqual({ unknown_path: 4 });

    arrive(fresh(own.pathId(MINE), RELEASE));
    await clock.settle();
    expect(droppedNow()).toEqual({ unknown_path: 4, nobody_listens: 1 });

    clock.time = 1_001_000;
    arrive(fresh(own.pathId(slot)));
    await clock.settle();
    expect(droppedNow()).toEqual({ unknown_path: 4, nobody_listens: 1, expired_path: 1 });
    expect([received.length, requested.length]).toEqual([1, 1]);
  });

  it('with contexts of each key epoch, but never of another', async () => {
    const epochs = [virtualNode(20), virtualNode(21)];
    const { messenger: own, node, clock, arrive, droppedNow } = await single({ virtualNodes: epochs });
    const received = listen(own);
    const old = new Messenger({
      virtualNodes: [epochs[1]!],
      graph: new TestNetwork().graph,
      clock,
      random: testRandom(),
    });
    const path = messagePath({ nodes: [old.nodeId], pathId: old.pathId(MINE) }, testRandom());
    node.handlers.onUnforwarded({ to: { nodeId: old.nodeId }, message: strangers(path) });
    await clock.settle();
    expect(received).toMatchObject([{ receiver: old.nodeId }]);
    arrive(strangers(messagePath({ nodes: [own.nodeId], pathId: old.pathId(MINE) }, testRandom())));
    await clock.settle();
    expect(received).toHaveLength(1);
    expect(droppedNow()).toEqual({ unknown_path: 1 });
  });

  it('until it stops listening; two for one pair are refused', async () => {
    const { messenger: own, arrive, pathOf, clock, droppedNow } = await single();
    const stop = own.handle('invoice_request', 'invoice_request', () => undefined);
    expect(() => own.handle('invoice_request', 'invoice_request', () => undefined)).toThrow(RangeError);
    expect(() => own.handle('invoice_request', 'rod_release' as 'public', () => undefined)).toThrow(RangeError);
    stop();
    const received = listen(own);
    stop();
    arrive(strangers(pathOf(own.pathId(MINE))));
    await clock.settle();
    expect(received).toHaveLength(1);
    expect(droppedNow()).toEqual({});
  });

  it('whatever other handlers do', async () => {
    const { messenger: own, arrive, pathOf, clock, faults, droppedNow } = await single();
    const bug = new Error('a bug');
    const received = listen(own);
    own.handle('release_held_htlc', 'outbound_payment', () => {
      throw bug;
    });
    own.handle('held_htlc_available', 'inbound_payment', async () => {
      throw bug;
    });
    const outbound = own.pathId({ kind: 'outbound_payment', paymentId: PAYMENT });
    const inbound = own.pathId({ kind: 'inbound_payment', reference: new Uint8Array(8), expiry: 9_999 });
    arrive(strangers(pathOf(outbound), RELEASE));
    arrive(strangers(pathOf(inbound), HELD));
    arrive(strangers(pathOf(own.pathId(MINE))));
    await clock.settle();
    expect(received).toHaveLength(1);
    expect(faults).toEqual([bug, bug]);
    expect(droppedNow()).toEqual({ handler_failed: 2 });
  });
});

describe('bad messages', () => {
  it('are dropped: replayed, cut short, changed, of others, with a content that is none', async () => {
    const { messenger: own, arrive, pathOf, clock, droppedNow } = await single();
    const received = listen(own);
    const good = strangers(pathOf(own.pathId(MINE)));
    const tampered = good.packet.slice();
    tampered[100]! ^= 1;
    // Its last bytes are those of the good one: it must not count as the good one's first copy.
    arrive({ ...good, packet: tampered });
    arrive({ ...good, packet: good.packet.slice(0, 200) });
    arrive({ ...good, packet: new Uint8Array() });
    arrive({ ...good, pathKey: new Uint8Array(33) });
    arrive({ ...good, pathKey: virtualNode(9).nodeId });
    arrive(strangers(pathOf(own.pathId(MINE), virtualNode(9).nodeId)));
    await clock.settle();
    expect(droppedNow()).toEqual({ not_readable: 6 });
    arrive(good);
    arrive(good);
    await clock.settle();
    arrive(good);
    await clock.settle();
    expect(received).toHaveLength(1);
    expect(droppedNow()).toEqual({ not_readable: 6, replayed: 2 });
    const random = testRandom();
    for (const content of [
      { type: 72n, value: new Uint8Array() },
      { type: 1n, value: Uint8Array.of(5) },
    ]) {
      arrive(buildOnionMessage({ target: { path: pathOf(own.pathId(MINE)) }, content }, random)!);
    }
    await clock.settle();
    expect(droppedNow()).toEqual({ not_readable: 6, replayed: 2, bad_content: 2 });
  });

  it('are none for their dummy hops, as many as a path has', async () => {
    const { messenger: own, arrive, clock, droppedNow } = await single();
    const received = listen(own);
    const dummies = (dummyHops: number): BlindedPath =>
      messagePath({ nodes: [own.nodeId], pathId: own.pathId(MINE), dummyHops }, testRandom());
    arrive(strangers(dummies(19)));
    await clock.settle();
    expect(received).toHaveLength(1);
    expect(droppedNow()).toEqual({});
  });

  it('are copies if they come again within the span, where a handler says so', async () => {
    const { messenger: own, arrive, pathOf, clock, droppedNow } = await single();
    const [first, both]: [unknown[], unknown[]] = [[], []];
    own.handle('invoice_request', 'invoice_request', (message) => void first.push(message), { dropCopies: 'content' });
    own.handle('held_htlc_available', 'inbound_payment', (message) => void both.push(message), {
      dropCopies: 'content_and_reply',
    });
    const inbound = own.pathId({ kind: 'inbound_payment', reference: new Uint8Array(8), expiry: 9_999 });
    const random = testRandom();
    const replies = [1, 2].map((seed) => messagePath({ nodes: [virtualNode(seed).nodeId] }, random));
    const send = async (pathId: Uint8Array, content: Content, replyPath: BlindedPath): Promise<void> => {
      arrive(
        buildOnionMessage({ target: { path: pathOf(pathId) }, content: encodeContent(content), replyPath }, random)!,
      );
      await clock.settle();
    };
    for (const replyPath of [...replies, ...replies]) {
      await send(own.pathId(MINE), REQUEST, replyPath);
      await send(inbound, HELD, replyPath);
    }
    expect([first.length, both.length, droppedNow()['copy']]).toEqual([1, 2, 5]);
    await send(own.pathId(MINE), { ...REQUEST, bytes: Uint8Array.of(4) }, replies[0]!);
    await send(own.pathId({ ...MINE, nonce: PAYMENT }), REQUEST, replies[0]!);
    expect(first).toHaveLength(3);
    clock.time += COPIES_SPAN;
    await send(own.pathId(MINE), REQUEST, replies[0]!);
    expect(first).toHaveLength(4);
  });
});

describe('a flood', () => {
  const rate = (burst: number, perSecond = 1): { burst: number; perSecond: number } => ({ burst, perSecond });

  it('of one peer is cut at its rate, and leaves the others theirs', async () => {
    const {
      messenger: own,
      arrive,
      pathOf,
      clock,
      droppedNow,
    } = await single({
      limits: { perPeer: rate(5), global: rate(20) },
    });
    const received = listen(own);
    const random = testRandom();
    const path = pathOf(own.pathId(MINE));
    const fresh = (): OnionMessage => buildOnionMessage({ target: { path }, content: encodeContent(REQUEST) }, random)!;
    const [noisy, quiet] = [virtualNode(7).nodeId, virtualNode(8).nodeId];
    for (let i = 0; i < 50; i++) arrive(fresh(), noisy);
    for (let i = 0; i < 3; i++) arrive(fresh(), quiet);
    for (let i = 0; i < 6; i++) arrive(fresh());
    await clock.settle();
    expect(received).toHaveLength(5 + 3 + 5);
    expect(droppedNow()).toEqual({ rate_limited: 46 });
    clock.time += 2_000;
    for (let i = 0; i < 5; i++) arrive(fresh(), noisy);
    await clock.settle();
    expect(received).toHaveLength(15);
  });

  it('of many peers is cut at the common rate, strays and what ends at members too', async () => {
    const {
      messenger: own,
      node,
      strays,
      droppedNow,
    } = await single({ limits: { perPeer: rate(5), global: rate(8) } });
    const message = strangers(messagePath({ nodes: [virtualNode(5).nodeId] }, testRandom()));
    for (let seed = 1; seed <= 5; seed++) {
      for (let i = 0; i < 2; i++) {
        node.handlers.onUnforwarded({
          from: virtualNode(seed).nodeId,
          to: { nodeId: virtualNode(99).nodeId },
          message,
        });
      }
    }
    node.handlers.onReceived({ payload: { encryptedRecipientData: new Uint8Array() } });
    expect(strays).toHaveLength(8);
    expect(droppedNow()).toEqual({ rate_limited: 3 });
    expect(own.dropped.get('bad_content')).toBeUndefined();
  });

  it('waits in a bounded queue, of which no peer has all, while handlers are at work', async () => {
    const {
      messenger: own,
      arrive,
      pathOf,
      clock,
      droppedNow,
    } = await single({
      limits: { perPeer: rate(1000), global: rate(1000), queued: 12, queuedPerPeer: 8, atWork: 2 },
    });
    const finish: (() => void)[] = [];
    const order: number[] = [];
    own.handle('invoice_request', 'invoice_request', ({ content }) => {
      order.push(content.bytes[0]!);
      return new Promise<void>((resolve) => finish.push(resolve));
    });
    const random = testRandom();
    const path = pathOf(own.pathId(MINE));
    const fresh = (seed: number): OnionMessage => {
      const content = encodeContent({ name: 'invoice_request', bytes: Uint8Array.of(seed) });
      return buildOnionMessage({ target: { path }, content }, random)!;
    };
    const flood = (seed: number): void => {
      for (let i = 0; i < 20; i++) arrive(fresh(seed), virtualNode(seed).nodeId);
    };
    for (let i = 0; i < 2; i++) arrive(fresh(1));
    await clock.settle();
    expect(finish).toHaveLength(2);
    flood(7);
    flood(8);
    await clock.settle();
    expect(finish).toHaveLength(2);
    expect(droppedNow()).toEqual({ queue_full: 28 });
    for (let i = 0; i < finish.length; i++) {
      finish[i]!();
      await clock.settle();
    }
    expect(order).toEqual([1, 1, ...Array<number>(8).fill(7), ...Array<number>(4).fill(8)]);
    expect(droppedNow()).toEqual({ queue_full: 28 });
  });

  it('is not stopped for ever by handlers that never end', async () => {
    const {
      messenger: own,
      arrive,
      pathOf,
      clock,
      droppedNow,
    } = await single({
      limits: { perPeer: rate(1000), global: rate(1000), atWork: 2 },
    });
    let begun = 0;
    own.handle('invoice_request', 'invoice_request', () => {
      begun++;
      return new Promise<void>(() => undefined);
    });
    const random = testRandom();
    const path = pathOf(own.pathId(MINE));
    const fresh = (): OnionMessage => buildOnionMessage({ target: { path }, content: encodeContent(REQUEST) }, random)!;
    for (let i = 0; i < 4; i++) arrive(fresh());
    await clock.settle();
    clock.time += STUCK_AFTER - 1;
    arrive(fresh());
    await clock.settle();
    expect(begun).toBe(2);
    clock.time += 1;
    arrive(fresh());
    await clock.settle();
    expect(begun).toBe(4);
    expect(droppedNow()).toEqual({ handler_stuck: 2 });
  });

  it('is worked off in slices, so that other work has its turn', async () => {
    const { messenger: own, arrive, pathOf, clock } = await single();
    const received = listen(own);
    const random = testRandom();
    const path = pathOf(own.pathId(MINE));
    for (let i = 0; i < 30; i++) {
      arrive(buildOnionMessage({ target: { path }, content: encodeContent(REQUEST) }, random)!);
    }
    let between = -1;
    clock.soon(() => (between = received.length));
    await clock.settle();
    expect(received).toHaveLength(30);
    expect(between).toBeLessThan(30);
    expect(DEFAULT_INBOX_LIMITS.queued).toBeGreaterThan(0);
  });

  it('of answers to far nodes neither searches nor dials without end', async () => {
    const { payer, payee, network, alice } = await twoClusters({}, { farWays: rate(30) });
    network.dialable = true;
    const target = { path: onePath(payee.messenger) };
    alice.broken = true;
    const outcomes: string[] = [];
    for (let i = 0; i < 40; i++) {
      const far = network.add(`far ${i}`, 120);
      const outcome = await payer.messenger.send(REQUEST, { nodeId: far.nodeId });
      outcomes.push(outcome.kind === 'sent' ? outcome.by : outcome.reason);
      network.disconnect(alice, far);
    }
    expect(alice.dials).toHaveLength(30);
    expect(outcomes.filter((reason) => reason === 'no_route')).toHaveLength(10);
    expect(await payer.messenger.send(REQUEST, target)).toMatchObject({ reason: 'no_route' });
    alice.broken = false;
    payer.clock.time += 1_000;
    expect(await payer.messenger.send(REQUEST, target)).toMatchObject({ kind: 'sent' });
  });
});
