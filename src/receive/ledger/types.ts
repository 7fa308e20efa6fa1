/**
 * The rows of the settlement ledger and what may be asked of it. See docs/ledger.md for the protocol.
 *
 * Byte strings that identify something (node ids, hashes, secrets) are lower-case hex here, because they are keys; HTLC
 * and channel ids are bigint because nodes pick any u64.
 */
import type { BlockHeight, Millis, Msat } from '../../wire/units.js';

export interface PartKey {
  readonly nodeId: string;
  readonly channelId: bigint;
  readonly htlcId: bigint;
}

export function partKeyText({ nodeId, channelId, htlcId }: PartKey): string {
  return `${nodeId}/${channelId}/${htlcId}`;
}

/** Who owns the stream of a node. The epoch grows with every take-over, restart and reconnect. */
export interface Lease {
  readonly nodeId: string;
  readonly owner: string;
  readonly epoch: number;
  readonly expiresAt: Millis;
  /** Height the owner last heard from this node over the live stream. */
  readonly height: BlockHeight;
}

/** Set once, never changed (R3). */
export type Decision =
  | { readonly type: 'none' }
  | { readonly type: 'settle' }
  /** `message` is the plain failure message of the phantom; `reason` is ours, for logs and people. */
  | { readonly type: 'fail'; readonly reason: string; readonly message: Uint8Array };

/** How the node says the HTLC ended. `lost` = decided settle, yet it ended otherwise. */
export type PartFinal = 'none' | 'settled' | 'lost' | 'failed';

export interface Part {
  readonly key: PartKey;
  readonly paymentHash: string;
  /** The set it joined; undefined for a part refused at the door. */
  readonly setId: string | undefined;
  /** amt_to_forward of the inner payload: what counts towards the total. */
  readonly amountMsat: Msat;
  readonly incomingAmountMsat: Msat;
  readonly expiry: BlockHeight;
  readonly deadline: BlockHeight;
  /** Epoch of the stream on which it was last shown. */
  readonly presentedEpoch: number;
  readonly firstSeenAt: Millis;
  readonly decision: Decision;
  readonly decidedAt: Millis | undefined;
  readonly final: PartFinal;
}

/** For which offer a set pays, as its first part said; what the payer says of itself is a claim. Hex where bytes. */
export interface PaidOffer {
  readonly offerId: string;
  /** The offer was paid through a static invoice: the payer drew the preimage, so it proves nothing. */
  readonly isStatic: boolean;
  readonly payerId: string;
  /** Decimal. */
  readonly quantity?: string;
  readonly payerNote?: string;
}

export type SetState = 'open' | 'settling' | 'settled' | 'failed';

export interface HtlcSet {
  readonly id: string;
  readonly paymentHash: string;
  readonly paymentSecret: string;
  readonly totalMsat: Msat;
  readonly state: SetState;
  readonly openedAt: Millis;
  readonly decidedAt: Millis | undefined;
  /** When the total was first held (hold invoices wait here for the merchant). */
  readonly acceptedAt: Millis | undefined;
  /** Next time somebody has to look at an open set. */
  readonly reviewAt: Millis;
  /** Known from the moment of commitment; hex. */
  readonly preimage: string | undefined;
  /** Sum of the parts that were committed. */
  readonly settledMsat: Msat | undefined;
  readonly offer?: PaidOffer;
}

/** What the merchant said about a payment hash beyond what the payment secret carries. */
export interface InvoiceTerms {
  readonly paymentHash: string;
  /** `hold`: settle only when the merchant says so. */
  readonly mode: 'auto' | 'hold';
  readonly wish: 'none' | 'settle' | 'cancel';
  /** Preimage of a merchant's own hash, hex. */
  readonly preimage: string | undefined;
  /** How long a complete set may wait for the merchant's word. */
  readonly holdMs: Millis;
}

/** All the ledger knows about one payment hash: the unit that one step reads and writes. */
export interface Account {
  readonly paymentHash: string;
  readonly terms: InvoiceTerms | undefined;
  readonly sets: readonly HtlcSet[];
  readonly parts: readonly Part[];
}

export interface PresentedPart {
  readonly key: PartKey;
  readonly epoch: number;
  readonly paymentHash: string;
  readonly paymentSecret: string;
  readonly totalMsat: Msat;
  readonly amountMsat: Msat;
  readonly incomingAmountMsat: Msat;
  readonly expiry: BlockHeight;
  readonly deadline: BlockHeight;
  /** Derived from the payment secret where the secret allows it; hex. */
  readonly preimage: string | undefined;
  readonly offer?: PaidOffer;
}

export type LedgerCommand =
  /** The verdict said "a part". */
  | { readonly type: 'admit'; readonly part: PresentedPart }
  /** The verdict failed it for a reason that depends on time, height or configuration. */
  | {
      readonly type: 'refuse';
      readonly part: Omit<PresentedPart, 'paymentSecret' | 'totalMsat' | 'preimage'>;
      readonly reason: string;
      readonly message: Uint8Array;
    }
  /** An HTLC that cannot be judged any more (on chain, or its key epoch is gone): what does the ledger say of it? */
  | {
      readonly type: 'recall';
      readonly key: PartKey;
      readonly epoch: number;
      readonly paymentHash: string;
      /** On chain an undecided part does not count: claiming it may cost more than it brings. */
      readonly onChain: boolean;
    }
  /** Time, height or a lease changed: complete or expire what is due. */
  | { readonly type: 'review'; readonly paymentHash: string }
  | {
      readonly type: 'final';
      readonly key: PartKey;
      readonly paymentHash: string;
      readonly outcome: 'settled' | 'failed';
      readonly onChain: boolean;
    }
  | { readonly type: 'settle-hold'; readonly paymentHash: string; readonly preimage: string | undefined }
  | { readonly type: 'cancel'; readonly paymentHash: string };

export type LedgerReply =
  /** Keep holding; the decision will be published. */
  | { readonly type: 'hold' }
  | { readonly type: 'settle'; readonly preimage: string }
  | { readonly type: 'fail'; readonly reason: string; readonly message: Uint8Array }
  /** Nothing is recorded under this key. */
  | { readonly type: 'unknown' }
  /** The caller no longer owns the node's stream; it must stop answering and take a new lease. */
  | { readonly type: 'fenced' }
  /** What the command told of had ceased to be true before it was carried out. */
  | { readonly type: 'overtaken' }
  | { readonly type: 'done' }
  /** A merchant's command that cannot be carried out. */
  | { readonly type: 'refused'; readonly code: string; readonly message: string };

/** A decision to be answered by the owner of the part's node. */
export interface DecidedPart {
  readonly key: PartKey;
  readonly paymentHash: string;
  readonly decision: Decision;
  readonly preimage: string | undefined;
}

/** What merchants and operators are told; written in the same transaction as what it tells of. */
export type LedgerEvent =
  | {
      readonly type: 'invoice.accepted';
      readonly paymentHash: string;
      readonly amountMsat: Msat;
      readonly earliestDeadline: BlockHeight;
    }
  | {
      readonly type: 'invoice.settled';
      readonly paymentHash: string;
      readonly amountMsat: Msat;
      readonly totalMsat: Msat;
      readonly parts: readonly { readonly key: PartKey; readonly amountMsat: Msat }[];
      readonly offer?: PaidOffer;
    }
  | {
      readonly type: 'invoice.final';
      readonly paymentHash: string;
      readonly amountMsat: Msat;
      readonly lostMsat: Msat;
    }
  | {
      readonly type: 'payment.failed';
      readonly paymentHash: string;
      readonly reason: string;
      readonly heldMsat: Msat;
      readonly totalMsat: Msat;
    }
  | { readonly type: 'invoice.canceled'; readonly paymentHash: string }
  /** Money is or may be lost; somebody must look. */
  | {
      readonly type: 'alarm';
      readonly code: string;
      readonly paymentHash: string;
      readonly message: string;
      readonly key: PartKey;
    };

export interface LedgerPolicy {
  /** Blocks that must be left before a part's deadline for it to be counted; parts nearer than this fail. */
  readonly marginBlocks: number;
  /** An incomplete set fails this long after its first part (BOLT 4: at least 60 s). */
  readonly mppTimeoutMs: Millis;
  /** A node this many blocks behind the best height of the cluster counts as dead. */
  readonly maxHeightLag: number;
}

export const DEFAULT_LEDGER_POLICY: LedgerPolicy = { marginBlocks: 12, mppTimeoutMs: 60_000, maxHeightLag: 2 };
