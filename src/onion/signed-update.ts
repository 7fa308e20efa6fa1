/** Who has signed the channel_update inside a failure, and for which chain (BOLT 7). */
import { ec, sha256 } from '../crypto/index.js';
import { equalBytes, fromHex } from '../wire/bytes.js';
import type { NodeId } from '../wire/units.js';

/** Hash of a chain's first block, in the order of bytes on the wire. */
const CHAIN_HASHES = {
  bitcoin: fromHex('6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000'),
  testnet: fromHex('43497fd7f826957108f4a30fd9cec3aeba79972084e90ead01ea330900000000'),
  signet: fromHex('f61eee3b63a380a477a063af32b2bbc97c9ff9f01f2c4225e973988108000000'),
  regtest: fromHex('06226e46111a0b59caaf126043eb5bbf28c34f3a5e332a1fc7b2b73cf188910f'),
  simnet: fromHex('f67ad7695d9b662a72ff3d8edbbb2de0bfa67b13974bb9910d116d5cbd863e68'),
} as const;

export type Chain = keyof typeof CHAIN_HASHES;

export function chainHashOf(chain: Chain): Uint8Array {
  return CHAIN_HASHES[chain].slice();
}

/** What a node signs of an update: all that comes behind the signature, hashed twice. */
export function updateDigest(signed: Uint8Array): Uint8Array {
  return sha256(sha256(signed));
}

export interface SignedUpdateParts {
  readonly signature: Uint8Array;
  readonly signed: Uint8Array;
  readonly chainHash: Uint8Array;
  /** Who has to have signed. */
  readonly nodeId: NodeId;
}

/** Believes updates for the channels of one chain that the node itself has signed. */
export function updateVerifier(chain: Chain): (update: SignedUpdateParts) => boolean {
  const expected = CHAIN_HASHES[chain];
  return ({ signature, signed, chainHash, nodeId }) =>
    equalBytes(chainHash, expected) && ec.verify(updateDigest(signed), signature, nodeId);
}
