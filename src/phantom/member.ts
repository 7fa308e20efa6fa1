/** A member of the cluster as hint choice sees it. Whoever watches the nodes fills these in. */
import type { BlockDelta, Msat, NodeId, ShortChannelId } from '../wire/units.js';

/** What the peer asks for forwarding to the member (its `channel_update` for the direction towards us). */
export interface PeerPolicy {
  readonly feeBaseMsat: number;
  readonly feeProportionalMillionths: number;
  readonly cltvExpiryDelta: BlockDelta;
  readonly htlcMinimumMsat?: Msat;
  readonly htlcMaximumMsat?: Msat;
}

export interface MemberChannel {
  readonly peerId: NodeId;
  /** Real SCID, once the funding is confirmed. */
  readonly scid?: ShortChannelId;
  /** The peer's alias for the channel, by which it forwards to us. Preferred over `scid`. */
  readonly aliasScid?: ShortChannelId;
  readonly announced: boolean;
  /** Depth of the funding transaction; absent where the node does not tell. */
  readonly confirmations?: number;
  /** The peer is connected and the channel takes HTLCs now. */
  readonly usable: boolean;
  /** Funding is locked on both sides. */
  readonly ready: boolean;
  /** What the peer could send us at most. */
  readonly inboundCapacityMsat: Msat;
  readonly peerPolicy?: PeerPolicy;
  /** The peer forwards over blinded paths (BOLT 9, 24/25); default true. */
  readonly peerBlindsRoutes?: boolean;
  /** The peer relays onion messages (BOLT 9, 38/39); default true. */
  readonly peerRelaysMessages?: boolean;
}

export interface ClusterMember {
  readonly nodeId: NodeId;
  readonly alias?: string;
  /** Reachable, synced and served by us (or, for an imported member, believed alive). */
  readonly healthy: boolean;
  /** Can hold a part until the parts at other members complete the payment. LDK nodes cannot. */
  readonly holdsParts: boolean;
  readonly channels: readonly MemberChannel[];
  /** The node forwards over blinded paths, payments and onion messages; default true. */
  readonly relaysBlinded?: boolean;
  /** We are shown the onion messages that the node has for the phantom; default true. */
  readonly showsMessages?: boolean;
  /** Phantom SCIDs that the member itself made, for members which recognise only their own (LDK). Never empty. */
  readonly importedScids?: readonly ShortChannelId[];
}

/** The SCID by which the peer knows the channel in the direction towards the member. */
export function inboundScid(channel: MemberChannel): ShortChannelId | undefined {
  return channel.aliasScid ?? channel.scid;
}

/** A channel that can stand in a hint: everything a payer needs is known. */
export type HintChannel = MemberChannel & { readonly peerPolicy: PeerPolicy };

export function canBeHinted(channel: MemberChannel): channel is HintChannel {
  return channel.ready && inboundScid(channel) !== undefined && channel.peerPolicy !== undefined;
}

/** Confirmations from which LDK takes an announced channel to be known to payers. */
const GOSSIPED_CONFIRMATIONS = 7;

/** Payers find the channel, and so the member, by gossip. */
export function isGossiped(channel: MemberChannel): boolean {
  return channel.announced && (channel.confirmations ?? GOSSIPED_CONFIRMATIONS) >= GOSSIPED_CONFIRMATIONS;
}
