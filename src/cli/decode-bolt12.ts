/** A decoded BOLT 12 string for people. */
import { DEFAULT_RELATIVE_EXPIRY, DEFAULT_STATIC_RELATIVE_EXPIRY } from '../bolt12/index.js';
import type { DecodedBolt12 } from '../daemon/decode-bolt12.js';
import { amountText } from './amount.js';
import { table } from './common.js';

type Fields = Readonly<Record<string, unknown>>;

const NAMES: Readonly<Record<DecodedBolt12['type'], string>> = {
  bolt12_offer: 'BOLT 12 offer',
  bolt12_invoice_request: 'BOLT 12 invoice request',
  bolt12_invoice: 'BOLT 12 invoice',
  bolt12_static_invoice: 'BOLT 12 static invoice',
};

export function bolt12Lines({ type, fields, unknown }: DecodedBolt12): string[] {
  const text = (name: string): string | undefined => plainText(fields[name]);
  const created = text('invoice_created_at');
  return table([
    ['type', NAMES[type]],
    ['description', text('offer_description') || undefined],
    ['issuer', text('offer_issuer')],
    ['price', priceText(fields)],
    ['quantity', quantityText(text('offer_quantity_max'))],
    ['chains', listText(fields['offer_chains'])],
    ['good until', timeText(text('offer_absolute_expiry'))],
    ['issuer id', text('offer_issuer_id')],
    ['message paths', pathsText(fields['offer_paths'])],
    ['asked for', amountOf(text('invreq_amount'))],
    ['items', text('invreq_quantity')],
    ['payer id', text('invreq_payer_id')],
    ['payer note', text('invreq_payer_note')],
    ['reply paths', pathsText(fields['invreq_paths'])],
    ['amount', amountOf(text('invoice_amount'))],
    ['payment hash', text('invoice_payment_hash')],
    ['made', timeText(created)],
    ['expires', expiryText(type, created, text('invoice_relative_expiry'))],
    ['node id', text('invoice_node_id')],
    ['payment paths', pathsText(fields['invoice_paths'])],
    ['paths to the payee', pathsText(fields['invoice_message_paths'])],
    ['unknown records', unknown && Object.keys(unknown).join(', ')],
  ]);
}

function plainText(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

const amountOf = (msat: string | undefined): string | undefined => (msat === undefined ? undefined : amountText(msat));

/** Requests and invoices without price say themselves what they are for. */
function priceText(fields: Fields): string | undefined {
  const [amount, currency] = [plainText(fields['offer_amount']), plainText(fields['offer_currency'])];
  if (amount === undefined) return fields['invreq_payer_id'] === undefined ? amountText(undefined) : undefined;
  return currency === undefined ? amountText(amount) : `${amount} of the smallest unit of ${currency}`;
}

function quantityText(max: string | undefined): string | undefined {
  if (max === undefined) return undefined;
  return max === '0' ? 'as many as you like' : `up to ${max}`;
}

function listText(list: unknown): string | undefined {
  return Array.isArray(list) ? list.map(String).join(', ') : undefined;
}

function pathsText(paths: unknown): string | undefined {
  return Array.isArray(paths) ? String(paths.length) : undefined;
}

function timeText(seconds: string | undefined): string | undefined {
  if (seconds === undefined) return undefined;
  const millis = Number(seconds) * 1000;
  return millis <= 8.64e15 ? new Date(millis).toISOString() : 'never';
}

const DEFAULT_EXPIRY: Readonly<Record<string, number>> = {
  bolt12_invoice: DEFAULT_RELATIVE_EXPIRY,
  bolt12_static_invoice: DEFAULT_STATIC_RELATIVE_EXPIRY,
};

function expiryText(type: string, created: string | undefined, relative: string | undefined): string | undefined {
  if (created === undefined) return undefined;
  return timeText(String(BigInt(created) + BigInt(relative ?? DEFAULT_EXPIRY[type] ?? 0)));
}
