import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec } from '../../../src/crypto/index.js';
import { blindedPathKey } from '../../../src/phantom/index.js';
import {
  decodeInvoicePath,
  decodeStaticPath,
  encodeInvoicePath,
  encodeStaticPath,
  MAX_NOTE_BYTES,
} from '../../../src/phantom/offer/path-content.js';
import { concat, toHex, utf8 } from '../../../src/wire/bytes.js';
import { encodeTlvStream } from '../../../src/wire/tlv.js';
import { unwrap } from '../../../src/wire/result.js';
import { MAX_U64 } from '../../../src/wire/units.js';
import { nodeId } from '../support.js';
import { entropyOf, keys } from './world.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const paymentSecret = entropyOf(1);
const offerId = entropyOf(2);
const payerId = nodeId('payer');

describe('what a path id holds', () => {
  it('comes back, the note cut after a whole character', () => {
    const receipt = fc.record(
      {
        offerId: bytes(32),
        payerId: fc.constantFrom(payerId, nodeId('other')),
        quantity: fc.bigInt({ min: 0n, max: MAX_U64 }),
        payerNote: fc.string({ unit: 'grapheme', maxLength: 80 }),
      },
      { requiredKeys: ['offerId', 'payerId'] },
    );
    fc.assert(
      fc.property(bytes(32), receipt, (secret, given) => {
        const pathId = encodeInvoicePath({ paymentSecret: secret, receipt: given });
        const read = unwrap(decodeInvoicePath(pathId));
        const { payerNote, ...rest } = given;
        const { payerNote: readNote, ...readRest } = read.receipt;
        expect(read.paymentSecret).toEqual(secret);
        expect(readRest).toEqual(rest);
        expect(readNote === undefined).toBe(payerNote === undefined);
        if (payerNote === undefined || readNote === undefined) return;
        expect(payerNote.startsWith(readNote)).toBe(true);
        const kept = utf8(readNote).length;
        expect(kept).toBeLessThanOrEqual(MAX_NOTE_BYTES);
        if (readNote !== payerNote) expect(kept).toBeGreaterThan(MAX_NOTE_BYTES - 4);
      }),
    );
  });

  it('of a static invoice is secret and nonce, nothing else', () => {
    const nonce = entropyOf(3).subarray(16);
    const pathId = encodeStaticPath({ paymentSecret, nonce });
    expect(unwrap(decodeStaticPath(pathId))).toEqual({ paymentSecret, nonce });
    for (const bad of [pathId.subarray(1), concat(pathId, Uint8Array.of(0)), new Uint8Array()]) {
      expect(decodeStaticPath(bad)).toMatchObject({ error: { code: 'bad_length' } });
    }
    expect(() => encodeStaticPath({ paymentSecret, nonce: entropyOf(3) })).toThrow(RangeError);
    expect(() => encodeStaticPath({ paymentSecret: nonce, nonce })).toThrow(RangeError);
  });

  it('is refused where it is not whole', () => {
    const head = concat(paymentSecret, offerId);
    const stream = (...records: [bigint, Uint8Array][]) =>
      concat(head, encodeTlvStream(records.map(([type, value]) => ({ type, value }))));
    const code = (pathId: Uint8Array) => {
      const read = decodeInvoicePath(pathId);
      return read.ok ? 'read' : read.error.code;
    };
    expect(code(stream([1n, payerId]))).toBe('read');
    expect(code(stream([1n, payerId], [7n, offerId]))).toBe('read');
    expect(code(head.subarray(1))).toBe('bad_length');
    expect(code(head)).toBe('missing_payer_id');
    expect(code(stream([1n, offerId]))).toBe('bad_length');
    expect(code(stream([1n, payerId], [2n, offerId]))).toBe('unknown_even_type');
    expect(code(stream([1n, payerId], [3n, new Uint8Array(1)]))).toBe('tu_not_minimal');
    expect(code(stream([1n, payerId], [5n, Uint8Array.of(0xff)]))).toBe('invalid_note');
    expect(code(concat(stream([1n, payerId]), Uint8Array.of(1)))).toMatch(/^tlv_/);
  });
});

describe('the path key', () => {
  const identity = { memberId: nodeId('M1'), scid: 1n << 63n, paymentHash: entropyOf(4) };
  const keyOf = (more: object = {}) => toHex(blindedPathKey(keys, { ...identity, ...more }));

  it('is another one for every member, SCID, hash and kind', () => {
    const all = [
      keyOf(),
      keyOf({ memberId: nodeId('M2') }),
      keyOf({ scid: (1n << 63n) + 1n }),
      keyOf({ paymentHash: entropyOf(5) }),
      keyOf({ paymentHash: undefined }),
    ];
    expect(new Set(all).size).toBe(5);
    expect(all.every((key) => ec.isPoint(Buffer.from(key, 'hex')))).toBe(true);
  });

  it('stays what it is: paths of years ago have to be read', () => {
    expect(keyOf()).toBe('0242ec20a6ce08ea9e188f5a19cf9a9a09d9031ddf10c66838d99a3b07d95ba8f4');
    expect(keyOf({ paymentHash: undefined })).toBe(
      '02621a87675d36b31f3cfd1c08676f858a466acedc99dfbce1ae79eeec72c516be',
    );
  });

  it('needs a member that is a point', () => {
    expect(() => keyOf({ memberId: new Uint8Array(33) })).toThrow(RangeError);
  });
});
