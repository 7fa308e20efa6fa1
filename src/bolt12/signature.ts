/** Signatures of BOLT 12: BIP 340 over the tagged Merkle root. */
import { ec } from '../crypto/index.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { NodeId } from '../wire/units.js';
import { merkleRoot, taggedHash } from './merkle.js';

/** Name of the message in the signature's tag. */
export type SignedMessage = 'invoice_request' | 'invoice' | 'static_invoice';

/** Whoever holds a key; the key itself may live elsewhere. */
export interface Bolt12Signer {
  /** Public key of the signatures. */
  readonly nodeId: NodeId;
  /** 64 bytes BIP 340 over a digest of 32 bytes. */
  sign(digest: Uint8Array): Uint8Array;
}

/** Signs with a secret at hand. @throws {RangeError} unless it is one. */
export function signerOf(secret: Uint8Array): Bolt12Signer {
  return { nodeId: ec.publicKey(secret), sign: (digest) => ec.signSchnorr(digest, secret) };
}

/** The 32 bytes that are signed. @param records ascending and at least one; signatures among them do not count */
export function signingDigest(message: SignedMessage, records: readonly TlvRecord[]): Uint8Array {
  return taggedHash(`lightning${message}signature`, merkleRoot(records));
}

/** @param key compressed; its sign does not count (BIP 340) */
export function verifySignature(
  message: SignedMessage,
  records: readonly TlvRecord[],
  signature: Uint8Array,
  key: NodeId,
): boolean {
  return ec.verifySchnorr(signingDigest(message, records), signature, key.subarray(1));
}
