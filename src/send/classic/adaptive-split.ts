/** Splitting a part that failed: two halves, not quite equal, while there are parts left and the part is worth it. */
import type { Msat } from '../../wire/units.js';
import { feeShare } from './fee-share.js';
import type { Chance } from './presplit.js';

/** Below this base fees eat what a smaller part gains. */
export const LEAST_SPLIT_MSAT: Msat = 100_000n;
/** How far the first half may be from a half, as a share of it. */
const UNEVENNESS = 0.1;

export interface SplitChild {
  readonly amountMsat: Msat;
  readonly budgetMsat: Msat;
}

export type AdaptiveSplit =
  | { readonly kind: 'split'; readonly children: readonly [SplitChild, SplitChild]; readonly partsLeft: number }
  | { readonly kind: 'too_small' }
  /** The payment has to be given up: no further part can be added. */
  | { readonly kind: 'no_parts_left' };

/**
 * @param partsLeft parts that the payment may still add, over all of its tree
 */
export function adaptiveSplit(amountMsat: Msat, budgetMsat: Msat, partsLeft: number, chance: Chance): AdaptiveSplit {
  if (amountMsat <= LEAST_SPLIT_MSAT) return { kind: 'too_small' };
  if (partsLeft < 1) return { kind: 'no_parts_left' };
  const share = 0.5 * (1 + UNEVENNESS * (2 * chance() - 1));
  const first = BigInt(Math.floor(Number(amountMsat) * share));
  const children = [first, amountMsat - first].map((amount) => ({
    amountMsat: amount,
    budgetMsat: feeShare(budgetMsat, amount, amountMsat),
  }));
  return { kind: 'split', children: [children[0]!, children[1]!], partsLeft: partsLeft - 1 };
}

/** Parts that a payment may have beyond its first ones: the free slots not yet used. */
export function partsLeftOf(slots: number, parts: number): number {
  return Math.max(0, slots - parts);
}
