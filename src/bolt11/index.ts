/** BOLT 11 invoices: reading, writing, JSON. */
export { decodeInvoice } from './decode.js';
export type { InvoiceDraft } from './draft.js';
export { encodeInvoice, type EncodeOptions, type InvoiceSigner, LDK_INVOICE_STYLE } from './encode.js';
export { fallbackAddress } from './address.js';
export {
  type Currency,
  type Fallback,
  type Invoice,
  invoiceExpiresAt,
  MAX_INVOICE_LENGTH,
  type RouteHintHop,
  type UnknownTag,
} from './invoice.js';
export { invoiceFields, type InvoiceFields, type RouteHintHopFields } from './json.js';
export { stripLightningUri } from './uri.js';
