import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Account, type HtlcSet, type LedgerCommand, partKeyText } from '../../../src/receive/ledger/types.js';
import { Desk, HASH, HEIGHT, key, PREIMAGE, SECRET, TOTAL } from './desk.js';

const NODES = ['n1', 'n2', 'n3'];

type Action =
  | { readonly do: 'command'; readonly command: (desk: Desk) => LedgerCommand }
  | { readonly do: 'world'; readonly change: (desk: Desk) => void };

const node = fc.constantFrom(...NODES);
const htlc = fc.nat(3);
const staleness = fc.constantFrom(0, 0, 0, 1);

const partOf = fc.record({
  node,
  htlc,
  amountMsat: fc.constantFrom(1n, TOTAL / 2n, TOTAL - 1n, TOTAL, 2n ** 64n - 1n),
  totalMsat: fc.constantFrom(TOTAL, TOTAL, TOTAL + 1n),
  paymentSecret: fc.constantFrom(SECRET, SECRET, '00'.repeat(32)),
  preimage: fc.constantFrom(PREIMAGE, PREIMAGE, undefined),
  deadline: fc.constantFrom(HEIGHT + 12, HEIGHT + 14, HEIGHT + 80),
});

const commands: fc.Arbitrary<Action> = fc
  .oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constant('admit' as const), partOf, staleness) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('refuse' as const), partOf, staleness) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('recall' as const), partOf, staleness) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('review' as const), partOf, staleness) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('settled' as const), partOf, staleness) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('failed' as const), partOf, staleness) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('settle-hold' as const), partOf, staleness) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('cancel' as const), partOf, staleness) },
  )
  .map(([type, wanted, stale]) => ({
    do: 'command',
    command: (desk): LedgerCommand => {
      const part = desk.presented(wanted);
      const epoch = part.epoch - stale;
      switch (type) {
        case 'admit':
          return { type, part: { ...part, epoch } };
        case 'refuse':
          return { type, part: { ...part, epoch }, reason: 'no', message: Uint8Array.of(0x40, 0x0f) };
        case 'recall':
          return { type, key: part.key, epoch, paymentHash: HASH, onChain: false };
        case 'settled':
        case 'failed':
          return {
            type: 'final',
            key: key(wanted.node, wanted.htlc),
            paymentHash: HASH,
            outcome: type,
            onChain: false,
          };
        case 'settle-hold':
          return { type, paymentHash: HASH, preimage: wanted.preimage };
        default:
          return { type, paymentHash: HASH };
      }
    },
  }));

const worldChanges: fc.Arbitrary<Action> = fc
  .oneof(
    fc.tuple(fc.constant('wait' as const), node, fc.constantFrom(1, 5_000, 20_000, 60_000, 600_000)),
    fc.tuple(fc.constant('reconnect' as const), node, fc.constant(0)),
    fc.tuple(fc.constant('beat' as const), node, fc.nat(3)),
    fc.tuple(fc.constant('expire' as const), node, fc.constant(0)),
  )
  .map(([type, name, amount]) => ({
    do: 'world',
    change: (desk) => {
      const lease = desk.leases.get(name)!;
      if (type === 'wait') desk.now += amount;
      else if (type === 'reconnect') desk.lease(name, { epoch: lease.epoch + 1, expiresAt: desk.now + 10_000 });
      else if (type === 'beat') desk.lease(name, { expiresAt: desk.now + 10_000, height: lease.height + amount });
      else desk.lease(name, { expiresAt: desk.now });
    },
  }));

const histories = fc.record({
  hold: fc.boolean(),
  actions: fc.array(fc.oneof({ weight: 3, arbitrary: commands }, { weight: 2, arbitrary: worldChanges }), {
    maxLength: 40,
  }),
});

const committed = ({ state }: HtlcSet): boolean => state === 'settling' || state === 'settled';

function expectLawful(before: Account, after: Account): void {
  for (const old of before.parts) {
    const now = after.parts.find((part) => partKeyText(part.key) === partKeyText(old.key))!;
    if (old.decision.type !== 'none') expect(now.decision).toBe(old.decision);
    if (old.final !== 'none') expect(now.final).toBe(old.final);
    expect(now.setId).toBe(old.setId);
    expect(now.amountMsat).toBe(old.amountMsat);
  }
  for (const old of before.sets) {
    const now = after.sets.find(({ id }) => id === old.id)!;
    if (old.state === 'failed') expect(now.state).toBe('failed');
    if (committed(old)) expect(committed(now)).toBe(true);
    if (committed(old)) expect([now.preimage, now.settledMsat]).toEqual([old.preimage, old.settledMsat]);
  }
  expect(after.sets.filter(committed).length).toBeLessThanOrEqual(1);
  for (const set of after.sets) {
    const parts = after.parts.filter(({ setId }) => setId === set.id);
    const settle = parts.filter(({ decision }) => decision.type === 'settle');
    const sum = settle.reduce((total, { amountMsat }) => total + amountMsat, 0n);
    if (committed(set)) {
      expect(sum).toBe(set.settledMsat);
      expect(sum >= set.totalMsat).toBe(true);
      expect(set.preimage).toBeDefined();
    } else {
      expect(settle).toEqual([]);
    }
    if (set.state !== 'open') expect(parts.every(({ decision }) => decision.type !== 'none')).toBe(true);
    if (set.state === 'settled') expect(settle.every(({ final }) => final !== 'none')).toBe(true);
  }
  for (const part of after.parts) {
    if (part.setId === undefined) expect(part.decision.type).toBe('fail');
    if (part.final === 'lost') expect(part.decision.type).toBe('settle');
  }
}

describe('any history of commands', () => {
  it('keeps the rules after every step, and every command given twice changes nothing the second time', () => {
    let settled = 0;
    let failed = 0;
    fc.assert(
      fc.property(histories, ({ hold, actions }) => {
        const desk = new Desk(NODES);
        if (hold) desk.hold();
        for (const action of actions) {
          const before = desk.account;
          if (action.do === 'world') {
            action.change(desk);
            continue;
          }
          const command = action.command(desk);
          const reply = desk.do(command);
          expectLawful(before, desk.account);
          desk.review(); // some commands leave what only time has changed to a review
          const after = desk.account;
          const events = desk.events.length;
          const second = desk.do(command);
          expect(desk.account).toEqual(after);
          expect(desk.events.length).toBe(events);
          if (reply.type === 'settle' || reply.type === 'fail') expect(second).toEqual(reply);
          if (reply.type === 'fenced') expect(second).toEqual(reply);
        }
        if (desk.account.sets.some(committed)) settled += 1;
        if (desk.account.sets.some(({ state }) => state === 'failed')) failed += 1;
      }),
      { numRuns: 1_500 },
    );
    // Positive control: the histories get somewhere.
    expect(settled).toBeGreaterThan(40);
    expect(failed).toBeGreaterThan(100);
  });
});
