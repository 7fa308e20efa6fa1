/** Fee budgets as the c-lightning design of 2020 had them: each part its share of its parent's. */
import type { Msat } from '../../wire/units.js';

/** Payments whose budget is below this may still pay as much: small ones could not pay a single base fee otherwise. */
export const EXEMPT_FEE_MSAT: Msat = 5000n;

/** The budget of a payment: a share of its amount, but not less than the exempt fee. */
export function budgetFor(amountMsat: Msat, maxFeePercent: number, exemptMsat: Msat = EXEMPT_FEE_MSAT): Msat {
  const scaled = BigInt(Math.round(maxFeePercent * 1_000_000));
  const share = (amountMsat * scaled) / 100_000_000n;
  return share < exemptMsat ? exemptMsat : share;
}

/** The part's share of a budget, by its share of the amount; rounded down, so shares never exceed the budget together. */
export function feeShare(budgetMsat: Msat, partMsat: Msat, totalMsat: Msat): Msat {
  return totalMsat === 0n ? 0n : (budgetMsat * partMsat) / totalMsat;
}
