/**
 * Making stateless payment secrets, byte for byte as LDK does: amount, expiry and final CLTV travel encrypted and
 * authenticated inside the 32-byte secret of the invoice, and the preimage follows from it. Nothing is stored, and any
 * member that has the cluster keys can claim the payment.
 */
import { chacha20, hmacSha256, sha256 } from '../crypto/index.js';
import { concat } from '../wire/bytes.js';
import { u16, u64, uintBytes } from '../wire/integers.js';
import { err, ok, type Result } from '../wire/result.js';
import {
  type BlockDelta,
  MAX_MSAT,
  MAX_U32,
  type Msat,
  type PaymentHash,
  type PaymentSecret,
  type Preimage,
  type UnixSeconds,
} from '../wire/units.js';
import type { ClusterKeys } from './cluster-keys.js';
import { IV_LENGTH, ownPreimage, seal, SecretMethod, userHashIv } from './secret-format.js';

/** Seconds that a secret outlives the invoice: block times, by which it is judged, lag or lead the clock. */
export const EXPIRY_GRACE_SECONDS = 7200;

const LAST_48_BIT_SECOND = 2 ** 48 - 1;

export interface CreationError {
  readonly code: 'invalid_amount' | 'invalid_expiry' | 'invalid_min_final_cltv';
  /** Says what to change. */
  readonly message: string;
}

/** What a secret demands of the payment. */
export interface SecretTerms {
  /** Least total of the payment, undefined or 0 for any. */
  readonly minAmountMsat?: Msat | undefined;
  /** Life of the invoice from `now` on; the secret lives {@link EXPIRY_GRACE_SECONDS} longer. */
  readonly expiryDeltaSeconds: number;
  readonly now: UnixSeconds;
  /** Blocks the payee wants between arrival and expiry; the invoice says 3 more. */
  readonly minFinalCltv?: BlockDelta | undefined;
}

export interface IssuedSecret {
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
  /** Last second (by block time) at which the secret is good. */
  readonly expiresAt: UnixSeconds;
  /** Encrypted metadata for the invoice's `m` field, if any was given. */
  readonly metadata?: Uint8Array;
  /** Where we chose the hash. */
  readonly preimage?: Preimage;
}

export interface IssuedOwnSecret extends IssuedSecret {
  readonly preimage: Preimage;
}

interface Info {
  readonly bytes: Uint8Array;
  readonly expiresAt: UnixSeconds;
}

function refusal(code: CreationError['code'], message: string): { readonly ok: false; readonly error: CreationError } {
  return err({ code, message });
}

function buildInfo(terms: SecretTerms, plain: SecretMethod, withCltv: SecretMethod): Result<Info, CreationError> {
  const { minAmountMsat = 0n, expiryDeltaSeconds, now, minFinalCltv } = terms;
  if (minAmountMsat < 0n || minAmountMsat > MAX_MSAT) {
    return refusal('invalid_amount', `an amount is 0 to ${MAX_MSAT} msat, not ${minAmountMsat}: use a smaller one`);
  }
  if (!Number.isInteger(expiryDeltaSeconds) || expiryDeltaSeconds < 0 || expiryDeltaSeconds > MAX_U32) {
    return refusal('invalid_expiry', `an expiry is 0 to ${MAX_U32} whole seconds, not ${expiryDeltaSeconds}`);
  }
  const expiresAt = now + expiryDeltaSeconds + EXPIRY_GRACE_SECONDS;
  if (!Number.isSafeInteger(expiresAt) || expiresAt < 0) {
    return refusal('invalid_expiry', `${now} is not a Unix time in whole seconds`);
  }
  const amountField = (method: SecretMethod): Uint8Array => u64((BigInt(method) << 61n) | minAmountMsat);
  if (minFinalCltv === undefined) {
    return ok({ bytes: concat(amountField(plain), u64(BigInt(expiresAt))), expiresAt });
  }
  if (!Number.isInteger(minFinalCltv) || minFinalCltv < 0 || minFinalCltv > 0xffff) {
    return refusal('invalid_min_final_cltv', `a minimum final CLTV is 0 to 65535 blocks, not ${minFinalCltv}`);
  }
  if (expiresAt > LAST_48_BIT_SECOND) {
    // LDK reports this one as an invalid amount too.
    return refusal(
      'invalid_amount',
      'with a minimum final CLTV the expiry second must fit 48 bits: shorten the expiry',
    );
  }
  return ok({ bytes: concat(amountField(withCltv), u16(minFinalCltv), uintBytes(expiresAt, 6)), expiresAt });
}

function requireIv(iv: Uint8Array): void {
  if (iv.length !== IV_LENGTH) throw new RangeError('an IV is 16 fresh random bytes');
}

export interface OwnSecretParams extends SecretTerms {
  readonly keys: ClusterKeys;
  /** 16 fresh random bytes; used once. */
  readonly iv: Uint8Array;
  /** Plaintext that every part of the payment must carry back. */
  readonly metadata?: Uint8Array | undefined;
}

/** Secret and hash of a payment whose preimage we derive (methods 0 and 2). */
export function issuePaymentSecret(params: OwnSecretParams): Result<IssuedOwnSecret, CreationError> {
  const { keys, iv, metadata } = params;
  requireIv(iv);
  const info = buildInfo(params, SecretMethod.ownHash, SecretMethod.ownHashCustomCltv);
  if (!info.ok) return info;
  const sealedMetadata = metadata && chacha20(keys.metadataKey, iv, metadata);
  const preimage = ownPreimage(keys, iv, info.value.bytes, sealedMetadata);
  return ok({
    paymentHash: sha256(preimage),
    paymentSecret: seal(keys, iv, info.value.bytes),
    preimage,
    expiresAt: info.value.expiresAt,
    ...(sealedMetadata && { metadata: sealedMetadata }),
  });
}

export interface UserHashSecretParams extends SecretTerms {
  readonly keys: ClusterKeys;
  readonly paymentHash: PaymentHash;
  /** Plaintext that every part must carry back, with 16 fresh random bytes that encrypt it. */
  readonly metadata?: { readonly plaintext: Uint8Array; readonly iv: Uint8Array } | undefined;
}

/** Secret for a hash that the merchant chose (methods 1 and 3). The same inputs give the same secret. */
export function issuePaymentSecretForHash(params: UserHashSecretParams): Result<IssuedSecret, CreationError> {
  const { keys, paymentHash, metadata } = params;
  if (paymentHash.length !== 32) throw new RangeError('a payment hash is 32 bytes');
  if (metadata) requireIv(metadata.iv);
  const info = buildInfo(params, SecretMethod.userHash, SecretMethod.userHashCustomCltv);
  if (!info.ok) return info;
  const sealedMetadata = metadata && concat(chacha20(keys.metadataKey, metadata.iv, metadata.plaintext), metadata.iv);
  const iv = userHashIv(keys, info.value.bytes, paymentHash, sealedMetadata);
  return ok({
    paymentHash,
    paymentSecret: seal(keys, iv, info.value.bytes),
    expiresAt: info.value.expiresAt,
    ...(sealedMetadata && { metadata: sealedMetadata }),
  });
}

/** Secret of LDK's method 4: good for any payment hash, for payments whose preimage the payer brings. */
export function issueSpontaneousSecret(
  params: Omit<SecretTerms, 'minFinalCltv'> & { readonly keys: ClusterKeys },
): Result<Pick<IssuedSecret, 'paymentSecret' | 'expiresAt'>, CreationError> {
  const { keys, minAmountMsat, expiryDeltaSeconds, now } = params;
  const info = buildInfo(
    { minAmountMsat, expiryDeltaSeconds, now },
    SecretMethod.spontaneous,
    SecretMethod.spontaneous,
  );
  if (!info.ok) return info;
  const iv = hmacSha256(keys.spontaneousKey, info.value.bytes).slice(0, IV_LENGTH);
  return ok({ paymentSecret: seal(keys, iv, info.value.bytes), expiresAt: info.value.expiresAt });
}
