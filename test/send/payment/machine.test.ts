import { describe, expect, it } from 'vitest';
import { missingMsat, outstandingOf, type Plan } from '../../../src/send/index.js';
import { Driven, HEIGHT, partOf, planOf, PREIMAGE, refusal, START } from './support.js';

const DETAILS = 0x400f;
const WRONG = new Uint8Array(32).fill(8);

describe('from start to end', () => {
  it('plans, records, sends, reports the first preimage and the end of the rest', () => {
    const payment = new Driven();
    expect(payment.tell({ type: 'start' }).commands).toEqual([
      { type: 'plan', ticket: 1, missingMsat: 100_000n },
      { type: 'wait', until: START + 60_000 },
    ]);
    payment.send(partOf(60_000n), partOf(40_000n, { via: [4] }));
    const order = payment.types().filter((type) => type === 'record' || type === 'send');
    expect(order).toEqual(['record', 'send', 'send']);
    expect(payment.commands).toContainEqual({ type: 'record', parts: [0, 1] });
    expect(payment.state.parts.map(({ state }) => state)).toEqual(['sent', 'sent']);
    expect(missingMsat(payment.state)).toBe(0n);
    payment.settle(0);
    expect(payment.reports().at(-1)).toEqual({
      kind: 'succeeded',
      preimage: PREIMAGE,
      feeMsat: 20n,
      pending: [{ part: 1, amountMsat: 40_000n, feeMsat: 10n, resolvesBy: HEIGHT + 58 }],
    });
    expect(payment.state.isEnded).toBe(false);
    payment.settle(1);
    expect(payment.reports().at(-1)).toEqual({ kind: 'ended', amountMsat: 100_000n, feeMsat: 20n });
    expect(payment.after(90_000).commands).toEqual([]);
  });

  it('plans what is missing only, once for failures that come together', () => {
    const payment = new Driven(
      {},
      { timing: { collectMs: 20, slowMs: 1e6, graceMs: 0, firstLookUpMs: 1, longestLookUpMs: 9 } },
    );
    payment.send(partOf(50_000n), partOf(30_000n), partOf(20_000n));
    payment.failWith(0, 1, 0x1007);
    payment.failWith(2, 1, 0x1007);
    expect(payment.types()).not.toContain('plan');
    expect(payment.commands).toContainEqual({ type: 'wait', until: START + 20 });
    expect(payment.after(20).commands).toContainEqual({ type: 'plan', ticket: 2, missingMsat: 70_000n });
  });

  it('the payee refuses: no new part, failure only when the last part is back', () => {
    const payment = new Driven().send(partOf(60_000n), partOf(40_000n));
    payment.failWith(0, 3, DETAILS);
    expect(payment.reports()).toContainEqual(
      expect.objectContaining({ kind: 'stopping', pending: [expect.objectContaining({ part: 1 })] }),
    );
    expect(payment.types()).not.toContain('plan');
    expect(payment.after(1000).commands.map(({ type }) => type)).not.toContain('report');
    payment.failWith(1, 3, DETAILS);
    expect(payment.reports().at(-1)).toMatchObject({ kind: 'failed', reason: { code: 'payee_refused' } });
    expect(payment.state.phase).toBe('failed');
  });

  it('a part without answer stays out past the deadline and is never replaced', () => {
    const payment = new Driven().send(partOf(60_000n), partOf(40_000n));
    payment.failWith(1, 1, 0x1007);
    payment.send(partOf(40_000n));
    payment.after(10_000);
    expect(payment.reports()).toContainEqual({ kind: 'progress', progress: { what: 'part_slow', part: 0 } });
    payment.after(50_000);
    expect(payment.reportKinds()).toContain('stopping');
    for (let day = 0; day < 30; day++) payment.after(86_400_000);
    expect(payment.state.phase).toBe('stopping');
    expect(outstandingOf(payment.state)).toMatchObject({ amountMsat: 100_000n, parts: 2 });
    payment.settle(0);
    expect(payment.reportKinds()).toContain('succeeded');
  });

  it('no plan at all is a failure at once; with parts out the payment waits for them', () => {
    const alone = new Driven();
    alone.tell({ type: 'start' });
    alone.tell({ type: 'planned', ticket: 1, answer: refusal });
    expect(alone.reports()).toMatchObject([{ kind: 'failed', reason: { code: 'no_plan', message: 'no route' } }]);
    const payment = new Driven().send(partOf(60_000n), partOf(40_000n));
    payment.failWith(0, 1, 0x1007);
    payment.tell({ type: 'planned', ticket: 2, answer: refusal });
    expect(payment.state.phase).toBe('in_flight');
    expect(payment.types()).not.toContain('plan');
    // The other one timed out at the payee for want of what has no plan.
    payment.failWith(1, 3, 23);
    expect(payment.reports().at(-1)).toMatchObject({ kind: 'failed', reason: { code: 'no_plan' } });
  });

  it('own channels that are busy are waited for, nodes accused in general are forgiven', () => {
    const busy = new Driven().send(partOf(100_000n));
    busy.fail(0, { kind: 'local', reason: 'channel_busy' });
    busy.tell({ type: 'planned', ticket: 2, answer: refusal });
    expect(busy.state.phase).toBe('waiting');
    expect(busy.after(5000).commands).toContainEqual({ type: 'plan', ticket: 3, missingMsat: 100_000n });
    const garbled = new Driven().send(partOf(100_000n));
    garbled.fail(0, { kind: 'unreadable' });
    expect(garbled.state.memory).toHaveLength(2);
    garbled.tell({ type: 'planned', ticket: 2, answer: refusal });
    expect(garbled.state.memory).toHaveLength(0);
    expect(garbled.types()).toContain('plan');
  });

  it('stops on request, before the start too', () => {
    const payment = new Driven();
    payment.tell({ type: 'stop' });
    expect(payment.reports()).toMatchObject([{ kind: 'failed', reason: { code: 'asked' } }]);
    expect(payment.tell({ type: 'start' }).commands).toEqual([]);
  });

  it('gives up after so many failed parts', () => {
    const payment = new Driven();
    for (let i = 0; i < 100; i++) payment.send(partOf(100_000n)).failWith(i, 1, 0x1007);
    expect(payment.reports().at(-1)).toMatchObject({ kind: 'failed', reason: { code: 'attempts' } });
  });
});

describe('waiting for a height', () => {
  const behind = { height: HEIGHT + 2, htlcMsat: 100_000n };

  it('waits for the block of a payee that is ahead, then pays again', () => {
    const payment = new Driven().send(partOf(100_000n));
    payment.failWith(0, 3, DETAILS, behind);
    expect(payment.state.phase).toBe('waiting');
    expect(payment.commands.at(-1)).toEqual({ type: 'wait', until: START + 60_000, height: HEIGHT + 2 });
    payment.height = HEIGHT + 1;
    expect(payment.after(10).commands.map(({ type }) => type)).toEqual(['wait']);
    payment.height = HEIGHT + 2;
    expect(payment.after(10).commands).toContainEqual({ type: 'plan', ticket: 2, missingMsat: 100_000n });
  });

  it('until the deadline only, three times only, and not for heights that nobody can have', () => {
    const late = new Driven().send(partOf(100_000n));
    late.failWith(0, 3, DETAILS, behind);
    expect(late.after(60_000).commands.at(-1)).toMatchObject({
      report: { kind: 'failed', reason: { code: 'deadline' } },
    });
    for (const height of [HEIGHT, HEIGHT + 7, 0xffff_ffff]) {
      const payment = new Driven().send(partOf(100_000n));
      payment.failWith(0, 3, DETAILS, { height });
      expect(payment.state.phase).toBe('failed');
    }
    const enough = new Driven().send(partOf(100_000n, { finalBlocks: 20 }));
    enough.failWith(0, 3, DETAILS, behind);
    expect(enough.state.phase).toBe('failed');
    const again = new Driven();
    for (let i = 0; i < 4; i++) {
      again.send(partOf(100_000n)).failWith(i, 3, DETAILS, { height: again.height + 2 });
      again.height += 2;
      again.after(1);
    }
    expect(again.state.phase).toBe('failed');
  });
});

describe('hostile and impossible outcomes', () => {
  it('a preimage that does not fit proves nothing: the part is looked up, never resent', () => {
    const payment = new Driven().send(partOf(100_000n));
    payment.settle(0, WRONG);
    expect(payment.part(0).state).toBe('unknown');
    expect(payment.types()).toContain('look_up');
    expect(payment.reportKinds()).toContain('alarm');
    expect(payment.reportKinds()).not.toContain('succeeded');
    for (const preimage of [new Uint8Array(), new Uint8Array(31), new Uint8Array(33)]) payment.settle(0, preimage);
    expect(payment.types()).not.toContain('send');
    expect(payment.state.phase).toBe('in_flight');
    payment.settle(0);
    expect(payment.state.phase).toBe('succeeded');
  });

  it('an outcome twice is once', () => {
    const payment = new Driven().send(partOf(60_000n), partOf(40_000n));
    payment.failWith(0, 1, 0x1007);
    const before = payment.state;
    payment.failWith(0, 1, 0x2002);
    expect(payment.state).toEqual(before);
    expect(payment.lessons()).toEqual([]);
    payment.settle(1);
    payment.settle(1);
    expect(payment.commands).toEqual([]);
    payment.failWith(1, 1, 0x1007);
    expect(payment.part(1).state).toBe('settled');
    expect(payment.reportKinds()).toEqual(['alarm']);
  });

  it('outcomes of parts that are not there change nothing, but a preimage is a preimage', () => {
    const payment = new Driven().send(partOf(100_000n));
    for (const id of [-1, 1, 7, 0.5, NaN]) {
      payment.failWith(id, 1, 0x1007);
      payment.settle(id, WRONG);
      payment.tell({ type: 'lost', part: id });
      payment.tell({ type: 'accepted', part: id });
      payment.tell({ type: 'looked_up', part: id, lookUp: 1, answer: { kind: 'never_seen' } });
    }
    expect(payment.state.parts.map(({ state }) => state)).toEqual(['sent']);
    payment.settle(7);
    expect(payment.reportKinds()).toEqual(['alarm', 'succeeded']);
  });

  it('a part that settles after it was reported as failed: the payment is paid, and somebody is told', () => {
    const payment = new Driven().send(partOf(100_000n));
    payment.failWith(0, 3, DETAILS);
    expect(payment.state.phase).toBe('failed');
    payment.settle(0);
    expect(payment.reportKinds()).toEqual(['alarm', 'progress', 'alarm', 'succeeded', 'ended']);
  });

  it('plans over a limit, late, twice or empty are not carried out', () => {
    const start = (): Driven => {
      const payment = new Driven({ budgetMsat: 15n, maxParts: 2, maxBlocks: 200 });
      payment.tell({ type: 'start' });
      return payment;
    };
    const good = partOf(100_000n);
    const bad: readonly Plan[] = [
      planOf(),
      planOf(partOf(100_001n)),
      planOf(partOf(50_000n), partOf(50_000n)),
      planOf(partOf(100_000n, { feeMsat: 16n })),
      planOf(...[1, 2, 3].map(() => partOf(30_000n, { feeMsat: 0n }))),
      planOf(partOf(100_000n, { finalBlocks: 127 })),
      planOf({ ...good, hops: [] }),
      planOf({ ...good, amountMsat: 0n }),
      planOf({ ...good, amountMsat: 1000n }),
      planOf({ ...good, feeMsat: -10n }),
      planOf({ ...good, hops: [...good.hops].reverse() }),
    ];
    for (const answer of bad) {
      const payment = start();
      payment.tell({ type: 'planned', ticket: 1, answer });
      expect(payment.state.parts).toEqual([]);
      payment.tell({ type: 'planned', ticket: 2, answer });
      payment.tell({ type: 'planned', ticket: 3, answer });
      expect(payment.reports().at(-1)).toMatchObject({ kind: 'failed', reason: { code: 'bad_plan' } });
    }
    const payment = start();
    for (const ticket of [0, 2, NaN]) payment.tell({ type: 'planned', ticket, answer: planOf(good) });
    expect(payment.state.parts).toEqual([]);
    payment.tell({ type: 'planned', ticket: 1, answer: planOf(good) });
    payment.tell({ type: 'planned', ticket: 1, answer: planOf(good) });
    expect(payment.state.parts).toHaveLength(1);
  });
});

describe('after a crash', () => {
  it('looks parts up and believes "never seen" only when asked after the grace', () => {
    const payment = new Driven().send(partOf(100_000n));
    payment.tell({ type: 'restarted' });
    expect(payment.part(0).state).toBe('unknown');
    expect(payment.commands).toContainEqual(expect.objectContaining({ type: 'look_up', lookUp: 1 }));
    const neverSeen = (lookUp: number): void => {
      payment.tell({ type: 'looked_up', part: 0, lookUp, answer: { kind: 'never_seen' } });
    };
    // Asked too early, however late the answer comes.
    payment.now += 9000;
    neverSeen(1);
    expect(payment.part(0).state).toBe('unknown');
    payment.after(31_000);
    expect(payment.commands).toContainEqual(expect.objectContaining({ type: 'look_up', lookUp: 2 }));
    neverSeen(1);
    expect(payment.part(0).state).toBe('unknown');
    neverSeen(2);
    expect(payment.part(0)).toMatchObject({ state: 'failed', failure: { kind: 'never_sent' } });
    expect(payment.types()).toContain('plan');
  });

  it('asks again while the node is away or the part in flight', () => {
    const payment = new Driven().send(partOf(100_000n));
    payment.tell({ type: 'lost', part: 0 });
    for (const kind of ['unavailable', 'in_flight', 'unavailable'] as const) {
      const lookUp = payment.part(0).lookUps!;
      payment.tell({ type: 'looked_up', part: 0, lookUp, answer: { kind } });
      expect(payment.part(0).state).toBe('unknown');
      payment.now = payment.part(0).lookUpAt!;
      expect(payment.tell({ type: 'tick' }).commands).toContainEqual(expect.objectContaining({ type: 'look_up' }));
    }
    payment.tell({ type: 'looked_up', part: 0, lookUp: 1, answer: { kind: 'settled', preimage: PREIMAGE } });
    expect(payment.state.phase).toBe('succeeded');
  });

  it('repeats the reports of ends', () => {
    const paid = new Driven().send(partOf(100_000n));
    paid.settle(0);
    paid.tell({ type: 'restarted' });
    expect(paid.reportKinds()).toEqual(['succeeded', 'ended']);
    const failed = new Driven().send(partOf(100_000n));
    failed.failWith(0, 3, DETAILS);
    failed.tell({ type: 'restarted' });
    expect(failed.reportKinds()).toEqual(['failed']);
  });
});

describe('parts that do not arrive together', () => {
  it('repeats the same parts, then uses fewer, then stops', () => {
    const payment = new Driven().send(partOf(60_000n), partOf(40_000n));
    payment.failWith(0, 3, 23);
    payment.failWith(1, 3, 23);
    expect(payment.state.repeat).toEqual([0, 1]);
    payment.tell({ type: 'planned', ticket: 2, answer: planOf(partOf(60_000n)) });
    payment.send(partOf(40_000n));
    payment.failWith(2, 3, 23);
    payment.failWith(3, 3, 23);
    expect(payment.state.adjustments.maxParts).toBe(1);
    expect(payment.state.phase).toBe('in_flight');
    payment.send(partOf(100_000n)).failWith(4, 3, 23);
    expect(payment.reports().at(-1)).toMatchObject({ kind: 'failed', reason: { code: 'payee_waits' } });
  });
});
