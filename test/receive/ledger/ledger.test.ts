import { describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/receive/ledger/ledger.js';
import type { DecidedPart, LedgerCommand } from '../../../src/receive/ledger/types.js';
import { FakeLedgerStore, FakeStoreAway, FakeStoreConflict } from '../../support/fake-ledger-store.js';
import { Desk, HEIGHT, PREIMAGE, TOTAL } from './desk.js';

const TTL = 10_000;

function setUp(): { store: FakeLedgerStore; ledger: Ledger; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  const store = new FakeLedgerStore({ now: () => clock.now });
  return { store, ledger: new Ledger({ store, owner: 'a' }), clock };
}

function admit(hash: number, wanted: Parameters<Desk['admit']>[0] = {}): LedgerCommand {
  const paymentHash = hash.toString(16).padStart(64, '0');
  return { type: 'admit', part: { ...new Desk().presented({ htlc: hash, ...wanted }), paymentHash } };
}

describe('group commit', () => {
  it('puts everything that arrives during one commit into the next', async () => {
    const { store, ledger } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    const replies = await Promise.all(
      Array.from({ length: 300 }, (_, i) => ledger.submit(admit(i, { amountMsat: TOTAL }))),
    );
    expect(replies.every(({ type }) => type === 'settle')).toBe(true);
    expect(store.batches.map((hashes) => hashes.length)).toEqual([0, 1, 128, 128, 43]);
  });

  it('keeps the order of commands of one payment hash', async () => {
    const { ledger, store } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    const half = (htlc: number): LedgerCommand => admit(1, { htlc });
    const replies = await Promise.all([half(0), half(1), half(2)].map((command) => ledger.submit(command)));
    expect(replies.map(({ type }) => type)).toEqual(['hold', 'settle', 'fail']);
    expect(store.events.map(({ type }) => type)).toEqual(['invoice.settled']);
  });

  it('publishes the decisions of a commit, after it, whichever node they are on', async () => {
    const { ledger, store } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    await ledger.acquireLease('n2', HEIGHT, TTL);
    const published: DecidedPart[] = [];
    const commitsAt: number[] = [];
    const unsubscribe = ledger.onDecided((parts) => {
      published.push(...parts);
      commitsAt.push(store.commits);
    });
    await ledger.submit(admit(1, { node: 'n1' }));
    expect(published).toEqual([]);
    await ledger.submit(admit(1, { node: 'n2' }));
    expect(published.map(({ key, decision, preimage }) => [key.nodeId, decision.type, preimage])).toEqual([
      ['n1', 'settle', PREIMAGE],
      ['n2', 'settle', PREIMAGE],
    ]);
    expect(commitsAt).toEqual([4]);
    unsubscribe();
    await ledger.submit(admit(2, { amountMsat: TOTAL }));
    expect(published).toHaveLength(2);
  });

  it('a command that the database refuses does not take the others with it', async () => {
    const { ledger } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    await ledger.submit(admit(1, { htlc: 5 }));
    // The same HTLC under another hash: a node restored from an old backup.
    const outcomes = await Promise.allSettled(
      [admit(9, { amountMsat: TOTAL }), admit(2, { amountMsat: TOTAL }), admit(3, { htlc: 5 }), admit(4)].map(
        (command) => ledger.submit(command),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect((outcomes[2] as PromiseRejectedResult).reason).toBeInstanceOf(FakeStoreConflict);
  });

  it('rejects a whole batch when the database is away, and none of it is lost when it is given again', async () => {
    const { ledger, store } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    const commands = [admit(1, { htlc: 0 }), admit(1, { htlc: 1 }), admit(2, { htlc: 2, amountMsat: TOTAL })];
    for (const fail of [() => store.failBeforeCommit(2), () => store.failAfterCommit(2)]) {
      fail();
      const outcomes = await Promise.allSettled(commands.map((command) => ledger.submit(command)));
      expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
      expect((outcomes[0] as PromiseRejectedResult).reason).toBeInstanceOf(FakeStoreAway);
    }
    const replies = await Promise.all(commands.map((command) => ledger.submit(command)));
    expect(replies.map(({ type }) => type)).toEqual(['settle', 'settle', 'settle']);
    expect(store.events.map(({ type }) => type)).toEqual(['invoice.settled', 'invoice.settled']);
  });

  it('a body that runs again after a serialization failure tells its decisions once', async () => {
    const { ledger, store } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    const published: DecidedPart[] = [];
    ledger.onDecided((parts) => published.push(...parts));
    store.contend();
    expect((await ledger.submit(admit(1, { amountMsat: TOTAL }))).type).toBe('settle');
    expect(published).toHaveLength(1);
    expect(store.events).toHaveLength(1);
  });

  it('waits out a database that stops for ten seconds', async () => {
    const { ledger, store } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    let resume = (): void => undefined;
    store.stall(new Promise<void>((resolve) => (resume = resolve)));
    const waiting = [0, 1].map((htlc) => ledger.submit(admit(1, { htlc })));
    let answered = false;
    void Promise.race(waiting).then(() => (answered = true));
    for (let i = 0; i < 50; i++) await Promise.resolve();
    expect(answered).toBe(false);
    resume();
    expect((await Promise.all(waiting)).map(({ type }) => type)).toEqual(['hold', 'settle']);
  });
});

describe('leases', () => {
  it('belong to one owner until they run out', async () => {
    const { ledger: a, store, clock } = setUp();
    const b = new Ledger({ store, owner: 'b' });
    expect(await a.acquireLease('n1', HEIGHT, TTL)).toMatchObject({ type: 'owned', lease: { epoch: 1, owner: 'a' } });
    expect(await b.acquireLease('n1', HEIGHT, TTL)).toEqual({ type: 'held', by: 'a', remainingMs: TTL });
    clock.now += TTL - 1;
    expect(await b.acquireLease('n1', HEIGHT, TTL)).toMatchObject({ type: 'held' });
    clock.now += 1;
    expect(await b.acquireLease('n1', HEIGHT, TTL)).toMatchObject({ type: 'owned', lease: { epoch: 2, owner: 'b' } });
    expect(await a.renewLease('n1', 1, HEIGHT, clock.now + TTL)).toBe(false);
    expect(await a.submit(admit(1, { amountMsat: TOTAL }))).toEqual({ type: 'fenced' });
  });

  it('get a new epoch with every reconnect of the same owner', async () => {
    const { ledger, store, clock } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    expect(await ledger.acquireLease('n1', HEIGHT, TTL)).toMatchObject({ lease: { epoch: 2 } });
    expect(await ledger.renewLease('n1', 1, HEIGHT, clock.now + TTL)).toBe(false);
    expect(await ledger.renewLease('n1', 2, HEIGHT + 1, clock.now + TTL)).toBe(true);
    expect(store.leaseRows.get('n1')).toMatchObject({ height: HEIGHT + 1, expiresAt: clock.now + TTL });
  });

  it('that are renewed late count from when the node was asked', async () => {
    const { ledger, store, clock } = setUp();
    await ledger.acquireLease('n1', HEIGHT, TTL);
    const askedAt = clock.now + 2_500;
    let resume = (): void => undefined;
    store.stall(new Promise<void>((resolve) => (resume = resolve)));
    const renewed = ledger.renewLease('n1', 1, HEIGHT, askedAt + TTL);
    clock.now += 40_000;
    resume();
    expect(await renewed).toBe(true);
    expect(store.leaseRows.get('n1')!.expiresAt).toBeLessThan(clock.now);
  });

  it('are given back with an epoch that nothing was shown under', async () => {
    const { ledger: a, store } = setUp();
    const b = new Ledger({ store, owner: 'b' });
    await a.acquireLease('n1', HEIGHT, TTL);
    await a.submit(admit(1));
    await a.endLease('n1', 1);
    await a.endLease('n1', 1);
    expect(store.leaseRows.get('n1')).toMatchObject({ epoch: 2, expiresAt: 1_000_000 });
    expect(await b.acquireLease('n1', HEIGHT, TTL)).toMatchObject({ type: 'owned', lease: { epoch: 3 } });
    await a.endLease('n1', 3);
    expect(store.leaseRows.get('n1')!.owner).toBe('b');
  });
});
