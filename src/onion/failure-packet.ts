/**
 * Return packets (BOLT 4, "Returning Errors"): hmac, u16 length, failure, u16 pad length, pad; then one ammag layer per node on
 * the way back.
 */
import { hmacSha256 } from '../crypto/index.js';
import { concat, equalBytes } from '../wire/bytes.js';
import { u16 } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { err, refusable, refuse, type Result } from '../wire/result.js';
import { decodeFailureMessage, type FailureMessage } from './failure-message.js';
import { onionKey, xorStream } from './keys.js';

/** Failure and pad together, so that the length says nothing about the failure. */
const FAILURE_LENGTH = 256;

/**
 * A return packet before any encryption.
 * @param minLength length of failure and pad together, if the failure is not longer
 * @throws {RangeError} if the failure is longer than 65535 bytes.
 */
export function buildFailurePacket(
  sharedSecret: Uint8Array,
  failureMessage: Uint8Array,
  minLength = FAILURE_LENGTH,
): Uint8Array {
  const pad = new Uint8Array(Math.max(0, minLength - failureMessage.length));
  const body = concat(u16(failureMessage.length), failureMessage, u16(pad.length), pad);
  return concat(hmacSha256(onionKey('um', sharedSecret), body), body);
}

/** The packet with this node's own ammag layer: what it sends upstream of a packet that came from downstream. */
export function wrapFailure(sharedSecret: Uint8Array, packet: Uint8Array): Uint8Array {
  return xorStream(onionKey('ammag', sharedSecret), packet);
}

/**
 * The failure as the erring node sends it: built, padded and with its own ammag layer; 292 bytes unless the failure is longer
 * than 256. This is the form that LND takes as `failure_message` of its HTLC interceptor and Core Lightning as
 * `failure_onion` of its htlc_accepted hook: both then add the layer of their own node, so a phantom node's failure passes
 * the shared secret of the *phantom* onion here.
 */
export function originateFailure(sharedSecret: Uint8Array, failureMessage: Uint8Array): Uint8Array {
  return wrapFailure(sharedSecret, buildFailurePacket(sharedSecret, failureMessage));
}

export interface OpenedFailurePacket {
  readonly message: Uint8Array;
  readonly padLength: number;
}

/**
 * Opens a return packet that carries no layer any more; any size is read.
 * @param umKey `um` key of the erring node
 * Errors: `invalid_hmac`, `failure_message_truncated`, `pad_truncated`, `trailing_bytes`.
 */
export function openFailurePacket(umKey: Uint8Array, packet: Uint8Array): Result<OpenedFailurePacket> {
  if (!isAuthentic(umKey, packet)) return err({ code: 'invalid_hmac', message: 'the hmac does not fit' });
  return refusable(() => {
    const reader = new ByteReader(packet, HMAC_LENGTH);
    if (reader.left < 2) refuse('failure_message_truncated', 'the failure length is missing', reader.offset);
    const message = reader.bytes(reader.u16(), 'failure_message_truncated');
    if (reader.left < 2) refuse('pad_truncated', 'the pad length is missing', reader.offset);
    const padLength = reader.u16();
    reader.bytes(padLength, 'pad_truncated');
    reader.end();
    return { message, padLength };
  });
}

const HMAC_LENGTH = 32;

function isAuthentic(umKey: Uint8Array, packet: Uint8Array): boolean {
  if (packet.length < HMAC_LENGTH) return false;
  return equalBytes(hmacSha256(umKey, packet.subarray(HMAC_LENGTH)), packet.subarray(0, HMAC_LENGTH));
}

export interface UnwrappedFailure {
  /** Position of the erring node in the route; 0 is the first hop. */
  readonly hop: number;
  /** Known as soon as the failure has two bytes, even where its data is unreadable: enough to react to. */
  readonly code?: number;
  /** The failure's bytes and content. The hop is to blame even where they are unreadable. */
  readonly message: Result<Uint8Array>;
  readonly failure: Result<FailureMessage>;
}

/** BOLT 4 recommends a constant number of rounds, so that time does not tell the distance of the erring node. */
const UNWRAP_ROUNDS = 27;
const NO_SECRET = new Uint8Array(32);

/**
 * Reads a failure at the origin. Undefined if no hop made it: somebody on the route garbled it.
 * @param sharedSecrets of the whole route, in route order
 */
export function unwrapFailure(packet: Uint8Array, sharedSecrets: readonly Uint8Array[]): UnwrappedFailure | undefined {
  let layered = packet;
  let found: UnwrappedFailure | undefined;
  for (let hop = 0; hop < Math.max(UNWRAP_ROUNDS, sharedSecrets.length); hop++) {
    const sharedSecret = sharedSecrets[hop] ?? NO_SECRET;
    layered = wrapFailure(sharedSecret, layered);
    const umKey = onionKey('um', sharedSecret);
    if (isAuthentic(umKey, layered) && hop < sharedSecrets.length && !found) {
      found = readUnwrapped(hop, openFailurePacket(umKey, layered));
    }
  }
  return found;
}

function readUnwrapped(hop: number, opened: Result<OpenedFailurePacket>): UnwrappedFailure {
  if (!opened.ok) return { hop, message: opened, failure: opened };
  const { message } = opened.value;
  const [high, low] = message;
  const code = high === undefined || low === undefined ? {} : { code: (high << 8) | low };
  return { hop, ...code, message: { ok: true, value: message }, failure: decodeFailureMessage(message) };
}
