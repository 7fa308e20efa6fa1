/**
 * Attribution data (BOLT 4, "Attributable failures"; feature 36/37): 20 hold times of 4 bytes in units of 100 ms, then 210
 * hmacs cut to 4 bytes. Every node vouches, for each number of hops that may lie behind it, for the message and for what
 * the nodes behind it reported; the origin finds the first node whose word does not hold.
 *
 * `hmac(x, y)`: x counts nodes from the holder of the data, y the nodes behind node x up to the last one.
 */
import { hmacSha256 } from '../crypto/index.js';
import { equalBytes } from '../wire/bytes.js';
import { u32 } from '../wire/integers.js';
import { onionKey, xorStream } from './keys.js';
import { buildFailurePacket, unwrapFailure, wrapFailure, type UnwrappedFailure } from './failure-packet.js';

const MAX_HOPS = 20;
const SLOT = 4;
const TIMES_LENGTH = MAX_HOPS * SLOT;
export const ATTRIBUTION_LENGTH = TIMES_LENGTH + SLOT * ((MAX_HOPS * (MAX_HOPS + 1)) / 2);
/** A fulfilled HTLC has no return packet: the hmacs cover the hold times only. */
const NO_PACKET = new Uint8Array();

/** Where hmac(x, y) stands: node x has MAX_HOPS − x of them, for y from the largest down to 0. */
function hmacOffset(x: number, y: number): number {
  const before = x * MAX_HOPS - (x * (x - 1)) / 2;
  return TIMES_LENGTH + SLOT * (before + (MAX_HOPS - 1 - x - y));
}

/** hmac(0, y) as the node with this `um` key makes it. */
function ownHmac(umKey: Uint8Array, packet: Uint8Array, data: Uint8Array, y: number): Uint8Array {
  const covered = [packet, data.subarray(0, (y + 1) * SLOT)];
  for (let x = 1; x <= y; x++) {
    const offset = hmacOffset(x, y - x);
    covered.push(data.subarray(offset, offset + SLOT));
  }
  return hmacSha256(umKey, ...covered).subarray(0, SLOT);
}

/** Moves every report one node away from the holder; what falls off the end is lost. */
function shiftedAway(data: Uint8Array): Uint8Array {
  const shifted = new Uint8Array(ATTRIBUTION_LENGTH);
  shifted.set(data.subarray(0, TIMES_LENGTH - SLOT), SLOT);
  for (let x = 0; x < MAX_HOPS - 1; x++) {
    for (let y = 0; x + 1 + y < MAX_HOPS; y++) copySlot(data, hmacOffset(x, y), shifted, hmacOffset(x + 1, y));
  }
  return shifted;
}

function shiftedNearer(data: Uint8Array): Uint8Array {
  const shifted = new Uint8Array(ATTRIBUTION_LENGTH);
  shifted.set(data.subarray(SLOT, TIMES_LENGTH));
  for (let x = 0; x < MAX_HOPS - 1; x++) {
    for (let y = 0; x + 1 + y < MAX_HOPS; y++) copySlot(data, hmacOffset(x + 1, y), shifted, hmacOffset(x, y));
  }
  return shifted;
}

function copySlot(from: Uint8Array, fromOffset: number, to: Uint8Array, toOffset: number): void {
  to.set(from.subarray(fromOffset, fromOffset + SLOT), toOffset);
}

/**
 * The attribution data that a node sends upstream.
 * @param holdTime how long this node held the HTLC, in units of 100 ms (u32)
 * @param packet return packet *before* this node's ammag layer; left out for a fulfilled HTLC
 * @param downstream what came from downstream: left out at the erring or final node, and where downstream sent none
 * @throws {RangeError} if `downstream` has another length than 920.
 */
export function addAttribution(
  sharedSecret: Uint8Array,
  holdTime: number,
  packet: Uint8Array = NO_PACKET,
  downstream?: Uint8Array,
): Uint8Array {
  if (downstream && downstream.length !== ATTRIBUTION_LENGTH) {
    throw new RangeError(`attribution data has ${ATTRIBUTION_LENGTH} bytes`);
  }
  const data = downstream ? shiftedAway(downstream) : new Uint8Array(ATTRIBUTION_LENGTH);
  data.set(u32(holdTime));
  const umKey = onionKey('um', sharedSecret);
  for (let y = 0; y < MAX_HOPS; y++) data.set(ownHmac(umKey, packet, data, y), hmacOffset(0, y));
  return xorStream(onionKey('ammagext', sharedSecret), data);
}

export interface AttributedFailure {
  /** Reason of update_fail_htlc. */
  readonly packet: Uint8Array;
  /** TLV record 1 of update_fail_htlc, 920 bytes. */
  readonly attributionData: Uint8Array;
}

/** A failure as its erring node sends it, with attribution. `minLength` as in {@link buildFailurePacket}. */
export function originateAttributedFailure(
  sharedSecret: Uint8Array,
  failureMessage: Uint8Array,
  holdTime: number,
  minLength?: number,
): AttributedFailure {
  const packet = buildFailurePacket(sharedSecret, failureMessage, minLength);
  return {
    packet: wrapFailure(sharedSecret, packet),
    attributionData: addAttribution(sharedSecret, holdTime, packet),
  };
}

/** A failure as a relaying node passes it on. Downstream may know nothing of attribution. */
export function wrapAttributedFailure(
  sharedSecret: Uint8Array,
  downstream: { readonly packet: Uint8Array; readonly attributionData?: Uint8Array },
  holdTime: number,
): AttributedFailure {
  const { packet, attributionData } = downstream;
  return {
    packet: wrapFailure(sharedSecret, packet),
    attributionData: addAttribution(sharedSecret, holdTime, packet, attributionData),
  };
}

export interface Attribution {
  /** As reported by the hops whose hmacs fit, in route order, units of 100 ms. */
  readonly holdTimes: readonly number[];
  /** First hop whose hmac does not fit: this one, or the one before it, altered what it passed on. */
  readonly blamedHop?: number;
}

/** Reads the reports of `lastHop + 1` hops; `packets[hop]` is the return packet without the layers of hops 0 to hop. */
function readAttribution(
  attributionData: Uint8Array,
  sharedSecrets: readonly Uint8Array[],
  packetAt: (hop: number) => Uint8Array,
  lastHop: number,
): Attribution {
  const holdTimes: number[] = [];
  const hops = Math.min(sharedSecrets.length, MAX_HOPS);
  let layered = attributionData;
  if (layered.length !== ATTRIBUTION_LENGTH) return { holdTimes, blamedHop: 0 };
  for (let hop = 0; hop < hops && hop <= lastHop; hop++) {
    const sharedSecret = sharedSecrets[hop]!;
    const data = xorStream(onionKey('ammagext', sharedSecret), layered);
    const y = hops - 1 - hop;
    const stored = data.subarray(hmacOffset(0, y), hmacOffset(0, y) + SLOT);
    if (!equalBytes(stored, ownHmac(onionKey('um', sharedSecret), packetAt(hop), data, y))) {
      return { holdTimes, blamedHop: hop };
    }
    holdTimes.push(new DataView(data.buffer, data.byteOffset).getUint32(0));
    layered = shiftedNearer(data);
  }
  return { holdTimes };
}

/** Reads the attribution data of a fulfilled HTLC. `sharedSecrets`: the whole route, in route order. */
export function unwrapFulfillAttribution(
  attributionData: Uint8Array,
  sharedSecrets: readonly Uint8Array[],
): Attribution {
  return readAttribution(attributionData, sharedSecrets, () => NO_PACKET, sharedSecrets.length - 1);
}

export interface UnwrappedAttributedFailure extends Attribution {
  /** Absent if no hop's hmac fits the packet: then `blamedHop` is the only clue. */
  readonly failure?: UnwrappedFailure;
}

/** Reads a failure with attribution data at the origin. `sharedSecrets`: the whole route, in route order. */
export function unwrapAttributedFailure(
  { packet, attributionData }: AttributedFailure,
  sharedSecrets: readonly Uint8Array[],
): UnwrappedAttributedFailure {
  const failure = unwrapFailure(packet, sharedSecrets);
  const packets: Uint8Array[] = [];
  for (const sharedSecret of sharedSecrets) packets.push(wrapFailure(sharedSecret, packets.at(-1) ?? packet));
  const attribution = readAttribution(
    attributionData,
    sharedSecrets,
    (hop) => packets[hop]!,
    failure?.hop ?? sharedSecrets.length - 1,
  );
  return failure ? { ...attribution, failure } : attribution;
}
