/** Records of a DNSSEC proof: an RFC 9102 chain, which is DNS records without compression in any order. */
import { compareBytes, concat } from '../wire/bytes.js';
import { u16, u32 } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { refusable, refuse, type Result } from '../wire/result.js';
import { type DnsName, nameBytes, nameText, readName, suffixOf, wildcardOf } from './dns-name.js';

/** Record types that a proof is made of; records of other types are passed over. */
export const TYPE = {
  CNAME: 5,
  TXT: 16,
  DNAME: 39,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
} as const;

/** Of the length field in bLIP-32. */
export const MAX_PROOF_LENGTH = 65_535;
/** A chain through four zones has about 25. */
const MAX_PROOF_RECORDS = 256;

const CLASS_IN = 1;

export interface Signature {
  readonly covered: number;
  readonly algorithm: number;
  /** Labels of the name that was signed, without a wildcard's `*`. */
  readonly labels: number;
  readonly originalTtl: number;
  /** Seconds since 1970, modulo 2^32. */
  readonly expiration: number;
  readonly inception: number;
  readonly keyTag: number;
  readonly signer: DnsName;
  /** The record in canonical form up to the signature itself. */
  readonly header: Uint8Array;
  readonly signature: Uint8Array;
}

/** All records of one owner and type: what a signature covers. */
export interface RecordSet {
  readonly owner: DnsName;
  readonly type: number;
  /** Canonical data of each, sorted, none twice (RFC 4034 §6.3). */
  readonly data: readonly Uint8Array[];
  /** Least of those received, seconds. */
  readonly ttl: number;
  readonly signatures: readonly Signature[];
}

export interface Proof {
  readonly recordCount: number;
  readonly sets: readonly RecordSet[];
  find(owner: DnsName, type: number): RecordSet | undefined;
}

interface GrowingSet {
  readonly owner: DnsName;
  readonly type: number;
  readonly data: Uint8Array[];
  ttl: number;
  readonly signatures: Signature[];
}

const setKey = (owner: DnsName, type: number): string => `${type} ${owner.key}`;

/** Errors: `proof_too_long`, `too_many_records`, `malformed_record`, `truncated`. */
export function parseProof(bytes: Uint8Array): Result<Proof> {
  return refusable(() => {
    if (bytes.length > MAX_PROOF_LENGTH) {
      refuse('proof_too_long', `a proof has at most ${MAX_PROOF_LENGTH} bytes, this one ${bytes.length}`);
    }
    const sets = new Map<string, GrowingSet>();
    const setOf = (owner: DnsName, type: number): GrowingSet => {
      const key = setKey(owner, type);
      const known = sets.get(key) ?? { owner, type, data: [], ttl: Number.POSITIVE_INFINITY, signatures: [] };
      sets.set(key, known);
      return known;
    };
    const reader = new ByteReader(bytes);
    let recordCount = 0;
    for (; reader.left > 0; recordCount++) {
      if (recordCount === MAX_PROOF_RECORDS) {
        refuse('too_many_records', `a proof has at most ${MAX_PROOF_RECORDS} records`, reader.offset);
      }
      readRecord(reader, setOf);
    }
    return finished(sets, recordCount);
  });
}

function readRecord(reader: ByteReader, setOf: (owner: DnsName, type: number) => GrowingSet): void {
  const start = reader.offset;
  const owner = readName(reader);
  const type = reader.u16();
  if (reader.u16() !== CLASS_IN) refuse('malformed_record', `${nameText(owner)} is not of class IN`, start);
  const ttl = reader.u32();
  const data = reader.bytes(reader.u16());
  if (type === TYPE.RRSIG) {
    const signature = readSignature(data, start);
    setOf(owner, signature.covered).signatures.push(signature);
    return;
  }
  if (!Object.values<number>(TYPE).includes(type)) return;
  const set = setOf(owner, type);
  set.data.push(type === TYPE.CNAME || type === TYPE.DNAME ? nameBytes(targetOf(data)) : data);
  // RFC 2181 §8: the highest bit set counts as zero.
  set.ttl = Math.min(set.ttl, ttl < 2 ** 31 ? ttl : 0);
}

function finished(sets: ReadonlyMap<string, GrowingSet>, recordCount: number): Proof {
  for (const { data } of sets.values()) {
    data.sort(compareBytes);
    const distinct = data.filter((one, i) => i === 0 || compareBytes(one, data[i - 1]!) !== 0);
    data.splice(0, data.length, ...distinct);
  }
  return {
    recordCount,
    sets: [...sets.values()].filter(({ data }) => data.length > 0),
    find: (owner, type) => {
      const set = sets.get(setKey(owner, type));
      return set && set.data.length > 0 ? set : undefined;
    },
  };
}

/** RFC 4034 §3.1 */
function readSignature(data: Uint8Array, position: number): Signature {
  const reader = new ByteReader(data);
  const [covered, algorithm, labels] = [reader.u16(), reader.u8(), reader.u8()];
  const [originalTtl, expiration, inception] = [reader.u32(), reader.u32(), reader.u32()];
  const keyTag = reader.u16();
  const fixedLength = reader.offset;
  const signer = readName(reader);
  const signature = reader.rest();
  if (signature.length === 0) refuse('malformed_record', 'an RRSIG record without a signature', position);
  const header = concat(data.subarray(0, fixedLength), nameBytes(signer));
  return { covered, algorithm, labels, originalTtl, expiration, inception, keyTag, signer, header, signature };
}

/** The name in a CNAME or DNAME record. @throws Refusal */
export function targetOf(data: Uint8Array): DnsName {
  const reader = new ByteReader(data);
  const target = readName(reader);
  reader.end();
  return target;
}

/** The strings of a TXT record (RFC 1035 §3.3.14). @throws Refusal `malformed_record` */
export function txtPieces(data: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(data);
  const pieces: Uint8Array[] = [];
  while (reader.left > 0) pieces.push(reader.bytes(reader.u8(), 'malformed_record'));
  if (pieces.length === 0) refuse('malformed_record', 'a TXT record without a string');
  return pieces;
}

/** Labels that a signature counts: not the root, not a leading `*` (RFC 4034 §3.1.3). */
export function countedLabels({ labels }: DnsName): number {
  return labels[0] === '*' ? labels.length - 1 : labels.length;
}

/** The bytes that were signed (RFC 4034 §3.1.8.1); of an expanded wildcard, its own name and not the one asked for. */
export function signedBytes({ owner, type, data }: RecordSet, { header, labels, originalTtl }: Signature): Uint8Array {
  const name = nameBytes(labels < countedLabels(owner) ? wildcardOf(suffixOf(owner, labels)) : owner);
  const fixed = concat(name, u16(type), u16(CLASS_IN), u32(originalTtl));
  return concat(header, ...data.flatMap((one) => [fixed, u16(one.length), one]));
}
