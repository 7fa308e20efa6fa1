/** Parts that were planned together and fail alike are one event: they count once, and nobody pays for it twice. */
import { describe, expect, it } from 'vitest';
import {
  FAILURE_TABLE,
  type Lesson,
  type PaymentTerms,
  type ProbeEvent,
  probeStep,
  type ReportedFailure,
} from '../../../src/send/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { failing, ProbeWorld } from '../probe/world.js';
import { channel, nodeId } from '../support.js';
import { Driven, HEIGHT, partOf, planOf, type RouteOptions, START, updateOf } from './support.js';

const DETAILS = 0x400f;

/** A payment that keeps all that it was taught. */
class Rounds extends Driven {
  readonly learnt: Lesson[] = [];

  constructor(over: Partial<PaymentTerms> = {}) {
    super(over, { verifyUpdate: () => true });
  }

  /** Plans so many parts and lets each of them fail. */
  round(parts: number, failure: ReportedFailure, routes: readonly RouteOptions[] = [{}]): this {
    const first = this.state.parts.length;
    const amount = 100_000n / BigInt(parts);
    this.send(...Array.from({ length: parts }, (_, i) => partOf(amount, routes[i % routes.length])));
    expect(this.state.parts).toHaveLength(first + parts);
    for (let id = first; id < first + parts; id++) {
      this.fail(id, failure);
      for (const command of this.commands) if (command.type === 'learn') this.learnt.push(...command.lessons);
    }
    return this;
  }

  /** What was done to others: each mark counts, a channel that is off twice is off. */
  get harm(): string[] {
    const all: readonly Lesson[] = [...this.learnt, ...this.state.memory];
    const marks: string[] = [];
    const bans = new Set<string>();
    for (const lesson of all) {
      if (lesson.kind === 'mark_node') marks.push(`mark ${toHex(lesson.node)} ${lesson.weight}`);
      else if (lesson.kind === 'avoid_node') bans.add(`avoid node ${toHex(lesson.node)} ${lesson.forMs}`);
      else if (lesson.kind === 'avoid_channel') bans.add(`avoid channel ${lesson.channel.scid} ${lesson.forMs}`);
      else if (lesson.kind === 'node_off') bans.add(`node off ${toHex(lesson.node)}`);
      else if (lesson.kind === 'channel_off') bans.add(`channel off ${lesson.channel.scid}`);
    }
    return [...marks, ...bans].sort();
  }

  get counts(): number[] {
    return Object.values(this.state.seen).map(({ times }) => times);
  }
}

const decoded = (code: number, reporter: number, fields = {}): ReportedFailure => ({
  kind: 'decoded',
  code,
  reporter,
  fields,
});

const hint = { from: nodeId(3), scid: 399n, feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 };
const hinted = { payee: { nodeId: nodeId(99), finalCltvDelta: 18, hints: [[hint]] } };
const OFFSET: RouteOptions = { finalBlocks: 58 };

interface Case {
  readonly failure: ReportedFailure;
  readonly terms?: Partial<PaymentTerms>;
  readonly route?: RouteOptions;
}

const cases: [string, Case][] = [];
for (const [code, { name }] of FAILURE_TABLE) {
  for (const reporter of [0, 1, 2, 3])
    cases.push([`${name} from node ${reporter}`, { failure: decoded(code, reporter) }]);
}
const change = { channelUpdate: updateOf() };
cases.push(
  ['new terms in an update', { failure: decoded(0x100c, 1, change) }],
  [
    'new terms that were met',
    { failure: decoded(0x100c, 2, { channelUpdate: updateOf({ scid: 399n, base: 0, ppm: 0, cltv: 40 }) }) },
  ],
  ['new terms of the own node', { failure: decoded(0x100c, 0, { channelUpdate: updateOf({ scid: 102n }) }) }],
  ['a hint that cannot carry', { failure: decoded(0x1007, 2), terms: hinted, route: { lastKind: 'hint' } }],
  ['a blinded path that fails', { failure: decoded(0xc018, 2), terms: hinted, route: { lastKind: 'hint' } }],
  ['too far with blocks to spare', { failure: decoded(21, 1), terms: { offsetBlocks: 40 }, route: OFFSET }],
  ['too far at the payee, likewise', { failure: decoded(21, 3), terms: { offsetBlocks: 40 }, route: OFFSET }],
  [
    'too soon with blocks behind the payee',
    { failure: decoded(0x100e, 1), terms: { offsetBlocks: 40 }, route: OFFSET },
  ],
  ['a payee two blocks ahead', { failure: decoded(DETAILS, 3, { height: HEIGHT + 2 }) }],
  ['a channel of the own node that is busy', { failure: { kind: 'local', reason: 'channel_busy' } }],
);

describe.each(cases)('%s', (_, { failure, terms, route = {} }) => {
  const alone = new Rounds(terms).round(1, failure, [route]);

  it.each([2, 4])('from %i parts of one plan is as from one', (parts) => {
    const payment = new Rounds(terms).round(parts, failure, [route]);
    expect(payment.harm).toEqual(alone.harm);
    expect(payment.counts).toEqual(alone.counts);
    expect(payment.state.adjustments).toEqual(alone.state.adjustments);
    expect(payment.state.waiting).toEqual(alone.state.waiting);
    expect([payment.state.phase, payment.state.stop]).toEqual([alone.state.phase, alone.state.stop]);
  });
});

describe('the next round counts again', () => {
  const roundsUntilEnd = (failure: ReportedFailure, parts: number): number => {
    const payment = new Rounds({ deadline: START + 600_000 });
    for (let round = 1; round < 9; round++) {
      payment.round(parts, failure);
      if (payment.state.phase === 'failed') return round;
      payment.after(20_000);
    }
    return Infinity;
  };

  it.each([1, 2, 4])('a payee in temporary trouble gets three pauses for plans of %i parts', (parts) => {
    expect(roundsUntilEnd(decoded(0x2002, 3), parts)).toBe(4);
  });

  it.each([1, 2, 4])('parts that do not arrive together have three rounds, here of %i', (parts) => {
    expect(roundsUntilEnd(decoded(23, 3), parts)).toBe(3);
  });

  it.each([1, 2, 4])('a payee ahead is waited for three times, here with %i parts', (parts) => {
    const payment = new Rounds();
    for (let round = 1; round <= 4; round++) {
      payment.round(parts, decoded(DETAILS, 3, { height: payment.height + 2 }));
      expect(payment.state.phase).toBe(round < 4 ? 'waiting' : 'failed');
      payment.height += 2;
      payment.after(1);
    }
  });

  it.each([1, 2, 4])('an own channel that refuses is off at the third round of %i', (parts) => {
    for (const failure of [decoded(0x1007, 0), { kind: 'local', reason: 'balance' } as const]) {
      const payment = new Rounds();
      for (let round = 1; round <= 3; round++) {
        expect(payment.state.memory).toEqual([]);
        payment.round(parts, failure).after(5000);
      }
      expect(payment.state.memory).toContainEqual({ kind: 'channel_off', channel: { scid: 102n, direction: 0 } });
    }
  });

  it.each([2, 4])('terms that are wrong after they were adopted: off, one mark, for %i parts', (parts) => {
    const payment = new Rounds().round(parts, decoded(0x100c, 1, change));
    expect(payment.harm).toEqual([]);
    payment.round(parts, decoded(0x100c, 1, { channelUpdate: updateOf({ base: 3000 }) }));
    expect(payment.harm).toEqual(['channel off 203', `mark ${toHex(nodeId(2))} 0.3`]);
  });

  it.each([2, 4])('blocks that do not help cost the channels, each node one mark a round, for %i parts', (parts) => {
    const payment = new Rounds().round(parts, decoded(0x100e, 1));
    expect(payment.harm).toEqual([`mark ${toHex(nodeId(2))} 0.1`]);
    payment.round(parts, decoded(0x100e, 1), [{ finalBlocks: 24 }, { via: [2, 4], finalBlocks: 24 }]);
    const marks = [`mark ${toHex(nodeId(2))} 0.1`, `mark ${toHex(nodeId(2))} 0.1`];
    expect(payment.harm).toEqual(['channel off 203', 'channel off 204', ...marks]);
  });
});

describe('parts of one plan over different ways', () => {
  it('adopt the terms of one hint once, whichever way they came', () => {
    const update = updateOf({ scid: 399n });
    const by3 = { verifyUpdate: () => true };
    const payment = new Driven(hinted, by3).send(
      ...[[2, 3], [4, 3], [5, 3], [3]].map((via) => partOf(25_000n, { via, lastKind: 'hint' })),
    );
    for (const id of [0, 1, 2]) payment.failWith(id, 2, 0x100c, { channelUpdate: update });
    payment.failWith(3, 1, 0x100c);
    expect(payment.state.memory.map(({ kind }) => kind)).toEqual(['policy']);
    expect(payment.lessons()).not.toContain('mark_node');
  });

  it('that say too far, some on the way and some at the payee, all get a plan with fewer blocks', () => {
    for (const reporters of [
      [1, 3, 2, 3],
      [3, 1, 3, 2],
    ]) {
      const payment = new Rounds({ offsetBlocks: 40 }).send(...reporters.map(() => partOf(25_000n, OFFSET)));
      for (const [id, reporter] of reporters.entries()) payment.failWith(id, reporter, 21);
      expect(payment.state).toMatchObject({ phase: 'in_flight', memory: [], adjustments: { offsetBlocks: 0 } });
      payment.round(1, decoded(21, 3));
      expect(payment.state.stop).toMatchObject({ code: 'payee_node' });
    }
  });
});

describe('a lesson while a plan is being made', () => {
  it('the plan is not carried out, and another is asked for', () => {
    const payment = new Driven().send(partOf(60_000n), partOf(40_000n, { via: [4, 5] }));
    payment.failWith(0, 1, 0x1007);
    expect(payment.state).toMatchObject({ isPlanning: true, plans: 2 });
    payment.failWith(1, 1, 0x100e);
    expect(payment.commands).toContainEqual({ type: 'plan', ticket: 3, missingMsat: 100_000n });
    payment.tell({ type: 'planned', ticket: 2, answer: planOf(partOf(60_000n)) });
    expect(payment.state.parts).toHaveLength(2);
    payment.tell({ type: 'planned', ticket: 3, answer: planOf(partOf(100_000n)) });
    expect(payment.state.parts).toHaveLength(3);
  });

  it('goes on with a plan when nothing new was said', () => {
    const payment = new Driven().send(partOf(60_000n), partOf(40_000n));
    payment.failWith(0, 1, 0x100e);
    payment.failWith(1, 1, 0x100e);
    expect(payment.state).toMatchObject({ isPlanning: true, plans: 2 });
  });
});

describe('waiting for a block', () => {
  it('is not cut short by a pause, nor by a lower block', () => {
    const payment = new Driven().send(...[1, 2, 3].map(() => partOf(30_000n)), partOf(10_000n));
    payment.failWith(0, 3, 0x2002);
    payment.failWith(1, 3, DETAILS, { height: HEIGHT + 2 });
    expect(payment.state.waiting).toMatchObject({ height: HEIGHT + 2 });
    payment.failWith(2, 3, 0x1999);
    payment.failWith(3, 3, DETAILS, { height: HEIGHT + 1 });
    expect(payment.state.waiting).toMatchObject({ height: HEIGHT + 2 });
    expect(payment.state.waiting?.until).toBeUndefined();
    expect(payment.after(10_000).commands.map(({ type }) => type)).not.toContain('plan');
    payment.height += 2;
    expect(payment.after(1).commands).toContainEqual({ type: 'plan', ticket: 2, missingMsat: 100_000n });
  });

  it('two pauses last as long as the longer one', () => {
    const payment = new Rounds({ deadline: START + 600_000 }).round(1, decoded(0x2002, 3));
    payment.after(1000);
    payment.send(partOf(50_000n), partOf(50_000n));
    payment.failWith(1, 3, 0x2002);
    payment.failWith(2, 3, 0x1999);
    expect(payment.state.waiting).toMatchObject({ until: payment.now + 2000 });
  });

  it('a part that comes back after the block is planned anew', () => {
    const payment = new Driven().send(partOf(50_000n), partOf(50_000n));
    payment.failWith(0, 3, DETAILS, { height: HEIGHT + 2 });
    payment.height += 2;
    payment.after(1);
    payment.failWith(1, 3, DETAILS, { height: HEIGHT + 2 });
    expect(payment.state).toMatchObject({ phase: 'in_flight', seen: { waited_for_height: { times: 1, parts: 2 } } });
    // Not an excuse for a part that was made for this height.
    payment.tell({ type: 'planned', ticket: 2, answer: planOf(partOf(50_000n, { finalBlocks: 20 })) });
    payment.failWith(2, 3, DETAILS, { height: HEIGHT + 2 });
    expect(payment.state.stop).toMatchObject({ code: 'payee_refused' });
  });

  it('the retired code that names no height waits for the next block', () => {
    const payment = new Driven().send(partOf(50_000n), partOf(50_000n));
    payment.failWith(0, 3, 17);
    payment.failWith(1, 3, 17);
    expect(payment.state).toMatchObject({ phase: 'waiting', waiting: { height: HEIGHT + 1 } });
    const enough = new Driven().send(partOf(100_000n, { finalBlocks: 19 }));
    enough.failWith(0, 3, 17);
    expect(enough.state.phase).toBe('failed');
  });
});

describe('a probe', () => {
  const ways = [2, 3, 4, 5].flatMap((node) => [
    channel(10 + node, 1, node, 4_000_000),
    channel(100 + node, node, 99, 1_000_000),
  ]);

  it('counts waves as a payment counts rounds, however many parts are over', () => {
    const world = new ProbeWorld(ways, 3_400_000_000n, {
      terms: { budgetMsat: 200_000_000n },
      fate: ({ part }, nth) => (nth < 4 ? failing(part.id, part.hops.length, 0x2002) : undefined),
    });
    const answer = world.run();
    expect(world.sent.length).toBeGreaterThan(4);
    expect(answer.reason?.code).not.toBe('payee_node');
    expect(world.state.payment.seen).toEqual({ 'pause:temporary_node_failure': { times: 1, parts: 4 } });
  });

  it('does not carry a plan out that was made before a lesson, and it costs no wave', () => {
    let { state } = new ProbeWorld(ways, 100_000n);
    let now = START;
    const tell = (event: ProbeEvent) => {
      const made = probeStep(state, event, { now, height: HEIGHT, randomBytes: (length) => new Uint8Array(length) });
      ({ state } = made);
      return made.commands.map(({ type }) => type);
    };
    tell({ type: 'start' });
    tell({ type: 'planned', ticket: 1, answer: planOf(partOf(60_000n), partOf(40_000n, { via: [4, 5] })) });
    tell(failing(0, 1, 0x1007));
    now += 20;
    expect(tell({ type: 'tick' })).toContain('plan');
    tell(failing(1, 1, 0x100e));
    tell({ type: 'planned', ticket: 2, answer: planOf(partOf(60_000n)) });
    expect(state.parts).toHaveLength(2);
    now += 20;
    expect(tell({ type: 'tick' })).toContain('plan');
    expect(state).toMatchObject({ plans: 3, attempt: { waves: 2 } });
  });
});
