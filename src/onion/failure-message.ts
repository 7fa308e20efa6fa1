/** Codec of failure messages (BOLT 4, "Failure Messages"): u16 code, data of the code, perhaps a TLV stream. */
import { concat } from '../wire/bytes.js';
import { encodeBigSize, u16, u32, u64 } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { Refusal, refusable, refuse, type Result } from '../wire/result.js';
import { encodeTlvStream, splitTlvStream, type TlvRecord } from '../wire/tlv.js';
import { FAILURE_LAYOUTS, FailureFlag, type FailureField, type FailureFields } from './failure-codes.js';

export interface FailureFlags {
  readonly badOnion: boolean;
  readonly permanent: boolean;
  readonly node: boolean;
  readonly update: boolean;
}

export interface FailureMessage {
  readonly code: number;
  /** Absent for a code that is unknown or retired: act on the flags then. */
  readonly name?: string;
  readonly flags: FailureFlags;
  /** What the layout of the code names; empty for unknown codes. */
  readonly fields: FailureFields;
  /** All bytes behind the code. */
  readonly data: Uint8Array;
  /** Records behind the fields, if those bytes are a TLV stream; anything else there is ignored (BOLT 4). */
  readonly tlvs: readonly TlvRecord[];
}

export function failureFlags(code: number): FailureFlags {
  return {
    badOnion: (code & FailureFlag.badOnion) !== 0,
    permanent: (code & FailureFlag.permanent) !== 0,
    node: (code & FailureFlag.node) !== 0,
    update: (code & FailureFlag.update) !== 0,
  };
}

/**
 * Bytes of a failure. Members that the code's layout lacks are ignored, optional ones may be missing.
 * @param tlvs records behind the data, rarely used
 * @throws {RangeError} if a member that the code demands is missing or does not fit, or the code is unknown.
 */
export function encodeFailureMessage(
  code: number,
  fields: FailureFields = {},
  tlvs: readonly TlvRecord[] = [],
): Uint8Array {
  const layout = FAILURE_LAYOUTS.get(code);
  if (!layout) throw new RangeError(`failure code 0x${code.toString(16)} is not one of BOLT 4`);
  const parts = [u16(code)];
  for (const field of layout.fields) {
    const value = fields[field.member];
    if (value === undefined) {
      // What follows a missing field could not be read.
      if (field.optional && tlvs.length === 0) break;
      throw new RangeError(`${layout.name} needs ${field.member}`);
    }
    parts.push(encodeField(field, value));
  }
  return concat(...parts, encodeTlvStream(tlvs));
}

function encodeField({ member, kind }: FailureField, value: bigint | number | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) {
    if (kind === 'update') return concat(u16(value.length), value);
    const length = kind === 'sha256' ? 32 : 2;
    if (value.length !== length) throw new RangeError(`${member} has ${length} bytes`);
    return value;
  }
  if (kind === 'bigsize') return encodeBigSize(value);
  if (kind === 'u64') return u64(BigInt(value));
  return kind === 'u32' ? u32(Number(value)) : u16(Number(value));
}

/** Errors: `failure_message_truncated` where the code's data is cut short, `bigsize_…`. */
export function decodeFailureMessage(bytes: Uint8Array): Result<FailureMessage> {
  return refusable(() => {
    const reader = new ByteReader(bytes);
    if (reader.left < 2) refuse('failure_message_truncated', 'a failure has at least two bytes', 0);
    const code = reader.u16();
    const data = new ByteReader(bytes, 2).rest();
    const layout = FAILURE_LAYOUTS.get(code);
    const flags = failureFlags(code);
    if (!layout) return { code, flags, fields: {}, data, tlvs: [] };
    const fields: Partial<Record<keyof FailureFields, bigint | number | Uint8Array>> = {};
    for (const field of layout.fields) {
      const value = readField(reader, field);
      if (value === undefined) break;
      fields[field.member] = value;
    }
    return { code, name: layout.name, flags, fields: fields as FailureFields, data, tlvs: tlvsOf(reader.rest()) };
  });
}

const FIXED_LENGTH = { sha256: 32, u16: 2, u32: 4, u64: 8, flags: 2, update: 2, bigsize: 1 } as const;

/** The value, or undefined where an optional field is not there. @throws Refusal `failure_message_truncated` */
function readField(
  reader: ByteReader,
  { member, kind, optional }: FailureField,
): bigint | number | Uint8Array | undefined {
  const truncated = 'failure_message_truncated';
  if (reader.left < FIXED_LENGTH[kind]) {
    if (optional) return undefined;
    refuse(truncated, `${member} is cut short`, reader.offset);
  }
  switch (kind) {
    case 'sha256':
      return reader.bytes(32, truncated);
    case 'flags':
      return reader.bytes(2, truncated);
    case 'update':
      return reader.bytes(reader.u16(), truncated);
    case 'bigsize':
      return reader.bigSize();
    case 'u64':
      return reader.u64();
    case 'u32':
      return reader.u32();
    case 'u16':
      return reader.u16();
  }
}

function tlvsOf(bytes: Uint8Array): TlvRecord[] {
  try {
    return splitTlvStream(bytes);
  } catch (thrown) {
    if (thrown instanceof Refusal) return [];
    throw thrown;
  }
}
