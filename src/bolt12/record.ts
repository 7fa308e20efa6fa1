/** Records of BOLT 12 by number: whose they are, and how a refusal names the one to blame. */
import { concat } from '../wire/bytes.js';
import { encodeBigSize } from '../wire/integers.js';
import { type DecodeError, Refusal, type Result } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';

/** A refusal of BOLT 12, with the number of the record concerned where one is to blame. */
export interface Bolt12Error extends DecodeError {
  readonly record?: bigint;
}

export type Bolt12Result<T> = Result<T, Bolt12Error>;

class RecordRefusal extends Refusal {
  readonly record: bigint;

  constructor(record: bigint, code: string, message: string) {
    super(code, message);
    this.record = record;
  }

  override toDecodeError(): Bolt12Error {
    return { ...super.toDecodeError(), record: this.record };
  }
}

export function refuseRecord(record: bigint, code: string, message: string): never {
  throw new RecordRefusal(record, code, message);
}

export const SIGNATURE_RECORD = 240n;

/** Records of an offer, which requests and invoices repeat. */
export function isOfferRecord(type: bigint): boolean {
  return (type >= 1n && type <= 79n) || (type >= 1_000_000_000n && type <= 1_999_999_999n);
}

/** Records of a request, the offer's among them, which invoices repeat. */
export function isRequestRecord(type: bigint): boolean {
  return (type >= 0n && type <= 159n) || (type >= 1_000_000_000n && type <= 2_999_999_999n);
}

/** Records that are not signed. */
export function isSignatureRecord(type: bigint): boolean {
  return type >= 240n && type <= 1000n;
}

/** A record as it stands in its stream; streams that were accepted have only the shortest forms. */
export function encodeRecord({ type, value }: TlvRecord): Uint8Array {
  return concat(encodeBigSize(type), encodeBigSize(value.length), value);
}

/** Refuses records outside of the ranges, and unknown even ones inside. */
export function checkRecordTypes(
  records: readonly TlvRecord[],
  isInRange: (type: bigint) => boolean,
  isKnown: (type: bigint) => boolean,
): void {
  for (const { type } of records) {
    if (!isInRange(type)) refuseRecord(type, 'type_out_of_range', `record ${type} does not belong here`);
    if (type % 2n === 0n && !isKnown(type)) {
      refuseRecord(type, 'unknown_even_type', `record ${type} is unknown and even, so it cannot be left aside`);
    }
  }
}

/** The first record that only one of two streams has, or has with another value. Both ascending. */
export function firstDifference(a: readonly TlvRecord[], b: readonly TlvRecord[]): bigint | undefined {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i], b[i]];
    if (!left || !right) return (left ?? right)!.type;
    if (left.type !== right.type) return left.type < right.type ? left.type : right.type;
    if (!sameValue(left.value, right.value)) return left.type;
  }
  return undefined;
}

function sameValue(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function requirePresent<T>(value: T | undefined, record: bigint, name: string): T {
  return value ?? refuseRecord(record, `missing_${name}`, `record ${record} (${name}) is missing`);
}
