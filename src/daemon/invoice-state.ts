/**
 * States of an invoice as everybody outside sees them. `accepted`: complete and held for the merchant's word; `settling`:
 * committed; `settled`: every part is final at its node.
 */
export const INVOICE_STATES = ['open', 'accepted', 'settling', 'settled', 'canceled', 'expired'] as const;

export type InvoiceState = (typeof INVOICE_STATES)[number];
