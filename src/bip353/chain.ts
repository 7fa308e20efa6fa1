/** From a record up to the root: every set signed by its zone, every zone's keys vouched for by its parent (RFC 4035 §5). */
import { isDnssecAlgorithm, verifyDnssec } from '../crypto/dnssec.js';
import { type DecodeError, err, ok, type Result } from '../wire/result.js';
import { type DnsName, isBelow, isWithin, nameText, suffixOf } from './dns-name.js';
import { type KeyDigest, readKeyDigest, readZoneKey, strongDigests, vouchedKeys, type ZoneKey } from './keys.js';
import { countedLabels, type Proof, type RecordSet, type Signature, signedBytes, TYPE } from './records.js';
import { both, UNLIMITED, type Validity, validityOf } from './validity.js';
import type { Work } from './work.js';

export interface VerifiedSet {
  readonly set: RecordSet;
  /** The zone that signed. */
  readonly zone: DnsName;
  readonly validity: Validity;
  /** Set if the signature is a wildcard's: this name, and all under it, must be shown not to exist (RFC 4035 §5.3.4). */
  readonly absent?: DnsName;
}

interface ZoneKeys {
  readonly keys: readonly ZoneKey[];
  readonly validity: Validity;
}

/** Checks sets of one proof at one moment; what was found out about a zone is kept. */
export class Chain {
  readonly #proof: Proof;
  readonly #anchors: readonly KeyDigest[];
  readonly #now: number;
  readonly #work: Work;
  readonly #zones = new Map<string, Result<ZoneKeys>>();

  /** @param now seconds since 1970 */
  constructor(proof: Proof, anchors: readonly KeyDigest[], now: number, work: Work) {
    this.#proof = proof;
    this.#anchors = anchors;
    this.#now = now;
    this.#work = work;
  }

  /**
   * Checks the records of one owner and type. Of several signatures one good one is enough; otherwise the first one's error is told.
   * @throws Refusal `too_much_work`
   */
  verify(owner: DnsName, type: number): Result<VerifiedSet> {
    const set = this.#proof.find(owner, type);
    if (!set) return failure('record_missing', `the proof has no ${typeText(type)} record of ${nameText(owner)}`);
    return this.#anySignature(set, (signature) => {
      const zone = this.#zoneKeys(signature.signer);
      if (!zone.ok) return zone;
      const signed = this.#checkSignature(set, signature, zone.value.keys);
      return signed.ok ? ok({ ...signed.value, validity: both(signed.value.validity, zone.value.validity) }) : signed;
    });
  }

  /** Keys that may sign in `zone`. Recursion ends: each zone asks for one that is above it. */
  #zoneKeys(zone: DnsName): Result<ZoneKeys> {
    const known = this.#zones.get(zone.key);
    if (known) return known;
    const found = this.#findZoneKeys(zone);
    this.#zones.set(zone.key, found);
    return found;
  }

  #findZoneKeys(zone: DnsName): Result<ZoneKeys> {
    const vouched = this.#digestsFor(zone);
    if (!vouched.ok) return vouched;
    const set = this.#proof.find(zone, TYPE.DNSKEY);
    if (!set) return failure('record_missing', `the proof has no DNSKEY record of ${nameText(zone)}`);
    const all = set.data.map(readZoneKey).filter((key) => key !== undefined);
    const entry = vouchedKeys(zone, all, vouched.value.digests, this.#work);
    if (entry.length === 0) {
      const code = zone.labels.length === 0 ? 'trust_anchor_missing' : 'key_not_vouched_for';
      return failure(code, `no key of ${nameText(zone)} fits what is known of it from above`);
    }
    const signed = this.#anySignature(set, (signature) => this.#checkSignature(set, signature, entry));
    return signed.ok ? ok({ keys: all, validity: both(signed.value.validity, vouched.value.validity) }) : signed;
  }

  #digestsFor(zone: DnsName): Result<{ digests: readonly KeyDigest[]; validity: Validity }> {
    if (zone.labels.length === 0) return ok({ digests: this.#anchors, validity: UNLIMITED });
    const signed = this.verify(zone, TYPE.DS);
    if (!signed.ok) return signed;
    const digests = signed.value.set.data.map(readKeyDigest).filter((digest) => digest !== undefined);
    return ok({ digests: strongDigests(digests), validity: signed.value.validity });
  }

  #anySignature(set: RecordSet, check: (signature: Signature) => Result<VerifiedSet>): Result<VerifiedSet> {
    let first: { readonly ok: false; readonly error: DecodeError } | undefined;
    for (const signature of set.signatures) {
      const allowed = this.#admit(set, signature);
      const result = allowed.ok ? check(signature) : allowed;
      if (result.ok) return result;
      first ??= result;
    }
    return first ?? failure('signature_missing', `${setText(set)} has no signature in the proof`);
  }

  /** Everything about a signature that needs no key (RFC 4035 §5.3.1). */
  #admit(set: RecordSet, signature: Signature): Result<undefined> {
    const { signer, labels, algorithm } = signature;
    if (!maySign(signer, set)) {
      return failure('signature_of_other_zone', `${nameText(signer)} cannot sign ${setText(set)}`);
    }
    const counted = countedLabels(set.owner);
    const mayBeWildcard = set.type === TYPE.TXT || set.type === TYPE.CNAME;
    if (labels > counted || labels < signer.labels.length || (labels < counted && !mayBeWildcard)) {
      return failure('signature_invalid', `the signature over ${setText(set)} counts ${labels} labels`);
    }
    const { from, until } = validityOf(signature, set.ttl, this.#now);
    if (this.#now < from) {
      return failure('signature_not_yet_valid', `${setText(set)} is signed from ${from} on, now it is ${this.#now}`);
    }
    if (this.#now > until) {
      return failure(
        'signature_expired',
        `${setText(set)} is signed until ${until}, now it is ${this.#now}: fetch a new proof`,
      );
    }
    if (!isDnssecAlgorithm(algorithm)) {
      return failure('algorithm_unsupported', `${setText(set)} is signed by algorithm ${algorithm}`);
    }
    return ok(undefined);
  }

  #checkSignature(set: RecordSet, signature: Signature, keys: readonly ZoneKey[]): Result<VerifiedSet> {
    const { keyTag, algorithm, labels, signer } = signature;
    const candidates = keys.filter((key) => key.keyTag === keyTag && key.algorithm === algorithm);
    if (candidates.length === 0) {
      return failure('key_missing', `key ${keyTag} of ${nameText(signer)} is not proved, it signs ${setText(set)}`);
    }
    const data = signedBytes(set, signature);
    const isGood = candidates.some(({ publicKey }) => {
      this.#work.signature();
      return verifyDnssec(algorithm, publicKey, signature.signature, data);
    });
    if (!isGood) return failure('signature_invalid', `the signature over ${setText(set)} is wrong`);
    const isExpanded = labels < countedLabels(set.owner);
    return ok({
      set,
      zone: signer,
      validity: validityOf(signature, set.ttl, this.#now),
      ...(isExpanded && { absent: suffixOf(set.owner, labels + 1) }),
    });
  }
}

/** A zone's keys are signed by itself, its DS records by a zone above it, all else by the zone that the name is in. */
function maySign(signer: DnsName, { owner, type }: RecordSet): boolean {
  if (type === TYPE.DNSKEY) return signer.key === owner.key;
  return type === TYPE.DS ? isBelow(owner, signer) : isWithin(owner, signer);
}

const typeText = (type: number): string =>
  Object.entries(TYPE).find(([, number]) => number === type)?.[0] ?? `type ${type}`;

const setText = ({ owner, type }: RecordSet): string => `${typeText(type)} of ${nameText(owner)}`;

function failure(code: string, message: string): { readonly ok: false; readonly error: DecodeError } {
  return err({ code, message });
}
