/** What a verdict is about, what it depends on, and what it says. */
import type {
  BlockDelta,
  BlockHeight,
  Msat,
  NodeId,
  PaymentHash,
  PaymentSecret,
  Preimage,
  ShortChannelId,
  UnixSeconds,
} from '../wire/units.js';
import type { KeyRing } from './cluster-keys.js';
import type { OfferReceipt } from './offer/receipt.js';

/** What of an intercepted HTLC the verdict looks at. */
export interface JudgedHtlc {
  readonly paymentHash: PaymentHash;
  /** What the incoming channel pays, and until when. */
  readonly incomingAmountMsat: Msat;
  readonly incomingExpiry: BlockHeight;
  /** What the outer payload says the phantom receives. */
  readonly outgoingAmountMsat: Msat;
  readonly outgoingExpiry: BlockHeight;
  readonly outgoingScid: ShortChannelId;
  readonly onion: Uint8Array;
  /** Height at which the node gives up by itself. */
  readonly deadline: BlockHeight;
}

/**
 * What every phantom hint of this cluster asks at least: no fee, and 42 blocks, which LDK 0.1 writes (we write 48 or
 * more). Constants, not settings: a failure for their sake is answered without a row, so every process must always agree.
 */
export const PHANTOM_HOP_FEE_MSAT = 0n;
export const MIN_PHANTOM_HOP_DELTA = 42;
/** What members take from the expiry on our blinded paths: the usual value that leaves LDK's 48. A constant for the same reason. */
export const BLINDED_HOP_DELTA = 80;

export interface VerdictPolicy {
  /** Least blocks between height and outgoing expiry where the secret carries no own value (LDK 0.1 accepts 23). */
  readonly minFinalDelta: BlockDelta;
  /** Least blocks between height and deadline. */
  readonly marginBlocks: BlockDelta;
  /** Most blocks that an HTLC may be locked (BOLT 4, max_htlc_cltv). */
  readonly maxExpiryDelta: BlockDelta;
}

export const DEFAULT_VERDICT_POLICY: VerdictPolicy = {
  minFinalDelta: 23,
  marginBlocks: 12,
  maxExpiryDelta: 2016,
};

export interface VerdictContext {
  readonly keys: KeyRing;
  readonly nodeId: NodeId;
  /** The node's own height. */
  readonly height: BlockHeight;
  readonly now: UnixSeconds;
  readonly policy: VerdictPolicy;
}

/** A failure with the bytes for whoever reports it. */
export interface VerdictFailure {
  /** Message in the name of the real node; adapters that cannot send it fall back to {@link asPhantom}. */
  readonly asNode?: Uint8Array;
  /** Message in the name of the phantom; absent where no secret is shared with the sender. */
  readonly asPhantom?: Uint8Array;
}

export type Verdict =
  /** Not for the phantom: an ordinary forward (R6). */
  | { readonly type: 'resume' }
  | {
      readonly type: 'fail';
      readonly failure: VerdictFailure;
      /** For logs; never shown to the payer. */
      readonly reason: string;
      /**
       * True if the bytes of the HTLC alone decide: any process says the same at any time, so no row is needed. Otherwise
       * the failure must be recorded before it is answered.
       */
      readonly stable: boolean;
      readonly sharedSecret?: Uint8Array;
      readonly amountMsat: Msat;
    }
  | {
      readonly type: 'part';
      readonly epochId: number;
      readonly paymentSecret: PaymentSecret;
      readonly totalMsat: Msat;
      readonly amountMsat: Msat;
      /** Where the secret derives it, or the payer brought it (static invoices). */
      readonly preimage?: Preimage;
      readonly metadata?: Uint8Array;
      /** Encrypts a later failure of this part. */
      readonly sharedSecret: Uint8Array;
      /** The part came over a blinded path of an offer's invoice: what the payer asked for. */
      readonly offer?: OfferReceipt;
    };
