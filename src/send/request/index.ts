/** Orders: from what a person asks for to the terms of a payment or a probe. */
export type { EndOfChannel, PaymentPathLike } from './blinded-payee.js';
export {
  type Bolt12Context,
  type Bolt12InvoiceLike,
  type HoldOrder,
  type OwnInvoice,
  type PayableInvoice,
  type StaticOrder,
  termsOfBolt12Invoice,
  termsOfStaticInvoice,
} from './bolt12.js';
export { termsOfInvoice } from './invoice.js';
export { type KeysendOrder, termsOfKeysend } from './keysend.js';
export { type BadOrder, badInvoice, type OrderContext, type PayOptions } from './order.js';
export { probeTerms, type ProbeTarget } from './probe.js';
