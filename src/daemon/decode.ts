/** `manifold decode` and `/v1/decode`: what a string says, or why it is refused. */
import { decodeInvoice, type Invoice, invoiceFields, type InvoiceFields, stripLightningUri } from '../bolt11/index.js';
import { fromHex, isHexOf } from '../wire/bytes.js';
import { type DecodeError, err, ok, type Result } from '../wire/result.js';
import { type Bolt12Type, decodeBolt12Text, decodeStaticInvoiceBytes, isBolt12Text } from './decode-bolt12.js';

export type Decoded =
  | { readonly input: string; readonly type: 'bolt11'; readonly valid: true; readonly fields: InvoiceFields }
  | {
      readonly input: string;
      readonly type: Bolt12Type;
      readonly valid: true;
      readonly fields: Readonly<Record<string, unknown>>;
      /** Records without a name, as hex by their number; left out if there are none. */
      readonly unknown?: Readonly<Record<string, string>>;
    }
  | { readonly input: string; readonly valid: false; readonly error: DecodeError };

/** Shorter hex is more likely a mistake than a static invoice, which has a signature and three paths at least. In characters. */
const LEAST_HEX = 400;

function isLongHex(text: string): boolean {
  return text.length >= LEAST_HEX && text.length % 2 === 0 && isHexOf(text, text.length / 2);
}

export function decodeText(input: string): Decoded {
  const found = textIn(input);
  if (!found.ok) return { input, valid: false, error: found.error };
  const { text, offset } = found.value;
  if (text === '') return { input, valid: false, error: { code: 'empty', message: 'there is nothing to decode' } };
  if (isBolt12Text(text) || isLongHex(text)) {
    const decoded = isBolt12Text(text) ? decodeBolt12Text(text) : decodeStaticInvoiceBytes(fromHex(text));
    return decoded.ok
      ? { input, valid: true, ...decoded.value }
      : { input, valid: false, error: placed(decoded.error, offset) };
  }
  const decoded = decodeInvoice(text);
  return decoded.ok
    ? { input, type: 'bolt11', valid: true, fields: invoiceFields(decoded.value) }
    : { input, valid: false, error: placed(decoded.error, offset) };
}

/** The invoice in what a person pasted, and its own text in lower case. */
export function readInvoice(input: string): Result<{ readonly invoice: Invoice; readonly text: string }> {
  const found = textIn(input);
  if (!found.ok) return found;
  const { text } = found.value;
  if (isBolt12Text(text)) {
    return err({ code: 'unsupported_type', message: 'this is a BOLT 12 string, where a BOLT 11 invoice is wanted' });
  }
  const decoded = decodeInvoice(text);
  return decoded.ok ? ok({ invoice: decoded.value, text: text.toLowerCase() }) : decoded;
}

/** The error with its position counted in the input. */
function placed({ position, ...error }: DecodeError, offset: number | undefined): DecodeError {
  return position === undefined || offset === undefined ? error : { ...error, position: offset + position };
}

/** Things that people paste for an invoice, by how they begin. */
const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
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

/** What of the input is to be read as an invoice or an offer. */
function textIn(input: string): Result<Found> {
  const parameter = lightningParameter(input.trim());
  const link = parameter?.value ?? input;
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

type LightningParameter = 'lightning' | 'lno';

interface Parameter {
  readonly name: LightningParameter;
  readonly value: string;
}

function parameterOffset(input: string, { name, value }: Parameter): number | undefined {
  const found = (name === 'lno' ? /[?&]lno=/i : /[?&]lightning=/i).exec(input);
  if (!found) return undefined;
  const offset = found.index + found[0].length;
  return input.startsWith(value, offset) ? offset : undefined;
}

/** `lightning` of a `bitcoin:` URI (BIP 21), an invoice for wallets that can pay one, or else its offer, `lno` (BIP 321). */
function lightningParameter(uri: string): Parameter | undefined {
  const [, query] = /^bitcoin:[^?]*\?(.*)$/is.exec(uri) ?? [];
  if (query === undefined) return undefined;
  const parameters = [...new URLSearchParams(query)];
  for (const wanted of ['lightning', 'lno'] as const) {
    for (const [name, value] of parameters) if (name.toLowerCase() === wanted) return { name: wanted, value };
  }
  return undefined;
}
