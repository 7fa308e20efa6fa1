/** Opening channels between nodes of one world, and finding them again. */
import type { ChannelDetails } from 'lightningdevkit';
import type { Msat, ShortChannelId } from '../../wire/units.js';
import { expectOk, isPresent } from './library.js';
import type { LdkNode } from './node.js';

export interface OpenChannelOptions {
  readonly capacitySats: bigint;
  /** Given to the peer at the start; 0 by default. */
  readonly pushMsat?: Msat;
  /** Private by default. */
  readonly announce?: boolean;
}

/** LDK counts an announced channel as public from this depth. */
const PUBLIC_DEPTH = 7;

/**
 * Opens a channel from `opener` to the connected `peer`, mines it in, and waits until both can use it and each knows the
 * other's forwarding fees (which route hints need).
 */
export async function openChannel(opener: LdkNode, peer: LdkNode, options: OpenChannelOptions): Promise<void> {
  const { ldk, world } = opener;
  const { capacitySats, pushMsat = 0n, announce = false } = options;
  const config = opener.stack.config.clone();
  const handshake = config.get_channel_handshake_config();
  handshake.set_announce_for_forwarding(announce);
  config.set_channel_handshake_config(handshake);
  const before = readyChannels(opener, peer);
  const waiting = world.chain.mempoolSize;
  expectOk(
    opener.stack.manager.create_channel(peer.id, capacitySats, pushMsat, 1n, null, config),
    ldk.Result_ChannelIdAPIErrorZ_OK,
    `a channel from ${opener.name} to ${peer.name}`,
  );
  await world.until(() => world.chain.mempoolSize > waiting, 'a funding transaction');
  world.chain.mine(announce ? PUBLIC_DEPTH : 1);
  await channelsReady(opener, peer, before + 1);
}

/** Waits until both sides can use `count` channels between them. */
export async function channelsReady(a: LdkNode, b: LdkNode, count = 1): Promise<void> {
  const ready = (): boolean => readyChannels(a, b) >= count && readyChannels(b, a) >= count;
  await a.world.until(ready, `${count} usable channel(s) of ${a.name} with ${b.name}`);
}

function readyChannels(node: LdkNode, peer: LdkNode): number {
  return node
    .channelsWith(peer.id)
    .filter((channel) => channel.get_is_usable() && isPresent(channel.get_counterparty().get_forwarding_info())).length;
}

/** True if `scid` names this channel in a forward through the node. */
export function channelHasScid(node: LdkNode, channel: ChannelDetails, scid: ShortChannelId): boolean {
  const { Option_u64Z_Some } = node.ldk;
  return [channel.get_short_channel_id(), channel.get_outbound_scid_alias()].some(
    (known) => known instanceof Option_u64Z_Some && known.some === scid,
  );
}
