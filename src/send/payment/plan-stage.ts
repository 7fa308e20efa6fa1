/** The stages that need the world around a payment: *prepare*, and *plan* for what is missing. */
import { missingRequest } from '../plan/fee-pool.js';
import { defaultWeights, type Plan, type Planner, type PlanRequest, type Refusal } from '../plan/request.js';
import { memoryOf } from './memory.js';
import { newPayment, type PaymentState, type PaymentTerms, type StopReason } from './payment.js';
import { isStop, type Modifier, planThrough, prepareTerms, type Surroundings } from './stages.js';
import { outstandingOf } from './sums.js';

/** How much more a failed attempt counts at the deadline than at the start. */
const LATE_URGENCY = 20;

export type NewPayment =
  | { readonly kind: 'payment'; readonly state: PaymentState }
  | { readonly kind: 'refused'; readonly reason: StopReason };

/** The payment, not yet begun, or why it cannot work. Nothing is sent or recorded. */
export function preparePayment(
  terms: PaymentTerms,
  surroundings: Surroundings,
  modifiers: readonly Modifier[],
): NewPayment {
  const prepared = prepareTerms(terms, surroundings, modifiers);
  return isStop(prepared)
    ? { kind: 'refused', reason: prepared.reason }
    : { kind: 'payment', state: newPayment(prepared) };
}

/**
 * Carries a `plan` command out: a plan for what the payment is missing, by planner and modifiers. Give the answer back with
 * the command's ticket. The knowledge has to hold a reservation for every part that is out.
 */
export function planMissing(
  state: PaymentState,
  surroundings: Surroundings,
  planner: Planner,
  modifiers: readonly Modifier[],
): Plan | Refusal {
  const missing = missingRequest(requestFor(state, surroundings), outstandingOf(state));
  if (missing.kind === 'missing') {
    const { now, height } = surroundings;
    return planThrough(missing.request, (request) => planner.plan(request), modifiers, {
      state,
      now,
      height,
      surroundings,
    });
  }
  if (missing.kind === 'complete') return { kind: 'plan', parts: [], feeMsat: 0n, successProbability: 1, cost: 0 };
  const mostMsat = outstandingOf(state).amountMsat;
  const message = 'every part that the payee allows is out: wait for one of them to end, or allow more parts';
  return { kind: 'refusal', code: 'too_many_parts', mostMsat, message };
}

function requestFor(state: PaymentState, surroundings: Surroundings): PlanRequest {
  const { terms, adjustments } = state;
  const { sources, knowledge, height, now } = surroundings;
  const { payee, amountMsat, budgetMsat, startedAt, deadline } = terms;
  const elapsed = Math.min(1, Math.max(0, (now - startedAt) / Math.max(1, deadline - startedAt)));
  return {
    amountMsat,
    sources,
    payee: { ...payee, finalCltvDelta: payee.finalCltvDelta + adjustments.offsetBlocks + adjustments.padBlocks },
    height,
    budgetMsat,
    maxParts: adjustments.maxParts,
    maxBlocks: terms.maxBlocks,
    ...(terms.maxHops === undefined ? {} : { maxHops: terms.maxHops }),
    knowledge,
    memory: memoryOf(state),
    now,
    weights: defaultWeights(amountMsat, 1 + LATE_URGENCY * elapsed ** 2),
  };
}
