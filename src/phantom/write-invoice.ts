/** Writing a phantom invoice once its secret and hints are settled. */
import { type Currency, encodeInvoice, LDK_INVOICE_STYLE, type RouteHintHop } from '../bolt11/index.js';
import { Feature } from '../wire/features.js';
import type { Result } from '../wire/result.js';
import type { BlockDelta, Msat, UnixSeconds } from '../wire/units.js';
import type { ClusterKeys } from './cluster-keys.js';
import type { IssuedSecret } from './payment-secret.js';

/** Blocks that an invoice asks for above the custom final CLTV in its secret, for blocks found on the way. */
export const FINAL_CLTV_MARGIN: BlockDelta = 3;
export function invoiceFinalCltv(minFinalCltv: BlockDelta): BlockDelta {
  return Math.min(minFinalCltv + FINAL_CLTV_MARGIN, 0xffff);
}

export interface PhantomInvoiceError {
  /** See the function that returns it. */
  readonly code: string;
  /** Says what to do next. */
  readonly message: string;
}

export type InvoiceDescription =
  | { readonly description: string; readonly descriptionHash?: undefined }
  /** SHA-256 of a text that the payer gets by other means. */
  | { readonly descriptionHash: Uint8Array; readonly description?: undefined };

/** What an invoice says when its secret and hints are settled. */
export interface InvoiceContent {
  readonly keys: ClusterKeys;
  readonly currency: Currency;
  readonly amountMsat: Msat | undefined;
  readonly now: UnixSeconds;
  readonly about: InvoiceDescription;
  readonly secret: IssuedSecret;
  readonly expirySeconds: number;
  readonly minFinalCltvExpiryDelta: BlockDelta;
  readonly routeHints: readonly (readonly RouteHintHop[])[];
  readonly multiPart: boolean;
}

/** Writes the fields in LDK's order and signs with the phantom key. */
export function writePhantomInvoice(content: InvoiceContent): Result<string> {
  const { keys, currency, amountMsat, now, about, secret, multiPart } = content;
  const features: number[] = [Feature.varOnion, Feature.paymentSecret];
  if (multiPart) features.push(Feature.basicMpp + 1);
  if (secret.metadata) features.push(Feature.paymentMetadata);
  const { description, descriptionHash } = about;
  return encodeInvoice(
    {
      currency,
      timestamp: now,
      paymentHash: secret.paymentHash,
      paymentSecret: secret.paymentSecret,
      expirySeconds: content.expirySeconds,
      minFinalCltvExpiryDelta: content.minFinalCltvExpiryDelta,
      routeHints: content.routeHints,
      features,
      ...(amountMsat !== undefined && { amountMsat }),
      ...(description !== undefined && { description }),
      ...(descriptionHash && { descriptionHash }),
      ...(secret.metadata && { paymentMetadata: secret.metadata }),
    },
    keys.phantomSecret,
    LDK_INVOICE_STYLE,
  );
}
