/**
 * The offers of a wallet that sleeps: each has a slot at a static invoice server, which answers for the wallet with the static
 * invoice that it keeps there (bLIP-66 as LDK ships it). Survives restarts as a whole.
 */
import type { BlindedPath } from '../../onion/index.js';
import type { Millis } from '../../wire/units.js';

/**
 * - `pending`: made, and the server has not confirmed that it keeps the invoice.
 * - `ready`: payable, and nobody was given it.
 * - `used`: was handed out: stays as it is until it expires, only its invoice is renewed.
 */
export type OfferSlotState = 'pending' | 'ready' | 'used';

export interface CachedOffer {
  /** u16, below {@link SLOTS}. */
  readonly slot: number;
  readonly state: OfferSlotState;
  readonly offer: Uint8Array;
  /** 16 bytes of which the offer's key was derived. */
  readonly nonce: Uint8Array;
  /** How the paths in the offer look as bytes: the same twice are refused. */
  readonly pathBytes: Uint8Array;
  /** Where new invoices for this slot go. */
  readonly serverPath: BlindedPath;
  readonly createdAt: Millis;
  readonly expiresAt: Millis;
  /** When an invoice was last sent to the server, and when the newest one was made that it has confirmed. */
  readonly servedAt: Millis;
  readonly confirmedAt?: Millis;
}

export interface OfferCache {
  /** Over which offer paths are asked for; handed over by the operator of the server. */
  readonly serverPaths: readonly BlindedPath[];
  readonly offers: readonly CachedOffer[];
  /** Requests sent since the last tick. */
  readonly requests: number;
}

export interface OfferedPaths {
  /** From the reply path that we made: proves that we asked, for which slot, until when an answer counts. */
  readonly slot: number;
  readonly askedUntil: Millis;
  readonly paths: readonly BlindedPath[];
  readonly pathBytes: Uint8Array;
  /** Undefined: they last for ever. */
  readonly expiresAt?: Millis;
  readonly serverPath: BlindedPath;
}

export type OfferCacheEvent =
  /** About once a minute. */
  | { readonly kind: 'tick' }
  /** A peer connected: the server may be reachable now. */
  | { readonly kind: 'connected' }
  | { readonly kind: 'configured'; readonly serverPaths: readonly BlindedPath[] }
  | { readonly kind: 'offer_paths'; readonly offered: OfferedPaths }
  /** The offer that was asked for by `build`. */
  | { readonly kind: 'built'; readonly offered: OfferedPaths; readonly offer: Uint8Array; readonly nonce: Uint8Array }
  | { readonly kind: 'persisted'; readonly slot: number; readonly offer: Uint8Array; readonly createdAt: Millis }
  /** `serve` could not be carried out: it is due again with the next tick. */
  | { readonly kind: 'not_served'; readonly slot: number }
  /** Fees or channels changed: what the invoices say is outdated. */
  | { readonly kind: 'terms_changed' }
  | { readonly kind: 'handed_out'; readonly slot: number };

export type OfferCacheCommand =
  | { readonly kind: 'request_paths'; readonly slot: number }
  /** Make an offer with these paths and tell it by `built`. */
  | { readonly kind: 'build'; readonly offered: OfferedPaths }
  /** Make a new static invoice for the offer and send it over its server path. */
  | { readonly kind: 'serve'; readonly offer: CachedOffer };

export interface OfferCacheStep {
  readonly cache: OfferCache;
  readonly commands: readonly OfferCacheCommand[];
}
