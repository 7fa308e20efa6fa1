/**
 * A payment to an offer, from the first request for an invoice to its end: what has to be kept so that a payer that sleeps in
 * between, or dies, goes on where it was. The money itself is moved by the payment machine; this one only decides that it may.
 */
import type { BlindedPath } from '../../onion/index.js';
import type { Millis, Msat, PaymentHash, Preimage } from '../../wire/units.js';

/**
 * - `asking`: an invoice was asked for and none has come.
 * - `unreleased`: a static invoice came; nothing is sent until its payee says that it is awake.
 * - `paying`: the payment machine has it, be it held by the first peer.
 * - `paid`, `failed`: ends.
 */
export type OfferPaymentPhase = 'asking' | 'unreleased' | 'paying' | 'paid' | 'failed';

/** The invoice that was accepted; the first one locks the payment. */
export type AcceptedInvoice =
  | { readonly kind: 'invoice'; readonly bytes: Uint8Array; readonly paymentHash: PaymentHash }
  | {
      readonly kind: 'static';
      readonly bytes: Uint8Array;
      /** Drawn by us, for this payment alone: no proof of payment, but proof against nobody else either. */
      readonly preimage: Preimage;
      readonly paymentHash: PaymentHash;
      readonly expiresAt: Millis;
    };

/** A part that the first peer holds, and the way on which the payee asks for it. */
export interface HeldPart {
  readonly part: number;
  readonly releasePath: BlindedPath;
}

export interface OfferPaymentFailure {
  readonly code:
    | 'no_answer'
    | 'invoice_error'
    | 'abandoned'
    | 'never_released'
    | 'invoice_expired'
    /** No payment could begin: nothing was sent. */
    | 'not_begun'
    /** The payment machine's word. */
    | 'payment_failed';
  /** Says what to do. */
  readonly message: string;
}

export interface OfferPayment {
  /** 16 bytes; bound into the reply paths. */
  readonly id: Uint8Array;
  readonly offer: Uint8Array;
  /** The signed request, the same in every try. */
  readonly request: Uint8Array;
  readonly amountMsat: Msat;
  readonly phase: OfferPaymentPhase;
  readonly startedAt: Millis;
  /** No invoice is waited for from here on. */
  readonly askUntil: Millis;
  /** Requests sent, and when the next one is due. */
  readonly asked: number;
  readonly askAt: Millis;
  readonly invoice?: AcceptedInvoice;
  /** Its HTLCs are held by the first peers. */
  readonly isHeld: boolean;
  readonly heldParts: readonly HeldPart[];
  /** Times that the payee was told, and when it is told again. */
  readonly announced: number;
  readonly announceAt: Millis;
  readonly endedAt?: Millis;
  readonly failure?: OfferPaymentFailure;
}

export type OfferPaymentEvent =
  /** Time passes, or the process has just started. */
  | { readonly kind: 'tick' }
  /** An invoice that passed every check, over a reply path of this payment. */
  | { readonly kind: 'invoice'; readonly invoice: AcceptedInvoice; readonly canHold: boolean }
  /** The payee refuses. Anybody who saw the request can send it, so it ends nothing by itself. */
  | { readonly kind: 'invoice_error'; readonly message: string }
  /** `release_held_htlc` over our own reply path. */
  | { readonly kind: 'released' }
  /** The first peer of a part returned a release path. */
  | { readonly kind: 'held'; readonly held: HeldPart }
  /** No first peer can hold: nothing was sent. */
  | { readonly kind: 'no_holder' }
  /** The payment machine took no order: nothing was sent. */
  | { readonly kind: 'refused'; readonly message: string }
  /** The payment machine has recorded its payment. Whatever was thought before, money may be out from here on. */
  | { readonly kind: 'begun'; readonly hold: boolean }
  /** The payment machine reports the end. */
  | { readonly kind: 'payment'; readonly outcome: 'paid' | 'failed'; readonly message: string }
  | { readonly kind: 'abandon' };

export type OfferPaymentCommand =
  /** Send the invoice request; another path each time. */
  | { readonly kind: 'ask'; readonly round: number }
  /** Begin the payment, or go on with the one that has this hash. */
  | { readonly kind: 'pay'; readonly invoice: AcceptedInvoice; readonly hold: boolean }
  /** Send `held_htlc_available` over the static invoice's message paths. */
  | { readonly kind: 'announce'; readonly replyOver: 'own_path' | HeldPart; readonly round: number }
  | { readonly kind: 'tell'; readonly outcome: 'paid' | 'failed' };

export interface OfferPaymentStep {
  readonly payment: OfferPayment;
  readonly commands: readonly OfferPaymentCommand[];
}
