/** Messages in a stream of bytes, however it is cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { framed, MessageReader } from '../../../../src/node/lnd/grpc/framing.js';
import { concat } from '../../../../src/wire/bytes.js';

const MAX = 1_000_000;

/** Everything that comes out, and how it ended. */
function read(chunks: readonly Uint8Array[], max = MAX) {
  const reader = new MessageReader(max);
  const messages: Uint8Array[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (;;) {
      const next = reader.next();
      if (next.type === 'more') break;
      if (next.type === 'bad') return { messages, bad: next.detail, isInside: reader.isInside };
      messages.push(next.bytes);
    }
  }
  return { messages, bad: undefined, isInside: reader.isInside };
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...ends].map((from, i) => bytes.slice(from, ends[i] ?? bytes.length));
}

describe('messages', () => {
  it('come out as they went in, wherever the bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 30 }), (sent, places) => {
        const { messages: got, isInside, bad } = read(cut(concat(...sent.map(framed)), places));
        expect(got).toEqual(sent);
        expect({ isInside, bad }).toEqual({ isInside: false, bad: undefined });
      }),
    );
  });

  it('are incomplete until their last byte', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(), (message, place) => {
        const bytes = framed(message);
        const part = bytes.subarray(0, 1 + (place % (bytes.length - 1)));
        expect(read([part])).toEqual({ messages: [], bad: undefined, isInside: true });
      }),
    );
  });

  it('come out of any bytes, or the bytes are refused', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), (chunks) => {
        const { messages } = read(chunks, 40);
        expect(messages.every(({ length }) => length <= 40)).toBe(true);
      }),
    );
  });

  it('are joined out of ten thousand pieces, and ten thousand come out of one', () => {
    const large = Uint8Array.from({ length: 10_000 * 17 }, (_, i) => i % 251);
    const bytes = framed(large);
    const pieces = Array.from({ length: 10_001 }, (_, i) => bytes.subarray(i * 17, (i + 1) * 17));
    expect(read(pieces).messages).toEqual([large]);
    const small = Array.from({ length: 10_000 }, (_, i) => Uint8Array.of(i & 0xff, i >> 8));
    expect(read([concat(...small.map(framed))]).messages).toEqual(small);
  });

  it('are their own: the chunk they came in may change or go', () => {
    const chunk = framed(Uint8Array.of(1, 2, 3));
    const [message] = read([chunk]).messages;
    chunk.fill(9);
    expect(message).toEqual(Uint8Array.of(1, 2, 3));
    expect(message!.buffer.byteLength).toBe(3);
  });

  it.each([
    ['compressed', Uint8Array.of(1, 0, 0, 0, 1, 7), /compressed/],
    ['of unknown flags', Uint8Array.of(0x3c, 0x68, 0x74, 0x6d, 0x6c), /unknown flags 60/],
    ['one byte too long', framed(new Uint8Array(MAX + 1)).subarray(0, 5), /1000001 bytes, more than the 1000000/],
    ['of the greatest length', Uint8Array.of(0, 255, 255, 255, 255), /4294967295 bytes/],
  ])('%s are refused', (_name, bytes, words) => {
    expect(read([framed(Uint8Array.of(5)), bytes])).toMatchObject({
      messages: [Uint8Array.of(5)],
      bad: expect.stringMatching(words) as string,
    });
  });

  it('are refused for ever after bad ones', () => {
    const reader = new MessageReader(MAX);
    reader.push(Uint8Array.of(9, 0, 0, 0, 0));
    expect(reader.next().type).toBe('bad');
    reader.push(framed(Uint8Array.of(1)));
    expect(reader.next().type).toBe('bad');
  });

  it('of the greatest length are taken', () => {
    const message = new Uint8Array(MAX);
    expect(read([framed(message)]).messages).toEqual([message]);
  });

  it('take no memory for a length alone', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 50 }, () => {
      const reader = new MessageReader(200_000_000);
      reader.push(Uint8Array.of(0, 0x0b, 0xeb, 0xc2, 0, 1));
      expect(reader.next().type).toBe('more');
      return reader;
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);
    expect(readers.every(({ isInside }) => isInside)).toBe(true);
  });
});
