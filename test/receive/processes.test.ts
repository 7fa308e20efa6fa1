import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import type { LedgerHint, LedgerStore } from '../../src/receive/ledger/store-port.js';
import { type Part, partKeyText } from '../../src/receive/ledger/types.js';
import { toHex } from '../../src/wire/bytes.js';
import { FakeLedgerStore } from '../support/fake-ledger-store.js';
import { Processes } from './processes.js';

const TTL_MS = 10_000;
const HOUR = 3_600_000;

interface Setting {
  readonly clock: VirtualClock;
  readonly store: FakeLedgerStore;
  readonly world: Processes;
}

function setting(): Setting {
  const clock = new VirtualClock();
  return { clock, store: new FakeLedgerStore({ now: clock.now }), world: new Processes(clock, TTL_MS) };
}

/** Virtual milliseconds until it is true. */
async function until(clock: VirtualClock, condition: () => boolean, limitMs: number): Promise<number> {
  const from = clock.now();
  while (!condition()) {
    if (clock.now() - from > limitMs) throw new Error(`not true within ${limitMs} ms`);
    await clock.runFor(10);
  }
  return clock.now() - from;
}

/** With hints between processes, as NOTIFY carries them. */
function withHints(store: FakeLedgerStore, now: () => number): LedgerStore {
  const listeners = new Set<(hint: LedgerHint) => void>();
  return new Proxy(store, {
    get(target, name) {
      if (name === 'onHint') {
        return (listener: (hint: LedgerHint) => void) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        };
      }
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name !== 'transact') return member.bind(target) as unknown;
      return async (...args: Parameters<LedgerStore['transact']>) => {
        const value = await target.transact(...args);
        const freed = [...target.leaseRows.values()].filter(({ expiresAt }) => expiresAt <= now());
        const hint = { nodeIds: undefined, freed: freed.map(({ nodeId }) => nodeId) };
        for (const listener of listeners) queueMicrotask(() => listener(hint));
        return value;
      };
    },
  });
}

describe('a stream passes from one process to another', () => {
  it('within its lease and one look after the owner was killed', async () => {
    const { clock, store, world } = setting();
    const first = world.start('p1', store);
    await until(clock, () => first.state('m1') === 'live', 1_000);
    const second = world.start('p2', store);
    await clock.runFor(60_000);
    expect([first.state('m1'), second.state('m1')]).toEqual(['live', 'standby']);
    first.process.kill();
    const took = await until(clock, () => second.state('m1') === 'live' && second.state('m2') === 'live', 60_000);
    console.log(`take-over after a kill: ${took} ms of ${TTL_MS} ms lease`);
    expect(took).toBeLessThanOrEqual(TTL_MS + 2_000);
  });

  it('at once when it was given back and the news arrives, else at the next look', async () => {
    for (const [hints, limit] of [
      [true, 250],
      [false, 2_300],
    ] as const) {
      const { clock, store, world } = setting();
      const shared = hints ? withHints(store, clock.now) : store;
      const first = world.start('p1', shared);
      await clock.runFor(1_000);
      const second = world.start('p2', shared);
      await clock.runFor(30_500);
      expect(second.state('m1')).toBe('standby');
      const stopped = first.receiver.stop();
      const took = await until(clock, () => second.state('m1') === 'live', 10_000);
      console.log(`take-over after a stop ${hints ? 'with' : 'without'} hints: ${took} ms`);
      expect(took).toBeLessThanOrEqual(limit);
      await clock.finish(stopped);
    }
  });
});

describe('parts at nodes of different processes', () => {
  it('are settled by the poll of their owner when every hint is lost', async () => {
    const { clock, store, world } = setting();
    world.start('p1', store, ['m1']);
    world.start('p2', store, ['m2']);
    await clock.runFor(3_000);
    const payment = world.payAcross(world.invoice(100_000n), { delayMs: 3_000 });
    await clock.runFor(3_000);
    await until(clock, () => world.answers.some(({ node, action }) => node === 'm2' && action === 'settle'), 2_000);
    // The first part's owner is not told. A quarter of the lease and the poll's own second bound its delay.
    const took = await until(
      clock,
      () => world.answers.some(({ node, action }) => node === 'm1' && action === 'settle'),
      10_000,
    );
    console.log(`decided elsewhere, hints lost: answered after ${took} ms`);
    expect(took).toBeGreaterThan(0); // the control: nobody told it
    expect(took).toBeLessThanOrEqual(TTL_MS / 4 + 1_000);
    await clock.runFor(2_000);
    expect(payment.record.outcome).toBe('settled');
  });

  it('are settled at once when hints arrive', async () => {
    const { clock, store, world } = setting();
    const shared = withHints(store, clock.now);
    world.start('p1', shared, ['m1']);
    world.start('p2', shared, ['m2']);
    await clock.runFor(3_000);
    const payment = world.payAcross(world.invoice(100_000n), { delayMs: 3_000 });
    await clock.runFor(3_000);
    await until(clock, () => world.answers.some(({ node, action }) => node === 'm2' && action === 'settle'), 2_000);
    await until(clock, () => world.answers.some(({ node, action }) => node === 'm1' && action === 'settle'), 200);
    await clock.runFor(2_000);
    expect(payment.record.outcome).toBe('settled');
  });
});

describe('clocks that are hours apart', () => {
  it('neither give a lease away nor keep one, and every payment ends by the time of the database', async () => {
    const { clock, store, world } = setting();
    const [first, second] = [world.start('p1', store), world.start('p2', store)];
    first.process.skew = 5 * HOUR;
    second.process.skew = -7 * HOUR;
    await clock.runFor(120_000);
    expect(['p1', 'p2']).toContain(store.leaseRows.get(world.nodeId('m1'))!.owner);
    const epochs = [...store.leaseRows.values()].map(({ epoch }) => epoch);
    await clock.runFor(600_000);
    expect([...store.leaseRows.values()].map(({ epoch }) => epoch)).toEqual(epochs);
    const paid = world.payAcross(world.invoice(100_000n));
    const startedAt = clock.now();
    const halfPaid = world.payAcross(world.invoice(200_000n), { skip: true });
    await clock.runFor(30_000);
    expect(paid.record.outcome).toBe('settled');
    expect(halfPaid.record.outcome).not.toBe('failed');
    await until(clock, () => halfPaid.record.outcome === 'failed', 60_000);
    const heldFor = clock.now() - startedAt;
    expect(heldFor).toBeGreaterThan(59_000);
    expect(heldFor).toBeLessThan(70_000);
    first.process.kill();
    await until(clock, () => second.state('m1') === 'live' && second.state('m2') === 'live', TTL_MS + 2_000);
  });

  it.each([5, -7])('do not change when an invoice expires (%s h off)', async (hours) => {
    const { clock, store, world } = setting();
    const only = world.start('p1', store);
    only.process.skew = hours * HOUR;
    await clock.runFor(5_000);
    // Good for two hours more than it says, as LDK has it.
    const [good, late] = [world.invoice(100_000n, 600), world.invoice(200_000n, 600)];
    const settled = world.payAcross(good);
    await clock.runFor(10_000);
    expect(settled.record.outcome).toBe('settled');
    await clock.runFor(600_000 + 2 * HOUR + 60_000);
    const refused = world.payAcross(late);
    await clock.runFor(30_000);
    expect(refused.record.outcome).toBe('failed');
  });
});

describe('a process that stands still beyond its lease', () => {
  it('can only repeat what stands in rows when it goes on, with all it had in its buffers', async () => {
    const { clock, store, world } = setting();
    const first = world.start('p1', store);
    await clock.runFor(1_000);
    const second = world.start('p2', store);
    await clock.runFor(5_000);
    // One half is held, the other arrives while the owner stands still: it is in its buffers when it goes on.
    const early = world.payAcross(world.invoice(100_000n), { delayMs: 3_000 });
    const half = world.payAcross(world.invoice(300_000n), { skip: true });
    await clock.runFor(2_000);
    first.process.freeze();
    await clock.runFor(25_000);
    // The nodes give up on connections that do not answer: then the other process gets the streams, and all is shown to it.
    first.process.cutSessions();
    await clock.runFor(95_000);
    expect(second.state('m1')).toBe('live');
    expect([early.record.outcome, half.record.outcome]).toEqual(['settled', 'failed']);
    const commits = store.commits;
    const rows = new Map([...store.accounts].map(([hash, account]) => [hash, account.parts]));
    const leases = new Map(store.leaseRows);
    const sent = world.answers.length;
    first.process.thaw();
    await clock.runFor(200);
    expect(store.commits).toBeGreaterThanOrEqual(commits);
    for (const [hash, parts] of rows) expect(store.accounts.get(hash)!.parts).toEqual(parts);
    for (const [nodeId, { owner, epoch }] of leases)
      expect(store.leaseRows.get(nodeId)).toMatchObject({ owner, epoch });
    await clock.runFor(30_000);
    // Whatever it sent to streams that nobody reads any more agrees with what the owner said.
    const said = new Map<string, Set<string>>();
    for (const { node, htlc, action } of world.answers) {
      const name = `${node} ${htlc}`;
      said.set(name, (said.get(name) ?? new Set()).add(action));
    }
    expect([...said.values()].filter((actions) => actions.size > 1)).toEqual([]);
    expect(sent).toBeGreaterThan(0);
    expect([first.state('m1'), second.state('m1')]).toEqual(['standby', 'live']);
  });

  it('finds what it was about to write refused', async () => {
    const { clock, store, world } = setting();
    // The first process's transactions leave it when it goes on: as if it stood still just before sending them.
    let held: (() => void)[] | undefined;
    const slow: LedgerStore = new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        if (name !== 'transact') return member.bind(target) as unknown;
        return async (...args: Parameters<LedgerStore['transact']>) => {
          const queue = held;
          if (queue) await new Promise<void>((resolve) => queue.push(resolve));
          return target.transact(...args);
        };
      },
    });
    const first = world.start('p1', slow);
    await clock.runFor(1_000);
    world.start('p2', store);
    await clock.runFor(5_000);
    held = [];
    const queue = held;
    const invoice = world.invoice(100_000n);
    const payment = world.payAcross(invoice);
    await clock.runFor(500); // both halves are on their way to the ledger
    first.process.freeze();
    first.process.cutSessions();
    await until(clock, () => payment.record.outcome === 'settled', 60_000);
    const { parts, sets } = store.account(toHex(invoice.paymentHash));
    held = undefined;
    for (const go of queue) go();
    first.process.thaw();
    await clock.runFor(1_000);
    expect(queue.length).toBeGreaterThan(0);
    const account = store.account(toHex(invoice.paymentHash));
    const said = (known: readonly Part[]): unknown =>
      Object.fromEntries(known.map(({ key, decision, final }) => [partKeyText(key), [decision.type, final]]));
    expect(said(account.parts)).toEqual(said(parts.map((part) => ({ ...part, final: 'settled' }))));
    expect(account.parts).toHaveLength(2);
    expect(account.sets.map(({ id }) => id)).toEqual(sets.map(({ id }) => id));
    expect(world.answers.filter(({ process }) => process === 'p1')).toEqual([]);
  });
});
