/** The stream inside encrypted_recipient_data (BOLT 4, "Route Blinding", `encrypted_data_tlv`). */
import { featureBits, featureVector } from '../wire/features.js';
import { concat } from '../wire/bytes.js';
import { encodeTruncated, u16, u32, u64 } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { refusable, refuse, type Result } from '../wire/result.js';
import { encodeTlvStream, splitTlvStream, type TlvRecord } from '../wire/tlv.js';
import type { BlockDelta, BlockHeight, Msat, NodeId, ShortChannelId } from '../wire/units.js';
import { readBytes, readPoint, readRecord, readScid, readTu32, readTu64, refuseRecord } from './tlv-values.js';

/** What a relay inside the path takes: fee from the amount, delta from the expiry. */
export interface PaymentRelay {
  readonly cltvExpiryDelta: BlockDelta;
  readonly feeProportionalMillionths: number;
  readonly feeBaseMsat: number;
}

export interface PaymentConstraints {
  readonly maxCltvExpiry: BlockHeight;
  readonly htlcMinimumMsat: Msat;
}

export interface EncryptedData {
  readonly padding?: Uint8Array;
  readonly shortChannelId?: ShortChannelId;
  readonly nextNodeId?: NodeId;
  readonly pathId?: Uint8Array;
  readonly nextPathKeyOverride?: Uint8Array;
  readonly paymentRelay?: PaymentRelay;
  readonly paymentConstraints?: PaymentConstraints;
  /** Bits that are set. */
  readonly allowedFeatures?: readonly number[];
  /** Odd records that are not known here. */
  readonly unknown?: readonly TlvRecord[];
}

/** For which place on which kind of path the data has to be fit. */
export type EncryptedDataRole = 'payment_relay' | 'payment_final' | 'message_relay' | 'message_final';

type Writable = { -readonly [Member in keyof EncryptedData]: EncryptedData[Member] };

const READERS: Readonly<Record<string, (data: Writable, value: Uint8Array) => void>> = {
  1: (data, value) => (data.padding = readBytes(value)),
  2: (data, value) => (data.shortChannelId = readScid(value)),
  4: (data, value) => (data.nextNodeId = readPoint(value)),
  6: (data, value) => (data.pathId = readBytes(value)),
  8: (data, value) => (data.nextPathKeyOverride = readPoint(value)),
  10: (data, value) => (data.paymentRelay = readPaymentRelay(value)),
  12: (data, value) => (data.paymentConstraints = readPaymentConstraints(value)),
  14: (data, value) => (data.allowedFeatures = featureBits(value)),
};

/** Order inside the record: delta, proportional, then base. */
function readPaymentRelay(value: Uint8Array): PaymentRelay {
  const reader = new ByteReader(value);
  return {
    cltvExpiryDelta: reader.u16(),
    feeProportionalMillionths: reader.u32(),
    feeBaseMsat: readTu32(reader.rest()),
  };
}

function readPaymentConstraints(value: Uint8Array): PaymentConstraints {
  const reader = new ByteReader(value);
  return { maxCltvExpiry: reader.u32(), htlcMinimumMsat: readTu64(reader.rest()) };
}

/**
 * Reads decrypted data. Without a role only the stream is checked; with one also what BOLT 4 demands of that place.
 * Errors: `tlv_…`, `unknown_even_type`, `invalid_point`, `bad_length`, `truncated`, `missing_next_hop`, `missing:…`,
 * `forbidden:…`, `unknown_allowed_feature`.
 */
export function decodeEncryptedData(stream: Uint8Array, role?: EncryptedDataRole): Result<EncryptedData> {
  return refusable(() => {
    const data: Writable = {};
    const unknown: TlvRecord[] = [];
    for (const record of splitTlvStream(stream)) {
      const read = READERS[record.type.toString()];
      if (read) readRecord(record, (value) => read(data, value));
      else if (record.type % 2n === 0n) refuseRecord(record, 'unknown_even_type', 'unknown and even');
      else unknown.push(record);
    }
    if (unknown.length > 0) data.unknown = unknown;
    if (role) checkRole(data, role);
    return data;
  });
}

function checkRole(data: EncryptedData, role: EncryptedDataRole): void {
  const forPayment = role === 'payment_relay' || role === 'payment_final';
  if (role === 'payment_relay' || role === 'message_relay') {
    const hops = Number(data.shortChannelId !== undefined) + Number(data.nextNodeId !== undefined);
    if (hops === 0) refuse('missing_next_hop', 'neither short_channel_id nor next_node_id');
    // A message may name both: next_node_id comes first then.
    if (hops === 2 && forPayment) refuse('forbidden:next_node_id', 'both short_channel_id and next_node_id');
    if (data.pathId) refuse('forbidden:path_id', 'a relay has no path_id');
  }
  if (role === 'payment_relay') {
    if (!data.paymentRelay) refuse('missing:payment_relay', 'a relay needs payment_relay');
    // BOLT 4 only says what to do with constraints; without them an old path could be used for ever.
    if (!data.paymentConstraints) refuse('missing:payment_constraints', 'a relay needs payment_constraints');
  }
  if (role === 'payment_final' && !data.pathId) {
    refuse('missing:path_id', 'without path_id the path cannot be told from one made by somebody else');
  }
  if (!forPayment) {
    if (data.paymentRelay) refuse('forbidden:payment_relay', 'an onion message has no payment_relay');
    if (data.paymentConstraints) refuse('forbidden:payment_constraints', 'an onion message has no payment_constraints');
  }
  // No feature of blinded paths is defined: whoever demands one means a rule we do not know, odd bits included.
  if (data.allowedFeatures?.length) refuse('unknown_allowed_feature', 'no feature is known for blinded paths');
}

/** @throws {RangeError} if a number does not fit its field. */
export function encodeEncryptedData(data: EncryptedData): Uint8Array {
  const { paymentRelay: relay, paymentConstraints: constraints } = data;
  const values: [bigint, Uint8Array | undefined][] = [
    [1n, data.padding],
    [2n, data.shortChannelId === undefined ? undefined : u64(data.shortChannelId)],
    [4n, data.nextNodeId],
    [6n, data.pathId],
    [8n, data.nextPathKeyOverride],
    [
      10n,
      relay &&
        concat(u16(relay.cltvExpiryDelta), u32(relay.feeProportionalMillionths), encodeTruncated(relay.feeBaseMsat)),
    ],
    [12n, constraints && concat(u32(constraints.maxCltvExpiry), encodeTruncated(constraints.htlcMinimumMsat))],
    [14n, data.allowedFeatures && featureVector(data.allowedFeatures)],
  ];
  const records = values.flatMap(([type, value]) => (value ? [{ type, value }] : []));
  return encodeTlvStream([...records, ...(data.unknown ?? [])]);
}

/**
 * Data of all hops of a path, padded to one length, so that the length does not tell the hop's place.
 * Records of more than 252 bytes make the padding of some lengths impossible to hit; those are padded to the next one.
 */
export function encodePadded(hops: readonly EncryptedData[]): Uint8Array[] {
  const plain = hops.map((hop) => encodeEncryptedData({ ...hop, padding: new Uint8Array() }));
  const longest = Math.max(...plain.map((stream) => stream.length));
  const paddedTo = (hop: EncryptedData, length: number, target: number): Uint8Array | undefined => {
    for (const header of [0, 2, 4]) {
      const padding = target - length - header;
      if (padding < 0) return undefined;
      const stream = encodeEncryptedData({ ...hop, padding: new Uint8Array(padding) });
      if (stream.length === target) return stream;
    }
    return undefined;
  };
  for (let target = longest; ; target++) {
    const padded = hops.map((hop, i) => paddedTo(hop, plain[i]!.length, target));
    if (padded.every((stream) => stream !== undefined)) return padded;
  }
}
