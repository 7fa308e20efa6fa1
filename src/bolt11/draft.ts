/** An invoice before it is written and signed, and what makes a draft unacceptable. */
import { ec } from '../crypto/index.js';
import { utf8 } from '../wire/bytes.js';
import { hasFeature, Feature } from '../wire/features.js';
import { refuse } from '../wire/result.js';
import { MAX_MSAT, MAX_U32, MAX_U64, type Msat, type NodeId, type UnixSeconds } from '../wire/units.js';
import {
  type Currency,
  type Fallback,
  HOP_BYTES,
  isPossibleFallback,
  KNOWN_REQUIRED_FEATURES,
  MAX_FIELD_BYTES,
  MAX_FIELD_GROUPS,
  MAX_TIMESTAMP,
  type RouteHintHop,
} from './invoice.js';

/** Members mean what they mean in `Invoice`. An optional member that is absent is not written. */
export interface InvoiceDraft {
  readonly currency: Currency;
  readonly amountMsat?: Msat;
  readonly timestamp: UnixSeconds;
  /** 32 bytes */
  readonly paymentHash: Uint8Array;
  /** 32 bytes */
  readonly paymentSecret: Uint8Array;
  /** At most 639 bytes of UTF-8. Exactly one of this and `descriptionHash`. */
  readonly description?: string;
  /** 32 bytes */
  readonly descriptionHash?: Uint8Array;
  /** Writes field n, which must be the signer's key. Needless: payers recover it. */
  readonly payee?: NodeId;
  /** Written even if it is the default, 3600. */
  readonly expirySeconds?: bigint | number;
  /** Written even if it is the default, 18. */
  readonly minFinalCltvExpiryDelta?: number;
  readonly fallbacks?: readonly Fallback[];
  readonly routeHints?: readonly (readonly RouteHintHop[])[];
  /** Bits to set; by default those of {@link defaultFeatures}. Multi-part payment (17) has to be asked for. */
  readonly features?: readonly number[];
  /** At most 639 bytes. */
  readonly paymentMetadata?: Uint8Array;
}

/** var_onion and payment_secret required (LDK refuses invoices without), and payment_metadata required if there is any. */
export function defaultFeatures(draft: Pick<InvoiceDraft, 'paymentMetadata'>): number[] {
  const bits: number[] = [Feature.varOnion, Feature.paymentSecret];
  return draft.paymentMetadata ? [...bits, Feature.paymentMetadata] : bits;
}

const isIntegerUpTo = (value: number, max: number): boolean => Number.isInteger(value) && value >= 0 && value <= max;

/**
 * Refuses a draft that cannot be written or that no payer could use.
 * @throws Refusal `amount_not_positive`, `amount_too_large`, `timestamp_out_of_range`, `bad_length`,
 *   `missing_description`, `both_descriptions`, `description_too_long`, `invalid_utf8_description`,
 *   `metadata_too_long`, `invalid_payee_pubkey`, `expiry_overflow`, `cltv_overflow`, `invalid_fallback`,
 *   `empty_route_hint`, `route_hint_too_long`, `invalid_route_hint_pubkey`, `invalid_route_hint_value`,
 *   `invalid_feature`, `unknown_required_feature`, `missing_feature`
 */
export function checkDraft(draft: InvoiceDraft): void {
  const { amountMsat, timestamp, payee, paymentMetadata, minFinalCltvExpiryDelta } = draft;
  if (amountMsat !== undefined && amountMsat <= 0n) {
    refuse('amount_not_positive', 'an amount is at least one millisatoshi; leave it out to let the payer choose');
  }
  if (amountMsat !== undefined && amountMsat > MAX_MSAT) {
    refuse('amount_too_large', 'the amount is above 21 million bitcoin');
  }
  if (!isIntegerUpTo(timestamp, MAX_TIMESTAMP)) {
    refuse('timestamp_out_of_range', `the time must be whole seconds from 0 to ${MAX_TIMESTAMP}`);
  }
  check32Bytes(draft.paymentHash, 'payment hash');
  check32Bytes(draft.paymentSecret, 'payment secret');
  checkDescription(draft);
  if (paymentMetadata && paymentMetadata.length > MAX_FIELD_BYTES) {
    refuse('metadata_too_long', `payment metadata has ${paymentMetadata.length} bytes, at most ${MAX_FIELD_BYTES} fit`);
  }
  if (payee && !ec.isPoint(payee)) refuse('invalid_payee_pubkey', 'the payee is not a public key');
  checkExpiry(draft.expirySeconds);
  if (minFinalCltvExpiryDelta !== undefined && !isIntegerUpTo(minFinalCltvExpiryDelta, MAX_U32)) {
    refuse('cltv_overflow', `the final CLTV delta must be a whole number from 0 to ${MAX_U32}`);
  }
  draft.fallbacks?.forEach(checkFallback);
  draft.routeHints?.forEach(checkRouteHint);
  checkFeatures(draft);
}

function check32Bytes(bytes: Uint8Array, name: string): void {
  if (bytes.length !== 32) refuse('bad_length', `the ${name} must have 32 bytes, not ${bytes.length}`);
}

function checkDescription({ description, descriptionHash }: InvoiceDraft): void {
  if (description === undefined && !descriptionHash) {
    refuse('missing_description', 'an invoice needs a description (it may be empty) or the hash of one');
  }
  if (description !== undefined && descriptionHash) {
    refuse('both_descriptions', 'an invoice has a description or the hash of one, not both');
  }
  if (descriptionHash) check32Bytes(descriptionHash, 'description hash');
  if (description === undefined) return;
  if (/\p{Surrogate}/u.test(description)) {
    refuse('invalid_utf8_description', 'the description has half a surrogate pair, which UTF-8 cannot write');
  }
  const { length } = utf8(description);
  if (length > MAX_FIELD_BYTES) {
    refuse('description_too_long', `the description has ${length} bytes, at most ${MAX_FIELD_BYTES} fit; use its hash`);
  }
}

function checkExpiry(seconds: bigint | number | undefined): void {
  if (seconds === undefined) return;
  const whole = typeof seconds === 'bigint' || Number.isInteger(seconds);
  if (!whole || seconds < 0 || BigInt(seconds) > MAX_U64) {
    refuse('expiry_overflow', 'the expiry must be whole seconds that fit 64 bits');
  }
}

function checkFallback(fallback: Fallback): void {
  if (!isPossibleFallback(fallback)) {
    refuse('invalid_fallback', `no address of version ${fallback.version} has ${fallback.program.length} bytes`);
  }
}

function checkRouteHint(hops: readonly RouteHintHop[]): void {
  const most = Math.floor(MAX_FIELD_BYTES / HOP_BYTES);
  if (hops.length === 0) refuse('empty_route_hint', 'a route hint needs a hop');
  if (hops.length > most) refuse('route_hint_too_long', `a route hint has at most ${most} hops, not ${hops.length}`);
  for (const hop of hops) {
    if (!ec.isPoint(hop.nodeId)) refuse('invalid_route_hint_pubkey', 'a node id in a route hint is not a public key');
    const fits =
      hop.shortChannelId >= 0n &&
      hop.shortChannelId <= MAX_U64 &&
      isIntegerUpTo(hop.feeBaseMsat, MAX_U32) &&
      isIntegerUpTo(hop.feeProportionalMillionths, MAX_U32) &&
      isIntegerUpTo(hop.cltvExpiryDelta, 0xffff);
    if (!fits) refuse('invalid_route_hint_value', 'a route hint takes a u64 channel id, u32 fees and a u16 delta');
  }
}

function checkFeatures(draft: InvoiceDraft): void {
  if (!draft.features) return;
  for (const bit of draft.features) {
    if (!isIntegerUpTo(bit, 5 * MAX_FIELD_GROUPS - 1))
      refuse('invalid_feature', `${bit} is not a feature bit that fits`);
    if (bit % 2 === 0 && !KNOWN_REQUIRED_FEATURES.has(bit)) {
      refuse('unknown_required_feature', `feature ${bit} is not known here and cannot be demanded`);
    }
  }
  if (!hasFeature(draft.features, Feature.varOnion) || !hasFeature(draft.features, Feature.paymentSecret)) {
    refuse('missing_feature', 'features must include var_onion (8 or 9) and payment_secret (14 or 15)');
  }
  if (draft.paymentMetadata && !hasFeature(draft.features, Feature.paymentMetadata)) {
    refuse('missing_feature', 'features must include payment_metadata (48 or 49) if there is any');
  }
}
