/** What a BOLT 11 invoice says, as both the decoder and the encoder see it. */
import type {
  BlockDelta,
  Msat,
  NodeId,
  PaymentHash,
  PaymentSecret,
  ShortChannelId,
  UnixSeconds,
} from '../wire/units.js';

/** Prefix of the amount: mainnet, testnet, signet, regtest, simnet. */
export type Currency = 'bc' | 'tb' | 'tbs' | 'bcrt' | 'sb';

/** One hop of a route hint: how `nodeId` forwards over `shortChannelId` towards the payee. */
export interface RouteHintHop {
  readonly nodeId: NodeId;
  readonly shortChannelId: ShortChannelId;
  /** Millisatoshi, u32. */
  readonly feeBaseMsat: number;
  /** u32 */
  readonly feeProportionalMillionths: number;
  /** u16 */
  readonly cltvExpiryDelta: BlockDelta;
}

/** An on-chain address: witness version 0–16, or 17 for P2PKH and 18 for P2SH. */
export interface Fallback {
  readonly version: number;
  readonly program: Uint8Array;
}

/** A field with a tag that BOLT 11 does not define, in its characters. */
export interface UnknownTag {
  readonly tag: string;
  readonly words: string;
}

export interface Invoice {
  readonly currency: Currency;
  /** Absent: the payer chooses. */
  readonly amountMsat?: Msat;
  readonly timestamp: UnixSeconds;
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
  /** Exactly one of `description` and `descriptionHash` is present. May contain control characters. */
  readonly description?: string;
  /** SHA-256 of a description that the payer got by other means. */
  readonly descriptionHash?: Uint8Array;
  /**
   * The `n` field if there is one, else the key recovered from the signature. A recovered key proves nothing by itself:
   * an invoice changed on its way recovers to another key without any error.
   */
  readonly payee: NodeId;
  /** True if the payee was written out as field `n`. */
  readonly payeeField: boolean;
  /** 3600 if the invoice does not say. Up to 2^64 - 1: see `invoiceExpiresAt`. */
  readonly expirySeconds: bigint;
  /** 18 if the invoice does not say. */
  readonly minFinalCltvExpiryDelta: BlockDelta;
  /** In order of preference; those of unknown version are left out. */
  readonly fallbacks: readonly Fallback[];
  /** Alternatives; each leads from its first hop over the last one to the payee. */
  readonly routeHints: readonly (readonly RouteHintHop[])[];
  /** Set bits, ascending. */
  readonly features: readonly number[];
  /** Goes into the payload of every part. */
  readonly paymentMetadata?: Uint8Array;
  readonly unknownTags: readonly UnknownTag[];
  /** 64 bytes, r and s. High s occurs where there is no `n`. */
  readonly signature: Uint8Array;
  /** 0–3, or any byte where `n` makes it needless. */
  readonly recoveryId: number;
  /** The hash that was signed. */
  readonly signingHash: Uint8Array;
}

export const DEFAULT_EXPIRY_SECONDS = 3600n;
export const DEFAULT_MIN_FINAL_CLTV_EXPIRY_DELTA = 18;

/**
 * Longest text that is read or written. BOLT 11 has no limit and LND and LDK stop at 7089 characters; without one the
 * cost of checking route hints would be up to the sender of the text.
 */
export const MAX_INVOICE_LENGTH = 262_144;

/** Groups before the first field: a 35-bit time. */
export const TIMESTAMP_GROUPS = 7;
export const MAX_TIMESTAMP = 2 ** 35 - 1;
/** Groups behind the last field: 64 bytes signature and the recovery id. */
export const SIGNATURE_GROUPS = 104;
/** A field's length has 10 bits. */
export const MAX_FIELD_GROUPS = 1023;
export const MAX_FIELD_BYTES = Math.floor((MAX_FIELD_GROUPS * 5) / 8);
/** Node id 33, short channel id 8, base fee 4, proportional fee 4, delta 2. */
export const HOP_BYTES = 51;

/** Numbers of the tags; their letters are the bech32 characters of these numbers. */
export const Tag = {
  paymentHash: 1,
  routeHint: 3,
  features: 5,
  expiry: 6,
  fallback: 9,
  description: 13,
  paymentSecret: 16,
  payee: 19,
  descriptionHash: 23,
  minFinalCltv: 24,
  paymentMetadata: 27,
} as const;

/** Required bits that we can honour (BOLT 9, context 9). */
export const KNOWN_REQUIRED_FEATURES: ReadonlySet<number> = new Set([8, 14, 16, 24, 36, 48]);

/** The second from which on the invoice is too old to pay; never wraps (the largest safe integer instead). */
export function invoiceExpiresAt(invoice: Pick<Invoice, 'timestamp' | 'expirySeconds'>): UnixSeconds {
  return Math.min(invoice.timestamp + Number(invoice.expirySeconds), Number.MAX_SAFE_INTEGER);
}

/** True for a fallback that can exist on chain: P2PKH, P2SH, and BIP 141 lengths for witness programs. */
export function isPossibleFallback({ version, program }: Fallback): boolean {
  const { length } = program;
  if (version === 17 || version === 18) return length === 20;
  if (version === 0) return length === 20 || length === 32;
  return Number.isInteger(version) && version >= 1 && version <= 16 && length >= 2 && length <= 40;
}
