/**
 * The inner framing of onion message contents. LDK puts a BigSize length before the stream inside a record (of 72, 74 and
 * 75540 to 75546, and of `invoice_error`); the texts of the specifications do not. Both are read; the length is written.
 */
import { ByteReader } from '../../wire/reader.js';
import { Refusal, refuse } from '../../wire/result.js';
import { encodeLengthPrefixedTlvStream, refuseUnknownEven, splitTlvStream, type TlvRecord } from '../../wire/tlv.js';

/** The stream of a value that may begin with its own length. @throws Refusal `empty_value` */
export function innerStream(value: Uint8Array): Uint8Array {
  if (value.length === 0) refuse('empty_value', 'even a content without records has a length byte', 0);
  const reader = new ByteReader(value);
  try {
    if (reader.bigSize() === BigInt(reader.left)) return reader.rest();
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
  }
  return value;
}

/** Records by number, each at most once. Unknown even ones are refused, unknown odd ones passed over. */
export class ContentRecords {
  readonly #records: ReadonlyMap<bigint, Uint8Array>;

  /** @throws Refusal `tlv_…`, `unknown_even_type` */
  constructor(stream: Uint8Array, known: readonly number[]) {
    const records = splitTlvStream(stream);
    refuseUnknownEven(records, new Set(known.map(BigInt)));
    this.#records = new Map(records.map(({ type, value }) => [type, value]));
  }

  /** Reads a record that must be there, to its last byte. @throws Refusal `missing:…`, and what the value's reader refuses */
  required<T>(type: number, name: string, read: (reader: ByteReader) => T): T {
    const value = this.optional(type, read);
    if (value === undefined) refuse(`missing:${name}`, `record ${type} (${name}) is missing`);
    return value;
  }

  optional<T>(type: number, read: (reader: ByteReader) => T): T | undefined {
    const value = this.#records.get(BigInt(type));
    if (value === undefined) return undefined;
    const reader = new ByteReader(value);
    const result = read(reader);
    reader.end();
    return result;
  }
}

/** A record of a stream to be written; left out if it has no value. */
export type Writable = readonly [type: number, value: Uint8Array | undefined];

export const recordsOf = (list: readonly Writable[]): TlvRecord[] =>
  list.flatMap(([type, value]) => (value === undefined ? [] : [{ type: BigInt(type), value }]));

/** The records behind their common length, as LDK wants them. */
export const frameRecords = (list: readonly Writable[]): Uint8Array => encodeLengthPrefixedTlvStream(recordsOf(list));
