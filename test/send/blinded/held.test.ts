import { describe, expect, it } from 'vitest';
import {
  DEFAULT_MODIFIERS,
  FlowPlanner,
  HOLD_RECORD,
  Knowledge,
  planMissing,
  preparePayment,
  type Surroundings,
} from '../../../src/send/index.js';
import { unwrap } from '../../../src/wire/result.js';
import { headToText, partToText, stateFromText } from '../../../src/send/payment/codec.js';
import { Driven, HEIGHT, PREIMAGE, START, termsOf } from '../payment/support.js';
import { channel, graphOf, sourceOf } from '../support.js';
import { blindedPart, pathFrom, payeeOf, RELEASE } from './support.js';

const DAY = 24 * 3_600_000;
const payee = payeeOf([pathFrom(3), pathFrom(4)], 432);
const TERMS = { payee, maxBlocks: 2016, isHeld: true, firstHopRecords: [HOLD_RECORD] } as const;

/** Two parts that are out. */
const held = (): Driven => {
  const driven = new Driven(TERMS).send(blindedPart(payee, 0, 60_000n), blindedPart(payee, 1, 40_000n));
  expect(driven.state.parts.map(({ state }) => state)).toEqual(['sent', 'sent']);
  return driven;
};

const waits = (driven: Driven) => driven.commands.flatMap((each) => (each.type === 'wait' ? [each] : []));

describe('a payment that is held', () => {
  it('waits for days without a word, a wait or an end', () => {
    const driven = held();
    expect(waits(driven)).toEqual([]);
    driven.after(3 * DAY);
    expect(driven.commands).toEqual([]);
    expect(driven.state).toMatchObject({ phase: 'in_flight' });
    driven.settle(0);
    driven.settle(1);
    expect(driven.state).toMatchObject({ phase: 'succeeded', isEnded: true, preimage: PREIMAGE });
  });

  it('ends by its deadline where not all of it is out', () => {
    const driven = new Driven(TERMS).send(blindedPart(payee, 0, 60_000n));
    expect(waits(driven)).not.toEqual([]);
    driven.after(61_000);
    expect(driven.state).toMatchObject({ phase: 'stopping', stop: { code: 'deadline' } });
  });

  it('is not tried again: what comes back ends it, once the others have ended too', () => {
    const driven = held();
    driven.failWith(0, 2, 0xc018);
    expect(driven.state).toMatchObject({ phase: 'stopping', stop: { code: 'attempts' } });
    expect(driven.types()).not.toContain('plan');
    expect(driven.reportKinds()).toContain('stopping');
    driven.after(DAY);
    expect(driven.types()).not.toContain('plan');
    driven.failWith(1, 1, 0x1007);
    expect(driven.state).toMatchObject({ phase: 'failed', isEnded: true });
    expect(driven.state.parts).toHaveLength(2);
  });

  it('succeeds with the others even after one came back', () => {
    const driven = held();
    driven.failWith(0, 2, 0xc018);
    driven.settle(1);
    expect(driven.state.phase).toBe('succeeded');
  });

  it('goes on being looked up after a restart', () => {
    const driven = held();
    driven.tell({ type: 'restarted' });
    expect(driven.state.parts.map(({ state }) => state)).toEqual(['unknown', 'unknown']);
    expect(driven.types()).toContain('look_up');
    driven.after(2 * DAY);
    expect(driven.state.phase).toBe('in_flight');
    expect(driven.types()).toContain('look_up');
  });
});

describe('a release path', () => {
  const told = { kind: 'told', part: 0, releasePath: RELEASE };

  it('is recorded, then told, once, and again by the next process while the part is out', () => {
    const driven = held();
    driven.tell({ type: 'accepted', part: 0 });
    expect(driven.reports()).toEqual([]);
    driven.tell({ type: 'accepted', part: 0, releasePath: RELEASE });
    expect(driven.reports()).toEqual([told]);
    expect(driven.part(0).releasePath).toBe(RELEASE);
    driven.tell({ type: 'accepted', part: 0, releasePath: pathFrom(9).path });
    expect(driven.reports()).toEqual([]);
    const read = unwrap(stateFromText(headToText(driven.state), driven.state.parts.map(partToText)));
    expect(read).toEqual(driven.state);
    driven.tell({ type: 'restarted' });
    expect(driven.reports()).toEqual([told]);
    driven.failWith(0, 2, 0xc018);
    driven.tell({ type: 'restarted' });
    expect(driven.reportKinds()).not.toContain('told');
  });

  it('is ignored for what no peer was asked to hold, and for parts that are none', () => {
    const open = new Driven({ payee, maxBlocks: 2016 }).send(blindedPart(payee));
    open.tell({ type: 'accepted', part: 0, releasePath: RELEASE });
    expect([open.reports(), open.part(0).releasePath]).toEqual([[], undefined]);
    const driven = held();
    driven.tell({ type: 'accepted', part: 7, releasePath: RELEASE });
    expect(driven.reports()).toEqual([]);
  });
});

describe('peers that hold', () => {
  const channels = [
    channel(1, 0, 1, 1_000_000),
    channel(2, 0, 2, 1_000_000),
    channel(3, 1, 3, 1_000_000),
    channel(4, 2, 3, 1_000_000),
  ];
  const around = (holder: number | undefined): Surroundings => {
    const source = sourceOf(channels, 0);
    const own = source.channels.map((each) => ({
      ...each,
      ...(each.scid === BigInt(holder ?? 0) ? { holdsHtlcs: true } : {}),
    }));
    return {
      sources: [{ ...source, channels: own }],
      balancesReadAt: 0,
      knowledge: new Knowledge(graphOf(channels)),
      height: HEIGHT,
      now: START,
      chance: () => 0.9,
    };
  };
  const planned = (surroundings: Surroundings) => {
    const made = preparePayment(termsOf(TERMS), surroundings, DEFAULT_MODIFIERS);
    if (made.kind === 'refused') return made.reason;
    return planMissing(made.state, surroundings, new FlowPlanner(surroundings.knowledge.graph), DEFAULT_MODIFIERS);
  };

  it.each([1, 2])('are the only ones that parts go to: channel %i', (holder) => {
    const plan = planned(around(holder));
    if (!('kind' in plan) || plan.kind !== 'plan') throw new Error(plan.message);
    expect(plan.parts.map(({ hops }) => hops[0]!.scid)).toEqual([BigInt(holder)]);
    // The time for which they may hold it is the payee's.
    expect(plan.parts[0]!.hops.at(-1)!.expiry).toBe(HEIGHT + 432);
  });

  it('are needed: without one nothing is recorded', () => {
    expect(planned(around(undefined))).toMatchObject({ code: 'no_holder' });
  });
});
