/**
 * An HTLC that the LSP keeps for a wallet: until its payee asks for it (bolts#1149, LightningRod), until the payee is awake, or
 * both. Holding only delays: what is resumed is an ordinary forward that the node checks itself, what is failed goes back.
 */
import type { BlockHeight, Millis, Msat, NodeId, PaymentHash } from '../../wire/units.js';

/** Names an HTLC on its node, as the node's interceptor does. */
export interface CircuitKey {
  readonly nodeId: NodeId;
  readonly channelId: bigint;
  readonly htlcId: bigint;
}

/** What holding has to know of an HTLC that a node shows. */
export interface HoldableHtlc {
  readonly key: CircuitKey;
  readonly paymentHash: PaymentHash;
  readonly incomingAmountMsat: Msat;
  readonly incomingExpiry: BlockHeight;
  readonly outgoingAmountMsat: Msat;
  readonly outgoingExpiry: BlockHeight;
  /** Height at which the node fails the HTLC by itself. */
  readonly deadline: BlockHeight;
  /** The channel is closed: neither resume nor fail has an effect. */
  readonly onChain: boolean;
}

/**
 * - `held`: nothing was answered. `awaitsRelease`: somebody who knows a secret must ask for it; `awaitsPayee`: the next hop is
 *   a wallet that sleeps.
 * - `resumed`, `failed`: decided; the same answer is given whenever the node shows the HTLC again. A resumed HTLC may have gone
 *   on to the payee: to fail it then could cost the LSP its amount. So nothing is failed that may have been resumed before.
 */
export type HoldPhase = 'held' | 'resumed' | 'failed';

/** Why it is no longer held, then how it ended by the node's word. */
export type HoldEnd = 'expired' | 'cancelled' | 'released' | 'awake' | 'passed' | 'settled' | 'failed';

export interface HeldHtlc {
  readonly htlc: HoldableHtlc;
  /** 16 bytes that stand for it in release paths: {@link holdIdOf}. */
  readonly holdId: Uint8Array;
  /** Numbers of the wallets at its two ends, where they are clients. */
  readonly payer?: number;
  readonly payee?: number;
  /** Set where the HTLC belongs to a LightningRod request (32 bytes). */
  readonly rodId?: Uint8Array;
  /**
   * Its own records ask for it to be held. Such an HTLC never goes on before that is written down, so it may be failed. Any other
   * one may have been forwarded before anybody thought of holding it, and is shown again after its peer reconnects: it is given
   * up by resuming it, and the node fails what it cannot forward.
   */
  readonly isMarked: boolean;
  readonly phase: HoldPhase;
  readonly awaitsRelease: boolean;
  readonly awaitsPayee: boolean;
  /** From this height on it is failed back, so that the failure still travels off chain. */
  readonly failAt: BlockHeight;
  readonly heldAt: Millis;
  readonly releasedAt?: Millis;
  readonly decidedAt?: Millis;
  readonly end?: HoldEnd;
  /** The node has reported its end. */
  readonly isGone: boolean;
}

export type HoldEvent =
  /** The node shows the HTLC, for the first time or again. */
  | { readonly kind: 'shown'; readonly onChain: boolean }
  /** Somebody with the right secret asks for the HTLC. */
  | { readonly kind: 'released' }
  /** The payee's channel takes HTLCs, or stopped doing so: the context tells which. */
  | { readonly kind: 'payee' }
  | { readonly kind: 'height'; readonly height: BlockHeight }
  /** The payer takes its request back. */
  | { readonly kind: 'cancel' }
  | { readonly kind: 'final'; readonly outcome: 'settled' | 'failed' };

export type HoldCommand =
  /** Give the node this answer; repeated after every new presentation. */
  | { readonly kind: 'answer'; readonly answer: 'resume' | 'fail' }
  /** The payee has to wake up for this HTLC. */
  | { readonly kind: 'wake_payee'; readonly client: number }
  /** The payer is to learn what became of its HTLC. */
  | { readonly kind: 'tell_payer'; readonly client: number; readonly end: HoldEnd };

export interface HoldContext {
  readonly now: Millis;
  /** Of the node that shows the HTLC. */
  readonly height: BlockHeight;
  readonly isPayeeAwake: boolean;
}

export interface HoldStep {
  readonly held: HeldHtlc;
  readonly commands: readonly HoldCommand[];
}
