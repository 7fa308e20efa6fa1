import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/crypto/index.js';
import {
  adaptiveSplitting,
  applyLessons,
  DEFAULT_MODIFIERS,
  directPay,
  exemptFee,
  FlowPlanner,
  keysend,
  Knowledge,
  type Modifier,
  newPayment,
  ownBalances,
  payeeLimits,
  type PaymentState,
  type PaymentTerms,
  planMissing,
  preparePayment,
  presplitting,
  routeHints,
  sameRoute,
  shadowOffset,
  step,
  type Surroundings,
} from '../../../src/send/index.js';
import { channel, graphOf, nodeId, sourceOf, sumOf } from '../support.js';
import { Driven, HEIGHT, partOf, planOf, PREIMAGE, refusal, START, termsOf } from './support.js';

// 1 -- 2 -- 4 and 1 -- 3 -- 4, own node 1; half of a channel can be sent.
const CHANNELS = [channel(12, 1, 2, 400), channel(13, 1, 3, 400), channel(24, 2, 4, 2000), channel(34, 3, 4, 2000)];
const graph = graphOf(CHANNELS);
const planner = new FlowPlanner(graph);
const PAYEE = { nodeId: nodeId(4), finalCltvDelta: 18, hints: [] };

function surroundings(over: Partial<Surroundings> = {}): Surroundings {
  const knowledge = new Knowledge(graph);
  const sources = [sourceOf(CHANNELS, 1)];
  return { sources, balancesReadAt: START, knowledge, height: HEIGHT, now: START, chance: () => 0.3, ...over };
}

const paying = (amountMsat: bigint, over: Partial<PaymentTerms> = {}): PaymentState =>
  newPayment(termsOf({ amountMsat, payee: PAYEE, ...over }));

function prepared(modifier: Modifier, over: Partial<PaymentTerms> = {}, around = surroundings()): PaymentTerms {
  const made = preparePayment(termsOf({ payee: PAYEE, ...over }), around, [modifier]);
  if (made.kind === 'refused') throw new Error(made.reason.message);
  return made.state.terms;
}

function planned(state: PaymentState, modifiers: readonly Modifier[], around = surroundings()) {
  const answer = planMissing(state, around, planner, modifiers);
  if (answer.kind === 'refusal') throw new Error(answer.message);
  return answer;
}

describe('a payment with the default modifiers', () => {
  it('is prepared, planned by the flow planner, sent and paid', () => {
    const around = surroundings();
    const made = preparePayment(termsOf({ amountMsat: 300_000n, payee: PAYEE }), around, DEFAULT_MODIFIERS);
    if (made.kind === 'refused') throw new Error(made.reason.message);
    const payment = new Driven({}, { modifiers: DEFAULT_MODIFIERS });
    payment.state = made.state;
    payment.tell({ type: 'start' });
    const answer = planMissing(payment.state, around, planner, DEFAULT_MODIFIERS);
    payment.tell({ type: 'planned', ticket: 1, answer });
    expect(payment.state.parts).toHaveLength(2);
    for (const { lessons } of payment.commands.filter((command) => command.type === 'learn')) {
      applyLessons(around.knowledge, lessons, START);
    }
    payment.failWith(0, 1, 0x1007);
    for (const command of payment.commands) {
      if (command.type === 'learn') applyLessons(around.knowledge, command.lessons, START);
    }
    const failed = payment.part(0).hops[1]!;
    expect(around.knowledge.range(failed, START)).toMatchObject({ hi: Number(failed.amountMsat) - 1, inFlight: 0 });
    payment.settle(1);
    expect(payment.state.phase).toBe('succeeded');
  });

  it('is refused before anything is sent where that can be known', () => {
    const made = preparePayment(termsOf({ amountMsat: 400_001n, payee: PAYEE }), surroundings(), DEFAULT_MODIFIERS);
    expect(made).toMatchObject({ kind: 'refused', reason: { code: 'own_balance' } });
    const offline = preparePayment(termsOf(), surroundings({ sources: [] }), DEFAULT_MODIFIERS);
    expect(offline).toMatchObject({ kind: 'refused', reason: { code: 'own_balance' } });
  });
});

describe('modifiers of the stage prepare', () => {
  it('exempt fee raises small budgets only', () => {
    expect(prepared(exemptFee(), { budgetMsat: 1n }).budgetMsat).toBe(5000n);
    expect(prepared(exemptFee(), { budgetMsat: 5001n }).budgetMsat).toBe(5001n);
    expect(prepared(exemptFee(0n), { budgetMsat: 0n }).budgetMsat).toBe(0n);
  });

  it('shadow offset is three hops at most and a quarter of the blocks left', () => {
    const offset = (chance: number, maxBlocks: number) =>
      prepared(shadowOffset, { maxBlocks }, surroundings({ chance: () => chance })).offsetBlocks;
    expect(offset(0.1, 1000)).toBe(120);
    expect(offset(0.9, 1000)).toBe(0);
    expect(offset(0.1, 118)).toBe(25);
    expect(offset(0.1, 10)).toBe(0);
    const state = paying(10_000n, { offsetBlocks: 40 });
    expect(planned(state, []).parts[0]!.hops.at(-1)!.expiry).toBe(HEIGHT + 58);
  });

  it('route hints are cut, and dropped with loops, own nodes or absurd terms', () => {
    const hop = (from: number, over = {}) => ({
      from: nodeId(from),
      scid: 5n,
      feeBaseMsat: 0,
      feePpm: 0,
      cltvDelta: 9,
      ...over,
    });
    const hints = [
      [hop(7)],
      [],
      [hop(7), hop(8), hop(7)],
      [hop(4)],
      [hop(1)],
      [hop(7, { feeBaseMsat: 2 ** 32 })],
      [hop(7, { cltvDelta: -1 })],
      Array.from({ length: 15 }, (_, i) => hop(20 + i)),
    ];
    const left = prepared(routeHints, { payee: { ...PAYEE, hints } }).payee.hints;
    expect(left.map((hint) => hint.map(({ from }) => from[32]))).toEqual([
      [7],
      [25, 26, 27, 28, 29, 30, 31, 32, 33, 34],
    ]);
  });

  it('payee limits: one part without MPP, six per hint of a payee that the graph does not know', () => {
    const hints = [[{ from: nodeId(3), scid: 5n, feeBaseMsat: 0, feePpm: 0, cltvDelta: 9 }]];
    const hidden = { nodeId: nodeId(77), finalCltvDelta: 18, hints };
    expect(prepared(payeeLimits, { supportsMpp: false }).maxParts).toBe(1);
    expect(prepared(payeeLimits, { payee: hidden }).maxParts).toBe(6);
    expect(prepared(payeeLimits, { payee: hidden, maxParts: 3 }).maxParts).toBe(3);
    expect(prepared(payeeLimits, { payee: { ...PAYEE, hints } }).maxParts).toBe(10);
  });

  it('keysend puts its preimage into every part and is one part without a payment secret', () => {
    const terms = prepared(keysend(PREIMAGE, [{ type: 65_537n, value: new Uint8Array([1]) }]));
    expect(terms).toMatchObject({
      maxParts: 1,
      records: { keysendPreimage: PREIMAGE, customRecords: [{ type: 65_537n }] },
    });
    const paymentData = { paymentSecret: new Uint8Array(32), totalMsat: 100_000n };
    expect(prepared(keysend(PREIMAGE), { records: { paymentData } }).maxParts).toBe(10);
    const other = { paymentHash: sha256(new Uint8Array(32)) };
    expect(preparePayment(termsOf(other), surroundings(), [keysend(PREIMAGE)])).toMatchObject({ kind: 'refused' });
    const driven = new Driven({ records: terms.records }).send(partOf(100_000n));
    expect(driven.part(0).records.keysendPreimage).toEqual(PREIMAGE);
  });
});

describe('modifiers of the stage plan', () => {
  it('own balances take off what the nodes do not show yet', () => {
    const sent = new Driven({ amountMsat: 300_000n, payee: PAYEE });
    const over12 = partOf(150_000n, { via: [2], payee: 4, feeMsat: 0n });
    const part = { ...over12, hops: over12.hops.map((hop, i) => (i === 0 ? { ...hop, scid: 12n } : hop)) };
    sent.send(part);
    const firstHops = (readAt: number) =>
      planned(sent.state, [ownBalances], surroundings({ balancesReadAt: readAt })).parts.map(({ hops }) => hops[0]!);
    for (const hop of firstHops(START).filter(({ scid }) => scid === 12n))
      expect(hop.amountMsat).toBeLessThanOrEqual(50_000n);
    expect(sumOf(firstHops(START).map(({ amountMsat }) => amountMsat))).toBeGreaterThanOrEqual(150_000n);
    const blind = planMissing(
      sent.state,
      surroundings({ balancesReadAt: START, sources: [{ ...sourceOf([CHANNELS[0]!], 1) }] }),
      planner,
      [ownBalances],
    );
    expect(blind).toMatchObject({ kind: 'refusal', code: 'own_balance', spendableMsat: 50_000n });
  });

  it('a direct peer is paid over the own channel, where that carries the amount', () => {
    const state = paying(150_000n, { payee: { ...PAYEE, nodeId: nodeId(2) } });
    const never = { plan: () => refusal };
    const plan = planMissing(state, surroundings(), never, [directPay]);
    expect(plan).toMatchObject({ kind: 'plan', feeMsat: 0n, parts: [{ hops: [{ scid: 12n, expiry: HEIGHT + 18 }] }] });
    const driven = new Driven();
    driven.state = state;
    driven.tell({ type: 'start' });
    driven.tell({ type: 'planned', ticket: 1, answer: plan });
    expect(driven.types()).toContain('send');
    const large = paying(200_001n, { payee: { ...PAYEE, nodeId: nodeId(2) } });
    expect(planMissing(large, surroundings(), never, [directPay])).toBe(refusal);
    const resting = surroundings();
    resting.knowledge.avoidChannel({ scid: 12n, direction: 0 }, START + 1);
    expect(planMissing(state, resting, never, [directPay])).toBe(refusal);
  });

  it('presplit makes near-equal parts once, with reservations undone', () => {
    const options = { targetMsat: 50_000n, fuzz: 0.1, slotShare: 1 };
    const around = surroundings();
    const plan = planned(paying(250_000n), [presplitting(options)], around);
    expect(plan.parts.length).toBeGreaterThanOrEqual(5);
    expect(sumOf(plan.parts.map(({ amountMsat }) => amountMsat))).toBe(250_000n);
    expect(plan.feeMsat).toBe(sumOf(plan.parts.map(({ feeMsat }) => feeMsat)));
    for (const hop of plan.parts.flatMap(({ hops }) => hops)) {
      expect(around.knowledge.range(hop, START)?.inFlight ?? 0).toBe(0);
    }
    const perChannel = (scid: bigint) =>
      sumOf(
        plan.parts
          .map(({ hops }) => hops[0]!)
          .filter((hop) => hop.scid === scid)
          .map(({ amountMsat }) => amountMsat),
      );
    expect(perChannel(12n)).toBeLessThanOrEqual(200_000n);
    expect(perChannel(13n)).toBeLessThanOrEqual(200_000n);
    expect(
      planned(paying(250_000n, { supportsMpp: false, amountMsat: 100_000n }), [presplitting(options)]).parts,
    ).toHaveLength(1);
  });

  it('adaptive split halves what a single-route planner cannot place', () => {
    const single = { plan: (request: Parameters<FlowPlanner['plan']>[0]) => planner.plan({ ...request, maxParts: 1 }) };
    const state = paying(300_000n);
    expect(planMissing(state, surroundings(), single, []).kind).toBe('refusal');
    const plan = planMissing(state, surroundings(), single, [adaptiveSplitting]);
    if (plan.kind === 'refusal') throw new Error(plan.message);
    expect(plan.parts).toHaveLength(2);
    expect(sumOf(plan.parts.map(({ amountMsat }) => amountMsat))).toBe(300_000n);
    expect(planMissing(paying(500_000n), surroundings(), single, [adaptiveSplitting]).kind).toBe('refusal');
  });

  it('the same route again, for the height of now', () => {
    const driven = new Driven({ payee: PAYEE, amountMsat: 100_000n });
    driven.send(...planned(paying(100_000n), []).parts);
    driven.failWith(0, driven.part(0).hops.length, 23);
    const around = surroundings({ height: HEIGHT + 3 });
    const again = planMissing(driven.state, around, { plan: () => refusal }, [sameRoute]);
    if (again.kind === 'refusal') throw new Error(again.message);
    expect(again.parts[0]!.hops.map(({ scid }) => scid)).toEqual(driven.part(0).hops.map(({ scid }) => scid));
    expect(again.parts[0]!.hops.map(({ expiry }) => expiry)).toEqual(
      driven.part(0).hops.map(({ expiry }) => expiry + 3),
    );
    const elsewhere = surroundings({ sources: [] });
    expect(planMissing(driven.state, elsewhere, { plan: () => refusal }, [sameRoute])).toBe(refusal);
  });
});

/**
 * An operator's own: the likeliest part to fail goes ahead and the others follow when it had time to fail, and no payment
 * leaves from a node at night. Modifiers are values: put them into the list at the place where they are to take part.
 */
const scoutAhead = (aheadMs: number): Modifier => ({
  name: 'scout-ahead',
  send(sendAt, part, plan) {
    const riskiest = Math.min(...plan.map(({ successProbability }) => successProbability));
    return part.successProbability === riskiest ? sendAt : sendAt + aheadMs;
  },
});

const closedAtNight = (node: Uint8Array, isNight: (now: number) => boolean): Modifier => ({
  name: 'closed-at-night',
  plan(request, next) {
    if (!isNight(request.now)) return next(request);
    return next({ ...request, sources: request.sources.filter(({ nodeId: id }) => id[32] !== node[32]) });
  },
});

describe("an operator's own modifiers", () => {
  it('hold parts back, and drop them when the payment ends before', () => {
    const risky = { ...partOf(40_000n), successProbability: 0.2 };
    const payment = new Driven({}, { modifiers: [scoutAhead(300)] }).send(partOf(60_000n), risky);
    expect(payment.state.parts.map(({ state }) => state)).toEqual(['planned', 'sent']);
    // What is held back counts as spoken for.
    expect(payment.types()).not.toContain('plan');
    expect(payment.commands.at(-1)).toEqual({ type: 'wait', until: START + 300 });
    const stopped = step(payment.state, { type: 'stop' }, { now: START, height: HEIGHT, modifiers: [] });
    expect(stopped.state.parts.map(({ state }) => state)).toEqual(['failed', 'sent']);
    payment.after(300);
    expect(payment.types().filter((type) => type === 'record' || type === 'send')).toEqual(['record', 'send']);
    expect(payment.part(0).state).toBe('sent');
  });

  it('steer the planner', () => {
    const night = closedAtNight(nodeId(1), (now) => now === START);
    expect(planMissing(paying(10_000n), surroundings(), planner, [night])).toMatchObject({ code: 'invalid_request' });
    expect(planned(paying(10_000n), [night], surroundings({ now: START + 1 })).parts).toHaveLength(1);
  });

  it('cannot make the machine send more than it may', () => {
    const twice: Modifier = {
      name: 'twice',
      plan: (request, next) => next({ ...request, amountMsat: request.amountMsat * 2n }),
    };
    const payment = new Driven({ payee: PAYEE });
    payment.tell({ type: 'start' });
    payment.tell({ type: 'planned', ticket: 1, answer: planned(payment.state, [twice]) });
    expect(payment.state.parts).toEqual([]);
    const late: Modifier = { name: 'never', send: () => -1 };
    expect(new Driven({}, { modifiers: [late] }).send(...planOf(partOf(100_000n)).parts).part(0).state).toBe('sent');
  });
});
