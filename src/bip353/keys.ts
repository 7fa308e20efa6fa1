/** Zone keys (DNSKEY), the digests by which a parent vouches for them (DS), and the root's own. */
import { dsDigest, DS_SHA1, isDnssecAlgorithm, isDsDigestType } from '../crypto/dnssec.js';
import { concat, equalBytes, fromHex } from '../wire/bytes.js';
import { ByteReader } from '../wire/reader.js';
import { refusable } from '../wire/result.js';
import { type DnsName, nameBytes } from './dns-name.js';
import type { Work } from './work.js';

/** A DS record's content (RFC 4034 §5.1); for the root, a trust anchor. */
export interface KeyDigest {
  readonly keyTag: number;
  readonly algorithm: number;
  readonly digestType: number;
  readonly digest: Uint8Array;
}

/** The root's key-signing keys of 2017 and 2024 (IANA, root-anchors.xml). */
export const ROOT_ANCHORS: readonly KeyDigest[] = [
  {
    keyTag: 20326,
    algorithm: 8,
    digestType: 2,
    digest: fromHex('e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d'),
  },
  {
    keyTag: 38696,
    algorithm: 8,
    digestType: 2,
    digest: fromHex('683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16'),
  },
];

export interface ZoneKey {
  readonly keyTag: number;
  readonly algorithm: number;
  readonly publicKey: Uint8Array;
  /** The whole record, which the parent's digest is over. */
  readonly data: Uint8Array;
}

const ZONE_FLAG = 0x0100;
const REVOKED_FLAG = 0x0080;
const DNSSEC_PROTOCOL = 3;

/** A key that may sign its zone. Undefined for other uses, revoked keys (RFC 5011 §2.1), unknown algorithms, bad records. */
export function readZoneKey(data: Uint8Array): ZoneKey | undefined {
  const read = refusable(() => {
    const reader = new ByteReader(data);
    return { flags: reader.u16(), protocol: reader.u8(), algorithm: reader.u8(), publicKey: reader.rest() };
  });
  if (!read.ok) return undefined;
  const { flags, protocol, algorithm, publicKey } = read.value;
  const isUsable = (flags & ZONE_FLAG) !== 0 && (flags & REVOKED_FLAG) === 0 && protocol === DNSSEC_PROTOCOL;
  if (!isUsable || !isDnssecAlgorithm(algorithm)) return undefined;
  return { keyTag: keyTagOf(data), algorithm, publicKey, data };
}

/** RFC 4034 appendix B */
function keyTagOf(data: Uint8Array): number {
  let sum = 0;
  for (const [i, byte] of data.entries()) sum += i % 2 === 0 ? byte << 8 : byte;
  return (sum + (sum >>> 16)) & 0xffff;
}

/** Undefined for a record that is too short, and for what we have no algorithm for. */
export function readKeyDigest(data: Uint8Array): KeyDigest | undefined {
  const read = refusable(() => {
    const reader = new ByteReader(data);
    return { keyTag: reader.u16(), algorithm: reader.u8(), digestType: reader.u8(), digest: reader.rest() };
  });
  if (!read.ok) return undefined;
  return isDnssecAlgorithm(read.value.algorithm) && isDsDigestType(read.value.digestType) ? read.value : undefined;
}

/** Without those of SHA-1 where a better one stands beside them (RFC 4509 §3). */
export function strongDigests(digests: readonly KeyDigest[]): readonly KeyDigest[] {
  const strong = digests.filter(({ digestType }) => digestType !== DS_SHA1);
  return strong.length > 0 ? strong : digests;
}

/** The keys of `zone` that one of the digests vouches for. @throws Refusal `too_much_work` */
export function vouchedKeys(
  zone: DnsName,
  keys: readonly ZoneKey[],
  digests: readonly KeyDigest[],
  work: Work,
): ZoneKey[] {
  const owner = nameBytes(zone);
  return keys.filter((key) =>
    digests.some(({ keyTag, algorithm, digestType, digest }) => {
      if (keyTag !== key.keyTag || algorithm !== key.algorithm) return false;
      work.digest();
      const own = dsDigest(digestType, concat(owner, key.data));
      return own !== undefined && equalBytes(own, digest);
    }),
  );
}
