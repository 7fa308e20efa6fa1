/**
 * Phantom invoices exactly as LDK's `create_phantom_invoice` makes them (rust-lightning
 * `lightning/src/ln/invoice_utils.rs`): the same inputs give the same string. Manifold's own are made by
 * `createPhantomInvoice`.
 */
import type { Currency } from '../bolt11/index.js';
import { err, ok, type Result } from '../wire/result.js';
import type { BlockDelta, Msat, NodeId, PaymentHash, PaymentSecret, Preimage, UnixSeconds } from '../wire/units.js';
import type { ClusterKeys } from './cluster-keys.js';
import { ldkRouteHints, type PhantomRouteHints } from './ldk-hints.js';
import {
  type CreationError,
  type IssuedSecret,
  issuePaymentSecret,
  issuePaymentSecretForHash,
} from './payment-secret.js';
import {
  FINAL_CLTV_MARGIN,
  type InvoiceDescription,
  invoiceFinalCltv,
  type PhantomInvoiceError,
  writePhantomInvoice,
} from './write-invoice.js';

/** What changed in LDK's phantom invoices between versions. */
export interface LdkInvoiceConstants {
  readonly hintCltvExpiryDelta: BlockDelta;
  readonly minFinalCltvExpiryDelta: BlockDelta;
}

export const LDK_0_1: LdkInvoiceConstants = { hintCltvExpiryDelta: 42, minFinalCltvExpiryDelta: 24 };
/** LDK 0.2, 0.3 and main. */
export const LDK_0_2: LdkInvoiceConstants = { hintCltvExpiryDelta: 48, minFinalCltvExpiryDelta: 42 };

/** Above it the amount in tenths of a millisatoshi leaves 64 bits in LDK. */
const LDK_MOST_MSAT: Msat = 1_844_674_407_370_955_161n;

export interface LdkInvoiceParams {
  readonly keys: ClusterKeys;
  readonly constants: LdkInvoiceConstants;
  readonly currency: Currency;
  readonly amountMsat?: Msat | undefined;
  readonly about: InvoiceDescription;
  /** The merchant's own hash; without one the preimage is derived. */
  readonly paymentHash?: PaymentHash | undefined;
  readonly expirySeconds: number;
  readonly now: UnixSeconds;
  readonly nodes: readonly PhantomRouteHints[];
  /** 32 fresh random bytes. */
  readonly entropy: Uint8Array;
  /** Custom final CLTV, kept in the secret; the invoice asks for 3 more. */
  readonly minFinalCltv?: BlockDelta | undefined;
}

export interface LdkPhantomInvoice {
  readonly invoice: string;
  readonly phantomNodeId: NodeId;
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
  /** Absent for a merchant's own hash. */
  readonly preimage?: Preimage;
}

/** Errors besides those of secrets and encoder: `missing_route_hints`, `min_final_cltv_too_short`, `invalid_amount`. */
export function createLdkPhantomInvoice(params: LdkInvoiceParams): Result<LdkPhantomInvoice, PhantomInvoiceError> {
  const { keys, constants, amountMsat, paymentHash, minFinalCltv, expirySeconds, now } = params;
  if (params.nodes.length === 0) {
    return err({ code: 'missing_route_hints', message: 'name at least one node that can receive' });
  }
  const least = constants.minFinalCltvExpiryDelta;
  if (minFinalCltv !== undefined && invoiceFinalCltv(minFinalCltv) < least) {
    return err({
      code: 'min_final_cltv_too_short',
      message: `use a final CLTV of at least ${least - FINAL_CLTV_MARGIN} blocks`,
    });
  }
  if (amountMsat !== undefined && amountMsat > LDK_MOST_MSAT) {
    return err({ code: 'invalid_amount', message: `LDK writes at most ${LDK_MOST_MSAT} msat into an invoice` });
  }
  const terms = { keys, minAmountMsat: amountMsat, expiryDeltaSeconds: expirySeconds, now, minFinalCltv };
  const secret: Result<IssuedSecret, CreationError> = paymentHash
    ? issuePaymentSecretForHash({ ...terms, paymentHash })
    : issuePaymentSecret({ ...terms, iv: params.entropy.slice(0, 16) });
  if (!secret.ok) return secret;
  const written = writePhantomInvoice({
    keys,
    currency: params.currency,
    amountMsat,
    now,
    about: params.about,
    secret: secret.value,
    expirySeconds,
    minFinalCltvExpiryDelta: minFinalCltv === undefined ? least : invoiceFinalCltv(minFinalCltv),
    routeHints: ldkRouteHints(params.nodes, amountMsat, constants.hintCltvExpiryDelta),
    multiPart: false,
  });
  if (!written.ok) return written;
  const { paymentSecret, preimage } = secret.value;
  return ok({
    invoice: written.value,
    phantomNodeId: keys.phantomNodeId,
    paymentHash: secret.value.paymentHash,
    paymentSecret,
    ...(preimage && { preimage }),
  });
}
