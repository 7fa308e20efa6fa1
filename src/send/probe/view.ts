/** A probe's attempt seen as a payment, so that plans and reactions are those of payments. */
import type { Plan, Planner, Refusal } from '../plan/request.js';
import { planMissing } from '../payment/plan-stage.js';
import type { PaymentState } from '../payment/payment.js';
import type { Modifier, Surroundings } from '../payment/stages.js';
import type { Attempt, ProbePart, ProbeState } from './state.js';
import type { ProbePlanView } from './messages.js';

export const partsWith = ({ parts }: ProbeState, fate: ProbePart['fate']): ProbePart[] =>
  parts.filter((each) => each.fate === fate);

/** What is on the network now, as far as knowledge goes. */
export function paymentNow(state: ProbeState, attempt: Attempt): PaymentState {
  const { amountMsat, budgetMsat } = attempt;
  const counted = state.parts.filter(({ fate, isReserved }) => fate === 'out' || (fate === 'arrived' && isReserved));
  const parts = counted.map(({ part }) => part);
  return { ...state.payment, terms: { ...state.payment.terms, amountMsat, budgetMsat }, parts };
}

/**
 * Parts that arrived are gone, and in a payment they would not be. They count as sent at the end of time, so that no own
 * balance, however fresh, is taken to show them.
 */
export function planView(state: ProbeState, attempt: Attempt): ProbePlanView {
  const payment = paymentNow(state, attempt);
  const gone = partsWith(state, 'arrived').filter(({ isReserved }) => !isReserved);
  const arrived = gone.map(({ part }) => part);
  const held = arrived.map((part) => ({ ...part, sentAt: Infinity }));
  return { payment: { ...payment, parts: [...payment.parts, ...held] }, arrived: arrived.flatMap(({ hops }) => hops) };
}

/**
 * Carries a `plan` command of a probe out. The knowledge has to hold a reservation for what is out; it is the same again
 * afterwards. Own balances need the modifier `own-balances`, as for payments.
 */
export function planProbe(
  { payment, arrived }: ProbePlanView,
  surroundings: Surroundings,
  planner: Planner,
  modifiers: readonly Modifier[],
): Plan | Refusal {
  const { knowledge } = surroundings;
  knowledge.reserve(arrived);
  try {
    return planMissing(payment, surroundings, planner, modifiers);
  } finally {
    knowledge.release(arrived);
  }
}

/**
 * Whether the parts would have got through together: all of one wave, or of waves that share no channel of the network. What
 * passed one after the other proves nothing about both at once.
 */
export function isJoint(parts: readonly ProbePart[]): boolean {
  const waves = new Map<string, number>();
  for (const { part, wave } of parts) {
    for (const { kind, scid, direction } of part.hops) {
      if (kind === 'own') continue;
      const key = `${scid}/${direction}`;
      if ((waves.get(key) ?? wave) !== wave) return false;
      waves.set(key, wave);
    }
  }
  return true;
}
