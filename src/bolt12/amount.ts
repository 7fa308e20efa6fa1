/** What an offer costs. */
import { refusable, refuse } from '../wire/result.js';
import { MAX_MSAT, type Msat } from '../wire/units.js';
import type { OfferFields } from './offer.js';
import type { Bolt12Result } from './record.js';

/**
 * Price of `quantity` items (1 by default), or undefined if the offer leaves the amount to the payer or has it in another
 * currency. Error: `amount_too_large` above 21 million bitcoin.
 */
export function offerPriceMsat(
  offer: Pick<OfferFields, 'amount' | 'currency'>,
  quantity?: bigint,
): Bolt12Result<Msat | undefined> {
  return refusable(() => priceOf(offer, quantity));
}

/** {@link offerPriceMsat}. @throws Refusal `amount_too_large` */
export function priceOf(
  { amount, currency }: Pick<OfferFields, 'amount' | 'currency'>,
  quantity = 1n,
): Msat | undefined {
  if (amount === undefined || currency !== undefined) return undefined;
  const price = amount * quantity;
  if (price > MAX_MSAT) {
    refuse('amount_too_large', `${quantity} times ${amount} msat is above 21 million bitcoin; ask for fewer`);
  }
  return price;
}
