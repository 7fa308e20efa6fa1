/**
 * Fees in whole millisatoshi as doubles. Planning runs over hundreds of thousands of edges, so its arithmetic is in
 * numbers; every amount it handles is an integer below {@link MAX_PLANNED_MSAT} and every fee below it is exact.
 */

/** 2^53 - 1 msat, about 90,000 BTC: more than all channels of the network hold together. */
export const MAX_PLANNED_MSAT = Number.MAX_SAFE_INTEGER;

const MILLION = 1_000_000;

/**
 * `fee_base_msat + amount_to_forward * fee_proportional_millionths / 1,000,000`, rounded down (BOLT 7).
 * Exact wherever the result is below {@link MAX_PLANNED_MSAT}.
 */
export function feeFor(base: number, ppm: number, amount: number): number {
  const product = amount * ppm;
  // The floor of a quotient of exact integers below 2^53 is exact in doubles.
  if (product <= MAX_PLANNED_MSAT) return base + Math.floor(product / MILLION);
  const millions = Math.floor(amount / MILLION);
  return base + millions * ppm + Math.floor(((amount - millions * MILLION) * ppm) / MILLION);
}

/** The largest amount that can be forwarded of `incoming` with its fee paid; negative if none. */
export function largestForwardable(base: number, ppm: number, incoming: number): number {
  if (incoming < base) return -1;
  let amount = Math.floor((incoming - base) / (1 + ppm / MILLION));
  while (amount >= 0 && amount + feeFor(base, ppm, amount) > incoming) amount--;
  while (amount + 1 + feeFor(base, ppm, amount + 1) <= incoming) amount++;
  return amount;
}
