/**
 * The payment machine: one event after the other changes the state and asks for commands. Two rules hold after every step,
 * whatever the events were: a part that may be on the network counts against the amount until a node has said how it ended,
 * and failure is reported only when nothing can be in flight.
 */
import { sha256 } from '../../crypto/index.js';
import type { BlindedPath } from '../../onion/index.js';
import { equalBytes } from '../../wire/bytes.js';
import { advance, reportSuccess, stopPayment, succeed } from './advance.js';
import { faultOfPlan } from './check-plan.js';
import { Draft } from './draft.js';
import type { ReportedFailure } from './failure/reported.js';
import { react } from './failure/react.js';
import type { Reaction } from './failure/reaction.js';
import { isHeldAtPeer } from './held.js';
import type { Lesson } from './lessons.js';
import type { LookUpAnswer, PartOutcome, PaymentEvent, Step, StepContext } from './messages.js';
import type { PaymentPart, PaymentState } from './payment.js';
import type { Plan, Refusal } from '../plan/request.js';
import { payloadFor, reactThrough, sendTime } from './stages.js';
import { isOut, partsOut, pendingParts } from './sums.js';

/** Plans in a row that break the payment's limits before it is given up. */
const MOST_BAD_PLANS = 3;

/** Pure: the same arguments give the same step. Never throws, whatever nodes report. */
export function step(state: PaymentState, event: PaymentEvent, context: StepContext): Step {
  const draft = new Draft(state, context);
  handle(draft, event);
  advance(draft);
  return draft.finish();
}

function handle(draft: Draft, event: PaymentEvent): void {
  switch (event.type) {
    case 'start':
      if (draft.state.phase === 'prepared') draft.set({ phase: 'in_flight' });
      return;
    case 'planned': {
      planned(draft, event.ticket, event.answer);
      return;
    }
    case 'accepted': {
      accepted(draft, event.part, event.releasePath);
      return;
    }
    case 'outcome': {
      ended(draft, event.part, event.outcome);
      return;
    }
    case 'lost': {
      lost(draft, event.part);
      return;
    }
    case 'looked_up': {
      lookedUp(draft, event.part, event.lookUp, event.answer);
      return;
    }
    case 'restarted': {
      restarted(draft);
      return;
    }
    case 'tick':
      return;
    case 'stop': {
      stopPayment(draft, { code: 'asked', message: 'the payment was stopped on request' });
      return;
    }
  }
}

function accepted(draft: Draft, id: number, releasePath: BlindedPath | undefined): void {
  const part = draft.part(id);
  if (part?.state === 'sent') draft.setPart(id, { accepted: true });
  // A path for what nobody was asked to hold would only tell the peer which payments wait.
  if (!part || !isOut(part) || !releasePath || part.releasePath || !isHeldAtPeer(draft.state.terms)) return;
  draft.setPart(id, { releasePath });
  draft.report({ kind: 'told', part: id, releasePath });
}

function planned(draft: Draft, ticket: number, answer: Plan | Refusal): void {
  const { state } = draft;
  if (!state.isPlanning || ticket !== state.plans) return;
  draft.set({ isPlanning: false });
  if (state.phase !== 'in_flight') return;
  if (answer.kind === 'refusal') {
    refused(draft, answer);
    return;
  }
  const fault = faultOfPlan(answer, state, draft.context.height);
  if (fault === undefined) {
    addParts(draft, answer);
    return;
  }
  draft.set({ badPlans: state.badPlans + 1 });
  draft.alarm(`a plan was not carried out: ${fault}`);
  if (draft.state.badPlans >= MOST_BAD_PLANS) {
    stopPayment(draft, { code: 'bad_plan', message: `the planner keeps breaking the payment's limits: ${fault}` });
  }
}

function refused(draft: Draft, refusal: Refusal): void {
  const isUnsure = (lesson: Lesson): boolean => lesson.kind === 'node_off' && lesson.unsure === true;
  // Nodes that nobody accused for certain are better than no way at all.
  if (draft.state.memory.some(isUnsure)) {
    draft.set({ memory: draft.state.memory.filter((lesson) => !isUnsure(lesson)) });
    return;
  }
  const { restUntil } = draft.state.adjustments;
  if (partsOut(draft.state).length === 0 && restUntil > draft.context.now) {
    draft.set({ phase: 'waiting', waiting: { until: restUntil, why: refusal.message } });
    draft.progress({ what: 'waiting', words: `${refusal.message}; waiting for own channels that were busy` });
    return;
  }
  if (partsOut(draft.state).length === 0) {
    stopPayment(draft, { code: 'no_plan', message: refusal.message, refusal });
    return;
  }
  draft.set({ blocked: refusal });
  draft.progress({ what: 'blocked', words: refusal.message });
}

function addParts(draft: Draft, plan: Plan): void {
  const { state, view, context } = draft;
  const parts = plan.parts.map((part, i): PaymentPart => {
    const id = state.parts.length + i;
    const records = payloadFor(part, context.modifiers, view);
    const sendAt = sendTime(part, plan.parts, context.modifiers, view);
    return { ...part, id, state: 'planned', records, height: context.height, sendAt };
  });
  draft.set({ parts: [...state.parts, ...parts], badPlans: 0, repeat: [] });
}

/** The first word of a node about a part's end counts; a preimage counts always. */
function ended(draft: Draft, id: number, outcome: PartOutcome): void {
  const part = draft.part(id);
  if (outcome.kind === 'settled') {
    settled(draft, part, outcome.preimage);
    return;
  }
  if (!part) {
    draft.alarm('a node reports the failure of a part that this payment does not have');
    return;
  }
  if (part.state === 'settled') {
    draft.alarm(`part ${id} is reported as failed after it has settled`);
    return;
  }
  if (part.state === 'planned') {
    draft.alarm(`part ${id} is reported as failed before it was sent`);
    return;
  }
  if (isOut(part)) failed(draft, part, outcome.failure);
}

function settled(draft: Draft, part: PaymentPart | undefined, preimage: Uint8Array): void {
  if (!proves(draft.state, preimage)) {
    if (part === undefined || !isOut(part)) return;
    // The HTLC may be gone or not: only its node can tell, so it goes on counting as out.
    draft.alarm(`part ${part.id} is reported as settled by a preimage that does not fit the payment hash`);
    unknownFrom(draft, part);
    return;
  }
  if (part?.state === 'settled') return;
  if (!part) draft.alarm('the payment was paid by a part that it does not know: its records are not complete');
  else {
    if (isOut(part)) endReservation(draft, part);
    else draft.alarm(`part ${part.id} has settled after it was taken for ${part.state}`);
    draft.setPart(part.id, { state: 'settled', endedAt: draft.context.now });
    const eased = part.hops.slice(0, -1).map(({ nodeId }): Lesson => ({ kind: 'ease_node', node: nodeId }));
    draft.learn([{ kind: 'settled', hops: part.hops }, ...eased]);
    draft.progress({ what: 'part_settled', part: part.id });
    draft.set({ isEnded: false });
  }
  if (draft.state.phase !== 'succeeded') succeed(draft, preimage);
}

function proves({ terms }: PaymentState, preimage: Uint8Array): boolean {
  return preimage.length === 32 && equalBytes(sha256(preimage), terms.paymentHash);
}

function endReservation(draft: Draft, part: PaymentPart): void {
  draft.learn([{ kind: 'released', hops: part.hops }]);
}

function failed(draft: Draft, part: PaymentPart, failure: ReportedFailure): void {
  const { context, state } = draft;
  const { now, height, verifyUpdate } = context;
  const base = react(failure, { state, part, now, height, ...(verifyUpdate ? { verifyUpdate } : {}) });
  const reaction = reactThrough(base, context.modifiers, { ...draft.view, part, failure });
  endReservation(draft, part);
  draft.setPart(part.id, { state: 'failed', endedAt: now, failure });
  draft.learn(reaction.lessons);
  draft.count(reaction.seen ?? []);
  if (reaction.adjust) draft.set({ adjustments: { ...state.adjustments, ...reaction.adjust } });
  if (reaction.alarm) draft.alarm(reaction.alarm);
  draft.progress({ what: 'part_failed', part: part.id, words: reaction.words });
  if (state.phase === 'in_flight' || state.phase === 'waiting') follow(draft, part, finalIfHeld(draft, reaction));
}

/** The others wait for a payee who gets only all of them together; nothing can take the place of what came back. */
function finalIfHeld({ state: { terms } }: Draft, reaction: Reaction): Reaction {
  if (terms.isHeld !== true || reaction.next.kind === 'stop') return reaction;
  const message = `a part that was to be held came back because ${reaction.words}: pay again once the payee is there`;
  return { ...reaction, next: { kind: 'stop', reason: { code: 'attempts', message } } };
}

function follow(draft: Draft, part: PaymentPart, { next, words }: Reaction): void {
  const { now } = draft.context;
  const { blocked, waiting } = draft.state;
  draft.clear('blocked');
  switch (next.kind) {
    case 'stop': {
      stopPayment(draft, next.reason);
      return;
    }
    case 'repeat':
      // What was missing at the first time-out is still missing: there was no plan for it.
      if (blocked) {
        stopPayment(draft, { code: 'no_plan', message: blocked.message, refusal: blocked });
        return;
      }
      draft.set({ repeat: [...draft.state.repeat, part.id] });
      break;
    case 'replan':
      break;
    case 'pause':
      // The payment goes on with the block, which takes longer than any pause.
      if (waiting?.height !== undefined) return;
      draft.set({ phase: 'waiting', waiting: { until: Math.max(waiting?.until ?? 0, now + next.forMs), why: words } });
      draft.progress({ what: 'waiting', words: `${words}: trying again in ${next.forMs / 1000} s` });
      return;
    case 'wait_height':
      if (waiting?.height !== undefined && waiting.height >= next.height) return;
      draft.set({ phase: 'waiting', waiting: { height: next.height, why: words } });
      draft.progress({ what: 'waiting', words: `${words}: waiting for block ${next.height}` });
      return;
  }
  if (!waiting && draft.state.planAt === undefined) draft.set({ planAt: now + draft.timing.collectMs });
}

function lost(draft: Draft, id: number): void {
  const part = draft.part(id);
  if (part?.state === 'sent') unknownFrom(draft, part);
}

/** Nobody knows how the part ended. It stays unknown until its node has said so, and is never sent again. */
function unknownFrom(draft: Draft, part: PaymentPart): void {
  const { now } = draft.context;
  const lookUps = part.lookUps ?? 0;
  const isNew = part.state !== 'unknown';
  const lookUpAt = isNew ? now : now + pauseAfter(draft, lookUps);
  draft.setPart(part.id, { state: 'unknown', unknownSince: part.unknownSince ?? now, lookUpAt });
  if (isNew) draft.progress({ what: 'part_unknown', part: part.id });
}

function pauseAfter({ timing }: Draft, lookUps: number): number {
  return Math.min(timing.longestLookUpMs, timing.firstLookUpMs * 2 ** Math.min(lookUps, 30));
}

function lookedUp(draft: Draft, id: number, lookUp: number, answer: LookUpAnswer): void {
  if (answer.kind === 'settled' || answer.kind === 'failed') {
    ended(draft, id, answer);
    return;
  }
  const part = draft.part(id);
  // An answer to an earlier question says what was, not what is.
  if (part?.state !== 'unknown' || lookUp !== part.lookUps) return;
  const { now } = draft.context;
  const { lookedUpAt = -Infinity, unknownSince = Infinity } = part;
  if (answer.kind === 'never_seen' && lookedUpAt - unknownSince >= draft.timing.graceMs) {
    neverSent(draft, part);
    return;
  }
  draft.setPart(id, { lookUpAt: now + pauseAfter(draft, part.lookUps ?? 0) });
}

function neverSent(draft: Draft, part: PaymentPart): void {
  if (isOut(part)) endReservation(draft, part);
  draft.setPart(part.id, { state: 'failed', endedAt: draft.context.now, failure: { kind: 'never_sent' } });
  draft.progress({ what: 'part_failed', part: part.id, words: 'it was never sent' });
  draft.clear('blocked');
}

/** What was sent may have arrived or not; what was only planned has not been sent, for `sent` is recorded before. */
function restarted(draft: Draft): void {
  const { now } = draft.context;
  draft.set({ isPlanning: false });
  for (const part of draft.state.parts) {
    if (part.state === 'planned') neverSent(draft, part);
    if (isOut(part)) {
      draft.setPart(part.id, { state: 'unknown', unknownSince: now, lookUpAt: now });
    }
  }
  // What was told before the crash may not have been heard.
  if (draft.state.isEnded && draft.state.phase === 'succeeded') draft.set({ isEnded: false });
  const { phase, stop } = draft.state;
  if (phase === 'succeeded') reportSuccess(draft);
  else if (phase === 'failed') draft.report({ kind: 'failed', reason: stop! });
  else if (phase === 'stopping') {
    draft.report({ kind: 'stopping', reason: stop!, pending: pendingParts(draft.state) });
  }
  for (const { id, releasePath } of partsOut(draft.state)) {
    if (releasePath) draft.report({ kind: 'told', part: id, releasePath });
  }
}
