/** A plan that was not carried out, for `--dry-run`. JSON values only. */
import type { Plan } from '../plan/request.js';
import { type ExplainedRoute, explainRoute } from './part.js';
import { satWords } from '../words.js';
import { type Names, partsWords, percentWords } from './words.js';

export interface ExplainedPlan {
  readonly words: string;
  readonly amountMsat: string;
  readonly feeMsat: string;
  /** 0 to 1: that every part gets through at the first try. What fails is planned anew, so the payment's chance is higher. */
  readonly successChance: number;
  /** Own nodes that would send, in the order of the parts. */
  readonly from: readonly string[];
  readonly parts: readonly ExplainedRoute[];
}

export function explainPlan(plan: Plan, names: Names): ExplainedPlan {
  const parts = plan.parts.map((part) => explainRoute(part, names));
  const amount = plan.parts.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  const from = [...new Set(parts.map(({ from: own }) => own.name ?? own.nodeId))];
  const chance = percentWords(plan.successProbability);
  const nodes = from.length === 1 ? `from ${from.join()}` : `from ${from.length} own nodes`;
  return {
    words: `${satWords(amount)} in ${partsWords(parts.length)} ${nodes}, ${satWords(plan.feeMsat)} in fees, ${chance} to get through at the first try`,
    amountMsat: amount.toString(),
    feeMsat: plan.feeMsat.toString(),
    successChance: plan.successProbability,
    from,
    parts,
  };
}
