import { describe, expect, it } from 'vitest';
import { ec } from '../../src/crypto/index.js';
import { type Chain, chainHashOf, updateDigest, updateVerifier } from '../../src/onion/index.js';
import { concat, fromHex, toHex } from '../../src/wire/bytes.js';
import { u16, u32, u64 } from '../../src/wire/integers.js';

const MERKLE_ROOT = fromHex('3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a');

/** Headers of first blocks: all of them hold the same coinbase. */
const FIRST_BLOCKS: readonly (readonly [chain: Chain, time: number, bits: number, nonce: number])[] = [
  ['bitcoin', 1_231_006_505, 0x1d00ffff, 2_083_236_893],
  ['testnet', 1_296_688_602, 0x1d00ffff, 414_098_458],
  ['signet', 1_598_918_400, 0x1e0377ae, 52_613_770],
  ['regtest', 1_296_688_602, 0x207fffff, 2],
  ['simnet', 1_401_292_357, 0x207fffff, 2],
];

const littleEndian = (value: number): Uint8Array => u32(value).reverse();

const secret = new Uint8Array(32).fill(7);
const nodeId = ec.publicKey(secret);

function update(chain: Chain, signer = secret) {
  const chainHash = chainHashOf(chain);
  const signed = concat(
    ...[chainHash, u64(123_456_789n), u32(1_700_000_000), Uint8Array.of(1, 0)],
    ...[u16(40), u64(1n), u32(1_000), u32(100), u64(1_000_000_000n)],
  );
  return { chainHash, signed, signature: ec.sign(updateDigest(signed), signer).signature, nodeId };
}

describe('a signed channel_update', () => {
  it.each(FIRST_BLOCKS)('names %s by the hash of its first block', (chain, time, bits, nonce) => {
    const header = concat(
      ...[littleEndian(1), new Uint8Array(32), MERKLE_ROOT],
      ...[littleEndian(time), littleEndian(bits), littleEndian(nonce)],
    );
    expect(toHex(chainHashOf(chain))).toBe(toHex(updateDigest(header)));
  });

  it.each(FIRST_BLOCKS)('is believed on %s, and on no other chain', (chain) => {
    const signedHere = update(chain);
    const believing = FIRST_BLOCKS.filter(([other]) => updateVerifier(other)(signedHere)).map(([other]) => other);
    expect(believing).toEqual([chain]);
  });

  it('is believed of nobody but its signer, and with no bit changed', () => {
    const verify = updateVerifier('bitcoin');
    const sound = update('bitcoin');
    expect(verify(update('bitcoin', new Uint8Array(32).fill(8)))).toBe(false);
    for (const member of ['signature', 'signed', 'nodeId', 'chainHash'] as const) {
      for (let byte = 0; byte < sound[member].length; byte++) {
        const changed = sound[member].slice();
        changed[byte]! ^= 0x10;
        expect(verify({ ...sound, [member]: changed }), `${member} ${byte}`).toBe(false);
      }
    }
  });

  it('with a signature or key of another length is refused, not an error', () => {
    const verify = updateVerifier('bitcoin');
    const sound = update('bitcoin');
    expect(verify({ ...sound, signature: sound.signature.slice(1) })).toBe(false);
    expect(verify({ ...sound, nodeId: new Uint8Array(33) })).toBe(false);
  });
});
