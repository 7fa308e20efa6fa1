/** Generators shared by the onion tests. */
import fc from 'fast-check';
import { ec } from '../../src/crypto/index.js';
import type { TlvRecord } from '../../src/wire/tlv.js';

export const bytes = (minLength: number, maxLength = minLength): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });

/** 32 bytes that are a secret key. */
export const secret: fc.Arbitrary<Uint8Array> = bytes(32).filter((candidate) => ec.isSecret(candidate));

export interface TestNode {
  readonly nodeSecret: Uint8Array;
  readonly nodeId: Uint8Array;
}

export const node: fc.Arbitrary<TestNode> = secret.map((nodeSecret) => ({
  nodeSecret,
  nodeId: ec.publicKey(nodeSecret),
}));

export const point: fc.Arbitrary<Uint8Array> = node.map(({ nodeId }) => nodeId);
export const u64: fc.Arbitrary<bigint> = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
export const u32: fc.Arbitrary<number> = fc.nat({ max: 0xffff_ffff });
export const u16: fc.Arbitrary<number> = fc.nat({ max: 0xffff });

/** Odd records from `first` on, in order, none twice. */
export const oddRecords = (first: bigint): fc.Arbitrary<TlvRecord[]> =>
  fc
    .uniqueArray(
      fc.tuple(
        fc.bigInt({ min: first, max: 1n << 40n }).map((type) => type | 1n),
        bytes(0, 20),
      ),
      {
        selector: ([type]) => type,
        maxLength: 3,
      },
    )
    .map((list) => list.sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, value]) => ({ type, value })));

/** A copy with one bit changed. */
export function withFlippedBit(original: Uint8Array, bit: number): Uint8Array {
  const copy = original.slice();
  copy[(bit >> 3) % copy.length]! ^= 1 << (bit & 7);
  return copy;
}
