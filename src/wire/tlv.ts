/**
 * TLV streams (BOLT 1, "Type-Length-Value Format"). A stream is kept as its raw records, unknown odd ones included, so
 * that what was signed or mirrored can be written again byte for byte.
 */
import { concat } from './bytes.js';
import { encodeBigSize } from './integers.js';
import { ByteReader } from './reader.js';
import { refuse } from './result.js';

export interface TlvRecord {
  readonly type: bigint;
  readonly value: Uint8Array;
  /** Offset of the record in its stream; only set by the decoder. */
  readonly offset?: number;
}

const TYPE_LABELS = {
  missing: 'tlv_type_truncated',
  truncated: 'tlv_type_truncated',
  notMinimal: 'tlv_type_not_minimal',
};
const LENGTH_LABELS = {
  missing: 'tlv_length_missing',
  truncated: 'tlv_length_truncated',
  notMinimal: 'tlv_length_not_minimal',
};

/**
 * Splits a stream into records and checks order and minimality, not meaning.
 * @throws Refusal with a `tlv_…` code
 */
export function splitTlvStream(bytes: Uint8Array): TlvRecord[] {
  const reader = new ByteReader(bytes);
  const records: TlvRecord[] = [];
  let previous = -1n;
  while (reader.left > 0) {
    const offset = reader.offset;
    const type = reader.bigSize(TYPE_LABELS);
    if (type === previous) refuse('tlv_duplicate_type', `record ${type} stands twice`, offset);
    if (type < previous) refuse('tlv_out_of_order', `record ${type} follows record ${previous}`, offset);
    previous = type;
    const length = reader.bigSizeLength(LENGTH_LABELS, 'tlv_value_truncated');
    records.push({ type, value: reader.bytes(length), offset });
  }
  return records;
}

/** Refuses a stream that has an even record outside `known` (BOLT 1: it is OK to be odd). */
export function refuseUnknownEven(records: readonly TlvRecord[], known: ReadonlySet<bigint>): void {
  for (const { type, offset } of records) {
    if (type % 2n === 0n && !known.has(type)) refuse('unknown_even_type', `record ${type} is unknown and even`, offset);
  }
}

/** Writes records in increasing order of type. @throws {RangeError} on duplicates. */
export function encodeTlvStream(records: readonly TlvRecord[]): Uint8Array {
  const sorted = [...records].sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
  sorted.forEach((record, i) => {
    if (sorted[i - 1]?.type === record.type) throw new RangeError(`TLV record ${record.type} given twice`);
  });
  return concat(...sorted.flatMap(({ type, value }) => [encodeBigSize(type), encodeBigSize(value.length), value]));
}

/** A stream behind its own BigSize length, which must match exactly. */
export function splitLengthPrefixedTlvStream(bytes: Uint8Array): TlvRecord[] {
  const reader = new ByteReader(bytes);
  const length = reader.bigSize();
  if (length !== BigInt(reader.left)) {
    refuse('length_mismatch', `length says ${length}, ${reader.left} bytes follow`, reader.offset);
  }
  return splitTlvStream(reader.rest());
}

export function encodeLengthPrefixedTlvStream(records: readonly TlvRecord[]): Uint8Array {
  const stream = encodeTlvStream(records);
  return concat(encodeBigSize(stream.length), stream);
}
