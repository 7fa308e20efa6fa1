/** Values of TLV records as the onion's streams use them. Every reader consumes its record exactly. */
import { ec } from '../crypto/index.js';
import { decodeTruncated } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { Refusal, refuse } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { ShortChannelId } from '../wire/units.js';

/** A refusal that knows which record is to blame, as `invalid_onion_payload` wants to tell it. */
export class RecordRefusal extends Refusal {
  readonly recordType: bigint;

  constructor(recordType: bigint, code: string, message: string, position?: number) {
    super(code, message, position);
    this.recordType = recordType;
  }
}

export function refuseRecord({ type, offset }: TlvRecord, code: string, message: string): never {
  throw new RecordRefusal(type, code, `record ${type}: ${message}`, offset);
}

/** Runs a value's reader and puts the blame for a refusal on the record. */
export function readRecord<T>(record: TlvRecord, read: (value: Uint8Array) => T): T {
  try {
    return read(record.value);
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    return refuseRecord(record, thrown.code, thrown.message);
  }
}

export const readTu64 = (value: Uint8Array): bigint => decodeTruncated(value, 8);
export const readTu32 = (value: Uint8Array): number => Number(decodeTruncated(value, 4));
export const readBytes = (value: Uint8Array): Uint8Array => value;

export function readScid(value: Uint8Array): ShortChannelId {
  return new ByteReader(exactly(8)(value)).scid();
}

export function readPoint(value: Uint8Array): Uint8Array {
  if (!ec.isPoint(value)) refuse('invalid_point', 'not a compressed point of the curve');
  return value;
}

export const exactly =
  (length: number) =>
  (value: Uint8Array): Uint8Array => {
    if (value.length !== length) refuse('bad_length', `${length} bytes wanted, got ${value.length}`);
    return value;
  };
