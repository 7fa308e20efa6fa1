import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec, sha256 } from '../../../src/crypto/index.js';
import { readStamp, signedText, writeStamp } from '../../../src/offline/wake/lsps5/stamp.js';
import { messageDigest, messageSigner, signMessage } from '../../../src/offline/wake/signed-message.js';
import { fromZbase32, toZbase32 } from '../../../src/offline/wake/zbase32.js';
import { concat, fromHex, toHex, utf8 } from '../../../src/wire/bytes.js';
import { otherS, LSP_ID, LSP_KEY, VECTOR } from './support.js';

describe('signatures of messages', () => {
  it.each(VECTOR.cases)('are those of the vectors ($note)', ({ timestamp, zbase32 }) => {
    const text = signedText(timestamp, utf8(VECTOR.body));
    const template = VECTOR.message.replace('${timestamp}', timestamp).replace('${body}', VECTOR.body);
    expect(text).toEqual(utf8(template));
    expect(signMessage(text, LSP_KEY)).toBe(zbase32);
    expect(messageSigner(text, zbase32)).toEqual(LSP_ID);
    expect(messageSigner(text, zbase32.toUpperCase())).toEqual(LSP_ID);
  });

  it('cover a prefix, hashed twice', () => {
    expect(messageDigest(utf8('x'))).toEqual(sha256(sha256(utf8('Lightning Signed Message:x'))));
  });

  it('name their key, and another one as soon as a bit differs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (message, bit) => {
        const signature = signMessage(message, LSP_KEY);
        expect(messageSigner(message, signature)).toEqual(LSP_ID);
        const bytes = fromZbase32(signature, 65)!;
        const at = bit % (65 * 8);
        bytes[at >> 3]! ^= 1 << (at & 7);
        expect(messageSigner(message, toZbase32(bytes))).not.toEqual(LSP_ID);
        expect(messageSigner(concat(message, Uint8Array.of(0)), signature)).not.toEqual(LSP_ID);
      }),
      { numRuns: 60 },
    );
  });

  it('have one form: the one with high s is refused though it names the key', () => {
    const message = utf8('once');
    const { signature, recoveryId } = ec.sign(messageDigest(message), LSP_KEY);
    const highS = concat(signature.subarray(0, 32), otherS(signature.subarray(32)));
    expect(ec.recover(messageDigest(message), highS, recoveryId ^ 1)).toEqual(LSP_ID);
    expect(messageSigner(message, toZbase32(concat(Uint8Array.of(31 + (recoveryId ^ 1)), highS)))).toBeUndefined();
  });

  it.each([0, 27, 30, 35, 255])('with header byte %i are refused', (header) => {
    const bytes = fromZbase32(signMessage(utf8('x'), LSP_KEY), 65)!;
    bytes[0] = header;
    expect(messageSigner(utf8('x'), toZbase32(bytes))).toBeUndefined();
  });

  it.each(['', 'y', 'y'.repeat(103), 'y'.repeat(104), 'y'.repeat(105), 'l'.repeat(104), 'é'.repeat(104)])(
    'that are none are refused: %s',
    (text) => {
      expect(messageSigner(utf8('x'), text)).toBeUndefined();
    },
  );
});

describe('z-base-32', () => {
  it('is that of its description', () => {
    expect(toZbase32(fromHex('f0bfc7'))).toBe('6n9hq');
    expect(toZbase32(fromHex('d47a04'))).toBe('4t7ye');
    expect(toZbase32(new Uint8Array(0))).toBe('');
  });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(toHex(fromZbase32(toZbase32(bytes), bytes.length)!)).toBe(toHex(bytes));
      }),
    );
  });

  it('with bits left over is refused', () => {
    expect(fromZbase32('yy', 1)).toEqual(Uint8Array.of(0));
    expect(fromZbase32('yb', 1)).toBeUndefined();
  });
});

describe('time stamps', () => {
  const TIME = Date.UTC(2023, 4, 4, 10, 52, 58, 395);

  it('are written as LDK writes them again', () => {
    expect(writeStamp(TIME)).toBe('2023-05-04T10:52:58.395+00:00');
    // LDK leaves a fraction of zero out, and with it the signature would not fit any more.
    expect(writeStamp(TIME - 395)).toBe('2023-05-04T10:52:58.001+00:00');
  });

  it.each([
    ['2023-05-04T10:52:58.395Z', TIME],
    ['2023-05-04T10:52:58.395+00:00', TIME],
    ['2023-05-04T12:52:58.395+02:00', TIME],
    ['2023-05-04T10:52:58.395999999Z', TIME],
    ['2023-05-04T10:52:58Z', TIME - 395],
  ])('are read: %s', (text, time) => {
    expect(readStamp(text)).toBe(time);
  });

  it.each([
    '',
    'now',
    '1683197578395',
    '2023-05-04',
    '2023-05-04T10:52:58.395',
    '2023-05-04T10:52:58.Z',
    '2023-13-04T10:52:58Z',
    '2023-05-04T25:52:58Z',
    '2023-05-04 10:52:58Z',
    ' 2023-05-04T10:52:58Z',
    '2023-05-04T10:52:58Z\n',
    `2023-05-04T10:52:58.${'0'.repeat(10)}Z`,
  ])('that are none are refused: %j', (text) => {
    expect(readStamp(text)).toBeUndefined();
  });

  it('come back within a millisecond', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (time) => {
        expect(readStamp(writeStamp(time))! - time).toBe(time % 1000 === 0 ? 1 : 0);
      }),
    );
  });
});
