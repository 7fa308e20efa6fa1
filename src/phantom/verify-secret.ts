/** Judging the payment secret of a received payment, in LDK's order (`lightning/src/ln/inbound_payment.rs`, `verify`). */
import { chacha20, hmacSha256, sha256 } from '../crypto/index.js';
import { equalBytes } from '../wire/bytes.js';
import { uintOf } from '../wire/integers.js';
import type { BlockDelta, Msat, PaymentHash, PaymentSecret, Preimage, UnixSeconds } from '../wire/units.js';
import type { ClusterKeys, KeyRing } from './cluster-keys.js';
import { IV_LENGTH, ownPreimage, SecretMethod, userHashIv } from './secret-format.js';

const AMOUNT_MASK = (1n << 61n) - 1n;

/**
 * Why a secret is refused. For logs and tests only: to the payer all are the same `incorrect_or_unknown_payment_details`.
 *
 * - `unknown_method`: decrypts to a kind that does not exist; usually a secret of somebody else
 * - `not_authentic`: not made with these keys for this hash and metadata
 * - `amount_too_low`, `expired`: ours, but too little or too late
 */
export type SecretRefusal = 'unknown_method' | 'not_authentic' | 'amount_too_low' | 'expired';

export interface VerifySecretParams {
  readonly keys: ClusterKeys;
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
  /** `total_msat` of the inner payload, not the amount of one part. */
  readonly totalMsat: Msat;
  /** Highest block-header time seen, as LDK judges expiry. */
  readonly now: UnixSeconds;
  /** `payment_metadata` of the inner payload as it came. */
  readonly metadata?: Uint8Array | undefined;
}

export interface VerifiedSecret {
  readonly ok: true;
  readonly method: SecretMethod;
  /** Least total, 0 for any. */
  readonly amountMsat: Msat;
  /** Last second at which the secret is good. */
  readonly expiry: UnixSeconds;
  /** Only where we derived the hash (methods 0 and 2). */
  readonly preimage?: Preimage;
  /** The caller refuses a part whose outgoing CLTV is below its node's height plus this. */
  readonly minFinalCltv?: BlockDelta;
  /** Decrypted payment metadata. */
  readonly metadata?: Uint8Array;
}

export type SecretVerdict =
  | VerifiedSecret
  | {
      readonly ok: false;
      readonly reason: SecretRefusal;
      /** What the secret decrypts to, 0–7; noise where it is not ours. */
      readonly method?: number;
    };

interface Opened {
  readonly iv: Uint8Array;
  readonly info: Uint8Array;
  readonly method: number;
}

function open(keys: ClusterKeys, paymentSecret: PaymentSecret): Opened {
  const iv = paymentSecret.slice(0, IV_LENGTH);
  const info = chacha20(keys.infoKey, iv, paymentSecret.subarray(IV_LENGTH));
  return { iv, info, method: info[0]! >> 5 };
}

interface Authenticated {
  readonly preimage?: Preimage;
  readonly metadata?: Uint8Array;
}

function authenticateOwnHash(
  keys: ClusterKeys,
  { iv, info }: Opened,
  paymentHash: PaymentHash,
  metadata: Uint8Array | undefined,
): Authenticated | undefined {
  const preimage = ownPreimage(keys, iv, info, metadata);
  if (!equalBytes(sha256(preimage), paymentHash)) return undefined;
  return metadata ? { preimage, metadata: chacha20(keys.metadataKey, iv, metadata) } : { preimage };
}

function authenticateUserHash(
  keys: ClusterKeys,
  { iv, info }: Opened,
  paymentHash: PaymentHash,
  metadata: Uint8Array | undefined,
): Authenticated | undefined {
  if (metadata && metadata.length < IV_LENGTH) return undefined;
  if (!equalBytes(userHashIv(keys, info, paymentHash, metadata), iv)) return undefined;
  if (!metadata) return {};
  const split = metadata.length - IV_LENGTH;
  return { metadata: chacha20(keys.metadataKey, metadata.slice(split), metadata.subarray(0, split)) };
}

function authenticateSpontaneous(
  keys: ClusterKeys,
  { iv, info }: Opened,
  metadata: Uint8Array | undefined,
): Authenticated | undefined {
  const authentic = equalBytes(hmacSha256(keys.spontaneousKey, info).subarray(0, IV_LENGTH), iv);
  return authentic && !metadata ? {} : undefined;
}

function authenticate(
  keys: ClusterKeys,
  opened: Opened,
  paymentHash: PaymentHash,
  metadata: Uint8Array | undefined,
): Authenticated | undefined {
  switch (opened.method) {
    case SecretMethod.ownHash:
    case SecretMethod.ownHashCustomCltv:
      return authenticateOwnHash(keys, opened, paymentHash, metadata);
    case SecretMethod.userHash:
    case SecretMethod.userHashCustomCltv:
      return authenticateUserHash(keys, opened, paymentHash, metadata);
    default:
      return authenticateSpontaneous(keys, opened, metadata);
  }
}

/**
 * Judges the payment secret of an inner payload. Authenticity comes before amount and expiry, so that neither answer
 * nor time tells a stranger anything about an invoice.
 */
export function verifyPaymentSecret(params: VerifySecretParams): SecretVerdict {
  const { keys, paymentHash, paymentSecret, totalMsat, now, metadata } = params;
  if (paymentSecret.length !== 32 || paymentHash.length !== 32) return { ok: false, reason: 'not_authentic' };
  const opened = open(keys, paymentSecret);
  const { info, method } = opened;
  if (method > SecretMethod.spontaneous) return { ok: false, reason: 'unknown_method', method };
  const authenticated = authenticate(keys, opened, paymentHash, metadata);
  if (!authenticated) return { ok: false, reason: 'not_authentic', method };

  const hasCltv = method === SecretMethod.ownHashCustomCltv || method === SecretMethod.userHashCustomCltv;
  const amountMsat = uintOf(info.subarray(0, 8)) & AMOUNT_MASK;
  const expiry = Number(uintOf(info.subarray(hasCltv ? 10 : 8, 16)));
  if (totalMsat < amountMsat) return { ok: false, reason: 'amount_too_low', method };
  if (expiry < now) return { ok: false, reason: 'expired', method };
  return {
    ok: true,
    method: method as SecretMethod,
    amountMsat,
    expiry,
    ...authenticated,
    ...(hasCltv && { minFinalCltv: Number(uintOf(info.subarray(8, 10))) }),
  };
}

/** {@link verifyPaymentSecret} with every epoch of the ring; the refusal reported is that of the epoch that got furthest. */
export function verifyPaymentSecretByRing(
  ring: KeyRing,
  params: Omit<VerifySecretParams, 'keys'>,
): (VerifiedSecret & { readonly epochId: number }) | Extract<SecretVerdict, { ok: false }> {
  let refused: Extract<SecretVerdict, { ok: false }> | undefined;
  for (const { id, keys } of ring.epochs) {
    const verdict = verifyPaymentSecret({ ...params, keys });
    if (verdict.ok) return { ...verdict, epochId: id };
    if (verdict.reason === 'amount_too_low' || verdict.reason === 'expired') return verdict;
    refused ??= verdict;
  }
  return refused!;
}

/** The preimage of one of our hashes, whatever amount and time; undefined for a user's hash and for foreign secrets. */
export function paymentPreimage(
  keys: ClusterKeys,
  paymentHash: PaymentHash,
  paymentSecret: PaymentSecret,
  metadata?: Uint8Array,
): Preimage | undefined {
  if (paymentSecret.length !== 32) return undefined;
  const opened = open(keys, paymentSecret);
  const ownHash = opened.method === SecretMethod.ownHash || opened.method === SecretMethod.ownHashCustomCltv;
  return ownHash ? authenticateOwnHash(keys, opened, paymentHash, metadata)?.preimage : undefined;
}
