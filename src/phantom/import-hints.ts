/**
 * Hints of LDK members: LDK recognises only phantom SCIDs it made itself, so an LDK node hands its
 * `get_phantom_route_hints` to Manifold, as the bytes LDK writes or as JSON.
 */
import { ec } from '../crypto/index.js';
import { equalBytes, fromHex, isHexOf } from '../wire/bytes.js';
import { uintOf } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { refusable, refuse, type Result } from '../wire/result.js';
import { splitLengthPrefixedTlvStream, splitTlvStream, type TlvRecord } from '../wire/tlv.js';
import { MAX_U32, MAX_U64, type NodeId } from '../wire/units.js';
import type { PhantomRouteHints } from './ldk-hints.js';
import type { ClusterMember, MemberChannel, PeerPolicy } from './member.js';

/** A member made of one node's imported hints, oldest first: every SCID stays in use, the newest channel list counts. */
export function importedMember(
  hints: readonly [PhantomRouteHints, ...PhantomRouteHints[]],
  status: { readonly healthy: boolean; readonly alias?: string },
): ClusterMember {
  const { nodeId } = hints[0];
  if (!hints.every((one) => equalBytes(one.nodeId, nodeId))) throw new RangeError('hints of different nodes');
  return {
    nodeId,
    ...status,
    holdsParts: false,
    channels: hints.at(-1)!.channels,
    importedScids: hints.map(({ phantomScid }) => phantomScid),
  };
}

function optional<Name extends string, T>(name: Name, value: T | undefined): Partial<Record<Name, T>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, T>);
}

/* --- LDK's serialization ------------------------------------------------------------------------------------------ */

class Records {
  readonly #records: Map<number, Uint8Array>;

  constructor(records: readonly TlvRecord[]) {
    this.#records = new Map(records.map(({ type, value }) => [Number(type), value]));
  }

  bytes(type: number): Uint8Array {
    return this.#records.get(type) ?? refuse('missing_record', `record ${type} is missing`);
  }

  has(type: number): boolean {
    return this.#records.has(type);
  }

  uint(type: number, width: number): bigint {
    const value = this.bytes(type);
    if (value.length !== width) refuse('bad_length', `record ${type} has ${value.length} bytes instead of ${width}`);
    return uintOf(value);
  }

  optionalUint(type: number, width: number): bigint | undefined {
    return this.has(type) ? this.uint(type, width) : undefined;
  }

  flag(type: number): boolean {
    return this.uint(type, 1) === 1n;
  }

  nodeId(type: number): NodeId {
    const value = this.bytes(type);
    if (!ec.isPoint(value)) refuse('invalid_node_id', `record ${type} is not a node id`);
    return value;
  }

  /** The stream inside a record, which carries its own length. */
  nested(type: number): Records {
    const nested = splitLengthPrefixedTlvStream(this.bytes(type));
    return new Records(nested);
  }
}

function readPolicy(channel: Records, peer: Records): PeerPolicy | undefined {
  if (!peer.has(8)) return undefined;
  const info = peer.nested(8);
  return {
    feeBaseMsat: Number(info.uint(2, 4)),
    feeProportionalMillionths: Number(info.uint(4, 4)),
    cltvExpiryDelta: Number(info.uint(6, 2)),
    ...optional('htlcMinimumMsat', channel.optionalUint(33, 8)),
    ...optional('htlcMaximumMsat', channel.optionalUint(35, 8)),
  };
}

/** LDK's `ChannelDetails`; records that say nothing about receiving are passed over, whatever their parity. */
function readChannel(stream: Uint8Array): MemberChannel {
  const channel = new Records(splitTlvStream(stream));
  const peer = channel.nested(4);
  const confirmations = channel.optionalUint(9, 4);
  return {
    peerId: peer.nodeId(2),
    announced: channel.flag(32),
    usable: channel.flag(30),
    ready: channel.flag(28),
    inboundCapacityMsat: channel.uint(20, 8),
    ...optional('scid', channel.optionalUint(8, 8)),
    ...optional('aliasScid', channel.optionalUint(1, 8)),
    ...optional('confirmations', confirmations === undefined ? undefined : Number(confirmations)),
    ...optional('peerPolicy', readPolicy(channel, peer)),
  };
}

const LENGTH_LABELS = { missing: 'truncated', truncated: 'truncated', notMinimal: 'bigsize_not_minimal' };

/** LDK's `PhantomRouteHints` as LDK 0.1 and later write it: records 2 (channels), 4 (phantom SCID), 6 (node id). */
export function decodeLdkPhantomRouteHints(bytes: Uint8Array): Result<PhantomRouteHints> {
  return refusable(() => {
    const hints = new Records(splitLengthPrefixedTlvStream(bytes));
    const reader = new ByteReader(hints.bytes(2));
    const channels: MemberChannel[] = [];
    while (reader.left > 0) channels.push(readChannel(reader.bytes(reader.bigSizeLength(LENGTH_LABELS, 'truncated'))));
    return { nodeId: hints.nodeId(6), phantomScid: hints.uint(4, 8), channels };
  });
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

type Members = Readonly<Record<string, unknown>>;

function object(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    refuse('bad_json', `${what} must be an object`);
  return value as Members;
}

/** A member that is absent or null is undefined. */
function member<T>(from: Members, name: string, read: (value: unknown, name: string) => T): T | undefined {
  const value = from[name];
  return value === undefined || value === null ? undefined : read(value, name);
}

function required<T>(from: Members, name: string, read: (value: unknown, name: string) => T): T {
  return member(from, name, read) ?? refuse('bad_json', `${name} is missing`);
}

function asBoolean(value: unknown, name: string): boolean {
  return typeof value === 'boolean' ? value : refuse('bad_json', `${name} must be true or false`);
}

function asNumber(value: unknown, name: string): number {
  const fits = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_U32;
  return fits ? value : refuse('bad_json', `${name} must be a whole number from 0 to ${MAX_U32}`);
}

function asBlocks(value: unknown, name: string): number {
  const blocks = asNumber(value, name);
  return blocks <= 0xffff ? blocks : refuse('bad_json', `${name} must be at most 65535`);
}

function asU64(value: unknown, name: string): bigint {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) refuse('bad_json', `${name} must be a decimal string`);
  const number = BigInt(text);
  return number <= MAX_U64 ? number : refuse('bad_json', `${name} exceeds 64 bits`);
}

function asNodeId(value: unknown, name: string): NodeId {
  if (typeof value !== 'string' || !isHexOf(value, 33)) refuse('bad_json', `${name} must be 33 bytes in hex`);
  const id = fromHex(value);
  return ec.isPoint(id) ? id : refuse('invalid_node_id', `${name} is not a node id`);
}

function channelOfJson(value: unknown): MemberChannel {
  const from = object(value, 'a channel');
  const info = member(from, 'counterparty_forwarding_info', object);
  const policy = info && {
    feeBaseMsat: required(info, 'fee_base_msat', asNumber),
    feeProportionalMillionths: required(info, 'fee_proportional_millionths', asNumber),
    cltvExpiryDelta: required(info, 'cltv_expiry_delta', asBlocks),
    ...optional('htlcMinimumMsat', member(from, 'inbound_htlc_minimum_msat', asU64)),
    ...optional('htlcMaximumMsat', member(from, 'inbound_htlc_maximum_msat', asU64)),
  };
  return {
    peerId: required(from, 'peer_node_id', asNodeId),
    announced: required(from, 'is_announced', asBoolean),
    usable: required(from, 'is_usable', asBoolean),
    ready: required(from, 'is_channel_ready', asBoolean),
    inboundCapacityMsat: required(from, 'inbound_capacity_msat', asU64),
    ...optional('scid', member(from, 'short_channel_id', asU64)),
    ...optional('aliasScid', member(from, 'inbound_scid_alias', asU64)),
    ...optional('confirmations', member(from, 'confirmations', asNumber)),
    ...optional('peerPolicy', policy),
  };
}

/**
 * The same data as JSON, with LDK's names: `node_id`, `phantom_scid`, `channels` of `peer_node_id`, `short_channel_id`,
 * `inbound_scid_alias`, `inbound_capacity_msat`, `is_announced`, `confirmations`, `is_usable`, `is_channel_ready`,
 * `inbound_htlc_minimum_msat`, `inbound_htlc_maximum_msat` and `counterparty_forwarding_info` of `fee_base_msat`,
 * `fee_proportional_millionths`, `cltv_expiry_delta`. 64-bit numbers are decimal strings; null is as good as absent.
 */
export function phantomRouteHintsOfJson(value: unknown): Result<PhantomRouteHints> {
  return refusable(() => {
    const from = object(value, 'phantom route hints');
    const channels = from['channels'];
    if (!Array.isArray(channels)) refuse('bad_json', 'channels must be a list');
    return {
      nodeId: required(from, 'node_id', asNodeId),
      phantomScid: required(from, 'phantom_scid', asU64),
      channels: (channels as unknown[]).map(channelOfJson),
    };
  });
}
