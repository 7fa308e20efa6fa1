import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { featureBits, featureVector, hasFeature } from '../../src/wire/features.js';
import { parseScid, scidOf, scidParts, scidText } from '../../src/wire/scid.js';
import { MAX_U64 } from '../../src/wire/units.js';

describe('short channel ids', () => {
  it('every u64 has one text and one split, and comes back', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: MAX_U64 }), (scid) => {
        expect(scidOf(scidParts(scid))).toBe(scid);
        expect(parseScid(scidText(scid))).toBe(scid);
      }),
    );
    expect(scidOf({ block: 539268, txIndex: 845, output: 1 })).toBe(592931436542885889n);
    expect(scidText(592931436542885889n)).toBe('539268x845x1');
    expect(scidText(MAX_U64)).toBe('16777215x16777215x65535');
  });

  it.each(['', '1x2', '1x2x3x4', '16777216x0x0', '0x16777216x0', '0x0x65536', '-1x0x0', '1:2:3', ' 1x2x3', '1x2x3\n'])(
    'refuses %j',
    (text) => {
      expect(parseScid(text)).toBeUndefined();
    },
  );
});

describe('feature vectors', () => {
  it('come back as the shortest vector', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(600), { maxLength: 12 }), (bits) => {
        const rising = [...bits].sort((a, b) => a - b);
        const vector = featureVector(bits);
        expect(featureBits(vector)).toEqual(rising);
        expect(vector[0]).not.toBe(0);
        expect(vector.length).toBe(bits.length === 0 ? 0 : Math.floor(rising.at(-1)! / 8) + 1);
      }),
    );
    expect(featureVector([0])).toEqual(Uint8Array.of(1));
    expect(featureVector([8, 15])).toEqual(Uint8Array.of(0x81, 0));
    expect(featureBits(Uint8Array.of(0, 0, 2))).toEqual([1]);
  });

  it('a feature is offered by its even or its odd bit', () => {
    expect(hasFeature([8], 8)).toBe(true);
    expect(hasFeature([9], 8)).toBe(true);
    expect(hasFeature([7, 10], 8)).toBe(false);
  });
});
