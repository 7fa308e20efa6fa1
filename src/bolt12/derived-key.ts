/**
 * Keys of offers that need no storage: derived from a secret, a nonce and the offer itself, as LDK does it. So every node
 * with the same secret can answer, and LDK nodes with the same `cross_node_seed` know our offers as theirs.
 */
import { ec, hmacSha256 } from '../crypto/index.js';
import { concat, equalBytes, utf8 } from '../wire/bytes.js';
import type { TlvRecord } from '../wire/tlv.js';
import { merkleRoot, taggedHash } from './merkle.js';
import type { OfferFields } from './offer.js';
import { encodeRecord, isOfferRecord } from './record.js';
import { type Bolt12Signer, signerOf } from './signature.js';

const LABEL = utf8('LDK Offer v2~~~~');
/** What LDK puts behind the records of an offer whose keys are derived without metadata. */
const WITHOUT_METADATA = concat(new Uint8Array(16).fill(2), new Uint8Array(16).fill(3));
/** Metadata, and the key itself. */
const LEFT_OUT: readonly bigint[] = [4n, 22n];

/**
 * The secret key behind an offer's issuer id.
 * @param offersKey 32 bytes shared by all who may answer (`ClusterKeys.offersBaseKey`)
 * @param nonce 16 bytes, which travel in the offer's paths
 * @param records of the offer, or of a request that repeats them
 * @throws {RangeError} if the nonce has another length
 */
export function derivedOfferKey(offersKey: Uint8Array, nonce: Uint8Array, records: readonly TlvRecord[]): Uint8Array {
  if (nonce.length !== 16) throw new RangeError('the nonce of an offer has 16 bytes');
  const covered = records.filter(({ type }) => isOfferRecord(type) && !LEFT_OUT.includes(type));
  return hmacSha256(offersKey, LABEL, nonce, ...covered.map(encodeRecord), WITHOUT_METADATA);
}

/**
 * The signer for an offer, if it was made with this secret and nonce: so a request proves by itself that it repeats an
 * offer of ours, byte for byte.
 */
export function derivedOfferSigner(
  offersKey: Uint8Array,
  nonce: Uint8Array,
  { offer, records }: { readonly offer: Pick<OfferFields, 'issuerId'>; readonly records: readonly TlvRecord[] },
): Bolt12Signer | undefined {
  if (!offer.issuerId || nonce.length !== 16) return undefined;
  const secret = derivedOfferKey(offersKey, nonce, records);
  if (!ec.isSecret(secret)) return undefined;
  const signer = signerOf(secret);
  return equalBytes(signer.nodeId, offer.issuerId) ? signer : undefined;
}

/**
 * 32 bytes that name an offer, as LDK computes them.
 * @param records of the offer, or of what repeats them: request, invoice, static invoice
 * @throws {RangeError} if there is no record of an offer among them
 */
export function offerIdOf(records: readonly TlvRecord[]): Uint8Array {
  return taggedHash('LDK Offer ID', merkleRoot(records.filter(({ type }) => isOfferRecord(type))));
}
