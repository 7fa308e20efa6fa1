/** Who the internal member is, and the keys of what it sends. All processes of a cluster work out the same. */
import { ec, hkdfBlocks, hmacSha256, sha256 } from '../../crypto/index.js';
import type { ClusterKeys, KeyEpoch, KeyRing } from '../../phantom/index.js';
import { equalBytes, utf8 } from '../../wire/bytes.js';
import type { NodeId } from '../../wire/units.js';
import type { InternalPartName } from './store-port.js';

const NODE_TAG = 'Manifold internal member';
const SESSION_LABEL = 'Manifold Internal Onion Key Expansion';

/**
 * Node id of the internal member. It is a name only: nobody opens an onion or signs with its key, so it follows from what
 * is no secret, and outlives every seed.
 * @param cluster names the cluster for as long as its database lives: the fingerprint that the database was claimed with
 */
export function internalNodeId(cluster: string): NodeId {
  return ec.publicKey(firstSecret((attempt) => sha256(utf8(`${NODE_TAG} ${attempt} ${cluster}`))));
}

/** Nearly every 32 bytes are a secret key. */
function firstSecret(candidate: (attempt: number) => Uint8Array): Uint8Array {
  for (let attempt = 0; ; attempt++) {
    const secret = candidate(attempt);
    if (ec.isSecret(secret)) return secret;
  }
}

/** Text that no other part has. */
export function nameOf({ paymentHash, partId, sentAt }: InternalPartName): string {
  return `${paymentHash}/${partId}/${sentAt}`;
}

/**
 * Session key of the onion of a part. Follows from the seed of the phantom node that the onion is for: whoever can make the
 * key can open the onion anyway, and after a restart the failure can be read without a secret at rest.
 */
export function onionSessionKey(keys: ClusterKeys, part: InternalPartName): Uint8Array {
  const [base] = hkdfBlocks(SESSION_LABEL, keys.inboundKeyMaterial, 1);
  return firstSecret((attempt) => hmacSha256(base!, utf8(`${attempt} ${nameOf(part)}`)));
}

/** The seed that an onion was made for; undefined if it has been taken out of the ring since. */
export function epochOfOnion(ring: KeyRing, part: InternalPartName, onion: Uint8Array): KeyEpoch | undefined {
  const ephemeralKey = onion.subarray(1, 34);
  return ring.epochs.find(({ keys }) => equalBytes(ec.publicKey(onionSessionKey(keys, part)), ephemeralKey));
}
