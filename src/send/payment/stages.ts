/**
 * The stages of a payment, *prepare → plan → payload → send → outcome*, and the modifiers that take part in them. Each
 * stage asks every modifier once, in list order; *plan* is nested, the first modifier being the outermost.
 */
import type { BlockHeight, Millis } from '../../wire/units.js';
import type { Chance } from '../classic/presplit.js';
import type { Knowledge } from '../knowledge/knowledge.js';
import type { Plan, PlannedPart, PlanRequest, Refusal, Source } from '../plan/request.js';
import type { ReportedFailure } from './failure/reported.js';
import type { Reaction } from './failure/reaction.js';
import type { FinalRecords, PaymentPart, PaymentState, PaymentTerms, StopReason } from './payment.js';

/** What a payment sees of the world while it is prepared or planned. */
export interface Surroundings {
  /** Own nodes that can send now; balances are those of `balancesReadAt`. */
  readonly sources: readonly Source[];
  readonly balancesReadAt: Millis;
  readonly knowledge: Knowledge;
  /** The greatest height of all own nodes. */
  readonly height: BlockHeight;
  readonly now: Millis;
  readonly chance: Chance;
}

/** What the modifiers of later stages see. */
export interface PaymentView {
  readonly state: PaymentState;
  readonly now: Millis;
  readonly height: BlockHeight;
}

export interface PlanView extends PaymentView {
  readonly surroundings: Surroundings;
}

export type PlanNext = (request: PlanRequest) => Plan | Refusal;

/** The terms, or why the payment cannot work: said before anything is sent. */
export type Prepared = PaymentTerms | { readonly kind: 'stop'; readonly reason: StopReason };

export interface EndedPart extends PaymentView {
  readonly part: PaymentPart;
  readonly failure: ReportedFailure;
}

/**
 * A modifier takes part in any of the stages. All methods are pure; whatever they return, the machine keeps amount, budget
 * and parts within their limits, so a faulty one can end a payment but never make it pay twice.
 *
 * One of your own is a value of this type, put into the list at the place where it is to take part:
 *
 *     const scoutAhead: Modifier = {
 *       name: 'scout-ahead',
 *       // The likeliest part to fail goes first, the others 300 ms later.
 *       send(sendAt, part, plan) {
 *         const riskiest = Math.min(...plan.map(({ successProbability }) => successProbability));
 *         return part.successProbability === riskiest ? sendAt : sendAt + 300;
 *       },
 *     };
 *     const modifiers = [...DEFAULT_MODIFIERS, scoutAhead];
 */
export interface Modifier {
  readonly name: string;
  /** Once, before the payment exists. */
  prepare?(terms: PaymentTerms, surroundings: Surroundings): Prepared;
  /** Around every plan for what is missing: change the request, the answer, or answer without asking `next`. */
  plan?(request: PlanRequest, next: PlanNext, view: PlanView): Plan | Refusal;
  /** For every part: what the payee's payload carries. */
  payload?(records: FinalRecords, part: PlannedPart, view: PaymentView): FinalRecords;
  /** For every part of a plan: when to send it; not before the time that came in. */
  send?(sendAt: Millis, part: PlannedPart, plan: readonly PlannedPart[], view: PaymentView): Millis;
  /** After every failure: what is done about it. */
  outcome?(reaction: Reaction, ended: EndedPart): Reaction;
}

export function isStop(prepared: Prepared): prepared is Extract<Prepared, { kind: 'stop' }> {
  return 'kind' in prepared;
}

export function prepareTerms(
  terms: PaymentTerms,
  surroundings: Surroundings,
  modifiers: readonly Modifier[],
): Prepared {
  let prepared: Prepared = terms;
  for (const modifier of modifiers) {
    if (isStop(prepared)) return prepared;
    prepared = modifier.prepare?.(prepared, surroundings) ?? prepared;
  }
  return prepared;
}

export function planThrough(
  request: PlanRequest,
  planner: PlanNext,
  modifiers: readonly Modifier[],
  view: PlanView,
): Plan | Refusal {
  const chain = modifiers.reduceRight<PlanNext>((next, modifier) => {
    if (!modifier.plan) return next;
    return (asked) => modifier.plan?.(asked, next, view) ?? next(asked);
  }, planner);
  return chain(request);
}

export function payloadFor(part: PlannedPart, modifiers: readonly Modifier[], view: PaymentView): FinalRecords {
  return modifiers.reduce<FinalRecords>(
    (records, modifier) => modifier.payload?.(records, part, view) ?? records,
    view.state.terms.records,
  );
}

export function sendTime(
  part: PlannedPart,
  plan: readonly PlannedPart[],
  modifiers: readonly Modifier[],
  view: PaymentView,
): Millis {
  return modifiers.reduce((at, modifier) => Math.max(at, modifier.send?.(at, part, plan, view) ?? at), view.now);
}

export function reactThrough(reaction: Reaction, modifiers: readonly Modifier[], ended: EndedPart): Reaction {
  return modifiers.reduce((current, modifier) => modifier.outcome?.(current, ended) ?? current, reaction);
}
