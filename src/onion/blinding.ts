/** Making and reading blinded hops (BOLT 4, "Route Blinding"). */
import { ec, openChaCha20Poly1305, sealChaCha20Poly1305, sha256 } from '../crypto/index.js';
import { err, ok, type Result } from '../wire/result.js';
import type { BlindedHop, BlindedPath } from './blinded-path.js';
import type { EncryptedData } from './encrypted-data.js';
import { onionKey } from './keys.js';
import { blindedKeys } from './peel.js';

/** Each rho key seals one message only. */
const NONCE = new Uint8Array(12);

export interface BlindedHopSecrets extends BlindedHop {
  /** What the hop will be given: public key of its path secret. */
  readonly pathKey: Uint8Array;
  readonly sharedSecret: Uint8Array;
  /** Path secret of the next hop. */
  readonly nextPathSecret: Uint8Array;
}

/**
 * Blinds one hop.
 * @param pathSecret the path's session key at its first hop, then `nextPathSecret` of the hop before
 * @param data stream of {@link EncryptedData}, in plain
 * @throws {RangeError} if the node id is not a point or the secret is invalid.
 */
export function blindHop(pathSecret: Uint8Array, nodeId: Uint8Array, data: Uint8Array): BlindedHopSecrets {
  const pathKey = ec.publicKey(pathSecret);
  const sharedSecret = ec.ecdh(pathSecret, nodeId);
  const blindedNodeId = sharedSecret && ec.multiplyPoint(nodeId, onionKey('blinded_node_id', sharedSecret));
  if (!blindedNodeId) throw new RangeError('the node id is not a point');
  return {
    pathKey,
    sharedSecret,
    blindedNodeId,
    encryptedData: sealChaCha20Poly1305(onionKey('rho', sharedSecret), NONCE, data),
    nextPathSecret: ec.multiplySecret(pathSecret, sha256(pathKey, sharedSecret)),
  };
}

export interface PathHop {
  readonly nodeId: Uint8Array;
  /** Stream of {@link EncryptedData}, in plain. Pad all hops to one length. */
  readonly data: Uint8Array;
}

/**
 * A blinded path through `hops`, starting at the first of them.
 * @param sessionKey 32 bytes, fresh for every path
 * @throws {RangeError} if there is no hop or a key is invalid.
 */
export function buildBlindedPath(sessionKey: Uint8Array, hops: readonly PathHop[]): BlindedPath {
  const [first] = hops;
  if (!first) throw new RangeError('a blinded path has at least one hop');
  let pathSecret = sessionKey;
  const blinded = hops.map(({ nodeId, data }) => {
    const { blindedNodeId, encryptedData, nextPathSecret } = blindHop(pathSecret, nodeId, data);
    pathSecret = nextPathSecret;
    return { blindedNodeId, encryptedData };
  });
  return { firstNode: { nodeId: first.nodeId }, firstPathKey: ec.publicKey(sessionKey), hops: blinded };
}

export interface UnblindedHop {
  /** Decrypted stream: not read yet, see `decodeEncryptedData`. */
  readonly data: Uint8Array;
  /** Our key as the path knows us. */
  readonly blindedSecret: Uint8Array;
  /** Path key for the next hop, unless the data overrides it: see {@link nextPathKey}. */
  readonly derivedNextPathKey: Uint8Array;
}

/**
 * Decrypts what the maker of a path left for us.
 * Errors: `invalid_point` (path key), `decryption_failed`. A payment answers both with invalid_onion_blinding.
 */
export function unblindHop(
  nodeSecret: Uint8Array,
  pathKey: Uint8Array,
  encryptedData: Uint8Array,
): Result<UnblindedHop> {
  const keys = blindedKeys(nodeSecret, pathKey);
  if (!keys) return err({ code: 'invalid_point', message: 'the path key is not a point' });
  const data = openHopData(keys.sharedSecret, encryptedData);
  if (!data.ok) return data;
  const derivedNextPathKey = derivePathKey(pathKey, keys.sharedSecret);
  return ok({ data: data.value, blindedSecret: keys.blindedSecret, derivedNextPathKey });
}

/** The data of a hop, in plain. Errors: `decryption_failed`. */
export function openHopData(sharedSecret: Uint8Array, encryptedData: Uint8Array): Result<Uint8Array> {
  const data = openChaCha20Poly1305(onionKey('rho', sharedSecret), NONCE, encryptedData);
  return data ? ok(data) : err({ code: 'decryption_failed', message: 'the encrypted data is not for this key' });
}

/** The path key that the next hop gets from one which is a point. */
export function derivePathKey(pathKey: Uint8Array, sharedSecret: Uint8Array): Uint8Array {
  const next = ec.multiplyPoint(pathKey, sha256(pathKey, sharedSecret));
  if (!next) throw new Error('unreachable: a point times a nonzero scalar is a point');
  return next;
}

/** The path key to pass on: the override joins two paths of different makers. */
export function nextPathKey({ derivedNextPathKey }: UnblindedHop, data: EncryptedData): Uint8Array {
  return data.nextPathKeyOverride ?? derivedNextPathKey;
}
