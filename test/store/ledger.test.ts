import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Account, HtlcSet, Part } from '../../src/receive/ledger/types.js';
import { StoreConflict } from '../../src/store/index.js';
import { ENGINES, freshDatabase } from './engines.js';
import { lease, newHash, NODE, openSet, OTHER_NODE, part, settledPart, settlingSet, terms } from './rows.js';

const U64_MAX = 2n ** 64n - 1n;

describe.each(ENGINES)('ledger on $name', (engine) => {
  const test = freshDatabase(engine);

  const put = (account: Partial<Account> & Pick<Account, 'paymentHash'>): Promise<void> =>
    test.store.transact([account.paymentHash], (view) => {
      view.putAccount({ terms: undefined, sets: [], parts: [], ...account });
    });

  it('returns every row as it was written, extremes included', async () => {
    const hash = newHash();
    const otherHash = newHash();
    const extreme = part(hash, {
      key: { nodeId: NODE, channelId: U64_MAX, htlcId: U64_MAX },
      amountMsat: U64_MAX,
      incomingAmountMsat: 2n ** 63n,
      expiry: 0xffff_ffff,
      deadline: 0xffff_ffff,
    });
    const smallest = part(hash, {
      key: { nodeId: NODE, channelId: 0n, htlcId: 0n },
      setId: undefined,
      amountMsat: 0n,
      incomingAmountMsat: 2n ** 63n - 1n,
      expiry: 0,
      deadline: -5,
      presentedEpoch: 0,
      firstSeenAt: extreme.firstSeenAt + 1,
      decision: { type: 'fail', reason: 'o\'clock \\ "ü"', message: Uint8Array.of(0, 0x40, 0x0f, 0xff) },
      decidedAt: 1,
      final: 'failed',
    });
    const emptyMessage = settledPart(hash, {
      firstSeenAt: extreme.firstSeenAt + 2,
      decision: { type: 'fail', reason: '', message: new Uint8Array() },
    });
    const account: Account = {
      paymentHash: hash,
      terms: terms(hash, { mode: 'auto', wish: 'cancel', preimage: '22'.repeat(32) }),
      sets: [settlingSet(hash, { totalMsat: U64_MAX, acceptedAt: 1, settledMsat: 2_100_000_000_000_000_000n })],
      parts: [extreme, smallest, emptyMessage],
    };
    const other: Account = { paymentHash: otherHash, terms: undefined, sets: [openSet(otherHash)], parts: [] };
    const leases = [lease(), lease({ nodeId: OTHER_NODE, epoch: 2 ** 40, expiresAt: 0, height: 0 })];
    await test.store.transact([hash, otherHash], (view) => {
      view.putAccount(account);
      view.putAccount(other);
      leases.forEach((row) => {
        view.putLease(row);
      });
    });
    expect(await test.store.readAccount(hash)).toEqual(account);
    expect(await test.store.readAccount(otherHash)).toEqual(other);
    expect(await test.store.terms(hash)).toEqual(account.terms);
    expect(await test.store.terms(otherHash)).toBeUndefined();
    expect(await test.store.leases()).toEqual(leases);
    const seen = await test.store.transact([otherHash, hash, hash], (view) => ({
      accounts: [view.account(hash), view.account(otherHash)],
      leases: [...view.leases.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1)),
    }));
    // A step sees only what can still matter: not the part that failed and is gone.
    expect(seen).toEqual({ accounts: [{ ...account, parts: [extreme, emptyMessage] }, other], leases });
  });

  it('keeps any 64-bit id and amount', async () => {
    const u64 = fc.bigInt({ min: 0n, max: U64_MAX });
    await fc.assert(
      fc.asyncProperty(u64, u64, u64, async (channelId, htlcId, amountMsat) => {
        const hash = newHash();
        const row = part(hash, { key: { nodeId: newHash(), channelId, htlcId }, amountMsat });
        await put({ paymentHash: hash, parts: [row] });
        expect((await test.store.readAccount(hash)).parts).toEqual([row]);
      }),
      { numRuns: 25 },
    );
  });

  it('refuses values that a column cannot hold, and writes nothing of the batch', async () => {
    const hash = newHash();
    const other = newHash();
    const attempt = test.store.transact([hash, other], (view) => {
      view.putAccount({ paymentHash: other, terms: undefined, sets: [], parts: [part(other)] });
      view.putAccount({
        paymentHash: hash,
        terms: undefined,
        sets: [],
        parts: [part(hash, { amountMsat: U64_MAX + 1n })],
      });
    });
    await expect(attempt).rejects.toThrow(RangeError);
    expect((await test.store.readAccount(other)).parts).toEqual([]);
  });

  it('writes many accounts in one transaction and updates them in the next', async () => {
    const hashes = Array.from({ length: 700 }, newHash);
    await test.store.transact(hashes, (view) => {
      for (const hash of hashes) {
        view.putAccount({
          paymentHash: hash,
          terms: undefined,
          sets: [openSet(hash)],
          parts: [part(hash), part(hash)],
        });
      }
    });
    await test.store.transact(hashes, (view) => {
      for (const hash of hashes) {
        const account = view.account(hash);
        expect(account.parts).toHaveLength(2);
        view.putAccount({
          ...account,
          sets: account.sets.map((set): HtlcSet => ({ ...set, state: 'failed', decidedAt: 5 })),
          parts: account.parts.map((row): Part => ({
            ...row,
            decision: { type: 'fail', reason: 'timeout', message: Uint8Array.of(0, 23) },
            decidedAt: 5,
          })),
        });
      }
    });
    const last = await test.store.readAccount(hashes.at(-1)!);
    expect(last.sets.map((set) => set.state)).toEqual(['failed']);
    expect(last.parts.map((row) => row.decision.type)).toEqual(['fail', 'fail']);
  });

  it('shows the body its own changes, refuses foreign hashes, and rolls back when the body throws', async () => {
    const hash = newHash();
    await expect(
      test.store.transact([hash], (view) => {
        view.putAccount({ paymentHash: hash, terms: undefined, sets: [], parts: [part(hash)] });
        view.putLease(lease({ epoch: 7 }));
        expect(view.account(hash).parts).toHaveLength(1);
        expect(view.leases.get(NODE)?.epoch).toBe(7);
        view.account(newHash());
      }),
    ).rejects.toThrow('not opened for');
    expect((await test.store.readAccount(hash)).parts).toEqual([]);
    expect(await test.store.leases()).toEqual([]);
    // The store goes on.
    await put({ paymentHash: hash, parts: [part(hash)] });
  });

  const decided = settledPart(newHash());
  it.each<[string, Part]>([
    ['settle to fail', { ...decided, decision: { type: 'fail', reason: 'x', message: Uint8Array.of(1) } }],
    ['settle to none', { ...decided, decision: { type: 'none' } }],
    ['another set', { ...decided, setId: 'other' }],
  ])('never changes a decision: %s', async (_, changed) => {
    const hash = decided.paymentHash;
    await put({ paymentHash: hash, parts: [decided] });
    await expect(put({ paymentHash: hash, parts: [changed] })).rejects.toThrow(StoreConflict);
    expect((await test.store.readAccount(hash)).parts).toEqual([decided]);
    // Everything else of a decided part may change.
    const later: Part = { ...decided, presentedEpoch: 9, final: 'settled' };
    await put({ paymentHash: hash, parts: [later] });
    expect((await test.store.readAccount(hash)).parts).toEqual([later]);
  });

  it('never commits a second set of a hash, whatever happened to the first', async () => {
    const hash = newHash();
    const first = settlingSet(hash, { id: 'a' });
    const second = openSet(hash, { id: 'b', openedAt: first.openedAt + 1 });
    await put({ paymentHash: hash, sets: [first, second] });
    const both = [first, settlingSet(hash, { ...second, ...committed(first) })];
    await expect(put({ paymentHash: hash, sets: both })).rejects.toThrow(StoreConflict);
    const settled: HtlcSet = { ...first, state: 'settled' };
    await put({ paymentHash: hash, sets: [settled, second] });
    await expect(put({ paymentHash: hash, sets: [settled, both[1]!] })).rejects.toThrow(StoreConflict);
    expect((await test.store.readAccount(hash)).sets).toEqual([settled, second]);
  });

  it.each<[string, Partial<HtlcSet>]>([
    ['settled to open', { state: 'open' }],
    ['settled to failed', { state: 'failed' }],
    ['settled to settling', { state: 'settling' }],
    ['another preimage', { preimage: '77'.repeat(32) }],
  ])('never takes a settled set back: %s', async (_, change) => {
    const hash = newHash();
    const set = settlingSet(hash, { state: 'settled' });
    await put({ paymentHash: hash, sets: [set] });
    await expect(put({ paymentHash: hash, sets: [{ ...set, ...change }] })).rejects.toThrow(StoreConflict);
    expect((await test.store.readAccount(hash)).sets).toEqual([set]);
  });

  it.each<[string, Partial<Account>]>([
    ['a committed set without preimage', { sets: [settlingSet('x', { preimage: undefined })] }],
    ['a settled part outside any set', { parts: [settledPart('x', { setId: undefined })] }],
    ['an unknown state', { sets: [openSet('x', { state: 'lost' as 'open' })] }],
    ['an unknown final', { parts: [part('x', { final: 'gone' as 'none' })] }],
  ])('refuses %s', async (_, account) => {
    await expect(put({ paymentHash: 'x', ...account })).rejects.toThrow(StoreConflict);
  });

  it('never lowers the epoch of a lease and never replaces a preimage in terms', async () => {
    const hash = newHash();
    await test.store.transact([hash], (view) => {
      view.putLease(lease({ epoch: 5 }));
      view.putAccount({ paymentHash: hash, terms: terms(hash), sets: [], parts: [] });
    });
    const lower = test.store.transact([], (view) => {
      view.putLease(lease({ epoch: 4 }));
    });
    await expect(lower).rejects.toThrow(StoreConflict);
    await test.store.transact([], (view) => {
      view.putLease(lease({ epoch: 5, height: 900_001 }));
    });
    expect((await test.store.leases())[0]).toMatchObject({ epoch: 5, height: 900_001 });
    await put({ paymentHash: hash, terms: terms(hash, { wish: 'settle', preimage: '33'.repeat(32) }) });
    const replaced = put({ paymentHash: hash, terms: terms(hash, { preimage: '44'.repeat(32) }) });
    await expect(replaced).rejects.toThrow(StoreConflict);
    expect((await test.store.terms(hash))?.preimage).toBe('33'.repeat(32));
  });

  it('refuses an HTLC recorded under another hash', async () => {
    const [first, second] = [newHash(), newHash()];
    const row = part(first);
    await put({ paymentHash: first, parts: [row] });
    await expect(put({ paymentHash: second, parts: [part(second, { key: row.key })] })).rejects.toThrow(StoreConflict);
    expect((await test.store.readAccount(first)).parts).toEqual([row]);
  });

  it('forgets what failed and is gone, and nothing else', async () => {
    const hash = newHash();
    const message = Uint8Array.of(0x20, 0x02);
    const failed = { decision: { type: 'fail', reason: 'late', message } as const, decidedAt: 100 };
    const failedSet = (id: string): Account['sets'][number] => openSet(hash, { id, state: 'failed', decidedAt: 100 });
    const key = (htlcId: bigint): Part['key'] => ({ nodeId: NODE, channelId: 77n, htlcId });
    const gone = part(hash, { ...failed, key: key(1n), final: 'failed', setId: 'gone' });
    const lingering = part(hash, { ...failed, key: key(2n), setId: 'lingering' });
    const young = part(hash, { ...failed, key: key(3n), final: 'failed', decidedAt: 200, setId: 'young' });
    const settled = settledPart(hash, { key: key(4n), final: 'settled', decidedAt: 100 });
    const sets = [settlingSet(hash), failedSet('gone'), failedSet('lingering'), failedSet('young')];
    await test.store.transact([hash], (view) => {
      view.putAccount({ paymentHash: hash, terms: undefined, sets, parts: [gone, lingering, young, settled] });
    });
    await test.store.prune(200);
    const left = await test.store.readAccount(hash);
    expect(left.parts.map((row) => row.key.htlcId).sort()).toEqual([2n, 3n, 4n]);
    expect(left.sets.map(({ id }) => id).sort()).toEqual([settlingSet(hash).id, 'lingering', 'young'].sort());
  });

  it('answers what owners and reviewers ask', async () => {
    const [settling, waiting, refused, urgent] = [newHash(), newHash(), newHash(), newHash()];
    const ours = settledPart(settling, { deadline: 500 });
    const final = settledPart(settling, { final: 'settled', deadline: 400 });
    const theirs = settledPart(settling, { key: { ...ours.key, nodeId: OTHER_NODE }, deadline: 600 });
    const held = part(waiting);
    const message = Uint8Array.of(0x20, 0x02);
    const door = part(refused, { setId: undefined, decision: { type: 'fail', reason: 'late', message }, decidedAt: 3 });
    const near = part(urgent, { deadline: 700 });
    const hashes = [settling, waiting, refused, urgent];
    const set = settlingSet(settling);
    await test.store.transact(hashes, (view) => {
      view.putAccount({ paymentHash: settling, terms: undefined, sets: [set], parts: [ours, final, theirs] });
      view.putAccount({
        paymentHash: waiting,
        terms: undefined,
        sets: [openSet(waiting, { reviewAt: 100 })],
        parts: [held],
      });
      view.putAccount({ paymentHash: refused, terms: undefined, sets: [], parts: [door] });
      view.putAccount({
        paymentHash: urgent,
        terms: undefined,
        sets: [openSet(urgent, { reviewAt: 900 })],
        parts: [near],
      });
    });
    const byId = <T extends { key: Part['key'] }>(rows: readonly T[]): T[] =>
      [...rows].sort((a, b) => Number(a.key.htlcId - b.key.htlcId));
    expect(byId(await test.store.unfinishedParts(NODE))).toEqual([
      { key: ours.key, paymentHash: settling },
      { key: held.key, paymentHash: waiting },
      { key: door.key, paymentHash: refused },
      { key: near.key, paymentHash: urgent },
    ]);
    const { preimage } = set;
    expect(byId(await test.store.decidedParts(NODE))).toEqual([
      { key: ours.key, paymentHash: settling, decision: { type: 'settle' }, preimage },
      { key: door.key, paymentHash: refused, decision: door.decision, preimage: undefined },
    ]);
    expect(await test.store.overdueParts(0, 499)).toEqual([]);
    expect((await test.store.overdueParts(0, 500)).map((row) => row.key)).toEqual([ours.key]);
    expect(await test.store.overdueParts(0, 600)).toHaveLength(2);
    expect(await test.store.dueHashes(99, 699, 10)).toEqual([]);
    expect(await test.store.dueHashes(100, 699, 10)).toEqual([waiting]);
    expect(await test.store.dueHashes(99, 700, 10)).toEqual([urgent]);
    expect(await test.store.dueHashes(1000, 700, 10)).toEqual([urgent, waiting]);
    expect(await test.store.dueHashes(1000, 700, 1)).toEqual([urgent]);
    expect(await test.store.settledSets(10)).toEqual([set]);
    expect(await test.store.settledSets(10, set.decidedAt)).toEqual([]);
  });

  it('tells listeners after a commit that decided something, and not after others', async () => {
    const hash = newHash();
    const hints: unknown[] = [];
    const stop = test.store.onHint((hint) => hints.push(hint));
    await expect.poll(() => (engine.shared ? hints.length : 1)).toBe(1);
    hints.length = 0;
    await put({ paymentHash: hash, parts: [part(hash)] });
    expect(hints).toEqual([]);
    const decidedHash = newHash();
    await put({ paymentHash: decidedHash, parts: [settledPart(decidedHash)] });
    expect(hints.at(-1)).toEqual({ nodeIds: [NODE], freed: [], events: false, payments: false });
    stop();
  });

  it('has a clock', async () => {
    const now = await test.store.now();
    expect(Math.abs(now - Date.now())).toBeLessThan(60_000);
    const inside = await test.store.transact([], (view) => view.now);
    expect(inside).toBeGreaterThanOrEqual(now);
  });
});

function committed(set: HtlcSet): Pick<HtlcSet, 'state' | 'decidedAt' | 'preimage' | 'settledMsat'> {
  const { state, decidedAt, preimage, settledMsat } = set;
  return { state, decidedAt, preimage, settledMsat };
}
