/**
 * Layout of an onion packet (BOLT 4, "Packet Structure"): version byte, ephemeral key (33), payload area, hmac (32). The
 * area is 1300 bytes in payments; onion messages and inner onions use other sizes. Inside the area stand frames: BigSize
 * length, payload, hmac of the next packet.
 */
import { concat } from '../wire/bytes.js';
import { encodeBigSize } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { refusable, refuse, type Result } from '../wire/result.js';

export const ONION_VERSION = 0;
export const KEY_START = 1;
export const AREA_START = 34;
export const HMAC_LENGTH = 32;
/** Bytes of a packet besides its payload area. */
export const PACKET_OVERHEAD = AREA_START + HMAC_LENGTH;
/** Payload area of a payment onion. */
export const PAYMENT_AREA_SIZE = 1300;
/** A payment onion as it stands in update_add_htlc. */
export const PAYMENT_ONION_LENGTH = PAYMENT_AREA_SIZE + PACKET_OVERHEAD;
/** Payload lengths 0 (the abolished fixed-size form) and 1 (reserved) are refused. */
export const MIN_PAYLOAD_LENGTH = 2;

export interface PayloadLength {
  /** Bytes of the length prefix itself. */
  readonly prefix: number;
  readonly length: number;
}

/**
 * Reads the length prefix of a frame. Written on plain numbers, as every peel runs it; the 9-byte form can only name
 * lengths that no area holds.
 * @throws Refusal `bigsize_truncated`, `bigsize_not_minimal`
 */
export function readPayloadLength(area: Uint8Array): PayloadLength {
  const head = area[0];
  if (head !== undefined && head < 0xfd) return { prefix: 1, length: head };
  if (head === 0xfd && area.length >= 3) {
    const length = (area[1]! << 8) | area[2]!;
    if (length < 0xfd) refuse('bigsize_not_minimal', `payload length ${length} has a shorter form`, 0);
    return { prefix: 3, length };
  }
  const reader = new ByteReader(area);
  const length = Number(reader.bigSize());
  return { prefix: reader.offset, length };
}

/** A payload behind its BigSize length. */
export function framePayload(payload: Uint8Array): Uint8Array {
  return concat(encodeBigSize(payload.length), payload);
}

/**
 * The payload of a length-prefixed payload, whose length has to match exactly.
 * Errors: `length_mismatch`, `payload_too_short`, `bigsize_…`.
 */
export function unframePayload(framed: Uint8Array): Result<Uint8Array> {
  return refusable(() => {
    const { prefix, length } = readPayloadLength(framed);
    if (length < MIN_PAYLOAD_LENGTH) refuse('payload_too_short', `payload length ${length} is reserved`, 0);
    if (prefix + length !== framed.length) {
      refuse('length_mismatch', `length says ${length}, ${framed.length - prefix} bytes follow`, 0);
    }
    return new ByteReader(framed, prefix).rest();
  });
}

/** Bytes that a payload takes in the area: prefix, payload and hmac. */
export function frameLength(payloadLength: number): number {
  return encodeBigSize(payloadLength).length + payloadLength + HMAC_LENGTH;
}

/**
 * What tells a replayed onion: its hmac, the last 32 bytes. Manifold itself needs no replay log, because an HTLC is keyed
 * by (node, channel, HTLC id) and answered by the ledger: the same onion in another HTLC is another part of the same
 * payment and meets the same rules. A node of its own has to remember the tags until the HTLC's expiry.
 */
export function replayTag(onion: Uint8Array): Uint8Array {
  return new Uint8Array(onion.subarray(-HMAC_LENGTH));
}
