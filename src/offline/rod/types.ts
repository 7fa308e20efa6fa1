/**
 * LightningRod at the payer's LSP (Breez's proposal in our mapping): a wallet asks, before it pays, that its HTLCs be held until
 * the payee shows a secret that the wallet has sent to it. The LSP knows only the secret's hash and so can release nothing itself.
 */
import type { BlockHeight, Millis, Msat, PaymentHash } from '../../wire/units.js';

/**
 * - `waiting`: not all parts have come. - `held`: they have. - `released`: the payee asked, and all go on.
 * - `settled`, `failed`, `expired`: ends. The numbers on the wire are in `ROD_STATE`.
 */
export type RodState = 'waiting' | 'held' | 'released' | 'settled' | 'failed' | 'expired';

export interface RodPart {
  readonly holdId: Uint8Array;
  readonly amountMsat: Msat;
  readonly end?: 'settled' | 'failed';
}

export interface RodRequest {
  /** SHA-256 over a label and the secret, 32 bytes. */
  readonly rodId: Uint8Array;
  /** The wallet that asked. Only HTLCs over its own channels count. */
  readonly client: number;
  readonly hashes: readonly PaymentHash[];
  /** What the parts bring together. */
  readonly totalMsat: Msat;
  readonly partCount: number;
  readonly holdUntil: BlockHeight;
  /** The wallet wants to hear of the settlement. */
  readonly notify: boolean;
  readonly state: RodState;
  readonly parts: readonly RodPart[];
  /** The payee has shown the secret while parts were missing. */
  readonly isUnblocked: boolean;
  readonly createdAt: Millis;
  readonly endedAt?: Millis;
}

export type RodEvent =
  /** An HTLC of the request is held. */
  | { readonly kind: 'part'; readonly holdId: Uint8Array; readonly amountMsat: Msat }
  /** The payee shows the secret, over a path that we made for this request or while we forward a message. */
  | { readonly kind: 'unblock'; readonly pid: Uint8Array; readonly paymentHash?: PaymentHash }
  /** A payee that knows no rods asks over that path, as for any held HTLC (message 74). */
  | { readonly kind: 'asked' }
  | { readonly kind: 'cancel'; readonly pid: Uint8Array }
  /** How an HTLC of the request ended. */
  | { readonly kind: 'ended'; readonly holdId: Uint8Array; readonly end: 'settled' | 'failed' }
  | { readonly kind: 'tick'; readonly height: BlockHeight };

export type RodCommand =
  | { readonly kind: 'release'; readonly holdIds: readonly Uint8Array[] }
  | { readonly kind: 'cancel'; readonly holdIds: readonly Uint8Array[] }
  /** Tell the wallet, and wake it if it sleeps. */
  | { readonly kind: 'status'; readonly state: RodState };

export interface RodStep {
  readonly request: RodRequest;
  readonly commands: readonly RodCommand[];
}
