/** Records of BOLT 12 as plain JSON, under the names of the specification. */
import { toHex } from '../wire/bytes.js';
import { refusable } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';
import { invoiceTable } from './invoice.js';
import { requestTable, signatureTable } from './invoice-request.js';
import { offerTable } from './offer.js';
import { messagePathsTable } from './static-invoice.js';

/** What a stream is. */
export type Bolt12Kind = 'offer' | 'invoice_request' | 'invoice' | 'static_invoice';

interface Table {
  has(type: bigint): boolean;
  json(record: TlvRecord): readonly [name: string, value: unknown] | undefined;
}

const TABLES: Readonly<Record<Bolt12Kind, readonly Table[]>> = {
  offer: [offerTable],
  invoice_request: [offerTable, requestTable, signatureTable],
  invoice: [offerTable, requestTable, invoiceTable, signatureTable],
  static_invoice: [offerTable, invoiceTable, messagePathsTable, signatureTable],
};

/**
 * Every known record by its name. Byte strings are lower-case hex; amounts, times and quantities decimal strings; features
 * lists of bits. Values that cannot be read are left out.
 */
export function bolt12Fields(kind: Bolt12Kind, records: readonly TlvRecord[]): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const record of records) {
    const table = TABLES[kind].find((one) => one.has(record.type));
    const read = refusable(() => table?.json(record));
    if (read.ok && read.value) fields[read.value[0]] = read.value[1];
  }
  return fields;
}

/** Records without a name, as hex by their number. */
export function unknownBolt12Records(kind: Bolt12Kind, records: readonly TlvRecord[]): Record<string, string> {
  return Object.fromEntries(
    records
      .filter(({ type }) => !TABLES[kind].some((table) => table.has(type)))
      .map(({ type, value }) => [String(type), toHex(value)]),
  );
}
