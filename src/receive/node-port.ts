/**
 * The ports through which Manifold sees a Lightning node. They are declared here, beside their user; adapters in `node/`
 * implement them and state by the presence of a port what their node can do.
 */
import type { MessageGraph, MessagePort, PeerMessagePort } from '../messages/port.js';
import type { BlindedPath } from '../onion/index.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { BlockHeight, Msat, NodeId, PaymentHash, Preimage, ShortChannelId } from '../wire/units.js';

export type Network = 'bitcoin' | 'testnet' | 'signet' | 'regtest' | 'simnet';

/** A policy as its channel_update states it. */
export interface ForwardingPolicy {
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: number;
  readonly htlcMinimumMsat?: Msat;
  readonly htlcMaximumMsat?: Msat;
}

export interface LocalChannel {
  readonly peerId: NodeId;
  readonly scid?: ShortChannelId;
  /** The alias by which the peer knows the channel: what a private hint must name. */
  readonly peerAlias?: ShortChannelId;
  /** Other ids by which the node itself knows it: those that it gave to the peer, that hints for the peer name. */
  readonly ownAliases?: readonly ShortChannelId[];
  readonly announced: boolean;
  readonly confirmations?: number;
  /** Funding is deep enough on both sides. */
  readonly ready: boolean;
  /** Ready and the peer is connected now. */
  readonly usable: boolean;
  readonly spendableMsat: Msat;
  readonly receivableMsat: Msat;
  /** What the peer asks for forwarding to us; absent until its channel_update was seen. */
  readonly peerPolicy?: ForwardingPolicy;
}

export interface NodeInfo {
  readonly nodeId: NodeId;
  readonly network: Network;
  readonly alias: string;
  readonly version: string;
  readonly height: BlockHeight;
  readonly synced: boolean;
  /** Why payments must not be held at this node as it is set up now, each with what to change. */
  readonly refusals?: readonly string[];
}

/**
 * Identity of an HTLC. Unique per node only: two members that share a channel see the same channel id, and ids count per
 * direction, so a key without its node names nothing.
 */
export interface HtlcKey {
  readonly nodeId: NodeId;
  readonly channelId: bigint;
  readonly htlcId: bigint;
}

/** An HTLC that a node holds until we answer. All amounts and expiries are the sender's: any u64 or u32. */
export interface InterceptedHtlc {
  readonly key: HtlcKey;
  readonly paymentHash: PaymentHash;
  /** What the incoming channel really pays, and until when. */
  readonly incomingAmountMsat: Msat;
  readonly incomingExpiry: BlockHeight;
  /** What the outer payload asks the node to forward: the amount and expiry the phantom "receives". */
  readonly outgoingAmountMsat: Msat;
  readonly outgoingExpiry: BlockHeight;
  readonly outgoingScid: ShortChannelId;
  /** The complete packet for the next hop. */
  readonly onion: Uint8Array;
  /** At this height the node fails the HTLC by itself, or the incoming expiry where it does not. */
  readonly deadline: BlockHeight;
  /** The channel is closed and the HTLC sits on chain: only a settle can be answered. */
  readonly onChain: boolean;
  /** Records from 65536 on of the `update_add_htlc`, where the node shows them: 75537 asks to hold (bolts#1149, LDK). */
  readonly wireRecords?: readonly TlvRecord[];
  /** The next hop, where the onion names a node instead of a channel; {@link outgoingScid} is then 2^64 - 1. */
  readonly outgoingNodeId?: NodeId;
}

export type HtlcAnswer =
  | { readonly action: 'settle'; readonly preimage: Preimage }
  /** A failure of the phantom: the packet, 292 bytes, encrypted once with the phantom's shared secret. */
  | { readonly action: 'fail-as-phantom'; readonly packet: Uint8Array }
  /** A failure of the node itself: the plain failure message, code first. The node encrypts it. */
  | { readonly action: 'fail-as-node'; readonly message: Uint8Array }
  /** Let the node do what it would have done without us. */
  | { readonly action: 'resume' };

/** The HTLC is irrevocably gone from the node. */
export interface FinalResult {
  readonly key: HtlcKey;
  readonly outcome: 'settled' | 'failed';
  readonly onChain: boolean;
}

/** Called by the adapter. Handlers only put into memory; they never throw and never wait. */
export interface InterceptHandlers {
  /**
   * At least once per HTLC and session: every unanswered HTLC is shown again on each new session, in no defined order and
   * without an end mark, and may be shown twice.
   */
  onHtlc(htlc: InterceptedHtlc): void;
  /** Best effort: results that fall between two sessions are found by {@link InterceptPort.lookupFinal}. */
  onFinal(result: FinalResult): void;
  onHeight(height: BlockHeight): void;
  /**
   * A peer's HTLC, not committed yet, asks to be held: the path over which its release will be asked for goes back in
   * `revoke_and_ack`. Undefined: none is given, and the HTLC will be failed. Asked again whenever the peer reconnects before
   * the commitment. Only nodes call it that can return one ({@link InterceptPort.returnsReleasePaths}).
   */
  releasePath?(key: HtlcKey): BlindedPath | undefined;
  /** Exactly once; nothing follows. Answers given after it are lost. */
  onClosed(reason: string): void;
}

export interface InterceptSession {
  /**
   * Gives an answer. There is no acknowledgement: a crash of the node may lose it, then the HTLC is shown again.
   * `unknown` = the node no longer holds this HTLC (answered, failed by itself, or gone); `closed` = the session is over.
   */
  answer(key: HtlcKey, answer: HtlcAnswer): 'sent' | 'unknown' | 'closed';
  /** Asks the node over the same connection for its height: proof that the stream is alive. Rejects if it is not. */
  heartbeat(): Promise<BlockHeight>;
  close(): void;
}

export interface InterceptPort {
  /** The node advertises `option_htlc_hold` and returns release paths; default false. */
  readonly returnsReleasePaths?: boolean;
  /** Failure codes the node can send in its own name; it maps others to a temporary channel failure. */
  readonly nodeFailureCodes: 'any' | ReadonlySet<number>;
  /**
   * Opens the stream. One session per node: a second one is refused (rejects) while the first lives. Rejects when the node
   * cannot be reached.
   */
  open(handlers: InterceptHandlers): Promise<InterceptSession>;
  /** Durable answer about an HTLC of this node; undefined while it is not final (or was never known). */
  lookupFinal(key: HtlcKey): Promise<FinalResult['outcome'] | undefined>;
}

/** What can still be done for a settled HTLC whose end does not come. An absent verb is one the operator did not allow. */
export interface GuardPort {
  /**
   * Tells the node the preimage apart from the stream, so that it goes on chain by itself before the HTLC expires. May be
   * repeated. Rejects when the node does not take it.
   */
  registerPreimage?(preimage: Preimage, amountMsat: Msat): Promise<void>;
  /** Closes the channel on chain with the node's own commitment. Resolves when the node has begun; may be repeated. */
  forceClose?(channelId: bigint): Promise<void>;
}

export interface NodePort {
  /** What the operator's configuration calls the node. */
  readonly name: string;
  /** Which adapter this is: `sim`, `lnd`, … */
  readonly kind: string;
  info(): Promise<NodeInfo>;
  channels(): Promise<readonly LocalChannel[]>;
  readonly intercept?: InterceptPort;
  readonly guard?: GuardPort;
  readonly messages?: MessagePort;
  /** Which nodes relay onion messages, as this one knows by gossip. */
  readonly messageGraph?: MessageGraph;
  readonly peerMessages?: PeerMessagePort;
  /** The node's signature of a message as its `signmessage` makes it: zbase32 (LSPS0.ln_signature). Rejects if it is away. */
  readonly signMessage?: (message: Uint8Array) => Promise<string>;
}
