/** What the signature of an invoice covers, and reading it. */
import { ec, type RecoverableSignature, sha256 } from '../crypto/index.js';
import { groupsToBytes, packGroups } from '../wire/bech32.js';
import { refuse } from '../wire/result.js';
import { SIGNATURE_GROUPS } from './invoice.js';

/** Half the order of secp256k1: the largest "low" s. */
const HALF_ORDER = Uint8Array.of(
  ...[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ...[0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0],
);

/** True if the second half of `signature` is at most half the group order. */
export function isLowS(signature: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) {
    const difference = signature[32 + i]! - HALF_ORDER[i]!;
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** SHA-256 of the prefix as text and `groups[0..end)` filled up with zero bits to whole bytes. */
export function signingHashOf(hrp: string, groups: Uint8Array, end: number): Uint8Array {
  const signed = new Uint8Array(hrp.length + Math.ceil((end * 5) / 8));
  for (let i = 0; i < hrp.length; i++) signed[i] = hrp.charCodeAt(i);
  packGroups(groups, 0, end, signed, hrp.length);
  return sha256(signed);
}

/** Signature and recovery id from the last groups. */
export function signatureOf(groups: Uint8Array): RecoverableSignature {
  const bytes = groupsToBytes(groups, groups.length - SIGNATURE_GROUPS);
  return { signature: bytes.slice(0, 64), recoveryId: bytes[64]! };
}

/**
 * The key behind the signature: `named` (field n) if it fits, else the recovered one.
 * @throws Refusal `high_s_with_n`, `invalid_signature`, `invalid_recovery_id`, `signature_not_recoverable`
 */
export function payeeOf(
  hash: Uint8Array,
  { signature, recoveryId }: RecoverableSignature,
  named: Uint8Array | undefined,
  position: number,
): Uint8Array {
  if (named) {
    if (!isLowS(signature)) refuse('high_s_with_n', 'next to field n a signature must have low s', position);
    if (!ec.verify(hash, signature, named)) {
      refuse('invalid_signature', 'the signature is not by the key in field n', position);
    }
    return named;
  }
  if (recoveryId > 3) refuse('invalid_recovery_id', `recovery id ${recoveryId} is not 0, 1, 2 or 3`, position);
  const recovered = ec.recover(hash, signature, recoveryId);
  if (!recovered) refuse('signature_not_recoverable', 'no key can have made the signature', position);
  return recovered;
}
