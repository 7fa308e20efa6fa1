import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CONTEXT_KINDS,
  isExpired,
  openContext,
  openPathContext,
  PATH_ID_LENGTH,
  sealContext,
  sealPathContext,
} from '../../src/messages/index.js';
import { ClusterKeys } from '../../src/phantom/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { bytes, withFlippedBit } from '../onion/arbitraries.js';
import { pathContext } from './arbitraries.js';

const KEY = new Uint8Array(32).fill(7);

describe('path contexts', () => {
  it('are read back as they were, with the kind named', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(bytes(32), pathContext, (key, context) => {
        kinds.add(context.kind);
        const pathId = sealPathContext(key, context);
        expect(pathId).toHaveLength(PATH_ID_LENGTH);
        expect(openPathContext(key, context.kind, pathId)).toEqual(context);
      }),
      { numRuns: 300 },
    );
    expect([...kinds].sort()).toEqual([...CONTEXT_KINDS].sort());
  });

  it('never open as another kind, under another key, or changed in any bit', () => {
    fc.assert(
      fc.property(pathContext, fc.nat({ max: 255 }), (context, bit) => {
        const pathId = sealPathContext(KEY, context);
        const kindsThatOpen = CONTEXT_KINDS.filter((kind) => openContext(KEY, kind, pathId));
        expect(kindsThatOpen).toEqual([context.kind]);
        const otherKey = withFlippedBit(KEY, bit);
        expect(openContext(otherKey, context.kind, pathId)).toBeUndefined();
        expect(openContext(KEY, context.kind, withFlippedBit(pathId, bit))).toBeUndefined();
      }),
    );
  });

  it('are 32 bytes and nothing else', () => {
    const pathId = sealContext(KEY, 'invoice_request', new Uint8Array(16));
    for (const wrong of [pathId.slice(0, 31), Uint8Array.of(...pathId, 0), new Uint8Array()]) {
      expect(openContext(KEY, 'invoice_request', wrong)).toBeUndefined();
    }
    expect(openContext(KEY, 'invoice_request', pathId)).toEqual(new Uint8Array(16));
  });

  it('have a form that stays: paths in published offers live for years', () => {
    const pathId = sealPathContext(KEY, {
      kind: 'static_invoice_requested',
      client: 5,
      slot: 9,
      expiry: 1_800_000_000,
    });
    expect(toHex(pathId)).toBe('882322bea8043256aa4961ee3616b1d60c8e9df83a7cb45506af92c5f501b3f5');
  });

  it('hide what they say', () => {
    const seal = (client: number): Uint8Array => sealPathContext(KEY, { kind: 'rod_enrolment', client, expiry: 0 });
    const [one, two] = [seal(1), seal(2)];
    const same = one.filter((byte, i) => byte === two[i]).length;
    expect(same).toBeLessThan(8);
  });

  it('say nothing where bytes follow that this version does not write', () => {
    const body = new Uint8Array(16).fill(1);
    expect(openPathContext(KEY, 'rod_enrolment', sealContext(KEY, 'rod_enrolment', body))).toBeUndefined();
    expect(openPathContext(KEY, 'invoice_request', sealContext(KEY, 'invoice_request', body))).toBeDefined();
  });

  it('expire after their second, not in it', () => {
    const context = { kind: 'offer_paths', slot: 1, expiry: 100 } as const;
    expect([99, 100, 101].map((now) => isExpired(context, now))).toEqual([false, false, true]);
    expect(isExpired({ kind: 'outbound_payment', paymentId: new Uint8Array(16) }, 2 ** 40)).toBe(false);
  });

  it('refuse fields that do not fit', () => {
    const short = new Uint8Array(15);
    expect(() => sealPathContext(KEY, { kind: 'outbound_payment', paymentId: short })).toThrow(RangeError);
    expect(() => sealPathContext(KEY, { kind: 'inbound_payment', reference: short, expiry: 1 })).toThrow(RangeError);
    expect(() => sealPathContext(KEY, { kind: 'offer_paths', slot: 65536, expiry: 1 })).toThrow(RangeError);
    expect(() => sealPathContext(KEY, { kind: 'offer_paths', slot: 1, expiry: 2 ** 40 })).toThrow(RangeError);
    expect(() => sealContext(short, 'invoice_request', new Uint8Array(16))).toThrow(RangeError);
    expect(() => sealContext(KEY, 'invoice_request', short)).toThrow(RangeError);
  });

  it('have a key of their own in every key epoch', () => {
    const keys = new ClusterKeys(fromHex('11'.repeat(32)));
    expect(toHex(keys.messageContextKey)).toBe('ad105d5ba355b9dcf15b5c5caa45bebbefd12b08d8dd57b6186b9d435e11dcac');
    const others = [keys.phantomSecret, keys.scidTagKey, keys.scidMaskKey, keys.infoKey, keys.inboundKeyMaterial];
    for (const other of others) expect(toHex(other)).not.toBe(toHex(keys.messageContextKey));
    expect(JSON.stringify(keys)).not.toContain(toHex(keys.messageContextKey));
  });
});
