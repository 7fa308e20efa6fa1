/**
 * Peeling an onion (BOLT 4, "Onion Decryption"), the hot path of every incoming HTLC: one multiplication on the curve, three
 * hmacs and the head of a stream; the next packet is only made where there is a next hop.
 */
import { ec, hmacSha256, sha256 } from '../crypto/index.js';
import { equalBytes } from '../wire/bytes.js';
import { err, Refusal, type Result } from '../wire/result.js';
import { FailureCode } from './failure-codes.js';
import { onionKey, streamSection, xorStream } from './keys.js';
import {
  AREA_START,
  HMAC_LENGTH,
  KEY_START,
  MIN_PAYLOAD_LENGTH,
  ONION_VERSION,
  PACKET_OVERHEAD,
  readPayloadLength,
} from './layout.js';

/** Bytes of the area that are decrypted first: the frame of nearly every payment fits, and a last hop needs no more. */
const USUAL_FRAME = 192;

export interface PeelParameters {
  /** 32 bytes. */
  readonly nodeSecret: Uint8Array;
  /** The whole packet; its payload area may have any size. */
  readonly onion: Uint8Array;
  /** Payment hash in payments, empty in onion messages. */
  readonly associatedData: Uint8Array;
  /** `path_key` that came beside the onion (update_add_htlc or onion_message): the onion is for our blinded key. */
  readonly pathKey?: Uint8Array;
}

export interface PeeledOnion {
  /** Without its length prefix. */
  readonly payload: Uint8Array;
  readonly sharedSecret: Uint8Array;
  /** The whole packet for the next hop; absent if we are the last. */
  readonly next?: Uint8Array;
}

export type PeelErrorCode =
  | 'invalid_onion_version'
  | 'invalid_onion_hmac'
  | 'invalid_onion_key'
  | 'invalid_onion_blinding'
  | 'invalid_onion_payload';

export interface PeelError {
  readonly code: PeelErrorCode;
  readonly message: string;
  /** What to answer (BOLT 4): with a path key beside the onion always `invalid_onion_blinding`, whatever the cause. */
  readonly failureCode: number;
  /** SHA-256 of the packet as received, for update_fail_malformed_htlc. */
  readonly sha256OfOnion: Uint8Array;
  /** Only with `invalid_onion_payload`: the packet was authentic, so the failure can be encrypted to the sender. */
  readonly sharedSecret?: Uint8Array;
}

export type PeelResult = Result<PeeledOnion, PeelError>;

const FAILURE_OF: Record<PeelErrorCode, number> = {
  invalid_onion_version: FailureCode.invalidOnionVersion,
  invalid_onion_hmac: FailureCode.invalidOnionHmac,
  invalid_onion_key: FailureCode.invalidOnionKey,
  invalid_onion_blinding: FailureCode.invalidOnionBlinding,
  invalid_onion_payload: FailureCode.invalidOnionPayload,
};

/**
 * Peels one layer. Bytes of strangers never throw.
 * @throws {RangeError} if `nodeSecret` is not a secret key.
 */
export function peelOnion({ nodeSecret, onion, associatedData, pathKey }: PeelParameters): PeelResult {
  const fail = (code: PeelErrorCode, message: string, sharedSecret?: Uint8Array): PeelResult => ({
    ok: false,
    error: {
      code,
      message,
      failureCode: pathKey ? FailureCode.invalidOnionBlinding : FAILURE_OF[code],
      sha256OfOnion: sha256(onion),
      ...(sharedSecret && { sharedSecret }),
    },
  });

  if (onion[0] !== ONION_VERSION) return fail('invalid_onion_version', `version ${onion[0] ?? 'missing'} is unknown`);
  if (onion.length <= PACKET_OVERHEAD)
    return fail('invalid_onion_hmac', `a packet of ${onion.length} bytes is cut short`);

  let secret = nodeSecret;
  if (pathKey) {
    const blinded = blindedSecret(nodeSecret, pathKey);
    if (!blinded) return fail('invalid_onion_blinding', 'the path key is not a point');
    secret = blinded;
  }
  const sharedSecret = ec.ecdh(secret, onion.subarray(KEY_START, AREA_START));
  if (!sharedSecret) return fail('invalid_onion_key', 'the ephemeral key is not a point');
  return openLayer(onion, associatedData, sharedSecret, fail);
}

/** As {@link peelOnion}, where somebody else holds the key and tells the shared secret. `onion` is longer than its overhead. */
export function peelWithSharedSecret(
  onion: Uint8Array,
  associatedData: Uint8Array,
  sharedSecret: Uint8Array,
): Result<PeeledOnion, { readonly code: PeelErrorCode; readonly message: string }> {
  return openLayer(onion, associatedData, sharedSecret, (code, message) => err({ code, message }));
}

function openLayer<Refused>(
  onion: Uint8Array,
  associatedData: Uint8Array,
  sharedSecret: Uint8Array,
  fail: (code: PeelErrorCode, message: string, sharedSecret?: Uint8Array) => Refused,
): { readonly ok: true; readonly value: PeeledOnion } | Refused {
  const hmacStart = onion.length - HMAC_LENGTH;
  const ephemeralKey = onion.subarray(KEY_START, AREA_START);
  const sealed = onion.subarray(AREA_START, hmacStart);
  const hmac = hmacSha256(onionKey('mu', sharedSecret), sealed, associatedData);
  if (!equalBytes(hmac, onion.subarray(hmacStart))) return fail('invalid_onion_hmac', 'the hmac does not fit');

  const rho = onionKey('rho', sharedSecret);
  const head = xorStream(rho, sealed.subarray(0, USUAL_FRAME));
  let frame;
  try {
    frame = measureFrame(head, sealed.length);
  } catch (thrown) {
    if (thrown instanceof Refusal) return fail('invalid_onion_payload', thrown.message, sharedSecret);
    throw thrown;
  }
  const { start, hmacStart: payloadEnd, end } = frame;
  const opened = end <= head.length ? head : xorStream(rho, sealed);
  const payload = opened.slice(start, payloadEnd);
  const nextHmac = opened.subarray(payloadEnd, end);
  if (nextHmac.every((byte) => byte === 0)) return { ok: true, value: { payload, sharedSecret } };
  const area = opened.length === sealed.length ? opened : xorStream(rho, sealed);
  const next = nextPacket(onion.length, ephemeralKey, sharedSecret, { rho, area, end, nextHmac });
  return { ok: true, value: { payload, sharedSecret, next } };
}

/** What a hop of a blinded path derives from its path key. */
export interface BlindedKeys {
  /** With the maker of the path: opens the hop's data. */
  readonly sharedSecret: Uint8Array;
  /** The key of our blinded self: opens the onion. */
  readonly blindedSecret: Uint8Array;
}

/** Undefined if `pathKey` is not a point. */
export function blindedKeys(nodeSecret: Uint8Array, pathKey: Uint8Array): BlindedKeys | undefined {
  const sharedSecret = ec.ecdh(nodeSecret, pathKey);
  if (!sharedSecret) return undefined;
  const blinding = onionKey('blinded_node_id', sharedSecret);
  return { sharedSecret, blindedSecret: ec.multiplySecret(nodeSecret, blinding) };
}

/** The key of our blinded self on a path; undefined if `pathKey` is not a point. */
export function blindedSecret(nodeSecret: Uint8Array, pathKey: Uint8Array): Uint8Array | undefined {
  return blindedKeys(nodeSecret, pathKey)?.blindedSecret;
}

/** Where a frame stands in the area: its payload from `start` to `hmacStart`, the next hmac up to `end`. */
interface Frame {
  readonly start: number;
  readonly hmacStart: number;
  readonly end: number;
}

/**
 * @param head the first bytes of the area, nine at least where it has them
 * @throws Refusal if the length is reserved, not minimal, or leaves no room for payload and hmac.
 */
function measureFrame(head: Uint8Array, areaLength: number): Frame {
  const { prefix, length } = readPayloadLength(head);
  if (length < MIN_PAYLOAD_LENGTH) throw new Refusal('payload_too_short', `payload length ${length} is reserved`, 0);
  const hmacStart = prefix + length;
  const end = hmacStart + HMAC_LENGTH;
  if (end > areaLength) throw new Refusal('truncated', `a payload of ${length} bytes exceeds the payload area`, 0);
  return { start: prefix, hmacStart, end };
}

/** The packet for the next hop: the area moves up by our frame, and stream bytes behind the area fill the gap. */
function nextPacket(
  length: number,
  ephemeralKey: Uint8Array,
  sharedSecret: Uint8Array,
  { rho, area, end, nextHmac }: { rho: Uint8Array; area: Uint8Array; end: number; nextHmac: Uint8Array },
): Uint8Array {
  const nextKey = ec.multiplyPoint(ephemeralKey, sha256(ephemeralKey, sharedSecret));
  if (!nextKey) throw new Error('unreachable: a point times a nonzero scalar is a point');
  const next = new Uint8Array(length);
  next[0] = ONION_VERSION;
  next.set(nextKey, KEY_START);
  next.set(area.subarray(end), AREA_START);
  next.set(streamSection(rho, area.length, end), AREA_START + area.length - end);
  next.set(nextHmac, length - HMAC_LENGTH);
  return next;
}
