/**
 * Proof that a name does not exist, so that the wildcard beside it speaks for what is asked (RFC 4035 §5.3.4, RFC 5155 §8.8).
 * Without it whoever carries the proof could put a zone's wildcard in place of somebody's own record.
 */
import { nsec3Hash } from '../crypto/dnssec.js';
import { compareBytes } from '../wire/bytes.js';
import { ByteReader } from '../wire/reader.js';
import { err, ok, refusable, type Result } from '../wire/result.js';
import type { Chain } from './chain.js';
import { compareNames, type DnsName, isBelow, isWithin, nameBytes, nameText, readName } from './dns-name.js';
import { type Proof, type RecordSet, TYPE } from './records.js';
import type { Validity } from './validity.js';
import type { Work } from './work.js';

/** More make a zone insecure (RFC 9276 §3.2 leaves the number open; this is the usual one). */
const MAX_ITERATIONS = 150;
const NSEC3_SHA1 = 1;
const SHA1_LENGTH = 20;

/**
 * Shows by NSEC or NSEC3 records of `zone` that `name` does not exist there, nor anything under it.
 * Errors: `denial_missing`. @throws Refusal `too_much_work`
 */
export function proveAbsent(chain: Chain, proof: Proof, zone: DnsName, name: DnsName, work: Work): Result<Validity> {
  for (const set of proof.sets) {
    if (set.data.length !== 1 || !denies(set, zone, name, work)) continue;
    const verified = chain.verify(set.owner, set.type);
    if (verified.ok && verified.value.zone.key === zone.key) return ok(verified.value.validity);
  }
  return err({
    code: 'denial_missing',
    message: `a wildcard answers for ${nameText(name)}, but nothing proves that this name has no records of its own`,
  });
}

function denies(set: RecordSet, zone: DnsName, name: DnsName, work: Work): boolean {
  if (set.type === TYPE.NSEC) return isWithin(set.owner, zone) && nsecDenies(set, zone, name);
  return set.type === TYPE.NSEC3 && isNsec3Owner(set.owner, zone) && nsec3Denies(set, name, work);
}

/** RFC 4034 §4.1: the next owner in the zone, then the types at this one. */
function nsecDenies({ owner, data }: RecordSet, zone: DnsName, name: DnsName): boolean {
  const read = refusable(() => {
    const reader = new ByteReader(data[0]!);
    return { next: readName(reader), types: readTypes(reader) };
  });
  if (!read.ok) return false;
  const { next, types } = read.value;
  const isLast = next.key === zone.key;
  const isBetween = compareNames(owner, name) < 0 && (isLast || compareNames(name, next) < 0);
  // A name under it exists, so the name exists as well, though without records.
  if (!isBetween || isWithin(next, name)) return false;
  // Below a delegation or a DNAME this zone knows nothing (RFC 6840 §4.1).
  const isDelegation = types.has(2) && !types.has(6);
  return !(isBelow(name, owner) && (isDelegation || types.has(TYPE.DNAME)));
}

/** Type bit maps (RFC 4034 §4.1.2). @throws Refusal */
function readTypes(reader: ByteReader): Set<number> {
  const types = new Set<number>();
  while (reader.left > 0) {
    const window = reader.u8();
    const bits = reader.bytes(reader.u8());
    for (let i = 0; i < 8 * bits.length; i++) {
      if (bits[i >> 3]! & (0x80 >> (i & 7))) types.add(256 * window + i);
    }
  }
  return types;
}

const isNsec3Owner = (owner: DnsName, zone: DnsName): boolean =>
  owner.labels.length === zone.labels.length + 1 && isWithin(owner, zone);

/** RFC 5155 §3.2 */
function nsec3Denies({ owner, data }: RecordSet, name: DnsName, work: Work): boolean {
  const hash = base32HexBytes(owner.labels[0]!);
  const read = refusable(() => {
    const reader = new ByteReader(data[0]!);
    const [algorithm, flags, iterations] = [reader.u8(), reader.u8(), reader.u16()];
    const salt = reader.bytes(reader.u8());
    return { algorithm, flags, iterations, salt, next: reader.bytes(reader.u8()) };
  });
  if (!read.ok || hash?.length !== SHA1_LENGTH) return false;
  const { algorithm, flags, iterations, salt, next } = read.value;
  // Opt-out spans leave names out that exist, so they prove nothing here.
  const isUsable = algorithm === NSEC3_SHA1 && flags === 0 && next.length === SHA1_LENGTH;
  if (!isUsable || iterations > MAX_ITERATIONS) return false;
  work.nsec3Rounds(iterations + 1);
  return isBetweenHashes(hash, nsec3Hash(nameBytes(name), salt, iterations), next);
}

/** Strictly between, on the circle of all hashes. */
function isBetweenHashes(owner: Uint8Array, hash: Uint8Array, next: Uint8Array): boolean {
  const isBehindOwner = compareBytes(hash, owner) > 0;
  const isBeforeNext = compareBytes(hash, next) < 0;
  const isLast = compareBytes(next, owner) <= 0;
  return isLast ? isBehindOwner || isBeforeNext : isBehindOwner && isBeforeNext;
}

/** base32hex without padding (RFC 4648 §7), as NSEC3 owners have it. Undefined for other characters. */
function base32HexBytes(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let [bits, width] = [0, 0];
  for (const letter of text) {
    const value = '0123456789abcdefghijklmnopqrstuv'.indexOf(letter);
    if (value < 0) return undefined;
    bits = ((bits << 5) | value) & 0xfff;
    width += 5;
    if (width < 8) continue;
    width -= 8;
    bytes.push((bits >> width) & 0xff);
  }
  return Uint8Array.from(bytes);
}
