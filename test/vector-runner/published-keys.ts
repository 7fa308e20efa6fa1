/** Secret keys that specifications and their tests use openly. */
import { ec } from '../../src/crypto/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';

/** The signer of the examples of BOLT 11. */
const BOLT11_SIGNER = 'e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734';

/** Alice's to Gina's of BOLT 4, ...: one byte, 32 times. */
const REPEATED_BYTES = [0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];

/** The keys of nodes in examples of BOLT 4. */
export const NODE_SECRETS: readonly Uint8Array[] = REPEATED_BYTES.map((byte) => new Uint8Array(32).fill(byte));

export function isPublishedSecret(secret: Uint8Array): boolean {
  return toHex(secret) === BOLT11_SIGNER || new Set(secret).size === 1;
}

export function publishedSecretOf(nodeId: Uint8Array): Uint8Array | undefined {
  const wanted = toHex(nodeId);
  return [...NODE_SECRETS, fromHex(BOLT11_SIGNER)].find((secret) => toHex(ec.publicKey(secret)) === wanted);
}
