/** Content of an onion message that refuses a request or an invoice (BOLT 12, "Invoice Errors"). */
import { refusable } from '../wire/result.js';
import {
  encodeLengthPrefixedTlvStream,
  encodeTlvStream,
  splitLengthPrefixedTlvStream,
  splitTlvStream,
  type TlvRecord,
} from '../wire/tlv.js';
import { FieldTable } from './fields.js';
import { type Bolt12Result, checkRecordTypes } from './record.js';
import { MAX_RECORDS, MAX_STREAM_BYTES } from './stream.js';
import { bytes, text, tu64 } from './values.js';
import { refuse } from '../wire/result.js';

export interface InvoiceError {
  /** Number of the record that is wrong. */
  readonly erroneousField?: bigint;
  /** What would be accepted there. */
  readonly suggestedValue?: Uint8Array;
  /** For people; of a stranger, so it may hold anything. */
  readonly error?: string;
}

const errorTable = new FieldTable<InvoiceError>({
  erroneousField: [1, 'erroneous_field', tu64],
  suggestedValue: [3, 'suggested_value', bytes],
  error: [5, 'error', text],
});

/**
 * With `lengthPrefixed` the stream has its length in front, as LDK writes and expects it; BOLT 12 has none.
 * @throws {RangeError} if the error has no text
 */
export function encodeInvoiceError(
  error: InvoiceError & Required<Pick<InvoiceError, 'error'>>,
  options: { readonly lengthPrefixed?: boolean } = {},
): Uint8Array {
  if (error.error === '') throw new RangeError('an invoice_error says in words what is wrong');
  const records = errorTable.write(error);
  return options.lengthPrefixed ? encodeLengthPrefixedTlvStream(records) : encodeTlvStream(records);
}

/** Reads both forms. No stream of the known records is also one with a length in front. Total. */
export function decodeInvoiceError(content: Uint8Array): Bolt12Result<InvoiceError> {
  if (content.length > MAX_STREAM_BYTES) {
    return refusable(() => refuse('too_long', `${content.length} bytes, at most ${MAX_STREAM_BYTES} are read`));
  }
  const prefixed = refusable(() => readError(splitLengthPrefixedTlvStream(content)));
  return prefixed.ok ? prefixed : refusable(() => readError(splitTlvStream(content)));
}

function readError(records: readonly TlvRecord[]): InvoiceError {
  if (records.length > MAX_RECORDS) {
    refuse('too_many_records', `${records.length} records, at most ${MAX_RECORDS} are read`);
  }
  checkRecordTypes(
    records,
    () => true,
    (type) => errorTable.has(type),
  );
  return errorTable.read(records);
}
