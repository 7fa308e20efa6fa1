/** The payee's side of static invoices: what a wallet that mostly sleeps keeps and does (bolts#1149, bLIP-66 as LDK ships them). */
export { buildAsyncOffer } from './async-offer.js';
export type { AsyncOffer, AsyncOfferParams } from './async-offer.js';
export { RecipientCore } from './core.js';
export type { RecipientNews, RecipientPorts, StaticInvoiceOrder } from './core.js';
export { EMPTY_OFFER_CACHE, offerToHandOut, SLOTS, stepOfferCache } from './step.js';
export type {
  CachedOffer,
  OfferCache,
  OfferCacheCommand,
  OfferCacheEvent,
  OfferCacheStep,
  OfferedPaths,
  OfferSlotState,
} from './types.js';
