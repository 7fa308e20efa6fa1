/**
 * Keys of blinded payment paths to the phantom. LND does not tell the path key that its next hop is to get, and the hash of a
 * payment by a static invoice is new to us: so the key is made of what every forward shows, and no path has a row.
 */
import { ec, hmacSha256, sha256 } from '../../crypto/index.js';
import { utf8 } from '../../wire/bytes.js';
import { u64 } from '../../wire/integers.js';
import type { NodeId, PaymentHash, ShortChannelId } from '../../wire/units.js';
import type { ClusterKeys } from '../cluster-keys.js';

/** What tells one path from all others. */
export interface PathIdentity {
  /** The last hop before the phantom. */
  readonly memberId: NodeId;
  /** By which the member forwards to the phantom. */
  readonly scid: ShortChannelId;
  /**
   * Of an invoice for one payment. It keeps two paths apart that drew one SCID: two messages under one key would give both away.
   * Undefined in static invoices, of which there are few.
   */
  readonly paymentHash: PaymentHash | undefined;
}

const NO_HASH = new Uint8Array();

function derive(keys: ClusterKeys, label: string, { memberId, scid, paymentHash }: PathIdentity): Uint8Array {
  return hmacSha256(keys.blindingKey, utf8(label), memberId, u64(scid), paymentHash ?? NO_HASH);
}

/** Path secret of the member's hop. */
export function memberPathSecret(keys: ClusterKeys, path: PathIdentity): Uint8Array {
  return derive(keys, 'member', path);
}

/** Session key of a path that begins one hop earlier, at a peer of the member. */
export function peerPathSecret(keys: ClusterKeys, path: PathIdentity): Uint8Array {
  return derive(keys, 'peer', path);
}

/**
 * Path secret of the phantom's hop: what follows from the member's by BOLT 4, so that a path which begins at the member needs
 * nothing special. Where a peer comes before, the member is told the key (`next_path_key_override`).
 */
export function phantomPathSecret(keys: ClusterKeys, path: PathIdentity): Uint8Array {
  const secret = memberPathSecret(keys, path);
  const sharedSecret = ec.ecdh(secret, path.memberId);
  if (!sharedSecret) throw new RangeError('the id of a member is not a point');
  return ec.multiplySecret(secret, sha256(ec.publicKey(secret), sharedSecret));
}

/** The path key with which the phantom's hop of this path is read. */
export function blindedPathKey(keys: ClusterKeys, path: PathIdentity): Uint8Array {
  return ec.publicKey(phantomPathSecret(keys, path));
}
