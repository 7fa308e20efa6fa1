/** Payment payloads (BOLT 4, "Payload for the hop", bLIP-3): which records a hop may find, and what they mean. */
import { sha256 } from '../crypto/index.js';
import { concat, equalBytes } from '../wire/bytes.js';
import { encodeTruncated, u64 } from '../wire/integers.js';
import { err, ok, Refusal, refuse, type DecodeError, type Result } from '../wire/result.js';
import { encodeTlvStream, splitTlvStream, type TlvRecord } from '../wire/tlv.js';
import type { BlockHeight, Msat, PaymentHash, PaymentSecret, Preimage, ShortChannelId } from '../wire/units.js';
import { FailureCode, type FailureFields } from './failure-codes.js';
import { encodeFailureMessage } from './failure-message.js';
import { MIN_PAYLOAD_LENGTH } from './layout.js';
import {
  exactly,
  readBytes,
  readPoint,
  readRecord,
  readScid,
  RecordRefusal,
  readTu32,
  readTu64,
  refuseRecord,
} from './tlv-values.js';

/** Record of bLIP-3: the preimage travels with a spontaneous payment. */
export const KEYSEND_RECORD = 5482373484n;
/** Record of the invoice_request in a payment by a static invoice, as LDK has it; bolts#1149 says 1. */
export const INVOICE_REQUEST_RECORD = 77777n;
/** Records from here on belong to nobody: custom records of applications. */
export const FIRST_CUSTOM_RECORD = 65536n;

export interface PaymentData {
  readonly paymentSecret: PaymentSecret;
  readonly totalMsat: Msat;
}

/** Every record of a payment payload, by name. Amounts are any u64 that the sender likes. */
export interface PayloadFields {
  readonly amtToForward?: Msat;
  readonly outgoingCltvValue?: BlockHeight;
  readonly shortChannelId?: ShortChannelId;
  readonly paymentData?: PaymentData;
  readonly encryptedRecipientData?: Uint8Array;
  readonly currentPathKey?: Uint8Array;
  readonly paymentMetadata?: Uint8Array;
  readonly totalAmountMsat?: Msat;
  readonly keysendPreimage?: Preimage;
  /** The signed invoice_request of a payment by a static invoice (record 77777 as LDK has it; blinded final hops only). */
  readonly invoiceRequest?: Uint8Array;
  /** Odd records that are not known here, in order. */
  readonly customRecords?: readonly TlvRecord[];
}

type With<Members extends keyof PayloadFields> = PayloadFields & Required<Pick<PayloadFields, Members>>;

export type RelayPayload = With<'amtToForward' | 'outgoingCltvValue' | 'shortChannelId'> & { readonly kind: 'relay' };
/** Has payment data, a keysend preimage, or both. */
export type FinalPayload = With<'amtToForward' | 'outgoingCltvValue'> & { readonly kind: 'final' };
export type BlindedRelayPayload = With<'encryptedRecipientData'> & { readonly kind: 'blinded_relay' };
export type BlindedFinalPayload = With<
  'amtToForward' | 'outgoingCltvValue' | 'totalAmountMsat' | 'encryptedRecipientData'
> & { readonly kind: 'blinded_final' };
export type PaymentPayload = RelayPayload | FinalPayload | BlindedRelayPayload | BlindedFinalPayload;

/** Where the payload was found. */
export interface PayloadContext {
  /** The onion ended here. */
  readonly final: boolean;
  /** update_add_htlc carried a path key. */
  readonly updateAddHasPathKey: boolean;
  /** Whether record 5482373484 is understood; default true. */
  readonly keysend?: boolean;
}

export interface PayloadError extends DecodeError {
  /** The record to blame, where one is; `position` is its offset in the payload. */
  readonly recordType?: bigint;
}

type Writable = { -readonly [Member in keyof PayloadFields]: PayloadFields[Member] };

const NAMES = {
  amtToForward: [2n, 'amt_to_forward'],
  outgoingCltvValue: [4n, 'outgoing_cltv_value'],
  shortChannelId: [6n, 'short_channel_id'],
  paymentData: [8n, 'payment_data'],
  encryptedRecipientData: [10n, 'encrypted_recipient_data'],
  totalAmountMsat: [18n, 'total_amount_msat'],
} as const;

const READERS: Readonly<Record<string, (fields: Writable, value: Uint8Array) => void>> = {
  2: (fields, value) => (fields.amtToForward = readTu64(value)),
  4: (fields, value) => (fields.outgoingCltvValue = readTu32(value)),
  6: (fields, value) => (fields.shortChannelId = readScid(value)),
  8: (fields, value) => (fields.paymentData = readPaymentData(value)),
  10: (fields, value) => (fields.encryptedRecipientData = readBytes(value)),
  12: (fields, value) => (fields.currentPathKey = readPoint(value)),
  16: (fields, value) => (fields.paymentMetadata = readBytes(value)),
  18: (fields, value) => (fields.totalAmountMsat = readTu64(value)),
  [KEYSEND_RECORD.toString()]: (fields, value) => (fields.keysendPreimage = exactly(32)(value)),
};

function readPaymentData(value: Uint8Array): PaymentData {
  if (value.length < 32) refuse('bad_length', `payment_data has at least 32 bytes, this one ${value.length}`);
  return { paymentSecret: value.slice(0, 32), totalMsat: readTu64(value.slice(32)) };
}

/**
 * Reads a payload (without its length prefix) by the rules of BOLT 4 for the place where it was found.
 * Errors: `payload_too_short`, `tlv_…`, `tu_…`, `unknown_even_type`, `bad_length`, `invalid_point`, `missing:…`,
 * `forbidden_type:…`, `unexpected:payment_data`, `missing_path_key`, `two_path_keys`.
 * All but `missing:payment_data` (which the final node may answer in its own way) mean {@link invalidPayloadFailure}.
 */
export function decodePaymentPayload(
  payload: Uint8Array,
  context: PayloadContext,
): Result<PaymentPayload, PayloadError> {
  try {
    if (payload.length < MIN_PAYLOAD_LENGTH) refuse('payload_too_short', 'payload lengths 0 and 1 are reserved', 0);
    const records = splitTlvStream(payload);
    const fields = readFields(records, context.keysend ?? true);
    const blinded = isBlinded(fields, context.updateAddHasPathKey);
    return ok(blinded ? blindedPayload(fields, records, context.final) : plainPayload(fields, context.final));
  } catch (thrown) {
    if (thrown instanceof RecordRefusal) return err({ ...thrown.toDecodeError(), recordType: thrown.recordType });
    if (thrown instanceof Refusal) return err(thrown.toDecodeError());
    throw thrown;
  }
}

function readFields(records: readonly TlvRecord[], keysend: boolean): PayloadFields {
  const fields: Writable = {};
  const custom: TlvRecord[] = [];
  for (const record of records) {
    const read = record.type === KEYSEND_RECORD && !keysend ? undefined : READERS[record.type.toString()];
    if (read) readRecord(record, (value) => read(fields, value));
    else if (record.type % 2n === 0n) refuseRecord(record, 'unknown_even_type', 'unknown and even');
    else custom.push(record);
  }
  if (custom.length > 0) fields.customRecords = custom;
  return fields;
}

/** Exactly one source of the path key, and only together with encrypted data. */
function isBlinded(fields: PayloadFields, updateAddHasPathKey: boolean): boolean {
  const inPayload = fields.currentPathKey !== undefined;
  if (fields.encryptedRecipientData) {
    if (inPayload && updateAddHasPathKey) throw new RecordRefusal(12n, 'two_path_keys', 'a path key came twice');
    if (!inPayload && !updateAddHasPathKey)
      throw new RecordRefusal(10n, 'missing_path_key', 'encrypted data without path key');
    return true;
  }
  if (updateAddHasPathKey) need(fields, 'encryptedRecipientData');
  if (inPayload) throw new RecordRefusal(12n, 'forbidden_type:12', 'a path key without encrypted data');
  return false;
}

function need(fields: PayloadFields, ...members: (keyof typeof NAMES)[]): void {
  for (const member of members) {
    const [type, name] = NAMES[member];
    if (fields[member] === undefined) throw new RecordRefusal(type, `missing:${name}`, `record ${type} is missing`);
  }
}

function plainPayload(fields: PayloadFields, final: boolean): RelayPayload | FinalPayload {
  need(fields, 'amtToForward', 'outgoingCltvValue');
  if (final) {
    // Whoever pays without a secret may be a relay that guesses; only a keysend proves itself.
    if (!fields.keysendPreimage) need(fields, 'paymentData');
    return { ...fields, kind: 'final' } as FinalPayload;
  }
  need(fields, 'shortChannelId');
  if (fields.paymentData) throw new RecordRefusal(8n, 'unexpected:payment_data', 'a relay gets no payment_data');
  return { ...fields, kind: 'relay' } as RelayPayload;
}

const BLINDED_RELAY_RECORDS: ReadonlySet<bigint> = new Set([10n, 12n]);
const BLINDED_FINAL_RECORDS: ReadonlySet<bigint> = new Set([
  2n,
  4n,
  10n,
  12n,
  18n,
  INVOICE_REQUEST_RECORD,
  KEYSEND_RECORD,
]);

/** Any other record is refused, odd and custom ones too: a sender could use them to probe what a hop runs. */
function blindedPayload(
  fields: PayloadFields,
  records: readonly TlvRecord[],
  final: boolean,
): BlindedRelayPayload | BlindedFinalPayload {
  const allowed = final ? BLINDED_FINAL_RECORDS : BLINDED_RELAY_RECORDS;
  for (const record of records) {
    if (!allowed.has(record.type)) refuseRecord(record, `forbidden_type:${record.type}`, 'forbidden in a blinded hop');
  }
  if (!final) return { ...fields, kind: 'blinded_relay' } as BlindedRelayPayload;
  need(fields, 'amtToForward', 'outgoingCltvValue', 'totalAmountMsat');
  // Elsewhere the number belongs to nobody, so it was read as a custom record; no other one gets here.
  const { customRecords = [], ...known } = fields;
  const [request] = customRecords;
  return { ...known, ...(request && { invoiceRequest: request.value }), kind: 'blinded_final' } as BlindedFinalPayload;
}

/** What the whole payment is to reach (BOLT 4: without payment data the part is all there is). */
export function totalMsatOf(payload: FinalPayload | BlindedFinalPayload): Msat {
  if (payload.kind === 'blinded_final') return payload.totalAmountMsat;
  return payload.paymentData?.totalMsat ?? payload.amtToForward;
}

/** True if the payload carries a preimage and it is the one of the payment. Otherwise a keysend is 400f. */
export function keysendMatches({ keysendPreimage }: PayloadFields, paymentHash: PaymentHash): boolean {
  return keysendPreimage !== undefined && equalBytes(sha256(keysendPreimage), paymentHash);
}

const MAX_OFFSET = 0xffff;

/** The failure `invalid_onion_payload` for a refused payload; names the record where one is to blame. */
export function invalidPayloadFailure({ recordType, position = 0 }: PayloadError): Uint8Array {
  const fields: FailureFields =
    recordType === undefined ? {} : { type: recordType, offset: Math.min(position, MAX_OFFSET) };
  return encodeFailureMessage(FailureCode.invalidOnionPayload, fields);
}

/**
 * The stream of a payload, without length prefix. Writes what is given: the sender decides which records a hop gets.
 * @throws {RangeError} if a number does not fit or a record stands twice.
 */
export function encodePaymentPayload(fields: PayloadFields): Uint8Array {
  const { paymentData } = fields;
  const number = (value: bigint | number | undefined): Uint8Array | undefined =>
    value === undefined ? undefined : encodeTruncated(value);
  const values: [bigint, Uint8Array | undefined][] = [
    [2n, number(fields.amtToForward)],
    [4n, number(fields.outgoingCltvValue)],
    [6n, fields.shortChannelId === undefined ? undefined : u64(fields.shortChannelId)],
    [8n, paymentData && concat(paymentData.paymentSecret, encodeTruncated(paymentData.totalMsat))],
    [10n, fields.encryptedRecipientData],
    [12n, fields.currentPathKey],
    [16n, fields.paymentMetadata],
    [18n, number(fields.totalAmountMsat)],
    [INVOICE_REQUEST_RECORD, fields.invoiceRequest],
    [KEYSEND_RECORD, fields.keysendPreimage],
  ];
  const records = values.flatMap(([type, value]) => (value ? [{ type, value }] : []));
  return encodeTlvStream([...records, ...(fields.customRecords ?? [])]);
}

/**
 * Custom records that an application may attach to a payment of its own: from 65536 on, none of the two that have a meaning, none twice.
 * Errors: `type_out_of_range`, `tlv_duplicate_type`.
 */
export function checkCustomRecords(records: readonly TlvRecord[]): Result<readonly TlvRecord[]> {
  const seen = new Set<bigint>();
  for (const { type } of records) {
    if (type < FIRST_CUSTOM_RECORD || type === KEYSEND_RECORD || type === INVOICE_REQUEST_RECORD) {
      return err({ code: 'type_out_of_range', message: `record ${type} belongs to the protocol` });
    }
    if (seen.has(type)) return err({ code: 'tlv_duplicate_type', message: `record ${type} stands twice` });
    seen.add(type);
  }
  return ok(records);
}
