/**
 * The peer messages Manifold reads and writes (BOLT 1 and BOLT 2): set-up and keep-alive, and those that carry an HTLC.
 * The transport (BOLT 8) and everything about commitment transactions is left to the node.
 */
import { concat } from './bytes.js';
import { u16, u32, u64 } from './integers.js';
import type {
  ErrorOrWarning,
  Extension,
  HtlcAddress,
  Init,
  PeerMessage,
  Ping,
  RevokeAndAck,
  UnknownMessage,
  UpdateAddHtlc,
  UpdateFailHtlc,
  UpdateFailMalformedHtlc,
  UpdateFulfillHtlc,
} from './message-types.js';
import { ByteReader } from './reader.js';
import { refusable, refuse, type Result } from './result.js';
import { encodeTlvStream, refuseUnknownEven, splitTlvStream, type TlvRecord } from './tlv.js';

export type { PeerMessage, UpdateAddHtlc } from './message-types.js';

const MessageNumber = {
  warning: 1,
  init: 16,
  error: 17,
  ping: 18,
  pong: 19,
  updateAddHtlc: 128,
  updateFulfillHtlc: 130,
  updateFailHtlc: 131,
  revokeAndAck: 133,
  updateFailMalformedHtlc: 135,
} as const;

const ONION_PACKET_LENGTH = 1366;
const ATTRIBUTION_DATA_LENGTH = 920;
/** BOLT 4: set in every failure code that an update_fail_malformed_htlc may carry. */
const BADONION = 0x8000;

const MAX_MESSAGE_LENGTH = 65_535;

/** The readable part of an error's data: ASCII 32 to 126, everything else as a dot. */
export function printableText(data: Uint8Array): string {
  let text = '';
  for (const byte of data) text += byte >= 32 && byte <= 126 ? String.fromCharCode(byte) : '.';
  return text;
}

/**
 * The bytes of a message, type number first.
 * @throws {RangeError} if a field does not have its length or does not fit
 */
export function encodeMessage(message: PeerMessage): Uint8Array {
  const bytes = concat(
    ...fixedFields(message),
    encodeTlvStream([...knownRecords(message), ...(message.unknownRecords ?? [])]),
  );
  if (bytes.length > MAX_MESSAGE_LENGTH) throw new RangeError(`a message has at most ${MAX_MESSAGE_LENGTH} bytes`);
  return bytes;
}

function fixedFields(message: PeerMessage): Uint8Array[] {
  switch (message.type) {
    case 'update_add_htlc':
      return [
        ...htlcHead(MessageNumber.updateAddHtlc, message),
        u64(message.amountMsat),
        sized(message.paymentHash, 32),
        u32(message.cltvExpiry),
        sized(message.onion, ONION_PACKET_LENGTH),
      ];
    case 'update_fulfill_htlc':
      return [...htlcHead(MessageNumber.updateFulfillHtlc, message), sized(message.preimage, 32)];
    case 'update_fail_htlc':
      return [...htlcHead(MessageNumber.updateFailHtlc, message), ...prefixed(message.reason)];
    case 'update_fail_malformed_htlc':
      if ((message.failureCode & BADONION) === 0) throw new RangeError('the failure code must have the BADONION bit');
      return [
        ...htlcHead(MessageNumber.updateFailMalformedHtlc, message),
        sized(message.sha256OfOnion, 32),
        u16(message.failureCode),
      ];
    case 'revoke_and_ack':
      return [
        u16(MessageNumber.revokeAndAck),
        sized(message.channelId, 32),
        sized(message.perCommitmentSecret, 32),
        sized(message.nextPerCommitmentPoint, 33),
      ];
    case 'init':
      return [u16(MessageNumber.init), u16(0), ...prefixed(message.features)];
    case 'error':
    case 'warning':
      return [u16(MessageNumber[message.type]), sized(message.channelId, 32), ...prefixed(message.data)];
    case 'ping':
      return [u16(MessageNumber.ping), u16(message.pongBytes), ...prefixed(message.ignored)];
    case 'pong':
      return [u16(MessageNumber.pong), ...prefixed(message.ignored)];
  }
}

function knownRecords(message: PeerMessage): TlvRecord[] {
  switch (message.type) {
    case 'update_add_htlc':
      return message.pathKey ? [{ type: 0n, value: sized(message.pathKey, 33) }] : [];
    case 'update_fulfill_htlc':
    case 'update_fail_htlc':
      return message.attributionData
        ? [{ type: 1n, value: sized(message.attributionData, ATTRIBUTION_DATA_LENGTH) }]
        : [];
    case 'init':
      return [
        ...(message.networks ? [{ type: 1n, value: concat(...message.networks.map((hash) => sized(hash, 32))) }] : []),
        ...(message.remoteAddress ? [{ type: 3n, value: message.remoteAddress }] : []),
      ];
    case 'update_fail_malformed_htlc':
    case 'revoke_and_ack':
    case 'error':
    case 'warning':
    case 'ping':
    case 'pong':
      return [];
  }
}

function htlcHead(number: number, { channelId, id }: HtlcAddress): Uint8Array[] {
  return [u16(number), sized(channelId, 32), u64(id)];
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`a field of ${length} bytes was given ${bytes.length}`);
  return bytes;
}

function prefixed(bytes: Uint8Array): Uint8Array[] {
  return [u16(bytes.length), bytes];
}

/**
 * Reads one message. Refuses what BOLT 1 tells a node to close the connection for: unknown even types, short payloads,
 * broken extensions. Unknown odd types come back as {@link UnknownMessage}.
 */
export function decodeMessage(bytes: Uint8Array): Result<PeerMessage | UnknownMessage> {
  return refusable(() => {
    if (bytes.length > MAX_MESSAGE_LENGTH) refuse('bad_length', `a message has at most ${MAX_MESSAGE_LENGTH} bytes`);
    const reader = new ByteReader(bytes);
    const number = reader.u16();
    switch (number) {
      case MessageNumber.updateAddHtlc:
        return readAdd(reader);
      case MessageNumber.updateFulfillHtlc:
        return readFulfill(reader);
      case MessageNumber.updateFailHtlc:
        return readFail(reader);
      case MessageNumber.updateFailMalformedHtlc:
        return readMalformed(reader);
      case MessageNumber.revokeAndAck:
        return readRevokeAndAck(reader);
      case MessageNumber.init:
        return readInit(reader);
      case MessageNumber.error:
        return readErrorOrWarning(reader, 'error');
      case MessageNumber.warning:
        return readErrorOrWarning(reader, 'warning');
      case MessageNumber.ping:
        return readPing(reader);
      case MessageNumber.pong:
        return { type: 'pong', ignored: readPrefixed(reader), ...extension(reader).rest };
      default:
        if (number % 2 === 0) refuse('unknown_even_type', `message ${number} is unknown and even`, 0);
        return { type: 'unknown', number, payload: reader.rest() };
    }
  });
}

function readAdd(reader: ByteReader): UpdateAddHtlc {
  const head = {
    type: 'update_add_htlc',
    ...readAddress(reader),
    amountMsat: reader.msat(),
    paymentHash: reader.bytes(32),
    cltvExpiry: reader.u32(),
    onion: reader.bytes(ONION_PACKET_LENGTH),
  } as const;
  const { known, rest } = extension(reader, 0n);
  const pathKey = known.get(0n);
  return pathKey ? { ...head, pathKey: pointLike(pathKey, 'path_key'), ...rest } : { ...head, ...rest };
}

/** 33 bytes that may be a compressed point; the curve is not asked. */
function pointLike(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length !== 33 || (bytes[0] !== 2 && bytes[0] !== 3)) {
    refuse('invalid_point', `${name} is not a compressed point`);
  }
  return bytes;
}

function readRevokeAndAck(reader: ByteReader): RevokeAndAck {
  return {
    type: 'revoke_and_ack',
    channelId: reader.bytes(32),
    perCommitmentSecret: reader.bytes(32),
    nextPerCommitmentPoint: pointLike(reader.bytes(33), 'next_per_commitment_point'),
    ...extension(reader).rest,
  };
}

function readFulfill(reader: ByteReader): UpdateFulfillHtlc {
  const head = { type: 'update_fulfill_htlc', ...readAddress(reader), preimage: reader.bytes(32) } as const;
  return { ...head, ...readAttribution(reader) };
}

function readFail(reader: ByteReader): UpdateFailHtlc {
  const head = { type: 'update_fail_htlc', ...readAddress(reader), reason: readPrefixed(reader) } as const;
  return { ...head, ...readAttribution(reader) };
}

function readMalformed(reader: ByteReader): UpdateFailMalformedHtlc {
  const address = readAddress(reader);
  const sha256OfOnion = reader.bytes(32);
  const position = reader.offset;
  const failureCode = reader.u16();
  if ((failureCode & BADONION) === 0) refuse('missing_badonion', 'the failure code lacks the BADONION bit', position);
  return { type: 'update_fail_malformed_htlc', ...address, sha256OfOnion, failureCode, ...extension(reader).rest };
}

function readInit(reader: ByteReader): Init {
  const global = readPrefixed(reader);
  const features = readPrefixed(reader);
  const { known, rest } = extension(reader, 1n, 3n);
  const networks = known.get(1n);
  const remoteAddress = known.get(3n);
  return {
    type: 'init',
    features: orBits(global, features),
    ...(networks ? { networks: chainHashes(networks) } : {}),
    ...(remoteAddress ? { remoteAddress } : {}),
    ...rest,
  };
}

function readErrorOrWarning(reader: ByteReader, type: 'error' | 'warning'): ErrorOrWarning {
  return { type, channelId: reader.bytes(32), data: readPrefixed(reader), ...extension(reader).rest };
}

function readPing(reader: ByteReader): Ping {
  return { type: 'ping', pongBytes: reader.u16(), ignored: readPrefixed(reader), ...extension(reader).rest };
}

function readAddress(reader: ByteReader): { channelId: Uint8Array; id: bigint } {
  return { channelId: reader.bytes(32), id: reader.u64() };
}

function readPrefixed(reader: ByteReader): Uint8Array {
  return reader.bytes(reader.u16());
}

function readAttribution(reader: ByteReader): { attributionData?: Uint8Array } & Extension {
  const { known, rest } = extension(reader, 1n);
  const attributionData = known.get(1n);
  if (!attributionData) return rest;
  if (attributionData.length !== ATTRIBUTION_DATA_LENGTH) {
    refuse('bad_length', `attribution_data has ${attributionData.length} bytes instead of ${ATTRIBUTION_DATA_LENGTH}`);
  }
  return { attributionData, ...rest };
}

/** The TLV stream at the end of a message, split into the records asked for and the unknown odd ones. */
function extension(reader: ByteReader, ...types: bigint[]): { known: Map<bigint, Uint8Array>; rest: Extension } {
  const known = new Map<bigint, Uint8Array>();
  if (reader.left === 0) return { known, rest: {} };
  const records = splitTlvStream(reader.rest());
  refuseUnknownEven(records, new Set(types));
  const unknownRecords: TlvRecord[] = [];
  for (const { type, value } of records) {
    if (types.includes(type)) known.set(type, value);
    else unknownRecords.push({ type, value });
  }
  return { known, rest: unknownRecords.length > 0 ? { unknownRecords } : {} };
}

function chainHashes(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length % 32 !== 0) refuse('bad_length', 'networks is not a list of 32-byte chain hashes');
  return Array.from({ length: bytes.length / 32 }, (_, i) => bytes.slice(32 * i, 32 * (i + 1)));
}

function orBits(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(Math.max(a.length, b.length));
  joined.set(a, joined.length - a.length);
  b.forEach((byte, i) => {
    joined[joined.length - b.length + i]! |= byte;
  });
  return joined;
}
