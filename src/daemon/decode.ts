/** `manifold decode` and `/v1/decode`: what a string says, or why it is refused. */
import { decodeInvoice, type Invoice, invoiceFields, type InvoiceFields, stripLightningUri } from '../bolt11/index.js';
import { type DecodeError, err, ok, type Result } from '../wire/result.js';

export type Decoded =
  | { readonly input: string; readonly type: 'bolt11'; readonly valid: true; readonly fields: InvoiceFields }
  | { readonly input: string; readonly valid: false; readonly error: DecodeError };

export function decodeText(input: string): Decoded {
  const found = invoiceText(input);
  if (!found.ok) return { input, valid: false, error: found.error };
  const { text, offset } = found.value;
  if (text === '') return { input, valid: false, error: { code: 'empty', message: 'there is nothing to decode' } };
  const decoded = decodeInvoice(text);
  return decoded.ok
    ? { input, type: 'bolt11', valid: true, fields: invoiceFields(decoded.value) }
    : { input, valid: false, error: placed(decoded.error, offset) };
}

/** The invoice in what a person pasted, and its own text in lower case. */
export function readInvoice(input: string): Result<{ readonly invoice: Invoice; readonly text: string }> {
  const found = invoiceText(input);
  if (!found.ok) return found;
  const { text } = found.value;
  const decoded = decodeInvoice(text);
  return decoded.ok ? ok({ invoice: decoded.value, text: text.toLowerCase() }) : decoded;
}

/** The error with its position counted in the input. */
function placed({ position, ...error }: DecodeError, offset: number | undefined): DecodeError {
  return position === undefined || offset === undefined ? error : { ...error, position: offset + position };
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

interface Found {
  readonly text: string;
  /** Where it begins in the input; undefined if it does not stand there as it is (percent-encoded). */
  readonly offset: number | undefined;
}

/** What of the input is to be read as an invoice. */
function invoiceText(input: string): Result<Found> {
  const parameter = lightningParameter(input.trim());
  const link = parameter ?? input;
  const text = stripLightningUri(link);
  const other = OTHER_KINDS.find(([pattern]) => pattern.test(text))?.[1];
  if (other !== undefined) return err({ code: 'unsupported_type', message: other });
  const before = parameter === undefined ? 0 : parameterOffset(input, parameter);
  return ok({ text, offset: before === undefined ? undefined : before + strippedBefore(link, text) });
}

/** How much {@link stripLightningUri} took away at the beginning. */
function strippedBefore(link: string, text: string): number {
  const trimmed = link.trim();
  const query = text === trimmed ? -1 : trimmed.indexOf('?');
  const end = query < 0 ? trimmed.length : query;
  return link.indexOf(trimmed) + end - text.length;
}

function parameterOffset(input: string, value: string): number | undefined {
  const name = /[?&]lightning=/i.exec(input);
  if (!name) return undefined;
  const offset = name.index + name[0].length;
  return input.startsWith(value, offset) ? offset : undefined;
}

/** `lightning` of a `bitcoin:` URI (BIP 21), an invoice for wallets that can pay one. */
function lightningParameter(uri: string): string | undefined {
  const [, query] = /^bitcoin:[^?]*\?(.*)$/is.exec(uri) ?? [];
  if (query === undefined) return undefined;
  for (const [name, value] of new URLSearchParams(query)) if (name.toLowerCase() === 'lightning') return value;
  return undefined;
}
