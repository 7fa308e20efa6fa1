/** Orders: from what a person asks for to the terms of a payment or a probe. */
export { termsOfInvoice } from './invoice.js';
export { type KeysendOrder, termsOfKeysend } from './keysend.js';
export { type BadOrder, badInvoice, type OrderContext, type PayOptions } from './order.js';
export { probeTerms, type ProbeTarget } from './probe.js';
