/** BOLT 1 appendices A to D and the further primitives, straight over `src/wire`. */
import { describe, expect, it } from 'vitest';
import { ec } from '../../src/crypto/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import {
  decodeSigned,
  decodeTruncated,
  encodeBigSize,
  encodeSigned,
  encodeTruncated,
} from '../../src/wire/integers.js';
import { ByteReader } from '../../src/wire/reader.js';
import { refusable, type Result } from '../../src/wire/result.js';
import { scidText } from '../../src/wire/scid.js';
import {
  encodeLengthPrefixedTlvStream,
  encodeTlvStream,
  refuseUnknownEven,
  splitLengthPrefixedTlvStream,
  splitTlvStream,
  type TlvRecord,
} from '../../src/wire/tlv.js';
import { decodeNamespace, knownTypes, NAMESPACES, type NamespaceName } from './namespaces.js';
import { vectorCases } from './vectors.js';

interface Case {
  readonly id: string;
  readonly op?: 'decode' | 'encode';
  readonly kind?: string;
  readonly namespace?: string;
  readonly hex: string;
  readonly valid: boolean;
  readonly value?: string;
  readonly values?: Record<string, Record<string, unknown>>;
  readonly records?: { type: string; hex: string; amount?: string; short_channel_id?: string; cltv_delta?: number }[];
  readonly length_prefixed_hex?: string;
  readonly error?: string;
}

function expectOutcome<T>(result: Result<T>, vector: Case): T | undefined {
  expect(result.ok, result.ok ? 'accepted' : result.error.message).toBe(vector.valid);
  if (result.ok) return result.value;
  expect(result.error.code).toBe(vector.error);
  expect(result.error.message).not.toBe('');
  return undefined;
}

const readBigSize = (bytes: Uint8Array): bigint => {
  const reader = new ByteReader(bytes);
  const value = reader.bigSize();
  reader.end();
  return value;
};

const bigSizeRow = (vector: Case): void => {
  const value = expectOutcome(
    refusable(() => readBigSize(fromHex(vector.hex))),
    vector,
  );
  if (value === undefined) return;
  expect(value).toBe(BigInt(vector.value!));
  expect(toHex(encodeBigSize(value))).toBe(vector.hex);
};

const integerRow = (vector: Case): void => {
  const [, family, bits] = /^(s|tu)(\d+)$/.exec(vector.kind!)!;
  const width = Number(bits) / 8;
  const bytes = fromHex(vector.hex);
  const decode = () => (family === 's' ? decodeSigned(bytes, width) : decodeTruncated(bytes, width as 2 | 4 | 8));
  const value = expectOutcome(refusable(decode), vector);
  if (value === undefined) return;
  expect(value).toBe(BigInt(vector.value!));
  expect(toHex(family === 's' ? encodeSigned(value, width) : encodeTruncated(value))).toBe(vector.hex);
};

describe('BOLT 1 appendix A, BigSize', () => {
  it.each(vectorCases<Case>('bolt01-bigsize'))('$id', (vector) => {
    if (vector.op === 'encode') expect(toHex(encodeBigSize(BigInt(vector.value!)))).toBe(vector.hex);
    else bigSizeRow(vector);
  });
});

describe('BOLT 1 appendix D, integers', () => {
  it.each(vectorCases<Case>('bolt01-integers'))('$id', integerRow);
});

/** An init message is two length-prefixed feature vectors and a TLV stream whose known types are none of the rows'. */
function decodeInitExtension(bytes: Uint8Array): TlvRecord[] {
  const reader = new ByteReader(bytes);
  expect(reader.u16()).toBe(16);
  reader.bytes(reader.u16());
  reader.bytes(reader.u16());
  const records = splitTlvStream(reader.rest());
  refuseUnknownEven(records, new Set());
  return records;
}

describe('BOLT 1 appendices B and C, TLV streams', () => {
  const cases = vectorCases<Case>('bolt01-tlv');
  const streams = cases.filter(({ namespace }) => namespace !== 'init_message');

  const namespacesOf = ({ namespace }: Case): NamespaceName[] =>
    namespace === 'n1' || namespace === 'n2' ? [namespace] : ['n1', 'n2'];

  it.each(streams)('$id', (vector) => {
    for (const name of namespacesOf(vector)) {
      const bytes = fromHex(vector.hex);
      const decoded = expectOutcome(
        refusable(() => decodeNamespace(NAMESPACES[name], bytes)),
        vector,
      );
      if (!decoded) continue;
      expect(decoded).toEqual(vector.values);
      expect(toHex(encodeTlvStream(splitTlvStream(bytes)))).toBe(vector.hex);
    }
  });

  it.each(cases.filter(({ namespace }) => namespace === 'init_message'))('$id', (vector) => {
    expectOutcome(
      refusable(() => decodeInitExtension(fromHex(vector.hex))),
      vector,
    );
  });

  it('a valid stream with an invalid one behind it is invalid, with a higher one valid', () => {
    const n1 = streams.filter((vector) => namespacesOf(vector).includes('n1'));
    const decode = (hex: string) => refusable(() => decodeNamespace(NAMESPACES.n1, fromHex(hex)));
    let rising = 0;
    for (const first of n1.filter(({ valid }) => valid)) {
      for (const second of n1) {
        const [a, b] = [fromHex(first.hex), fromHex(second.hex)];
        const joined = decode(first.hex + second.hex);
        if (!second.valid) {
          expect(joined.ok, `${first.id} + ${second.id}`).toBe(false);
          continue;
        }
        const last = splitTlvStream(a).at(-1)?.type ?? -1n;
        const next = splitTlvStream(b)[0]?.type;
        const higher = next === undefined || next > last;
        expect(joined.ok, `${first.id} + ${second.id}`).toBe(higher);
        if (higher && a.length > 0 && b.length > 0) rising++;
      }
    }
    expect(rising).toBeGreaterThan(20);
  });

  it('uses a point check that knows the curve', () => {
    expect(ec.isPoint(fromHex('043da092f6980e58d2c037173180e9a465476026ee50f96695963e8efe436f54eb'))).toBe(false);
  });
});

describe('further primitives', () => {
  it.each(vectorCases<Case>('extra-primitives'))('$id', (vector) => {
    const bytes = fromHex(vector.hex);
    switch (vector.kind) {
      case 'bigsize':
        bigSizeRow(vector);
        return;
      case 'tu16':
      case 'tu32':
      case 'tu64':
        integerRow(vector);
        return;
      case 'tlv_stream':
      case 'length_prefixed_tlv_stream': {
        const prefixed = vector.kind === 'length_prefixed_tlv_stream';
        const records = expectOutcome(
          refusable(() => {
            const split = prefixed ? splitLengthPrefixedTlvStream(bytes) : splitTlvStream(bytes);
            refuseUnknownEven(split, knownTypes(NAMESPACES.n1));
            return split;
          }),
          vector,
        );
        if (!records) return;
        expect(records.map(({ type, value }) => ({ type: String(type), hex: toHex(value) }))).toEqual(
          vector.records!.map(({ type, hex }) => ({ type, hex })),
        );
        for (const [i, { value }] of records.entries()) {
          const { amount, short_channel_id, cltv_delta } = vector.records![i]!;
          const reader = new ByteReader(value);
          if (amount !== undefined) expect(decodeTruncated(value, 8)).toBe(BigInt(amount));
          if (records[i]!.type === 2n) expect(scidText(reader.scid())).toBe(short_channel_id);
          if (cltv_delta !== undefined) expect(reader.u16()).toBe(cltv_delta);
        }
        expect(toHex(prefixed ? encodeLengthPrefixedTlvStream(records) : encodeTlvStream(records))).toBe(vector.hex);
        return;
      }
      case 'tlv_encode': {
        const records = vector.records!.map(({ type, hex }) => ({ type: BigInt(type), value: fromHex(hex) }));
        expect(toHex(encodeTlvStream(records))).toBe(vector.hex);
        expect(toHex(encodeLengthPrefixedTlvStream(records))).toBe(vector.length_prefixed_hex);
        return;
      }
      default:
        throw new Error(`no test for kind ${String(vector.kind)}`);
    }
  });
});
