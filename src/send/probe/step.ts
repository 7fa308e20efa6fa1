/**
 * The probing machine: how much gets through to a payee, by bisection, without paying. Parts go out with hashes that nobody
 * has a preimage for, all parts of an amount at once; a part has arrived when the payee itself turns it down. Nothing here
 * can cost anything but time: whatever is not answered is left to its node.
 */
import { satWords } from '../words.js';
import type { Msat } from '../../wire/units.js';
import { faultOfPlan } from '../payment/check-plan.js';
import { counted } from '../payment/failure/context.js';
import { react } from '../payment/failure/react.js';
import type { ReportedFailure } from '../payment/failure/reported.js';
import { rowOf } from '../payment/failure/table.js';
import type { Lesson } from '../payment/lessons.js';
import type { PartOutcome } from '../payment/messages.js';
import type { Adjustments, StopReason } from '../payment/payment.js';
import type { Plan, Refusal } from '../plan/request.js';
import { guessOf, nextAmount } from './bisect.js';
import { ProbeDraft } from './draft.js';
import type { ProbeContext, ProbeEvent, ProbeTransition } from './messages.js';
import type { Attempt, ProbePart, ProbeState } from './state.js';
import { isJoint, partsWith, paymentNow, planView } from './view.js';

/** Plans and repeated waves for one amount. */
const MOST_WAVES = 10;
const MOST_PARTS = 400;
/** Nobody waits longer for one part: it counts as not arrived. */
const PATIENCE_MS = 10_000;
/** Failures that come within this are planned for together. */
const COLLECT_MS = 20;
/** Shared by all nodes of a route that gives no answer. */
const SLOW_MARK = 0.1;

/** Pure but for the bytes drawn. Never throws, whatever nodes report. */
export function probeStep(state: ProbeState, event: ProbeEvent, context: ProbeContext): ProbeTransition {
  const draft = new ProbeDraft(state, context);
  handle(draft, event);
  advance(draft);
  return draft.transition();
}

function handle(draft: ProbeDraft, event: ProbeEvent): void {
  switch (event.type) {
    case 'start': {
      if (draft.state.phase !== 'prepared') return;
      draft.set({ phase: 'running' });
      draft.begin(draft.state.payment.terms.amountMsat);
      return;
    }
    case 'planned': {
      planned(draft, event.ticket, event.answer);
      return;
    }
    case 'outcome': {
      ended(draft, event.part, event.outcome);
      return;
    }
    case 'lost': {
      const lost = draft.state.parts[event.part];
      if (!lost || !isOnTheWay(lost)) return;
      endPart(draft, lost);
      planSoon(draft, COLLECT_MS);
      return;
    }
    case 'tick':
      return;
    case 'stop': {
      draft.finish({ code: 'asked', message: 'the probe was stopped on request' });
      return;
    }
  }
}

const isOnTheWay = ({ fate }: ProbePart): boolean => fate === 'out' || fate === 'stuck';

/** The reservation ends before the lessons of the end. */
function endPart(draft: ProbeDraft, ended: ProbePart): void {
  draft.release(ended);
  draft.setFate(ended.part.id, 'over');
}

function planSoon(draft: ProbeDraft, afterMs: number): void {
  const planAt = Math.max(draft.state.attempt?.planAt ?? 0, draft.context.now + afterMs);
  draft.setAttempt({ blocked: undefined, planAt });
}

function planned(draft: ProbeDraft, ticket: number, answer: Plan | Refusal): void {
  const { state, context } = draft;
  const { attempt } = state;
  if (!state.isPlanning || ticket !== state.plans || !attempt) return;
  draft.set({ isPlanning: false });
  if (answer.kind === 'refusal') {
    refused(draft, answer);
    return;
  }
  const fault = faultOfPlan(answer, planView(state, attempt).payment, context.height);
  if (fault === undefined) {
    draft.sendWave(answer.parts);
    return;
  }
  draft.command({ type: 'alarm', message: `a plan was not carried out: ${fault}` });
  draft.finish({ code: 'bad_plan', message: `the planner breaks the probe's limits: ${fault}` });
}

function refused(draft: ProbeDraft, refusal: Refusal): void {
  const { payment } = draft.state;
  const isUnsure = (lesson: Lesson): boolean => lesson.kind === 'node_off' && lesson.unsure === true;
  const { restUntil } = payment.adjustments;
  if (payment.memory.some(isUnsure)) {
    // Nodes that nobody accused for certain are better than no way at all.
    draft.set({ payment: { ...payment, memory: payment.memory.filter((lesson) => !isUnsure(lesson)) } });
    planSoon(draft, 0);
  } else if (partsWith(draft.state, 'out').length === 0 && restUntil > draft.context.now) {
    draft.setAttempt({ planAt: restUntil });
  } else draft.setAttempt({ blocked: refusal });
}

function ended(draft: ProbeDraft, id: number, outcome: PartOutcome): void {
  const ended = draft.state.parts[id];
  if (outcome.kind === 'settled') {
    const message = `part ${id} of a probe is reported as settled, and nobody can know its preimage: check the node that sent it`;
    draft.command({ type: 'alarm', message });
    if (ended && isOnTheWay(ended)) endPart(draft, ended);
    draft.finish({ code: 'payee_node', message });
    return;
  }
  if (ended && isOnTheWay(ended)) failed(draft, ended, outcome.failure);
}

/** The payee has had the part in hand: it turned down the hash, the amount, or waited for other parts. */
function hasArrived(failure: ReportedFailure, { part }: ProbePart): boolean {
  if (failure.kind !== 'decoded' || failure.reporter !== part.hops.length) return false;
  const { final, name } = rowOf(failure.code);
  return final === 'details' || final === 'mpp_timeout' || name === 'incorrect_payment_amount';
}

function failed(draft: ProbeDraft, ended: ProbePart, failure: ReportedFailure): void {
  const { context, state } = draft;
  const { now, height, verifyUpdate } = context;
  const attempt = state.attempt ?? NO_ATTEMPT;
  const asPayment = paymentNow(state, attempt);
  const reaction = react(failure, {
    ...{ state: asPayment, part: ended.part, now, height },
    ...(verifyUpdate ? { verifyUpdate } : {}),
  });
  if (hasArrived(failure, ended)) {
    // One that nobody waited for any more was replaced by another.
    if (ended.fate === 'out') draft.setFate(ended.part.id, 'arrived');
    else endPart(draft, ended);
    draft.learn(reaction.lessons.filter(({ kind }) => kind === 'passed'));
    return;
  }
  endPart(draft, ended);
  draft.learn(reaction.lessons);
  remember(draft, reaction.seen ?? [], reaction.adjust ?? {});
  if (reaction.alarm) draft.command({ type: 'alarm', message: reaction.alarm });
  const { next } = reaction;
  if (next.kind === 'stop') draft.finish(next.reason);
  else planSoon(draft, next.kind === 'pause' ? next.forMs : COLLECT_MS);
}

/** For answers that come after the end. */
const NO_ATTEMPT: Attempt = { amountMsat: 0n, budgetMsat: 0n, paymentSecret: new Uint8Array(32), waves: 0 };

function remember(draft: ProbeDraft, keys: readonly string[], adjust: Partial<Adjustments>): void {
  const { payment } = draft.state;
  const seen = counted(payment.seen, keys, draft.state.parts.length);
  draft.set({ payment: { ...payment, seen, adjustments: { ...payment.adjustments, ...adjust } } });
  const { attempt } = draft.state;
  if (keys.length === 0 || !draft.state.isPlanning || !attempt) return;
  // The plan that is being made knows nothing of it: another is made instead.
  draft.set({ isPlanning: false });
  draft.setAttempt({ waves: attempt.waves - 1 });
}

function advance(draft: ProbeDraft): void {
  const { now } = draft.context;
  if (draft.state.phase === 'running' && now >= draft.state.payment.terms.deadline) {
    draft.finish({ code: 'deadline', message: 'the time for the probe is over: allow more time' });
  }
  if (draft.state.phase !== 'running') return;
  giveUpWaiting(draft);
  if (partsWith(draft.state, 'out').length === 0) draft.releaseArrived();
  decide(draft);
  planMore(draft);
  waitForNext(draft);
}

function giveUpWaiting(draft: ProbeDraft): void {
  for (const { part } of partsWith(draft.state, 'out')) {
    if (part.sentAt! + PATIENCE_MS > draft.context.now) continue;
    draft.setFate(part.id, 'stuck');
    const interior = part.hops.slice(0, -1);
    const weight = SLOW_MARK / Math.max(1, interior.length);
    draft.learn(
      interior.flatMap(({ nodeId: node }): Lesson[] => [
        { kind: 'node_off', node, unsure: true },
        { kind: 'mark_node', node, weight },
      ]),
    );
    planSoon(draft, 0);
  }
}

const sumOf = (parts: readonly ProbePart[]): Msat => parts.reduce((sum, { part }) => sum + part.amountMsat, 0n);

/** Ends amounts until one needs the network again. */
function decide(draft: ProbeDraft): void {
  const { state } = draft;
  const { attempt } = state;
  if (!attempt || state.isPlanning || partsWith(state, 'out').length > 0) return;
  const arrived = partsWith(state, 'arrived');
  const isWhole = sumOf(arrived) >= attempt.amountMsat;
  const isTired = attempt.waves >= MOST_WAVES || state.parts.length >= MOST_PARTS;
  if (isWhole && isJoint(arrived)) succeeded(draft, attempt, arrived);
  else if (attempt.blocked) {
    const { blocked } = attempt;
    const reason: StopReason = { code: 'no_plan', message: blocked.message, refusal: blocked };
    fell(draft, attempt, arrived, reason, guessOf(blocked, sumOf(arrived)));
  } else if (isTired) {
    const message = `too many parts failed at this amount: try again later or a smaller amount`;
    fell(draft, attempt, arrived, { code: 'attempts', message });
  } else if (isWhole) again(draft, attempt, arrived);
}

/** The same parts at once, to see whether they get through together. */
function again(draft: ProbeDraft, attempt: Attempt, arrived: readonly ProbePart[]): void {
  const { height } = draft.context;
  for (const { part } of arrived) draft.setFate(part.id, 'over');
  draft.setAttempt({ waves: attempt.waves + 1 });
  draft.sendWave(
    arrived.map(({ part }) => ({
      ...part,
      hops: part.hops.map((hop) => ({ ...hop, expiry: hop.expiry + height - part.height })),
    })),
  );
}

function stepOf(attempt: Attempt, arrived: readonly ProbePart[]) {
  const feeMsat = arrived.reduce((sum, { part }) => sum + part.feeMsat, 0n);
  return { amountMsat: attempt.amountMsat, parts: arrived.length, feeMsat };
}

function succeeded(draft: ProbeDraft, attempt: Attempt, arrived: readonly ProbePart[]): void {
  const step = stepOf(attempt, arrived);
  const how = arrived.length === 1 ? 'in one part' : `in ${arrived.length} parts`;
  draft.report({ ...step, outcome: 'arrived', words: `it arrived ${how}` });
  draft.set({ arrived: { amountMsat: step.amountMsat, feeMsat: step.feeMsat } });
  goOn(draft);
}

function fell(
  draft: ProbeDraft,
  attempt: Attempt,
  arrived: readonly ProbePart[],
  reason: StopReason,
  guess?: Msat,
): void {
  // All of it may have arrived and yet not together: later parts over channels that earlier ones had left again.
  const sum = sumOf(arrived);
  const together = sum < attempt.amountMsat ? '' : ', but never all at once';
  const partly = sum > 0n ? `${satWords(sum)} of it arrived${together}; ` : '';
  draft.report({ ...stepOf(attempt, arrived), outcome: 'did_not', words: `${partly}${reason.message}` });
  draft.set({ failedMsat: attempt.amountMsat, reason });
  goOn(draft, guess);
}

function goOn(draft: ProbeDraft, guess?: Msat): void {
  const next = draft.state.parts.length >= MOST_PARTS ? undefined : nextAmount(draft.state, guess);
  if (next === undefined) draft.finish();
  else draft.begin(next);
}

function planMore(draft: ProbeDraft): void {
  const { state, context } = draft;
  const { attempt } = state;
  if (!attempt || state.isPlanning || attempt.blocked) return;
  const missing = attempt.amountMsat - sumOf(partsWith(state, 'out')) - sumOf(partsWith(state, 'arrived'));
  const isTired = attempt.waves >= MOST_WAVES || state.parts.length >= MOST_PARTS;
  if (missing <= 0n || isTired || (attempt.planAt ?? 0) > context.now) return;
  const ticket = state.plans + 1;
  draft.set({ plans: ticket, isPlanning: true });
  draft.setAttempt({ waves: attempt.waves + 1, planAt: undefined });
  draft.command({ type: 'plan', ticket, view: planView(state, attempt) });
}

function waitForNext(draft: ProbeDraft): void {
  const { state, context } = draft;
  if (state.phase !== 'running') return;
  const times = partsWith(state, 'out').map(({ part }) => part.sentAt! + PATIENCE_MS);
  if (state.attempt?.planAt !== undefined) times.push(state.attempt.planAt);
  const until = Math.min(state.payment.terms.deadline, ...times);
  draft.command({ type: 'wait', until: Math.max(context.now, until) });
}
