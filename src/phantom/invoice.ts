/** Manifold's phantom invoices: payable at any member named, and in parts across them where all can hold parts. */
import type { Currency } from '../bolt11/index.js';
import { sha256 } from '../crypto/index.js';
import { uintOf } from '../wire/integers.js';
import { err, ok, type Result } from '../wire/result.js';
import type { BlockDelta, Msat, NodeId, PaymentHash, PaymentSecret, Preimage, UnixSeconds } from '../wire/units.js';
import type { KeyRing } from './cluster-keys.js';
import { LDK_0_2 } from './ldk-invoice.js';
import type { ClusterMember } from './member.js';
import {
  type CreationError,
  type IssuedSecret,
  issuePaymentSecret,
  issuePaymentSecretForHash,
} from './payment-secret.js';
import { chooseRouteHints } from './route-hints.js';
import {
  FINAL_CLTV_MARGIN,
  type InvoiceDescription,
  invoiceFinalCltv,
  type PhantomInvoiceError,
  writePhantomInvoice,
} from './write-invoice.js';

/**
 * Blocks between arrival and expiry of a part: time to hold parts, commit and settle before the node below has to go on
 * chain. It is kept in the secret, so every member enforces it without a record of the invoice.
 */
export const DEFAULT_MIN_FINAL_CLTV: BlockDelta = 80;
/** LDK members refuse parts with less. */
export const LEAST_MIN_FINAL_CLTV: BlockDelta = LDK_0_2.minFinalCltvExpiryDelta - FINAL_CLTV_MARGIN;
/** Parts are refused when they are locked for more than 2016 blocks; the phantom hop and the route need some of them. */
export const MOST_MIN_FINAL_CLTV: BlockDelta = 1_500;
const DEFAULT_EXPIRY = 3600;

export interface PhantomInvoiceParams {
  readonly ring: KeyRing;
  readonly members: readonly ClusterMember[];
  readonly currency: Currency;
  /** Undefined: the payer chooses. */
  readonly amountMsat?: Msat | undefined;
  readonly about: InvoiceDescription;
  /** The merchant's own hash (hold invoice, swap); its preimage is the merchant's business. */
  readonly paymentHash?: PaymentHash | undefined;
  /** Default 3600. */
  readonly expirySeconds?: number | undefined;
  readonly now: UnixSeconds;
  /** 32 fresh random bytes, never used twice. */
  readonly entropy: Uint8Array;
  /** {@link LEAST_MIN_FINAL_CLTV} to {@link MOST_MIN_FINAL_CLTV}, default {@link DEFAULT_MIN_FINAL_CLTV}. The invoice asks for 3 more. */
  readonly minFinalCltv?: BlockDelta | undefined;
  /** Plaintext that every part brings back encrypted: payers must support payment_metadata. LDK members need 0.3. */
  readonly metadata?: Uint8Array | undefined;
  /** 1 to 5, default 3. */
  readonly maxHints?: number | undefined;
  /** Default 48. */
  readonly hintCltvExpiryDelta?: BlockDelta | undefined;
  /** Which members have their turn; default drawn from the entropy. */
  readonly rotation?: number | undefined;
}

export interface PhantomInvoice {
  readonly invoice: string;
  readonly epochId: number;
  readonly phantomNodeId: NodeId;
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
  /** Never there for a merchant's own hash. */
  readonly preimage?: Preimage;
  readonly expirySeconds: number;
  /** Last second, by block time, at which a payment is accepted. */
  readonly acceptedUntil: UnixSeconds;
  readonly hintedMembers: readonly NodeId[];
  /** The invoice offers basic_mpp. */
  readonly multiPart: boolean;
  /** False if, by what is known now, the members named cannot receive the amount. */
  readonly enoughInbound: boolean;
}

function issueSecret(
  params: PhantomInvoiceParams,
  expirySeconds: number,
  minFinalCltv: BlockDelta,
): Result<IssuedSecret, CreationError> {
  const { ring, amountMsat, paymentHash, now, entropy, metadata } = params;
  const terms = {
    keys: ring.current.keys,
    minAmountMsat: amountMsat,
    expiryDeltaSeconds: expirySeconds,
    now,
    minFinalCltv,
  };
  if (!paymentHash) return issuePaymentSecret({ ...terms, iv: entropy.slice(0, 16), metadata });
  return issuePaymentSecretForHash({
    ...terms,
    paymentHash,
    metadata: metadata && { plaintext: metadata, iv: entropy.slice(16) },
  });
}

/**
 * Makes an invoice signed by the current epoch. Pure: the same parameters give the same string; nothing is stored.
 *
 * Errors: `no_members`, `no_healthy_member`, `no_usable_channel`, `amount_too_small`, `min_final_cltv_too_short`, `min_final_cltv_too_long`, `invalid_amount`,
 * `invalid_expiry`, `invalid_min_final_cltv`, and those of the BOLT 11 encoder (description, metadata).
 * @throws {RangeError} for `entropy` or `paymentHash` not of 32 bytes or `maxHints` not 1 to 5
 */
export function createPhantomInvoice(params: PhantomInvoiceParams): Result<PhantomInvoice, PhantomInvoiceError> {
  const { ring, amountMsat, entropy, expirySeconds = DEFAULT_EXPIRY, minFinalCltv = DEFAULT_MIN_FINAL_CLTV } = params;
  if (entropy.length !== 32) throw new RangeError('entropy is 32 fresh random bytes');
  if (minFinalCltv < LEAST_MIN_FINAL_CLTV) {
    return err({
      code: 'min_final_cltv_too_short',
      message: `use a final CLTV of at least ${LEAST_MIN_FINAL_CLTV} blocks`,
    });
  }
  if (minFinalCltv > MOST_MIN_FINAL_CLTV) {
    return err({
      code: 'min_final_cltv_too_long',
      message: `use a final CLTV of at most ${MOST_MIN_FINAL_CLTV} blocks; payers lock no payment for longer`,
    });
  }
  // Parts of the entropy are seen by the payer; its hash is not.
  const draw = sha256(entropy);
  const chosen = chooseRouteHints({
    keys: ring.current.keys,
    members: params.members,
    amountMsat,
    variant: Number(uintOf(draw.subarray(0, 3))),
    rotation: params.rotation ?? Number(uintOf(draw.subarray(3, 7))),
    maxHints: params.maxHints,
    hintCltvExpiryDelta: params.hintCltvExpiryDelta,
  });
  if (!chosen.ok) return chosen;
  const secret = issueSecret(params, expirySeconds, minFinalCltv);
  if (!secret.ok) return secret;
  const { hints, members, multiPart, enough } = chosen.value;
  const written = writePhantomInvoice({
    keys: ring.current.keys,
    currency: params.currency,
    amountMsat,
    now: params.now,
    about: params.about,
    secret: secret.value,
    expirySeconds,
    minFinalCltvExpiryDelta: invoiceFinalCltv(minFinalCltv),
    routeHints: hints,
    multiPart,
  });
  if (!written.ok) return written;
  return ok({
    invoice: written.value,
    epochId: ring.current.id,
    phantomNodeId: ring.current.keys.phantomNodeId,
    paymentHash: secret.value.paymentHash,
    paymentSecret: secret.value.paymentSecret,
    ...(secret.value.preimage && { preimage: secret.value.preimage }),
    expirySeconds,
    acceptedUntil: secret.value.expiresAt,
    hintedMembers: members.map(({ nodeId }) => nodeId),
    multiPart,
    enoughInbound: enough,
  });
}
