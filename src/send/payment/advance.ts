/** What follows from a state by itself, after every event: ends, sends, plans, look-ups and the next wait. */
import type { Preimage } from '../../wire/units.js';
import type { Draft } from './draft.js';
import { onlyWaits } from './held.js';
import { MINUTE } from './lessons.js';
import type { PaymentPart, PaymentState, StopReason } from './payment.js';
import { isOut, missingMsat, outstandingOf, partsOut, pendingParts } from './sums.js';

/** No part is begun from here on. What is out goes on counting until its nodes have said how it ended. */
export function stopPayment(draft: Draft, reason: StopReason): void {
  const { phase } = draft.state;
  if (phase === 'succeeded' || phase === 'failed' || phase === 'stopping') return;
  draft.clear('planAt', 'blocked', 'waiting');
  draft.set({ phase: 'stopping', stop: reason, isPlanning: false });
  dropPlanned(draft);
  const pending = pendingParts(draft.state);
  if (pending.length > 0) draft.report({ kind: 'stopping', reason, pending });
}

/** The preimage proves the payment, whatever else is out and whatever was said before. */
export function succeed(draft: Draft, preimage: Preimage): void {
  if (draft.state.phase === 'failed') draft.alarm('the payment settled after it was reported as failed');
  draft.clear('planAt', 'blocked', 'waiting');
  draft.set({ phase: 'succeeded', preimage, isPlanning: false, isEnded: false });
  dropPlanned(draft);
  reportSuccess(draft);
}

export function reportSuccess(draft: Draft): void {
  const { feeMsat } = outstandingOf(draft.state);
  const preimage = draft.state.preimage!;
  draft.report({ kind: 'succeeded', preimage, feeMsat, pending: pendingParts(draft.state) });
}

function dropPlanned(draft: Draft): void {
  for (const { id, state } of draft.state.parts) {
    if (state === 'planned') {
      draft.setPart(id, { state: 'failed', endedAt: draft.context.now, failure: { kind: 'never_sent' } });
    }
  }
}

export function advance(draft: Draft): void {
  const { now } = draft.context;
  const { terms, phase } = draft.state;
  const isRunning = phase === 'in_flight' || phase === 'waiting';
  if (isRunning && now >= terms.deadline && !onlyWaits(draft.state)) {
    stopPayment(draft, overTime(draft));
  }
  endWaiting(draft);
  sendPlanned(draft);
  planMore(draft);
  watch(draft);
  end(draft);
  waitForNext(draft);
}

/** More time helps only where there was a way. */
function overTime({ state: { blocked } }: Draft): StopReason {
  if (!blocked) return { code: 'deadline', message: 'the time for the payment is over: allow more time' };
  const message = `the time for the payment is over, and there was no way for the rest: ${blocked.message}`;
  return { code: 'deadline', message, refusal: blocked };
}

function endWaiting(draft: Draft): void {
  const { waiting, phase } = draft.state;
  if (phase !== 'waiting' || !waiting) return;
  const { now, height } = draft.context;
  const isOver =
    (waiting.until !== undefined && now >= waiting.until) || (waiting.height !== undefined && height >= waiting.height);
  if (!isOver) return;
  draft.clear('waiting');
  draft.set({ phase: 'in_flight' });
}

function sendPlanned(draft: Draft): void {
  if (draft.state.phase !== 'in_flight') return;
  for (const { id, state, sendAt } of draft.state.parts) {
    if (state === 'planned' && sendAt <= draft.context.now) draft.send(id);
  }
}

function planMore(draft: Draft): void {
  const { phase, isPlanning, blocked, planAt } = draft.state;
  if (phase !== 'in_flight' || isPlanning || blocked) return;
  const missing = missingMsat(draft.state);
  if (missing === 0n) {
    draft.clear('planAt');
    return;
  }
  // Further away than it ever is made: somebody has set the clock back.
  const isSoon = planAt !== undefined && planAt <= draft.context.now + draft.timing.collectMs;
  if (isSoon && planAt > draft.context.now) return;
  draft.clear('planAt');
  const ticket = draft.state.plans + 1;
  draft.set({ plans: ticket, isPlanning: true });
  draft.command({ type: 'plan', ticket, missingMsat: missing });
}

/** Looks after parts without an answer. None of them is ever given up. */
function watch(draft: Draft): void {
  const { now } = draft.context;
  for (const part of partsOut(draft.state)) {
    // A time that is further away than it ever is made: somebody has set the clock back.
    const isDue = part.lookUpAt! <= now || part.lookUpAt! > now + draft.timing.longestLookUpMs;
    if (part.state === 'unknown' && isDue) {
      const lookUps = (part.lookUps ?? 0) + 1;
      const unknownSince = Math.min(part.unknownSince!, now);
      // Asked again even if the answer to this is lost.
      draft.setPart(part.id, { lookUps, unknownSince, lookedUpAt: now, lookUpAt: now + draft.timing.longestLookUpMs });
      draft.command({ type: 'look_up', part: draft.part(part.id)!, lookUp: lookUps });
    }
    if (isSlowable(draft.state, part) && part.sentAt! + draft.timing.slowMs <= now) {
      draft.setPart(part.id, { isSlow: true });
      draft.progress({ what: 'part_slow', part: part.id });
      const interior = part.hops.slice(0, -1);
      const lessons = interior.map(({ nodeId }) => ({
        kind: 'mark_node' as const,
        node: nodeId,
        weight: SLOW_MARK / interior.length,
      }));
      if (lessons.length > 0) draft.learn(lessons);
    }
  }
}

/** Whoever holds a part as it was asked to is not slow. */
function isSlowable({ terms }: PaymentState, part: PaymentPart): boolean {
  return part.isSlow !== true && isOut(part) && terms.isHeld !== true;
}

/** Shared by all nodes of a route that gives no answer. */
const SLOW_MARK = 0.1;

function end(draft: Draft): void {
  const { phase, stop, isEnded } = draft.state;
  if (partsOut(draft.state).length > 0 || isEnded) return;
  if (phase === 'stopping') {
    draft.set({ phase: 'failed', isEnded: true });
    draft.report({ kind: 'failed', reason: stop! });
  } else if (phase === 'succeeded') {
    draft.set({ isEnded: true });
    const { amountMsat, feeMsat } = outstandingOf(draft.state);
    draft.report({ kind: 'ended', amountMsat, feeMsat });
  }
}

function waitForNext(draft: Draft): void {
  const { state, context, timing } = draft;
  const times: number[] = [];
  const isRunning = state.phase === 'in_flight' || state.phase === 'waiting';
  if (isRunning && !onlyWaits(state)) times.push(state.terms.deadline);
  if (state.phase === 'in_flight' && state.planAt !== undefined) times.push(state.planAt);
  if (state.waiting?.until !== undefined) times.push(state.waiting.until);
  for (const part of state.parts) {
    if (part.state === 'planned' && state.phase === 'in_flight') times.push(part.sendAt);
    if (part.state === 'unknown') times.push(part.lookUpAt!);
    if (isSlowable(state, part)) times.push(part.sentAt! + timing.slowMs);
  }
  const height = state.waiting?.height;
  if (times.length === 0 && height === undefined) return;
  const until = times.length > 0 ? Math.max(context.now, Math.min(...times)) : context.now + MINUTE;
  draft.command({ type: 'wait', until, ...(height === undefined ? {} : { height }) });
}
