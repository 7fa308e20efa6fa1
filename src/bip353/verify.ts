/** The one face of this folder: a name and a proof in, payment instructions out. */
import { err, ok, type Result } from '../wire/result.js';
import { type KeyDigest, ROOT_ANCHORS } from './keys.js';
import { dnsNameOf, parsePaymentName, type PaymentName } from './name.js';
import { resolveTxt } from './resolve.js';
import { chooseUri, type PaymentUri, readPaymentUri } from './uri.js';

export interface VerifyOptions {
  /** Seconds since 1970. */
  readonly now: number;
  /** Digests of the root's keys; IANA's unless given. */
  readonly anchors?: readonly KeyDigest[];
}

/** What the owner of a name's domain says about paying it, proved from the DNS root. */
export interface VerifiedName extends PaymentUri {
  readonly name: PaymentName;
  /** The first BOLT 12 offer, unread. */
  readonly offer?: string;
  /** First and last second in which every signature of the proof holds, since 1970. */
  readonly validFrom: number;
  readonly validUntil: number;
  /** Seconds from now that the instructions may be kept. */
  readonly ttl: number;
}

/**
 * Checks a DNSSEC proof (RFC 9102 chain) that `name` has these payment instructions, and reads them. Costs bounded time and
 * memory for any bytes. Records and signatures that the answer does not rest on are not looked at.
 *
 * Errors, by step: `name_malformed`, `name_bad_character`, `name_too_long` · `proof_too_long`, `too_many_records`,
 * `malformed_record`, `truncated`, `trailing_bytes` · `record_missing`, `signature_missing`, `signature_invalid`,
 * `signature_expired`, `signature_not_yet_valid`, `signature_of_other_zone`, `algorithm_unsupported`, `key_missing`,
 * `key_not_vouched_for`, `trust_anchor_missing`, `denial_missing`, `alias_loop`, `alias_ambiguous`, `too_many_aliases`,
 * `too_much_work` · `no_bitcoin_record`, `multiple_bitcoin_records`, `uri_bad_character`, `uri_bad_percent`,
 * `uri_requires_unknown`.
 * @param name `user@domain`, also with ₿ in front
 * @throws RangeError if `now` is no number of seconds
 */
export function verifyName(
  name: string,
  proof: Uint8Array,
  { now, anchors = ROOT_ANCHORS }: VerifyOptions,
): Result<VerifiedName> {
  if (!Number.isSafeInteger(now) || now < 0) throw new RangeError(`now must be whole seconds since 1970, not ${now}`);
  const parsed = parsePaymentName(name);
  if (!parsed.ok) return parsed;
  const answer = resolveTxt(proof, dnsNameOf(parsed.value), { now, anchors });
  if (!answer.ok) return answer;
  const uri = chooseUri(answer.value.records);
  if (!uri.ok) return err(uri.error);
  const instructions = readPaymentUri(uri.value);
  if (!instructions.ok) return instructions;
  const { from, until, ttl } = answer.value.validity;
  const [offer] = instructions.value.offers;
  return ok({
    ...instructions.value,
    name: parsed.value,
    ...(offer !== undefined && { offer }),
    validFrom: from,
    validUntil: until,
    ttl: Math.min(ttl, until - now),
  });
}
