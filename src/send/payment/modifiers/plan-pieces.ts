/** Plans for several amounts, one after the other: each sees what those before it use. */
import type { Msat } from '../../../wire/units.js';
import { feeShare } from '../../classic/fee-share.js';
import type { Plan, PlannedPart, PlanRequest, Refusal } from '../../plan/request.js';
import { withoutHidden } from '../hidden.js';
import type { PlanNext } from '../stages.js';

/** @returns one plan for all amounts, or the refusal of the first amount that has none */
export function planPieces(request: PlanRequest, amounts: readonly Msat[], next: PlanNext): Plan | Refusal {
  const parts: PlannedPart[] = [];
  let cost = 0;
  let spent = 0n;
  let shared = 0n;
  try {
    for (const [i, amountMsat] of amounts.entries()) {
      shared += feeShare(request.budgetMsat, amountMsat, request.amountMsat);
      // What cheaper pieces left over may be used by those behind them.
      const isLast = i === amounts.length - 1;
      const budgetMsat = (isLast ? request.budgetMsat : shared) - spent;
      const maxParts = request.maxParts - parts.length - (amounts.length - 1 - i);
      const sources = withoutHidden(request.sources, parts);
      const plan = next({ ...request, amountMsat, budgetMsat, maxParts, sources });
      if (plan.kind === 'refusal') return plan;
      for (const part of plan.parts) {
        request.knowledge.reserve(part.hops);
        request.memory?.reserve(part.hops);
        parts.push(part);
      }
      spent += plan.feeMsat;
      cost += plan.cost;
    }
  } finally {
    for (const { hops } of parts) {
      request.knowledge.release(hops);
      request.memory?.release(hops);
    }
  }
  const successProbability = parts.reduce((product, part) => product * part.successProbability, 1);
  return { kind: 'plan', parts, feeMsat: spent, successProbability, cost };
}
