/** `manifold decode` and `/v1/decode`: what a string says, or why it is refused. */
import { decodeInvoice, invoiceFields, type InvoiceFields, stripLightningUri } from '../bolt11/index.js';
import { type DecodeError, err, ok, type Result } from '../wire/result.js';

export type Decoded =
  | { readonly input: string; readonly type: 'bolt11'; readonly valid: true; readonly fields: InvoiceFields }
  | { readonly input: string; readonly valid: false; readonly error: DecodeError };

export function decodeText(input: string): Decoded {
  const text = invoiceText(input);
  if (!text.ok) return { input, valid: false, error: text.error };
  const decoded = decodeInvoice(text.value);
  return decoded.ok
    ? { input, type: 'bolt11', valid: true, fields: invoiceFields(decoded.value) }
    : { input, valid: false, error: decoded.error };
}

/** Things that people paste for an invoice, by how they begin. */
const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/^ln[ori]1/i, 'BOLT 12 strings cannot be decoded yet'],
  [
    /^(lnurl1|lnurl[pwc]:|keyauth:)/i,
    'this is an LNURL, the address of a web service: open it in a wallet, which gets an invoice from there',
  ],
  [
    /^[a-z0-9._+-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$/i,
    'this is a Lightning address: open it in a wallet, which gets an invoice from there',
  ],
  [/^bitcoin:/i, 'this is an on-chain payment request without a Lightning invoice in it'],
];

/** What of the input is to be read as an invoice. */
function invoiceText(input: string): Result<string> {
  const text = stripLightningUri(lightningParameter(input.trim()) ?? input);
  const other = OTHER_KINDS.find(([pattern]) => pattern.test(text))?.[1];
  return other === undefined ? ok(text) : err({ code: 'unsupported_type', message: other });
}

/** `lightning` of a `bitcoin:` URI (BIP 21), an invoice for wallets that can pay one. */
function lightningParameter(uri: string): string | undefined {
  const [, query] = /^bitcoin:[^?]*\?(.*)$/is.exec(uri) ?? [];
  if (query === undefined) return undefined;
  for (const [name, value] of new URLSearchParams(query)) if (name.toLowerCase() === 'lightning') return value;
  return undefined;
}
