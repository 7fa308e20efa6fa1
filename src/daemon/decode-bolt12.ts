/** What a BOLT 12 string says, for `manifold decode` and `/v1/decode`. */
import {
  bolt12Fields,
  type Bolt12Kind,
  type Bolt12Result,
  decodeInvoice,
  decodeInvoiceRequest,
  decodeOffer,
  decodeStaticInvoice,
  unknownBolt12Records,
} from '../bolt12/index.js';
import type { Result } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';

export type Bolt12Type = `bolt12_${Bolt12Kind}`;

export interface DecodedBolt12 {
  readonly type: Bolt12Type;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly unknown?: Readonly<Record<string, string>>;
}

interface Recorded {
  readonly records: readonly TlvRecord[];
}

/** True for `lno1`, `lnr1` and `lni1`, which may be broken by `+` already there. */
export function isBolt12Text(text: string): boolean {
  return /^l(\+\s*)?n(\+\s*)?[ori](\+\s*)?1/i.test(text);
}

/** Whether it has expired, and for which chain it is, is not checked: neither hinders reading it. */
export function decodeBolt12Text(text: string): Result<DecodedBolt12> {
  const prefix = text.slice(0, 32).replace(/[+\s]/g, '').slice(0, 3).toLowerCase();
  if (prefix === 'lno') return shown('offer', decodeOffer(text));
  if (prefix === 'lnr') return shown('invoice_request', decodeInvoiceRequest(text));
  const invoice = decodeInvoice(text);
  const isStatic = !invoice.ok && invoice.error.code === 'unknown_even_type' && invoice.error.record === 236n;
  return isStatic ? shown('static_invoice', decodeStaticInvoice(text)) : shown('invoice', invoice);
}

/** A static invoice in the form in which it is sent. */
export function decodeStaticInvoiceBytes(bytes: Uint8Array): Result<DecodedBolt12> {
  const result = shown('static_invoice', decodeStaticInvoice(bytes));
  if (result.ok || result.error.position === undefined) return result;
  // Two characters of the text are a byte of the stream.
  return { ok: false, error: { ...result.error, position: 2 * result.error.position } };
}

function shown(kind: Bolt12Kind, decoded: Bolt12Result<Recorded>): Result<DecodedBolt12> {
  if (!decoded.ok) {
    const { code, message, position } = decoded.error;
    return { ok: false, error: { code, message, ...(position !== undefined && { position }) } };
  }
  const { records } = decoded.value;
  const unknown = unknownBolt12Records(kind, records);
  return {
    ok: true,
    value: {
      type: `bolt12_${kind}`,
      fields: bolt12Fields(kind, records),
      ...(Object.keys(unknown).length > 0 && { unknown }),
    },
  };
}
