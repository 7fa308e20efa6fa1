/** An amount for which there is no plan is halved, and the halves again: what to do where the planner knows single routes only. */
import { adaptiveSplit } from '../../classic/adaptive-split.js';
import type { Plan, PlanRequest, Refusal } from '../../plan/request.js';
import type { Modifier, PlanNext } from '../stages.js';
import type { Chance } from '../../classic/presplit.js';
import { planPieces } from './plan-pieces.js';

/** Amounts below 1/2^5 of the request are not looked for. */
const MOST_DEPTH = 5;

export const adaptiveSplitting: Modifier = {
  name: 'adaptive-split',
  plan(request, next, { state, surroundings }) {
    return state.terms.supportsMpp ? halving(request, next, surroundings.chance, MOST_DEPTH) : next(request);
  },
};

function halving(request: PlanRequest, next: PlanNext, chance: Chance, depth: number): Plan | Refusal {
  const answer = next(request);
  if (answer.kind === 'plan' || !maySplit(answer) || depth === 0) return answer;
  const split = adaptiveSplit(request.amountMsat, request.budgetMsat, request.maxParts - 1, chance);
  if (split.kind !== 'split') return answer;
  const amounts = split.children.map(({ amountMsat }) => amountMsat);
  const halves = planPieces(request, amounts, (piece) => halving(piece, next, chance, depth - 1));
  return halves.kind === 'plan' ? halves : answer;
}

/** Smaller amounts help only where an amount was too large for one way. */
function maySplit({ code }: Refusal): boolean {
  return code === 'own_balance' || code === 'payee_inbound' || code === 'network_capacity' || code === 'too_many_parts';
}
