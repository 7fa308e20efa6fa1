/**
 * One fee budget for all parts of a payment. Everything that is out counts as spent, arrived or not; what fails gives its
 * fee back at once, so that a dear last part may use what cheap ones left.
 */
import type { Msat } from '../../wire/units.js';
import type { PlanRequest } from './request.js';

/** Sums over the parts of a payment that are in flight or settled. */
export interface Outstanding {
  /** What arrives, or has arrived. */
  readonly amountMsat: Msat;
  readonly feeMsat: Msat;
  readonly parts: number;
}

export const NOTHING_OUTSTANDING: Outstanding = { amountMsat: 0n, feeMsat: 0n, parts: 0 };

export function addOutstanding(
  sum: Outstanding,
  part: { readonly amountMsat: Msat; readonly feeMsat: Msat },
): Outstanding {
  return { amountMsat: sum.amountMsat + part.amountMsat, feeMsat: sum.feeMsat + part.feeMsat, parts: sum.parts + 1 };
}

export type Missing =
  | { readonly kind: 'missing'; readonly request: PlanRequest }
  /** The sum in flight reaches the amount: nothing may be added. */
  | { readonly kind: 'complete' }
  /** Every part that the payee allows is out, and the amount is not. */
  | { readonly kind: 'no_parts_left' };

/**
 * The request for what is still missing: the rest of the amount, of the budget and of the parts. Sources and knowledge must
 * be fresh: own balances without what is in flight, reservations made for every outstanding part.
 * @param whole the request for the whole payment
 */
export function missingRequest(whole: PlanRequest, out: Outstanding): Missing {
  if (out.amountMsat >= whole.amountMsat) return { kind: 'complete' };
  const maxParts = whole.maxParts - out.parts;
  if (maxParts < 1) return { kind: 'no_parts_left' };
  const left = whole.budgetMsat - out.feeMsat;
  const budgetMsat = left > 0n ? left : 0n;
  return {
    kind: 'missing',
    request: { ...whole, amountMsat: whole.amountMsat - out.amountMsat, budgetMsat, maxParts },
  };
}
