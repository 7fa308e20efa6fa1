import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import { toHex } from '../../src/wire/bytes.js';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

const SECRETS = [
  'phantomSecret',
  'inboundKeyMaterial',
  'infoKey',
  'ownHashKey',
  'userHashKey',
  'offersBaseKey',
  'offersEncryptionKey',
  'spontaneousKey',
  'blindedPathKey',
  'metadataKey',
  'scidTagKey',
  'scidMaskKey',
  'messageContextKey',
  'blindingKey',
  'blindedScidTagKey',
  'blindedScidMaskKey',
] as const;

describe('ClusterKeys', () => {
  const keys = new ClusterKeys(seed(7));

  it('derives sixteen different secrets of 32 bytes', () => {
    const secrets = SECRETS.map((name) => toHex(keys[name]));
    expect(new Set(secrets).size).toBe(SECRETS.length);
    expect(secrets.every((hex) => hex.length === 64)).toBe(true);
  });

  it('refuses a seed of another length', () => {
    expect(() => new ClusterKeys(new Uint8Array(31))).toThrow(RangeError);
    expect(() => new ClusterKeys(new Uint8Array(33))).toThrow(RangeError);
  });

  it('shows no secret, however it is printed', () => {
    const ring = new KeyRing({ id: 1, keys }, [{ id: 0, keys: new ClusterKeys(seed(8)) }]);
    const printed = [
      inspect(ring, { depth: 9, showHidden: true }),
      inspect(keys, { depth: 9, showHidden: true, customInspect: false, getters: false }),
      JSON.stringify(ring),
      JSON.stringify({ ...keys }),
      inspect(structuredClone({ ...keys }), { depth: 9 }),
    ].join('\n');
    for (const name of SECRETS) {
      expect(printed).not.toContain(toHex(keys[name]).slice(0, 12));
      expect(printed).not.toContain([...keys[name].slice(0, 4)].join(', '));
      expect(printed).not.toContain([...keys[name].slice(0, 4)].join(','));
    }
    expect(printed).toContain(toHex(keys.phantomNodeId));
  });
});

describe('KeyRing', () => {
  const current = { id: 2, keys: new ClusterKeys(seed(2)) };
  const old = { id: 1, keys: new ClusterKeys(seed(1)) };

  it('keeps the current epoch first and finds epochs by id and payee', () => {
    const ring = new KeyRing(current, [old]);
    expect(ring.epochs).toEqual([current, old]);
    expect(ring.epoch(1)).toBe(old);
    expect(ring.epoch(3)).toBeUndefined();
    expect(ring.epochOfPayee(old.keys.phantomNodeId)).toBe(old);
    expect(ring.epochOfPayee(new ClusterKeys(seed(3)).phantomNodeId)).toBeUndefined();
  });

  it('refuses an id or a seed that is given twice', () => {
    expect(() => new KeyRing(current, [{ id: 2, keys: old.keys }])).toThrow(/2 is given twice/);
    expect(() => new KeyRing(current, [old, { id: 0, keys: new ClusterKeys(seed(2)) }])).toThrow(/same seed/);
  });
});
