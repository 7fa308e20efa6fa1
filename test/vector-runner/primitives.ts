/** BOLT 1: BigSize, signed and truncated integers, TLV streams, init messages. */
import { ec } from '../../src/crypto/index.js';
import {
  decodeSigned,
  decodeTruncated,
  encodeBigSize,
  encodeSigned,
  encodeTruncated,
} from '../../src/wire/integers.js';
import { ByteReader } from '../../src/wire/reader.js';
import { refusable, refuse } from '../../src/wire/result.js';
import { scidText } from '../../src/wire/scid.js';
import {
  encodeLengthPrefixedTlvStream,
  encodeTlvStream,
  refuseUnknownEven,
  splitLengthPrefixedTlvStream,
  splitTlvStream,
  type TlvRecord,
} from '../../src/wire/tlv.js';
import { has, hex, integer, records, text, type Members } from './members.js';
import {
  expectOutcome,
  expectSame,
  expectStated,
  mismatch,
  type Handler,
  type VectorCase,
  type VectorFile,
} from './registry.js';

type FieldType = 'tu16' | 'tu32' | 'tu64' | 'u16' | 'u32' | 'u64' | 'short_channel_id' | 'point';
interface RecordLayout {
  readonly name: string;
  readonly fields: readonly (readonly [string, FieldType])[];
}
type Namespace = Readonly<Record<string, RecordLayout>>;

/** The two namespaces of BOLT 1, appendix B; a file may bring its own. */
const BOLT1_NAMESPACES: Readonly<Record<string, Namespace>> = {
  n1: {
    1: { name: 'tlv1', fields: [['amount_msat', 'tu64']] },
    2: { name: 'tlv2', fields: [['scid', 'short_channel_id']] },
    3: {
      name: 'tlv3',
      fields: [
        ['node_id', 'point'],
        ['amount_msat_1', 'u64'],
        ['amount_msat_2', 'u64'],
      ],
    },
    254: { name: 'tlv4', fields: [['cltv_delta', 'u16']] },
  },
  n2: {
    0: { name: 'tlv1', fields: [['amount_msat', 'tu64']] },
    11: { name: 'tlv2', fields: [['cltv_expiry', 'tu32']] },
  },
};

/** Namespace n1 with the field names that the extra files print. */
const N1_IN_EXTRA_FILES: Namespace = {
  1: { name: '1', fields: [['amount', 'tu64']] },
  2: { name: '2', fields: [['short_channel_id', 'short_channel_id']] },
  3: {
    name: '3',
    fields: [
      ['node_id', 'point'],
      ['amount_1', 'u64'],
      ['amount_2', 'u64'],
    ],
  },
  254: { name: '254', fields: [['cltv_delta', 'u16']] },
};

function readField(reader: ByteReader, type: FieldType): unknown {
  switch (type) {
    case 'tu16':
      return decodeTruncated(reader.rest(), 2);
    case 'tu32':
      return decodeTruncated(reader.rest(), 4);
    case 'tu64':
      return decodeTruncated(reader.rest(), 8);
    case 'u16':
      return reader.u16();
    case 'u32':
      return reader.u32();
    case 'u64':
      return reader.u64();
    case 'short_channel_id':
      return scidText(reader.scid());
    case 'point': {
      const point = reader.bytes(33);
      return ec.isPoint(point) ? point : refuse('invalid_point', 'not a point');
    }
  }
}

function readFields(value: Uint8Array, layout: RecordLayout): Members {
  const reader = new ByteReader(value);
  const fields = Object.fromEntries(layout.fields.map(([name, type]) => [name, readField(reader, type)]));
  reader.end();
  return fields;
}

interface ReadRecord {
  readonly record: TlvRecord;
  readonly layout?: RecordLayout;
  readonly fields: Members;
}

function readNamespace(all: readonly TlvRecord[], namespace: Namespace): ReadRecord[] {
  refuseUnknownEven(all, new Set(Object.keys(namespace).map(BigInt)));
  return all.map((record) => {
    const layout = namespace[record.type.toString()];
    return layout ? { record, layout, fields: readFields(record.value, layout) } : { record, fields: {} };
  });
}

function runNamespaceStream(testCase: VectorCase, file: VectorFile): void {
  const namespaces = (file['namespaces'] as typeof BOLT1_NAMESPACES | undefined) ?? BOLT1_NAMESPACES;
  const wanted = text(testCase, 'namespace');
  const names = wanted === 'any' || wanted === 'either' ? Object.keys(namespaces) : [wanted];
  for (const name of names) {
    const namespace = namespaces[name] ?? mismatch('namespace', 'a known one', name);
    const bytes = hex(testCase, 'hex');
    const read = expectOutcome(
      testCase,
      refusable(() => readNamespace(splitTlvStream(bytes), namespace)),
    );
    if (!read) continue;
    const known = read.flatMap(({ layout, fields }) => (layout ? [[layout.name, fields]] : []));
    if (has(testCase, 'values')) expectSame('values', testCase['values'], Object.fromEntries(known) as unknown);
    expectSame('written again', testCase['hex'], encodeTlvStream(read.map(({ record }) => record)));
  }
}

function runInit(testCase: VectorCase): void {
  const result = refusable(() => {
    const reader = new ByteReader(hex(testCase, 'hex'));
    if (reader.u16() !== 16) refuse('wrong_type', 'not an init message');
    reader.bytes(reader.u16());
    reader.bytes(reader.u16());
    // Records 1 (networks) and 3 (remote_addr) are odd, so nothing even is known.
    const extension = splitTlvStream(reader.rest());
    refuseUnknownEven(extension, new Set());
    return {};
  });
  expectOutcome(testCase, result);
}

function runRecords(testCase: VectorCase): void {
  const prefixed = testCase.kind === 'length_prefixed_tlv_stream';
  const bytes = hex(testCase, 'hex');
  const read = expectOutcome(
    testCase,
    refusable(() =>
      readNamespace((prefixed ? splitLengthPrefixedTlvStream : splitTlvStream)(bytes), N1_IN_EXTRA_FILES),
    ),
  );
  if (!read) return;
  const plainRecords = read.map(({ record, fields }) => ({ type: record.type, hex: record.value, ...fields }));
  if (has(testCase, 'records')) expectSame('records', testCase['records'], plainRecords);
  const encode = prefixed ? encodeLengthPrefixedTlvStream : encodeTlvStream;
  expectSame('written again', testCase['hex'], encode(read.map(({ record }) => record)));
}

function runTlvEncode(testCase: VectorCase): void {
  const given = records(testCase, 'records').map((record) => ({
    type: integer(record, 'type'),
    value: hex(record, 'hex'),
  }));
  expectSame('hex', testCase['hex'], encodeTlvStream(given));
  if (has(testCase, 'length_prefixed_hex')) {
    expectSame('length_prefixed_hex', testCase['length_prefixed_hex'], encodeLengthPrefixedTlvStream(given));
  }
}

function runBigSize(testCase: VectorCase): void {
  if (testCase.op !== 'encode') {
    const result = refusable(() => {
      const reader = new ByteReader(hex(testCase, 'hex'));
      const value = reader.bigSize();
      reader.end();
      return value;
    });
    const value = expectOutcome(testCase, result);
    if (value === undefined) return;
    expectSame('value', testCase['value'], value);
  } else expectStated(testCase, 'accepted');
  expectSame('hex', testCase['hex'], encodeBigSize(integer(testCase, 'value')));
}

const INTEGER_KIND = /^(s|tu)(8|16|32|64)$/;

function runInteger(testCase: VectorCase): void {
  const [, family, bits] = INTEGER_KIND.exec(testCase.kind!)!;
  const width = Number(bits) / 8;
  const decode = (bytes: Uint8Array): bigint =>
    family === 's' ? decodeSigned(bytes, width) : decodeTruncated(bytes, width as 2 | 4 | 8);
  const value = expectOutcome(
    testCase,
    refusable(() => decode(hex(testCase, 'hex'))),
  );
  if (value === undefined) return;
  expectSame('value', testCase['value'], value);
  expectSame('hex', testCase['hex'], family === 's' ? encodeSigned(value, width) : encodeTruncated(value));
}

export const primitiveHandlers: Handler[] = [
  {
    name: 'bigsize',
    matches: (c) => has(c, 'hex') && (c.kind === 'bigsize' || (!c.kind && (c.op === 'decode' || c.op === 'encode'))),
    run: runBigSize,
  },
  { name: 'integer', matches: (c) => has(c, 'hex') && INTEGER_KIND.test(c.kind ?? ''), run: runInteger },
  { name: 'init', matches: (c) => has(c, 'hex') && c['namespace'] === 'init_message', run: runInit },
  { name: 'tlv namespaces', matches: (c) => has(c, 'hex', 'namespace'), run: runNamespaceStream },
  {
    name: 'tlv records',
    matches: (c) => has(c, 'hex') && (c.kind === 'tlv_stream' || c.kind === 'length_prefixed_tlv_stream'),
    run: runRecords,
  },
  {
    name: 'tlv encode',
    always: 'accepted',
    matches: (c) => c.kind === 'tlv_encode' && has(c, 'records'),
    run: runTlvEncode,
  },
];
