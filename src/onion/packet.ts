/** Building onions (BOLT 4, "Onion Construction"): for senders, and for tests of readers. */
import { ec, hmacSha256, sha256 } from '../crypto/index.js';
import { concat } from '../wire/bytes.js';
import { onionKey, streamBytes, streamSection, xorStream } from './keys.js';
import { framePayload, HMAC_LENGTH, MIN_PAYLOAD_LENGTH, ONION_VERSION, PAYMENT_AREA_SIZE } from './layout.js';

export interface HopSecrets {
  /** 33 bytes: what the hop finds in its packet. */
  readonly ephemeralKey: Uint8Array;
  readonly sharedSecret: Uint8Array;
  /** SHA-256(ephemeral key ‖ shared secret): factor to the next hop's ephemeral key. */
  readonly blindingFactor: Uint8Array;
}

/**
 * The secrets shared with each node of a route, in route order.
 * @throws {RangeError} if the session key or a node id is invalid.
 */
export function hopSecrets(sessionKey: Uint8Array, nodeIds: readonly Uint8Array[]): HopSecrets[] {
  let ephemeralSecret = sessionKey;
  return nodeIds.map((nodeId, hop) => {
    const ephemeralKey = ec.publicKey(ephemeralSecret);
    const sharedSecret = ec.ecdh(ephemeralSecret, nodeId);
    if (!sharedSecret) throw new RangeError(`node id of hop ${hop} is not a point`);
    const blindingFactor = sha256(ephemeralKey, sharedSecret);
    ephemeralSecret = ec.multiplySecret(ephemeralSecret, blindingFactor);
    return { ephemeralKey, sharedSecret, blindingFactor };
  });
}

/**
 * What the hops before the last will have shifted into the end of the last hop's area.
 * @param frames shared secret and frame length (prefix, payload, hmac) of every hop **but the last**
 */
export function onionFiller(
  frames: readonly { readonly sharedSecret: Uint8Array; readonly length: number }[],
  areaSize: number,
): Uint8Array {
  let filler: Uint8Array = new Uint8Array();
  for (const { sharedSecret, length } of frames) {
    const stream = streamSection(onionKey('rho', sharedSecret), areaSize - filler.length, filler.length + length);
    const longer = stream.slice();
    for (let i = 0; i < filler.length; i++) longer[i]! ^= filler[i]!;
    filler = longer;
  }
  return filler;
}

export interface OnionHop {
  /** 33 bytes: the node id, or the blinded node id inside a blinded path. */
  readonly nodeId: Uint8Array;
  /** TLV stream without its length prefix, 2 bytes at least. */
  readonly payload: Uint8Array;
}

export interface FramedOnionHop {
  readonly nodeId: Uint8Array;
  /** Length prefix and payload, taken as they are: the way to make onions that readers have to refuse. */
  readonly framedPayload: Uint8Array;
}

interface OnionParameters<Hop> {
  /** 32 bytes, fresh for every onion. */
  readonly sessionKey: Uint8Array;
  readonly hops: readonly Hop[];
  /** Payment hash in payments, empty in onion messages. */
  readonly associatedData: Uint8Array;
  /** Default 1300. */
  readonly payloadAreaSize?: number;
}

export interface BuiltOnion {
  readonly onion: Uint8Array;
  /** In route order: keep them to read a returned failure. */
  readonly sharedSecrets: Uint8Array[];
}

/**
 * The onion for a route.
 * @throws {RangeError} if the payloads do not fit, one is shorter than 2 bytes, there is no hop, or a key is invalid.
 */
export function buildOnion(parameters: OnionParameters<OnionHop>): BuiltOnion {
  const hops = parameters.hops.map(({ nodeId, payload }) => {
    if (payload.length < MIN_PAYLOAD_LENGTH) throw new RangeError('an onion payload has at least 2 bytes');
    return { nodeId, framedPayload: framePayload(payload) };
  });
  return buildOnionOfFrames({ ...parameters, hops });
}

/** As {@link buildOnion}, with the length prefixes given by the caller and not checked. */
export function buildOnionOfFrames({
  sessionKey,
  hops,
  associatedData,
  payloadAreaSize = PAYMENT_AREA_SIZE,
}: OnionParameters<FramedOnionHop>): BuiltOnion {
  if (hops.length === 0) throw new RangeError('an onion needs at least one hop');
  const lengths = hops.map(({ framedPayload }) => framedPayload.length + HMAC_LENGTH);
  const needed = lengths.reduce((sum, length) => sum + length, 0);
  if (needed > payloadAreaSize) {
    throw new RangeError(`payloads need ${needed} bytes, the onion has ${payloadAreaSize}`);
  }
  const secrets = hopSecrets(
    sessionKey,
    hops.map(({ nodeId }) => nodeId),
  );
  const filler = onionFiller(
    secrets.slice(0, -1).map(({ sharedSecret }, hop) => ({ sharedSecret, length: lengths[hop]! })),
    payloadAreaSize,
  );

  // Random-looking padding tells the last hop nothing about the length of the route.
  let area = streamBytes(onionKey('pad', sessionKey), payloadAreaSize);
  let hmac: Uint8Array = new Uint8Array(HMAC_LENGTH);
  for (let hop = hops.length - 1; hop >= 0; hop--) {
    const { sharedSecret } = secrets[hop]!;
    const shifted = new Uint8Array(payloadAreaSize);
    shifted.set(hops[hop]!.framedPayload);
    shifted.set(hmac, lengths[hop]! - HMAC_LENGTH);
    shifted.set(area.subarray(0, payloadAreaSize - lengths[hop]!), lengths[hop]);
    area = xorStream(onionKey('rho', sharedSecret), shifted);
    if (hop === hops.length - 1) area.set(filler, payloadAreaSize - filler.length);
    hmac = hmacSha256(onionKey('mu', sharedSecret), area, associatedData);
  }
  return {
    onion: concat(Uint8Array.of(ONION_VERSION), secrets[0]!.ephemeralKey, area, hmac),
    sharedSecrets: secrets.map(({ sharedSecret }) => sharedSecret),
  };
}
