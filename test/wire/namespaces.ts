/** The two TLV namespaces that BOLT 1 defines for its test vectors, decoded with the readers of `src/wire`. */
import { ec } from '../../src/crypto/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { decodeTruncated } from '../../src/wire/integers.js';
import { ByteReader } from '../../src/wire/reader.js';
import { refuse } from '../../src/wire/result.js';
import { scidText } from '../../src/wire/scid.js';
import { refuseUnknownEven, splitTlvStream } from '../../src/wire/tlv.js';

interface RecordForm {
  readonly name: string;
  readonly decode: (value: Uint8Array) => Record<string, string>;
}

type Namespace = ReadonlyMap<bigint, RecordForm>;
export type NamespaceName = 'n1' | 'n2';

function fixed(length: number, value: Uint8Array): ByteReader {
  if (value.length !== length) refuse('bad_length', `a record of ${length} bytes has ${value.length}`);
  return new ByteReader(value);
}

function decodeNodeAndAmounts(value: Uint8Array): Record<string, string> {
  const reader = fixed(49, value);
  const nodeId = reader.bytes(33);
  if (!ec.isPoint(nodeId)) refuse('invalid_point', 'node_id is not a point of the curve');
  return { node_id: toHex(nodeId), amount_msat_1: String(reader.u64()), amount_msat_2: String(reader.u64()) };
}

export const NAMESPACES: Readonly<Record<NamespaceName, Namespace>> = {
  n1: new Map([
    [1n, { name: 'tlv1', decode: (value) => ({ amount_msat: String(decodeTruncated(value, 8)) }) }],
    [2n, { name: 'tlv2', decode: (value) => ({ scid: scidText(fixed(8, value).scid()) }) }],
    [3n, { name: 'tlv3', decode: decodeNodeAndAmounts }],
    [254n, { name: 'tlv4', decode: (value) => ({ cltv_delta: String(fixed(2, value).u16()) }) }],
  ]),
  n2: new Map([
    [0n, { name: 'tlv1', decode: (value) => ({ amount_msat: String(decodeTruncated(value, 8)) }) }],
    [11n, { name: 'tlv2', decode: (value) => ({ cltv_expiry: String(decodeTruncated(value, 4)) }) }],
  ]),
};

export const knownTypes = (namespace: Namespace): ReadonlySet<bigint> => new Set(namespace.keys());

/** Record name → field name → value as text. */
export function decodeNamespace(namespace: Namespace, bytes: Uint8Array): Record<string, Record<string, string>> {
  const records = splitTlvStream(bytes);
  refuseUnknownEven(records, knownTypes(namespace));
  const decoded: Record<string, Record<string, string>> = {};
  for (const { type, value } of records) {
    const form = namespace.get(type);
    if (form) decoded[form.name] = form.decode(value);
  }
  return decoded;
}
