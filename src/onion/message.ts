/** Onion messages (BOLT 4, "Onion Messages"): wire message 513, its payloads, and what a node does with one. */
import { ec } from '../crypto/index.js';
import { concat } from '../wire/bytes.js';
import { u16 } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { err, refusable, refuse, unwrap, type Result } from '../wire/result.js';
import { encodeTlvStream, refuseUnknownEven, splitTlvStream, type TlvRecord } from '../wire/tlv.js';
import type { NodeId, ShortChannelId } from '../wire/units.js';
import { type BlindedPath, encodeBlindedPath, readBlindedPath } from './blinded-path.js';
import { derivePathKey, openHopData } from './blinding.js';
import { decodeEncryptedData, type EncryptedData } from './encrypted-data.js';
import { onionKey } from './keys.js';
import { AREA_START, HMAC_LENGTH, KEY_START, MIN_PAYLOAD_LENGTH, PACKET_OVERHEAD } from './layout.js';
import { blindedKeys, type PeeledOnion, peelOnion, peelWithSharedSecret } from './peel.js';
import { readBytes, readRecord, refuseRecord } from './tlv-values.js';

export const ONION_MESSAGE_TYPE = 513;

export interface OnionMessage {
  readonly pathKey: Uint8Array;
  /** Onion packet; its associated data is empty. */
  readonly packet: Uint8Array;
}

/** @throws {RangeError} if the packet is longer than 65535 bytes. */
export function encodeOnionMessage({ pathKey, packet }: OnionMessage): Uint8Array {
  return concat(u16(ONION_MESSAGE_TYPE), pathKey, u16(packet.length), packet);
}

/**
 * Reads wire message 513, its type included.
 * Errors: `wrong_type`, `truncated`, `invalid_point`, and `tlv_…`, `unknown_even_type` for the extension behind the packet.
 */
export function decodeOnionMessage(bytes: Uint8Array): Result<OnionMessage> {
  return refusable(() => {
    const reader = new ByteReader(bytes);
    if (reader.u16() !== ONION_MESSAGE_TYPE) refuse('wrong_type', 'not an onion message', 0);
    const pathKey = reader.bytes(33);
    if (!ec.isPoint(pathKey)) refuse('invalid_point', 'the path key is not a point', 2);
    const packet = reader.bytes(reader.u16());
    refuseUnknownEven(splitTlvStream(reader.rest()), new Set());
    return { pathKey, packet };
  });
}

export interface PacketParts {
  readonly version: number;
  readonly publicKey: Uint8Array;
  readonly payloads: Uint8Array;
  readonly hmac: Uint8Array;
}

/**
 * Splits a packet behind its u16 length; nothing is checked but the sizes. What follows stays in `trailing`.
 * Errors: `truncated`.
 */
export function splitPrefixedPacket(bytes: Uint8Array): Result<PacketParts & { readonly trailing: Uint8Array }> {
  return refusable(() => {
    const reader = new ByteReader(bytes);
    const length = reader.u16();
    if (length < PACKET_OVERHEAD) refuse('truncated', `a packet has at least ${PACKET_OVERHEAD} bytes`, 0);
    const packet = reader.bytes(length);
    return {
      version: packet[0]!,
      publicKey: packet.slice(1, AREA_START),
      payloads: packet.slice(AREA_START, -HMAC_LENGTH),
      hmac: packet.slice(-HMAC_LENGTH),
      trailing: reader.rest(),
    };
  });
}

export interface MessagePayload {
  readonly replyPath?: BlindedPath;
  readonly encryptedRecipientData: Uint8Array;
  /** The record from 64 on that a final hop was sent, if it is one we know; at most one. */
  readonly content?: TlvRecord;
  /** Odd records that are not known here. */
  readonly unknown?: readonly TlvRecord[];
}

/** Contents of final hops, with the numbers that LDK gives those of async payments; the odd ones are Manifold's own. */
export const MessageContent = {
  invoiceRequest: 64n,
  invoice: 66n,
  invoiceError: 68n,
  staticInvoice: 70n,
  heldHtlcAvailable: 72n,
  releaseHeldHtlc: 74n,
  dnssecQuery: 65536n,
  dnssecProof: 65538n,
  offerPathsRequest: 75540n,
  offerPaths: 75542n,
  serveStaticInvoice: 75544n,
  staticInvoicePersisted: 75546n,
  rodHoldRequest: 1978201n,
  rodHoldResponse: 1978203n,
  rodNotice: 1978205n,
  rodUnblock: 1978207n,
  rodCancel: 1978209n,
  rodStatus: 1978211n,
} as const;

const KNOWN_CONTENT: ReadonlySet<bigint> = new Set(Object.values(MessageContent));

/**
 * Reads the payload of one hop (without its length prefix). Every error means: drop the message silently.
 * Errors: `payload_too_short`, `tlv_…`, `unknown_even_type`, `forbidden_type:…`, `two_contents`,
 * `missing:encrypted_recipient_data`, and those of the reply path.
 */
export function decodeMessagePayload(payload: Uint8Array, role: 'relay' | 'final'): Result<MessagePayload> {
  return refusable(() => {
    if (payload.length < MIN_PAYLOAD_LENGTH) refuse('payload_too_short', 'payload lengths 0 and 1 are reserved', 0);
    const unknown: TlvRecord[] = [];
    let encryptedRecipientData: Uint8Array | undefined;
    let replyPath: BlindedPath | undefined;
    let content: TlvRecord | undefined;
    for (const record of splitTlvStream(payload)) {
      if (record.type === 4n) encryptedRecipientData = readRecord(record, readBytes);
      else if (role === 'relay') refuseRecord(record, `forbidden_type:${record.type}`, 'a relay gets record 4 only');
      else if (record.type === 2n) replyPath = readRecord(record, readReplyPath);
      else if (KNOWN_CONTENT.has(record.type)) {
        if (content) refuseRecord(record, 'two_contents', `stands beside record ${content.type}`);
        content = record;
      } else if (record.type % 2n === 0n) refuseRecord(record, 'unknown_even_type', 'unknown and even');
      else unknown.push(record);
    }
    if (!encryptedRecipientData) refuse('missing:encrypted_recipient_data', 'record 4 is missing');
    return {
      ...(replyPath && { replyPath }),
      encryptedRecipientData,
      ...(content && { content }),
      ...(unknown.length > 0 && { unknown }),
    };
  });
}

function readReplyPath(value: Uint8Array): BlindedPath {
  const reader = new ByteReader(value);
  const path = readBlindedPath(reader);
  reader.end();
  return path;
}

/** The stream of a message payload, without length prefix. */
export function encodeMessagePayload(payload: MessagePayload): Uint8Array {
  return encodeTlvStream([
    ...(payload.replyPath ? [{ type: 2n, value: encodeBlindedPath(payload.replyPath) }] : []),
    { type: 4n, value: payload.encryptedRecipientData },
    ...(payload.content ? [payload.content] : []),
    ...(payload.unknown ?? []),
  ]);
}

/** Where a message goes next: BOLT 4 prefers the node id where both are given. */
export type NextMessageHop = { readonly nodeId: NodeId } | { readonly shortChannelId: ShortChannelId };

export type PeeledMessage =
  | {
      readonly kind: 'forward';
      readonly to: NextMessageHop;
      readonly message: OnionMessage;
      /** What the path's maker wrote for us, who only pass it on. */
      readonly data: EncryptedData;
    }
  | { readonly kind: 'receive'; readonly payload: MessagePayload; readonly data: EncryptedData };

/**
 * What a node does with an onion message: pass it on or read it. Every error means: drop it silently.
 * A received message with a `pathId` came over a path of ours; compare it before answering.
 */
export function peelOnionMessage(nodeSecret: Uint8Array, { pathKey, packet }: OnionMessage): Result<PeeledMessage> {
  // The hot path of a relay: what onion and data have in common is computed once.
  const keys = blindedKeys(nodeSecret, pathKey);
  if (!keys) return err({ code: 'invalid_onion_blinding', message: 'the path key is not a point' });
  const { sharedSecret } = keys;
  const peeled = peelOnion({ nodeSecret: keys.blindedSecret, onion: packet, associatedData: new Uint8Array() });
  if (!peeled.ok) return err({ code: peeled.error.code, message: peeled.error.message });
  return readLayer(peeled.value, sharedSecret, pathKey);
}

/** One layer of a message. */
function readLayer(
  { payload: bytes, next }: PeeledOnion,
  sharedSecret: Uint8Array,
  pathKey: Uint8Array,
): Result<PeeledMessage> {
  return refusable(() => {
    const payload = unwrap(decodeMessagePayload(bytes, next ? 'relay' : 'final'));
    const stream = unwrap(openHopData(sharedSecret, payload.encryptedRecipientData));
    const data = unwrap(decodeEncryptedData(stream, next ? 'message_relay' : 'message_final'));
    if (!next) return { kind: 'receive', payload, data };
    const nextPathKey = data.nextPathKeyOverride ?? derivePathKey(pathKey, sharedSecret);
    return { kind: 'forward', to: nextHop(data), message: { pathKey: nextPathKey, packet: next }, data };
  });
}

/**
 * As {@link peelOnionMessage} for a node whose key we do not have, but which tells what it shares with a point: SHA-256 of the
 * compressed product, as `ec.ecdh` makes it. It is asked at most twice.
 */
export async function peelOnionMessageBy(
  ecdh: (point: Uint8Array) => Promise<Uint8Array>,
  { pathKey, packet }: OnionMessage,
): Promise<Result<PeeledMessage>> {
  const refused = (code: string, message: string): Result<PeeledMessage> => err({ code, message });
  if (!ec.isPoint(pathKey)) return refused('invalid_onion_blinding', 'the path key is not a point');
  if (packet[0] !== 0 || packet.length <= PACKET_OVERHEAD) {
    return refused('invalid_onion_version', 'the packet is of another version, or cut short');
  }
  const sharedSecret = await ecdh(pathKey);
  const blinding = onionKey('blinded_node_id', sharedSecret);
  const blindedPoint = ec.multiplyPoint(packet.subarray(KEY_START, AREA_START), blinding);
  if (!blindedPoint) return refused('invalid_onion_key', 'the ephemeral key is not a point');
  const peeled = peelWithSharedSecret(packet, new Uint8Array(), await ecdh(blindedPoint));
  return peeled.ok ? readLayer(peeled.value, sharedSecret, pathKey) : peeled;
}

function nextHop({ nextNodeId, shortChannelId }: EncryptedData): NextMessageHop {
  if (nextNodeId) return { nodeId: nextNodeId };
  if (shortChannelId !== undefined) return { shortChannelId };
  return refuse('missing_next_hop', 'neither short_channel_id nor next_node_id');
}
