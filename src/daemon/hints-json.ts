/** Phantom route hints as JSON with LDK's names: the form that `phantomRouteHintsOfJson` reads. */
import type { MemberChannel, PhantomRouteHints } from '../phantom/index.js';
import { toHex } from '../wire/bytes.js';

export interface HintsJson {
  readonly node_id: string;
  readonly phantom_scid: string;
  readonly channels: readonly Record<string, unknown>[];
}

/** 64-bit numbers are decimal strings; what is unknown is left out. */
export function hintsJson({ nodeId, phantomScid, channels }: PhantomRouteHints): HintsJson {
  return { node_id: toHex(nodeId), phantom_scid: phantomScid.toString(), channels: channels.map(channelJson) };
}

function channelJson(channel: MemberChannel): Record<string, unknown> {
  const { peerPolicy, scid, aliasScid, confirmations } = channel;
  return {
    peer_node_id: toHex(channel.peerId),
    ...(scid !== undefined && { short_channel_id: scid.toString() }),
    ...(aliasScid !== undefined && { inbound_scid_alias: aliasScid.toString() }),
    ...(confirmations !== undefined && { confirmations }),
    inbound_capacity_msat: channel.inboundCapacityMsat.toString(),
    is_announced: channel.announced,
    is_usable: channel.usable,
    is_channel_ready: channel.ready,
    ...(peerPolicy && {
      counterparty_forwarding_info: {
        fee_base_msat: peerPolicy.feeBaseMsat,
        fee_proportional_millionths: peerPolicy.feeProportionalMillionths,
        cltv_expiry_delta: peerPolicy.cltvExpiryDelta,
      },
      ...(peerPolicy.htlcMinimumMsat !== undefined && {
        inbound_htlc_minimum_msat: peerPolicy.htlcMinimumMsat.toString(),
      }),
      ...(peerPolicy.htlcMaximumMsat !== undefined && {
        inbound_htlc_maximum_msat: peerPolicy.htlcMaximumMsat.toString(),
      }),
    }),
  };
}
