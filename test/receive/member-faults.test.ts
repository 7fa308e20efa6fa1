/** What a member does when its keys, its clocks, its database or its node are not as they should be. */
import { describe, expect, it } from 'vitest';
import { sampleForward } from '../../src/bench/payments.js';
import type { Clock } from '../../src/receive/clock.js';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import type { Member } from '../../src/receive/member.js';
import { toHex } from '../../src/wire/bytes.js';
import { FakePort, NODE_ID, OTHER_NODE_ID, otherProcess, rig, ringOf, troubled } from './fake-port.js';
import { FakeLedgerStore } from '../support/fake-ledger-store.js';

describe('a settled part whose key epoch is retired', () => {
  it.each([
    [false, 'while the stream is being opened'],
    [false, 'later'],
    [true, 'while the stream is being opened'],
    [true, 'later'],
  ])('is settled (on chain: %s, shown %s)', async (onChain, when) => {
    const { clock, store, port, payment, member } = rig();
    const [htlc] = payment();
    const before = await otherProcess(store, clock, { nodeId: NODE_ID, ttl: 10_000 });
    expect((await before(htlc!)).type).toBe('settle');
    await clock.runFor(20_000); // that process is gone
    const again = { ...htlc!, onChain };
    if (when !== 'later') port.shown = [again];
    const alpha = member({ keys: () => ringOf(2) });
    alpha.start();
    await clock.runFor(2_000);
    if (when === 'later') port.show(again);
    await clock.runFor(10_000);
    expect(port.actions).toEqual(['settle']);
    await clock.finish(alpha.stop());
  });

  it('on chain waits for the ledger when the database is away', async () => {
    const { clock, store, port, alarms, payment, member } = rig();
    const [htlc] = payment();
    await (
      await otherProcess(store, clock, { nodeId: NODE_ID, ttl: 10_000 })
    )(htlc!);
    await clock.runFor(20_000);
    const foreign = { ...sampleForward(NODE_ID, htlc!), onChain: true };
    port.shown = [{ ...htlc!, onChain: true }, foreign];
    const way = troubled(clock, store);
    way.failAfter = 0;
    const alpha = member({ keys: () => ringOf(2), store: way.store });
    alpha.start();
    await clock.runFor(30_000);
    expect([port.opened.length, port.actions]).toEqual([1, []]);
    way.failAfter = undefined;
    await clock.runFor(10_000);
    expect([port.actions, alpha.status().heldHtlcs, alarms]).toEqual([['settle'], 0, []]);
    await clock.finish(alpha.stop());
  });
});

describe('clocks', () => {
  it.each(['the database', 'the machine'])(
    'that are set back (%s) keep no decision of another process away',
    async (which) => {
      const { clock, port, payment, member } = rig();
      const back = { database: 0, machine: 0 };
      const shared = new FakeLedgerStore({ now: () => clock.now() + back.database });
      const machine: Clock = {
        now: () => clock.now() + back.machine,
        after: (delay, task) => clock.after(delay, task),
        soon: (task) => {
          clock.soon(task);
        },
      };
      const [mine, theirs] = payment([NODE_ID, OTHER_NODE_ID]);
      port.shown = [mine!];
      const alpha = member({ store: shared, ledger: new Ledger({ store: shared, owner: 'this' }), clock: machine });
      alpha.start();
      await clock.runFor(1_500);
      if (which === 'the database') back.database = -1_800_000;
      else back.machine = -1_800_000;
      await clock.runFor(9_000);
      const other = await otherProcess(shared, { now: () => clock.now() + back.database });
      expect((await other(theirs!)).type).toBe('settle');
      const decidedAt = clock.now();
      await clock.runFor(10_000); // no hint comes
      expect(port.actions).toEqual(['settle']);
      expect(port.answers[0]!.at - decidedAt).toBeLessThanOrEqual(4_000);
      await clock.finish(alpha.stop());
    },
  );

  it('that go on while the process sleeps are no reason to give way', async () => {
    const { clock, store, port, member } = rig();
    const jump = { ms: 0 };
    const machine: Clock = {
      now: () => clock.now() + jump.ms,
      after: (delay, task) => clock.after(delay, task),
      soon: (task) => {
        clock.soon(task);
      },
    };
    const way = troubled(clock, store);
    const alpha = member({ store: way.store, clock: machine });
    alpha.start();
    await clock.runFor(30_000);
    jump.ms = 600_000;
    way.failAfter = 0;
    await clock.runFor(3_000);
    way.failAfter = undefined;
    await clock.runFor(60_000);
    expect([port.opened.length, alpha.status().state]).toEqual([1, 'live']);
    await clock.finish(alpha.stop());
  });
});

describe('a database that hangs', () => {
  it.each([0, 1_000, 3_000, 9_000])('keeps no lost stream from being opened anew (%i ms later)', async (after) => {
    const { clock, store, port, payment, member } = rig();
    const way = troubled(clock, store);
    port.shown = payment([NODE_ID, OTHER_NODE_ID]).slice(0, 1); // held, so that decisions are asked for
    const alpha = member({ store: way.store });
    alpha.start();
    await clock.runFor(30_000);
    way.failAfter = 12_000;
    await clock.runFor(after);
    const lostAt = clock.now();
    port.lose('the node was restarted');
    await clock.runFor(60_000);
    expect(port.opened.length).toBe(2);
    expect(port.opened[1]! - lostAt).toBeLessThanOrEqual(2_500);
    way.failAfter = undefined;
    await clock.finish(alpha.stop());
  });
});

describe('a node that is not synced', () => {
  it('has its forwards resumed and its settled parts answered, and takes up nothing new until it is', async () => {
    const { clock, store, port, payment, member } = rig();
    const [settled] = payment();
    const [undecided] = payment([NODE_ID, OTHER_NODE_ID]);
    const [fresh] = payment();
    const before = await otherProcess(store, clock, { nodeId: NODE_ID, ttl: 10_000 });
    expect((await before(settled!)).type).toBe('settle');
    expect((await before(undecided!)).type).toBe('hold');
    await clock.runFor(20_000);
    port.synced = false;
    port.shown = [settled!, undecided!, fresh!, sampleForward(NODE_ID, fresh!)];
    const alpha = member();
    alpha.start();
    await clock.runFor(20_000);
    expect(port.actions.toSorted()).toEqual(['resume', 'settle']);
    expect(port.answers.find(({ action }) => action === 'settle')!.htlcId).toBe(settled!.key.htlcId);
    expect([alpha.status().state, alpha.status().heldHtlcs]).toEqual(['waiting', 2]);
    expect(alpha.status().reason).toContain('not synced');
    const { epoch } = store.leaseRows.get(toHex(NODE_ID))!;
    expect((await store.readAccount(toHex(undecided!.paymentHash))).parts[0]!.presentedEpoch).toBeLessThan(epoch);
    expect((await store.readAccount(toHex(fresh!.paymentHash))).parts).toEqual([]);
    port.synced = true;
    await clock.runFor(10_000);
    expect([alpha.status().state, port.opened.length]).toEqual(['live', 1]);
    expect(port.actions.toSorted()).toEqual(['resume', 'settle', 'settle']);
    expect((await store.readAccount(toHex(undecided!.paymentHash))).parts[0]!.presentedEpoch).toBe(epoch);
    await clock.finish(alpha.stop());
  });

  it('does not lose its stream for that, and is told of after minutes', async () => {
    const { clock, port, alarms, member } = rig();
    const alpha = member();
    alpha.start();
    await clock.runFor(30_000);
    port.synced = false;
    const lostAt = clock.now();
    port.lose('connection reset');
    await clock.runFor(120_000);
    expect(port.opened[1]! - lostAt).toBeLessThanOrEqual(1_000);
    expect(alarms).toEqual([]);
    await clock.runFor(70_000);
    expect(alarms).toEqual([expect.objectContaining({ code: 'node-away', node: 'alpha' })]);
    expect(alarms[0]!.message).toContain('not synced');
    await clock.finish(alpha.stop());
    await clock.runFor(600_000);
    expect(alarms).toHaveLength(1);
  });
});

describe('a node that cannot be reached', () => {
  it('is served again within two seconds of its return', async () => {
    const { clock, port, alarms, member } = rig();
    const alpha = member();
    alpha.start();
    await clock.runFor(30_000);
    for (const downMs of [31_000, 47_300, 59_900]) {
      port.trouble = 'connection refused';
      port.lose('connection reset');
      await clock.runFor(downMs);
      port.trouble = undefined;
      const count = port.opened.length;
      await clock.runFor(2_000);
      expect(port.opened.length).toBe(count + 1);
      await clock.runFor(30_000);
    }
    expect(alarms).toEqual([]);
    await clock.finish(alpha.stop());
  });

  it('is told of after minutes, with what the node says', async () => {
    const { clock, port, alarms, member } = rig();
    const reasons: string[] = [];
    const alpha = member({ onState: ({ reason }) => reasons.push(reason ?? '') });
    alpha.start();
    await clock.runFor(10_000);
    port.trouble = 'the macaroon is revoked';
    await clock.runFor(3_000);
    expect(reasons).toContain('the macaroon is revoked');
    expect(reasons.join()).not.toContain('heartbeat');
    await clock.runFor(200_000);
    expect(alarms[0]).toMatchObject({ code: 'node-away', node: 'alpha' });
    expect(alarms[0]!.message).toContain('the macaroon is revoked');
    const told = alarms.length;
    port.trouble = undefined;
    await clock.runFor(600_000);
    expect([alpha.status().state, alarms.length]).toEqual(['live', told]);
    await clock.finish(alpha.stop());
  });
});

describe('two members of one process', () => {
  it('that are the same node: the second is refused, and the first is left alone', async () => {
    const { clock, store, port, alarms, member } = rig();
    const ledger = new Ledger({ store, owner: 'this process' });
    const twin = new FakePort(clock, 'twin');
    const members: Member[] = [];
    const others = (): readonly Member[] => members;
    members.push(member({ ledger, others }), member({ ledger, others, node: twin }));
    for (const one of members) one.start();
    await clock.runFor(600_000);
    expect([port.opened.length, twin.opened.length]).toEqual([1, 0]);
    expect(alarms).toEqual([expect.objectContaining({ code: 'node-refused', node: 'twin' })]);
    expect(alarms[0]!.message).toContain('the same node as alpha');
    expect(store.leaseRows.get(toHex(NODE_ID))!.epoch).toBe(1);
    await clock.finish(members[0]!.stop());
    await clock.runFor(60_000);
    expect(twin.opened.length).toBe(1);
    await clock.finish(members[1]!.stop());
  });
});

describe('a question that the database did not take', () => {
  it('is not put again when the HTLC was shown anew on chain', async () => {
    const { clock, store, port, payment, member } = rig();
    const [mine] = payment([NODE_ID, OTHER_NODE_ID]);
    const alpha = member();
    alpha.start();
    await clock.runFor(5_000);
    port.show(mine!);
    await clock.runFor(100);
    store.failBeforeCommit(1);
    port.show(mine!); // asked again in half a second
    await clock.runFor(200);
    port.show({ ...mine!, onChain: true });
    await clock.runFor(2_000);
    expect((await store.readAccount(toHex(mine!.paymentHash))).parts[0]!.presentedEpoch).toBe(0);
    await clock.finish(alpha.stop());
  });
});

describe('an answer that the node does not take', () => {
  it.each([
    ['sent', ['settle settled']],
    ['unknown', ['settle gone']],
    ['closed', []],
  ] as const)('is not told as a settle (%s)', async (fate, told) => {
    const { clock, port, payment, member } = rig();
    const outcomes: string[] = [];
    const alpha = member({ onAnswered: (action, reason) => outcomes.push(`${action} ${reason}`) });
    port.fate = fate;
    alpha.start();
    await clock.runFor(1_000);
    port.show(payment()[0]!);
    await clock.runFor(1_000);
    expect(outcomes).toEqual(told);
    await clock.finish(alpha.stop());
  });
});
