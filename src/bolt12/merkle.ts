/** What is signed of a BOLT 12 stream: the root of a Merkle tree over its records ("Signature Calculation"). */
import { sha256 } from '../crypto/index.js';
import { compareBytes, concat, utf8 } from '../wire/bytes.js';
import { encodeBigSize } from '../wire/integers.js';
import type { TlvRecord } from '../wire/tlv.js';
import { encodeRecord, isSignatureRecord } from './record.js';

/** Twice the hash of the tag, which tagged hashes (BIP 340) begin with. */
function tagPrefix(tag: Uint8Array): Uint8Array {
  const hash = sha256(tag);
  return concat(hash, hash);
}

/** BIP 340's `H_tag(message)`. */
export function taggedHash(tag: string, message: Uint8Array): Uint8Array {
  return sha256(tagPrefix(utf8(tag)), message);
}

const LEAF = tagPrefix(utf8('LnLeaf'));
const BRANCH = tagPrefix(utf8('LnBranch'));
const NONCE_TAG = utf8('LnNonce');

export interface MerkleLeaf {
  readonly record: Uint8Array;
  readonly leafHash: Uint8Array;
  readonly nonceHash: Uint8Array;
  /** Of the two hashes. */
  readonly branch: Uint8Array;
}

/** @param records ascending; those of signatures are left out */
export function merkleLeaves(records: readonly TlvRecord[]): MerkleLeaf[] {
  const first = records[0];
  if (!first) return [];
  const nonce = tagPrefix(concat(NONCE_TAG, encodeRecord(first)));
  return records
    .filter(({ type }) => !isSignatureRecord(type))
    .map((record) => {
      const encoded = encodeRecord(record);
      const leafHash = sha256(LEAF, encoded);
      const nonceHash = sha256(nonce, encodeBigSize(record.type));
      return { record: encoded, leafHash, nonceHash, branch: merkleBranch(leafHash, nonceHash) };
    });
}

export function merkleBranch(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareBytes(a, b) < 0 ? sha256(BRANCH, a, b) : sha256(BRANCH, b, a);
}

/**
 * The root for these records, ascending.
 * @throws {RangeError} if there is nothing to sign
 */
export function merkleRoot(records: readonly TlvRecord[]): Uint8Array {
  let level = merkleLeaves(records).map(({ branch }) => branch);
  if (level.length === 0) throw new RangeError('a Merkle tree needs at least one record that is signed');
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i]!, level[i + 1]];
      above.push(right ? merkleBranch(left, right) : left);
    }
    level = above;
  }
  return level[0]!;
}
