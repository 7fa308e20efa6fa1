/** An LDK node's channels as the node port describes them. */
import type { ChannelDetails, Option_u32Z, Option_u64Z } from 'lightningdevkit';
import type { LocalChannel } from '../../receive/node-port.js';
import { isPresent, type Ldk } from './library.js';
import type { LdkNode } from './node.js';

export function localChannels({ ldk, stack }: LdkNode): LocalChannel[] {
  return stack.manager.list_channels().map((channel) => localChannel(ldk, channel));
}

function localChannel(ldk: Ldk, channel: ChannelDetails): LocalChannel {
  const peer = channel.get_counterparty();
  const policy = peer.get_forwarding_info();
  const scid = some64(ldk, channel.get_short_channel_id());
  const peerAlias = some64(ldk, channel.get_inbound_scid_alias());
  const confirmations = some32(ldk, channel.get_confirmations());
  return {
    peerId: peer.get_node_id(),
    ...(scid !== undefined && { scid }),
    ...(peerAlias !== undefined && { peerAlias }),
    announced: isTrue(channel.get_is_announced()),
    ...(confirmations !== undefined && { confirmations }),
    ready: isTrue(channel.get_is_channel_ready()),
    usable: isTrue(channel.get_is_usable()),
    spendableMsat: channel.get_outbound_capacity_msat(),
    receivableMsat: channel.get_inbound_capacity_msat(),
    ...(isPresent(policy) && {
      peerPolicy: {
        feeBaseMsat: policy.get_fee_base_msat(),
        feeProportionalMillionths: policy.get_fee_proportional_millionths(),
        cltvExpiryDelta: policy.get_cltv_expiry_delta(),
      },
    }),
  };
}

const some64 = (ldk: Ldk, option: Option_u64Z): bigint | undefined =>
  option instanceof ldk.Option_u64Z_Some ? option.some : undefined;
const some32 = (ldk: Ldk, option: Option_u32Z): number | undefined =>
  option instanceof ldk.Option_u32Z_Some ? option.some : undefined;
/** The bindings declare booleans and deliver 0 and 1. */
const isTrue = (flag: unknown): boolean => Boolean(flag);
