/** What paying needs of a Lightning node. Declared beside its user; adapters in `node/` implement it. */
import type { BlindedPath } from '../../onion/index.js';
import type { TlvRecord } from '../../wire/tlv.js';
import type { BlockHeight, Millis, Msat, NodeId, PaymentHash } from '../../wire/units.js';
import type { LookUpAnswer, PartOutcome } from '../payment/messages.js';
import type { PaymentPart } from '../payment/payment.js';
import type { SourceChannel } from '../plan/request.js';

/** Time as an argument: wall clock in the daemon, virtual in tests and the simulated network. */
export interface Clock {
  now(): Millis;
  /** Runs `task` once after `delay` milliseconds. Returns a function that cancels it. */
  after(delay: Millis, task: () => void): () => void;
}

/** A node's own channels as they stand now. */
export interface NodeBalances {
  readonly nodeId: NodeId;
  readonly height: BlockHeight;
  /** Usable channels; what is in flight is taken off what can be spent. */
  readonly channels: readonly SourceChannel[];
}

/** A part that is to be sent, or was. */
export interface OutgoingPart {
  readonly paymentHash: PaymentHash;
  /** What the whole payment delivers to the payee, in all its parts: `total_msat` of the payload. */
  readonly totalMsat: Msat;
  readonly part: PaymentPart;
  /** Odd records from 65536 on for the `update_add_htlc` to the first peer: 75537 asks it to hold (bolts#1149, LDK). */
  readonly firstHopRecords?: readonly TlvRecord[];
}

/** What the first peer told of a part while it is on its way. */
export interface PartTold {
  /** The peer holds the HTLC until this path brings `release_held_htlc`. */
  readonly releasePath?: BlindedPath;
}

/** A question about a part whose fate is unknown. */
export interface LookUp extends OutgoingPart {
  /** All parts of the payment that were recorded as sent by this node, the one asked for included, in the order of ids. */
  readonly siblings: readonly PaymentPart[];
}

/** What a node can do beyond sending parts of ordinary payments. */
export interface SendAbilities {
  /** The node can put records into the first `update_add_htlc` and tells the release path that comes back. Default false. */
  readonly canHoldAtPeer?: boolean;
  /** The node can put records into the first `update_add_htlc`. Default false. */
  readonly canSendFirstHopRecords?: boolean;
  /** Most parts of one payment that the node sends over blinded paths at a time. Default: any number. */
  readonly maxBlindedParts?: number;
  /** False if the node leaves the invoice's payment metadata out of the onion, so that such parts are `local` failures. Default: it can. */
  readonly canSendMetadata?: boolean;
}

export interface SendPort extends SendAbilities {
  /** Rejects when the node cannot be asked now. */
  balances(): Promise<NodeBalances>;
  /**
   * Sends a part along its route and resolves with its end, which may take days. Called once in the life of a part. What the
   * node refuses before it sends anything resolves as a `local` failure. Rejects when the outcome cannot be told any more, as
   * when the connection is lost: the part may be on its way or not. Hands the part to the node at once or not at all, and never
   * keeps it until a connection is there again: whoever looks it up by then would be told that it was never seen.
   * @param accepted called when the node has let the HTLC go, and again when the first peer told something; need not be
   */
  send(part: OutgoingPart, accepted: (told?: PartTold) => void): Promise<PartOutcome>;
  /**
   * How the part stands by the node's own durable record. `never_seen` only if the node would know. Does not wait for the
   * end. Never rejects: a node that cannot be asked makes the answer `unavailable`.
   */
  lookUp(question: LookUp): Promise<LookUpAnswer>;
}

/** For whoever puts a port of his own in front of another: what is not said there is not known. */
export function abilitiesOf(port: SendAbilities): SendAbilities {
  const { canHoldAtPeer, canSendFirstHopRecords, maxBlindedParts, canSendMetadata } = port;
  return {
    ...(canHoldAtPeer !== undefined && { canHoldAtPeer }),
    ...(canSendFirstHopRecords !== undefined && { canSendFirstHopRecords }),
    ...(maxBlindedParts !== undefined && { maxBlindedParts }),
    ...(canSendMetadata !== undefined && { canSendMetadata }),
  };
}
