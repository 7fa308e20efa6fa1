/** An invoice as plain JSON, for the command line, the HTTP API and the test vectors. */
import { toHex } from '../wire/bytes.js';
import { scidText } from '../wire/scid.js';
import { fallbackAddress } from './address.js';
import type { Currency, Invoice, RouteHintHop, UnknownTag } from './invoice.js';
import { isLowS } from './signature.js';

export interface RouteHintHopFields {
  pubkey: string;
  short_channel_id: string;
  fee_base_msat: number;
  fee_proportional_millionths: number;
  cltv_expiry_delta: number;
}

/** Byte strings are lower-case hex; amounts, expiry and final delta decimal strings; short channel ids `1x2x3`. */
export interface InvoiceFields {
  currency: Currency;
  network: string;
  amount_msat?: string;
  timestamp: number;
  payment_hash: string;
  payment_secret: string;
  description?: string;
  description_hash?: string;
  /** Only if the payee was written out as field n. */
  payee_pubkey_field?: string;
  expiry: string;
  min_final_cltv_expiry_delta: string;
  fallbacks?: { version: number; program: string; address: string }[];
  routes?: RouteHintHopFields[][];
  payment_metadata?: string;
  features: number[];
  unknown_tags?: UnknownTag[];
  signature: string;
  recovery_id: number;
  signing_hash: string;
  low_s: boolean;
  payee: string;
}

const NETWORKS: Record<Currency, string> = {
  bc: 'bitcoin',
  tb: 'testnet',
  tbs: 'signet',
  bcrt: 'regtest',
  sb: 'simnet',
};

/** Absent optional fields and empty lists (but for `features`) are left out. */
export function invoiceFields(invoice: Invoice): InvoiceFields {
  const { currency, amountMsat, description, descriptionHash, paymentMetadata } = invoice;
  const fallbacks = invoice.fallbacks.map((fallback) => ({
    version: fallback.version,
    program: toHex(fallback.program),
    address: fallbackAddress(currency, fallback),
  }));
  return {
    currency,
    network: NETWORKS[currency],
    ...(amountMsat !== undefined && { amount_msat: amountMsat.toString() }),
    timestamp: invoice.timestamp,
    payment_hash: toHex(invoice.paymentHash),
    payment_secret: toHex(invoice.paymentSecret),
    ...(description !== undefined && { description }),
    ...(descriptionHash && { description_hash: toHex(descriptionHash) }),
    ...(invoice.payeeField && { payee_pubkey_field: toHex(invoice.payee) }),
    expiry: invoice.expirySeconds.toString(),
    min_final_cltv_expiry_delta: invoice.minFinalCltvExpiryDelta.toString(),
    ...(fallbacks.length > 0 && { fallbacks }),
    ...(invoice.routeHints.length > 0 && { routes: invoice.routeHints.map((hint) => hint.map(hopFields)) }),
    ...(paymentMetadata && { payment_metadata: toHex(paymentMetadata) }),
    features: [...invoice.features],
    ...(invoice.unknownTags.length > 0 && { unknown_tags: [...invoice.unknownTags] }),
    signature: toHex(invoice.signature),
    recovery_id: invoice.recoveryId,
    signing_hash: toHex(invoice.signingHash),
    low_s: isLowS(invoice.signature),
    payee: toHex(invoice.payee),
  };
}

function hopFields(hop: RouteHintHop): RouteHintHopFields {
  return {
    pubkey: toHex(hop.nodeId),
    short_channel_id: scidText(hop.shortChannelId),
    fee_base_msat: hop.feeBaseMsat,
    fee_proportional_millionths: hop.feeProportionalMillionths,
    cltv_expiry_delta: hop.cltvExpiryDelta,
  };
}
