/** A member's phantom route hints: read from an LDK node, given to one, and as plain JSON. */
import type { ChannelDetails } from 'lightningdevkit';
import type { MemberChannel, PhantomRouteHints } from '../../phantom/index.js';
import type { LocalChannel } from '../../receive/node-port.js';
import { toHex } from '../../wire/bytes.js';
import type { NodeId, ShortChannelId } from '../../wire/units.js';
import type { Ldk } from './library.js';
import { localChannels } from './local-channels.js';
import type { LdkNode } from './node.js';

/** A channel in the JSON that `phantomRouteHintsOfJson` reads: LDK's names, 64-bit numbers as decimal strings. */
export interface HintChannelJson {
  readonly peer_node_id: string;
  readonly short_channel_id: string | null;
  readonly inbound_scid_alias: string | null;
  readonly inbound_capacity_msat: string;
  readonly is_announced: boolean;
  readonly confirmations: number | null;
  readonly is_usable: boolean;
  readonly is_channel_ready: boolean;
  readonly counterparty_forwarding_info: {
    readonly fee_base_msat: number;
    readonly fee_proportional_millionths: number;
    readonly cltv_expiry_delta: number;
  } | null;
}

/** Everything an invoice needs to know of one member. */
export interface PhantomHintsJson {
  readonly node_id: string;
  /** Leads that node, and only it, to the phantom. */
  readonly phantom_scid: string;
  readonly channels: readonly HintChannelJson[];
}

/** Hints for a node with LDK's phantom keys. Each call has a new phantom SCID; all of them stay good. */
export function phantomHints(node: LdkNode): PhantomRouteHints {
  return hintsTo(node, node.stack.manager.get_phantom_scid());
}

/** The same as the bytes in which LDK itself writes hints. Another new SCID. */
export function serializedPhantomHints(node: LdkNode): Uint8Array {
  return node.stack.manager.get_phantom_route_hints().write();
}

/** Hints over all of the node's channels that end at `phantomScid`. */
function hintsTo(node: LdkNode, phantomScid: ShortChannelId): PhantomRouteHints {
  return hintsOver(node.id, localChannels(node), phantomScid);
}

/** Hints over these channels of `nodeId`. */
export function hintsOver(
  nodeId: NodeId,
  channels: readonly LocalChannel[],
  phantomScid: ShortChannelId,
): PhantomRouteHints {
  return { nodeId, phantomScid, channels: channels.map(memberChannel) };
}

function memberChannel({ peerAlias, receivableMsat, spendableMsat: _, ...same }: LocalChannel): MemberChannel {
  return { ...same, ...(peerAlias !== undefined && { aliasScid: peerAlias }), inboundCapacityMsat: receivableMsat };
}

/** The JSON that an operator hands to Manifold. */
export function hintsToJson({ nodeId, phantomScid, channels }: PhantomRouteHints): PhantomHintsJson {
  const decimal = (value: bigint | undefined): string | null => (value === undefined ? null : String(value));
  return {
    node_id: toHex(nodeId),
    phantom_scid: String(phantomScid),
    channels: channels.map((channel) => ({
      peer_node_id: toHex(channel.peerId),
      short_channel_id: decimal(channel.scid),
      inbound_scid_alias: decimal(channel.aliasScid),
      inbound_capacity_msat: String(channel.inboundCapacityMsat),
      is_announced: channel.announced,
      confirmations: channel.confirmations ?? null,
      is_usable: channel.usable,
      is_channel_ready: channel.ready,
      counterparty_forwarding_info: channel.peerPolicy
        ? {
            fee_base_msat: channel.peerPolicy.feeBaseMsat,
            fee_proportional_millionths: channel.peerPolicy.feeProportionalMillionths,
            cltv_expiry_delta: channel.peerPolicy.cltvExpiryDelta,
          }
        : null,
    })),
  };
}

/** The hints as LDK's `create_phantom_invoice` wants them. */
export function ldkPhantomHints(
  ldk: Ldk,
  hints: PhantomRouteHints,
): ReturnType<Ldk['PhantomRouteHints']['constructor_new']> {
  const channels = hints.channels.map((channel) => channelDetails(ldk, channel));
  return ldk.PhantomRouteHints.constructor_new(channels, hints.phantomScid, hints.nodeId);
}

/** Only what LDK's choice of hints reads has a meaning here. */
function channelDetails(ldk: Ldk, channel: MemberChannel): ChannelDetails {
  const none64 = ldk.Option_u64Z.constructor_none();
  const option64 = (value: bigint | undefined) =>
    value === undefined ? none64 : ldk.Option_u64Z.constructor_some(value);
  const option32 = (value: number | undefined) =>
    value === undefined ? ldk.Option_u32Z.constructor_none() : ldk.Option_u32Z.constructor_some(value);
  return ldk.ChannelDetails.constructor_new(
    ldk.ChannelId.constructor_new_zero(),
    counterparty(ldk, channel),
    null, // funding output
    null, // channel type
    option64(channel.scid),
    none64, // outbound alias
    option64(channel.aliasScid),
    channel.inboundCapacityMsat / 1000n,
    none64, // reserve
    0n, // user's id
    option32(undefined), // fee rate
    0n, // outbound capacity
    0n,
    0n,
    channel.inboundCapacityMsat,
    option32(1), // confirmations required
    option32(channel.confirmations),
    ldk.Option_u16Z.constructor_none(), // delay after a force close
    false, // opened by us
    channel.ready,
    ldk.Option_ChannelShutdownStateZ.constructor_none(),
    channel.usable,
    channel.announced,
    none64, // least inbound HTLC
    none64,
    null,
    [],
    [],
  );
}

function counterparty(ldk: Ldk, { peerId, peerPolicy }: MemberChannel) {
  const none64 = ldk.Option_u64Z.constructor_none();
  const policy = peerPolicy
    ? ldk.CounterpartyForwardingInfo.constructor_new(
        peerPolicy.feeBaseMsat,
        peerPolicy.feeProportionalMillionths,
        peerPolicy.cltvExpiryDelta,
      )
    : null;
  const features = ldk.InitFeatures.constructor_empty();
  return ldk.ChannelCounterparty.constructor_new(peerId, features, 0n, policy, none64, none64);
}
