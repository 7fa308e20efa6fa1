/** `manifold decode` and `/v1/decode`: what a string says, or why it is refused. */
import { decodeInvoice, invoiceFields, type InvoiceFields, stripLightningUri } from '../bolt11/index.js';
import type { DecodeError } from '../wire/result.js';

export type Decoded =
  | { readonly input: string; readonly type: 'bolt11'; readonly valid: true; readonly fields: InvoiceFields }
  | { readonly input: string; readonly valid: false; readonly error: DecodeError };

/** Prefixes of offers, invoice requests and BOLT 12 invoices. */
const BOLT12 = /^ln[ori]1/i;

export function decodeText(input: string): Decoded {
  const text = stripLightningUri(input);
  if (BOLT12.test(text)) {
    return {
      input,
      valid: false,
      error: { code: 'unsupported_type', message: 'BOLT 12 strings cannot be decoded yet' },
    };
  }
  const decoded = decodeInvoice(text);
  return decoded.ok
    ? { input, type: 'bolt11', valid: true, fields: invoiceFields(decoded.value) }
    : { input, valid: false, error: decoded.error };
}
