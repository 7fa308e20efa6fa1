/**
 * What is believed about a channel's balance before anything was tried: a mixture of "anywhere alike" and "at one of the two
 * ends". With u the share of the capacity that lies on the sending side, its density is
 *
 *     (1 - w) + w * 9 * (2u - 1)^8        0 <= u <= 1
 *
 * whose integral has a closed form, so probabilities between any bounds are exact and cost a few multiplications.
 */

/** Half uniform, half at the ends: between what bisection measured in 2020 and the densities routers learn since. */
export const DEFAULT_END_WEIGHT = 0.5;

/** Probability that the share is at most `u`, for 0 <= u <= 1. */
export function priorCdf(u: number, endWeight: number): number {
  const v = 2 * u - 1;
  const v2 = v * v;
  const v4 = v2 * v2;
  return (1 - endWeight) * u + endWeight * 0.5 * (1 + v4 * v4 * v);
}

/** Share of what may be there that planning uses: the last per cent is reserve more often than balance. */
export const USABLE_SHARE = 0.99;

/** The most that a plan may put on a direction that carries between `lo` and `hi`. */
export function usableAmount(lo: number, hi: number): number {
  return Math.floor(hi <= lo ? hi : lo + (hi - lo) * USABLE_SHARE);
}

/**
 * Probability that at least `amount` can pass, given that between `lo` and `hi` of `capacity` can.
 * 1 up to `lo`, 0 from `hi` on, falling in between.
 */
export function passProbability(capacity: number, lo: number, hi: number, amount: number, endWeight: number): number {
  if (amount <= lo) return amount <= hi ? 1 : 0;
  if (amount >= hi) return 0;
  const top = priorCdf(hi / capacity, endWeight);
  return (top - priorCdf(amount / capacity, endWeight)) / (top - priorCdf(lo / capacity, endWeight));
}
