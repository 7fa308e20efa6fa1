import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BLINDED_SCID_VARIANTS,
  blindedPhantomScid,
  type BlindedScidKind,
  ClusterKeys,
  isLdkFakeScid,
  KeyRing,
  PHANTOM_SCID_VARIANTS,
  phantomScid,
  recognisePhantomScid,
} from '../../src/phantom/index.js';
import { scidOf, scidParts } from '../../src/wire/scid.js';
import { MAX_U64 } from '../../src/wire/units.js';

const keys = new ClusterKeys(new Uint8Array(32).fill(7));
const oldKeys = new ClusterKeys(new Uint8Array(32).fill(8));
const ring = new KeyRing({ id: 2, keys }, [{ id: 1, keys: oldKeys }]);
const node = (byte: number): Uint8Array => new Uint8Array(33).fill(byte);
const variant = fc.integer({ min: 0, max: PHANTOM_SCID_VARIANTS - 1 });

/** SplitMix64: fixed numbers, faster than drawing. */
function* numbers(seed: bigint): Generator<bigint, never> {
  for (let state = seed; ;) {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    yield z ^ (z >> 31n);
  }
}

describe('phantom SCIDs', () => {
  it('are recognised with their epoch and variant', () => {
    fc.assert(
      fc.property(variant, fc.boolean(), (v, old) => {
        const epoch = ring.epochs[old ? 1 : 0]!;
        const scid = phantomScid(epoch.keys, node(2), v);
        expect(recognisePhantomScid(ring, node(2), scid)).toEqual({ epochId: epoch.id, variant: v });
        expect(recognisePhantomScid(ring, node(3), scid)).toBeUndefined();
        expect(recognisePhantomScid(new KeyRing(ring.epochs[old ? 0 : 1]!), node(2), scid)).toBeUndefined();
      }),
    );
  });

  it('are distinct, above every real height and outside the ranges of others', () => {
    const seen = new Set<bigint>();
    const taken: number[] = [];
    let closeToAliases = 0;
    const count = 20_000;
    for (let v = 0; v < count; v++) {
      const scid = phantomScid(keys, node(2), v);
      seen.add(scid);
      const { block } = scidParts(scid);
      const free = block >= 8_388_608 && block < 16_777_215 && !(block >= 16_000_000 && block <= 16_249_999);
      if (!free) taken.push(block);
      if (block >= 15_750_000 && block <= 16_499_999) closeToAliases++;
    }
    expect(taken).toEqual([]);
    expect(seen.size).toBe(count);
    // Heights are spread evenly, so the excluded range would have been hit hundreds of times.
    expect(closeToAliases).toBeGreaterThan(800);
  });

  it('look random: every bit below the top one is set about half of the time', () => {
    const ones = new Array<number>(64).fill(0);
    const count = 2000;
    for (let v = 0; v < count; v++) {
      const scid = phantomScid(keys, node(2), v);
      for (let bit = 0; bit < 64; bit++) ones[bit]! += Number((scid >> BigInt(bit)) & 1n);
    }
    expect(ones[63]).toBe(count);
    for (const set of ones.slice(0, 63)) expect(Math.abs(set / count - 0.5)).toBeLessThan(0.07);
  });

  it('are not found in 200,000 random numbers, nor beside a phantom SCID', () => {
    const random = numbers(1n);
    const single = new KeyRing(ring.current);
    const found: bigint[] = [];
    for (let i = 0; i < 200_000; i++) {
      const number = random.next().value;
      if (recognisePhantomScid(single, node(2), number)) found.push(number);
    }
    expect(found).toEqual([]);
    const scid = phantomScid(keys, node(2), 5);
    for (let bit = 0n; bit < 64n; bit++)
      expect(recognisePhantomScid(ring, node(2), scid ^ (1n << bit))).toBeUndefined();
  });

  it('are never those of channels, of LND aliases or of the absent SCID', () => {
    const others = [
      0n,
      MAX_U64,
      1n << 63n,
      scidOf({ block: 840_000, txIndex: 3, output: 1 }),
      scidOf({ block: 16_000_000, txIndex: 0, output: 0 }),
      scidOf({ block: 16_249_999, txIndex: 0xff_ffff, output: 0xffff }),
    ];
    for (const scid of others) expect(recognisePhantomScid(ring, node(2), scid)).toBeUndefined();
  });

  it('cost real channels and LND aliases next to nothing', () => {
    const scids = [
      scidOf({ block: 840_000, txIndex: 3, output: 1 }),
      scidOf({ block: 16_100_000, txIndex: 3, output: 1 }),
    ];
    const rounds = 100_000;
    const start = performance.now();
    for (let i = 0; i < rounds; i++) for (const scid of scids) recognisePhantomScid(ring, node(2), scid);
    const microseconds = ((performance.now() - start) * 1000) / (2 * rounds);
    expect(microseconds).toBeLessThan(5);
  });

  it('have 2^24 variants', () => {
    expect(() => phantomScid(keys, node(2), PHANTOM_SCID_VARIANTS - 1)).not.toThrow();
    for (const bad of [-1, 0.5, PHANTOM_SCID_VARIANTS, Number.NaN]) {
      expect(() => phantomScid(keys, node(2), bad)).toThrow(RangeError);
    }
  });
});

describe('phantom SCIDs of blinded paths', () => {
  const kinds: readonly BlindedScidKind[] = ['invoice', 'static_invoice'];
  const anyKind = fc.constantFrom(...kinds);
  const anyVariant = fc.integer({ min: 0, max: BLINDED_SCID_VARIANTS - 1 });

  it('are recognised with epoch, kind and variant, at their member alone', () => {
    fc.assert(
      fc.property(anyVariant, anyKind, fc.boolean(), (v, kind, old) => {
        const epoch = ring.epochs[old ? 1 : 0]!;
        const scid = blindedPhantomScid(epoch.keys, node(2), kind, v);
        expect(recognisePhantomScid(ring, node(2), scid)).toEqual({ epochId: epoch.id, variant: v, blinded: kind });
        expect(recognisePhantomScid(ring, node(3), scid)).toBeUndefined();
        expect(recognisePhantomScid(new KeyRing(ring.epochs[old ? 0 : 1]!), node(2), scid)).toBeUndefined();
      }),
    );
  });

  it('are never plain ones, and plain ones never they', () => {
    for (let v = 0; v < 1000; v++) {
      expect(recognisePhantomScid(ring, node(2), phantomScid(keys, node(2), v))).toEqual({ epochId: 2, variant: v });
      for (const blinded of kinds) {
        const scid = blindedPhantomScid(keys, node(2), blinded, v);
        expect(recognisePhantomScid(ring, node(2), scid)).toEqual({ epochId: 2, variant: v, blinded });
      }
    }
  });

  it('are distinct, and keep away from the heights of others', () => {
    const seen = new Set<bigint>();
    let closeToAliases = 0;
    for (let v = 0; v < 10_000; v++) {
      for (const kind of kinds) {
        const scid = blindedPhantomScid(keys, node(2), kind, v);
        seen.add(scid);
        const { block } = scidParts(scid);
        const free = block >= 8_388_608 && block < 16_777_215 && !(block >= 16_000_000 && block <= 16_249_999);
        if (!free) throw new Error(`height ${block} belongs to others`);
        if (block >= 15_750_000 && block <= 16_499_999) closeToAliases++;
      }
    }
    expect(seen.size).toBe(20_000);
    expect(closeToAliases).toBeGreaterThan(800);
  });

  it('look random: every bit below the top one is set about half of the time', () => {
    const ones = new Array<number>(64).fill(0);
    const count = 2000;
    for (let v = 0; v < count; v++) {
      const scid = blindedPhantomScid(keys, node(2), 'invoice', v);
      for (let bit = 0; bit < 64; bit++) ones[bit]! += Number((scid >> BigInt(bit)) & 1n);
    }
    expect(ones[63]).toBe(count);
    for (const set of ones.slice(0, 63)) expect(Math.abs(set / count - 0.5)).toBeLessThan(0.07);
  });

  it('with a flipped bit are nothing', () => {
    const scid = blindedPhantomScid(keys, node(2), 'invoice', 5);
    for (let bit = 0n; bit < 64n; bit++)
      expect(recognisePhantomScid(ring, node(2), scid ^ (1n << bit))).toBeUndefined();
  });

  it('stay what they are: paths of years ago have to be known again', () => {
    expect(blindedPhantomScid(keys, node(2), 'invoice', 7).toString(16)).toBe('854575015bc4e9f1');
    expect(blindedPhantomScid(keys, node(2), 'static_invoice', 7).toString(16)).toBe('b3743b22d37851ed');
  });

  it('have 2^32 variants', () => {
    expect(() => blindedPhantomScid(keys, node(2), 'invoice', BLINDED_SCID_VARIANTS - 1)).not.toThrow();
    for (const bad of [-1, 0.5, BLINDED_SCID_VARIANTS, Number.NaN]) {
      expect(() => blindedPhantomScid(keys, node(2), 'invoice', bad)).toThrow(RangeError);
    }
  });
});

describe('LDK fake SCIDs', () => {
  it('one output of eight is the phantom one', () => {
    const key = new Uint8Array(32).fill(1);
    for (let txIndex = 0; txIndex < 50; txIndex++) {
      const marked = Array.from({ length: 8 }, (_, output) => scidOf({ block: 500_000, txIndex, output })).filter(
        (scid) => isLdkFakeScid(key, true, scid),
      );
      expect(marked).toHaveLength(1);
      expect(isLdkFakeScid(key, true, marked[0]! | 0x100n)).toBe(false);
    }
  });

  it('lie above the activation height of their chain', () => {
    const key = new Uint8Array(32).fill(1);
    const outputs = Array.from({ length: 8 }, (_, output) => output);
    const found = (mainnet: boolean, block: number): boolean =>
      outputs.some((output) => isLdkFakeScid(key, mainnet, scidOf({ block, txIndex: 1, output })));
    expect([found(true, 481_823), found(true, 481_824), found(false, 0), found(false, 1)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });
});
