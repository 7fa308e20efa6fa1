/** Amounts as people read them. */
import type { Msat } from '../wire/units.js';

/** `1,234 sat`, with as many msat behind the point as there are. */
export function satWords(msat: Msat): string {
  const rest = msat % 1000n;
  const sat = (msat / 1000n).toString().replace(/\B(?=(\d{3})+$)/g, ',');
  return rest === 0n ? `${sat} sat` : `${sat}.${rest.toString().padStart(3, '0')} sat`;
}
