/** Channels of the public graph as LND tells them, in the graph's terms. Pure. */
import type { ChannelAnnouncement, Direction, Policy } from '../../../send/graph/policy.js';
import type { GraphNews } from '../../../send/graph/port.js';
import { fromHex, isHexOf } from '../../../wire/bytes.js';
import type { Msat, UnixSeconds } from '../../../wire/units.js';
import type { ChannelEdge, RoutingPolicy } from '../rpc/channels.js';
import type { EdgeUpdate } from '../rpc/graph.js';

/** The channel and what is known of its policies; nothing for what is no channel. */
export function newsOfEdge({ channelId, node1Pub, node2Pub, ...edge }: ChannelEdge): GraphNews[] {
  const channel = announcement(channelId, node1Pub, node2Pub, edge.capacity * 1000n);
  if (!channel) return [];
  const news: GraphNews[] = [{ kind: 'channel', channel }];
  for (const [direction, policy] of [edge.node1Policy, edge.node2Policy].entries()) {
    if (!policy) continue;
    const update = policyUpdate(channel, direction as Direction, policy, policy.lastUpdate);
    news.push({ kind: 'policy', update });
  }
  return news;
}

/** @param timestamp LND tells none */
export function newsOfUpdate(update: EdgeUpdate, timestamp: UnixSeconds): GraphNews | undefined {
  const { chanId, capacity, routingPolicy, advertisingNode, connectingNode } = update;
  if (!routingPolicy) return undefined;
  const direction = directionOf(update);
  const [first, second] =
    direction === 0 ? [advertisingNode, connectingNode] : ([connectingNode, advertisingNode] as const);
  const channel = announcement(chanId, first, second, capacity * 1000n);
  if (!channel) return undefined;
  return { kind: 'policy', update: policyUpdate(channel, direction, routingPolicy, timestamp), channel };
}

/** 0 if the node that tells its policy is the one with the smaller id. */
export function directionOf({ advertisingNode, connectingNode }: EdgeUpdate): Direction {
  return advertisingNode < connectingNode ? 0 : 1;
}

function announcement(
  scid: bigint,
  first: string,
  second: string,
  capacityMsat: Msat,
): ChannelAnnouncement | undefined {
  if (!isHexOf(first, 33) || !isHexOf(second, 33) || first >= second) return undefined;
  return { scid, node1: fromHex(first), node2: fromHex(second), capacityMsat };
}

function policyUpdate(
  { scid, capacityMsat }: ChannelAnnouncement,
  direction: Direction,
  policy: RoutingPolicy,
  timestamp: UnixSeconds,
) {
  const common = { scid, direction, timestamp };
  return policy.disabled ? common : { ...common, policy: terms(policy, capacityMsat) };
}

/** A policy without a maximum is an old one: then the channel is the limit. */
function terms(policy: RoutingPolicy, capacityMsat: Msat): Policy {
  return {
    feeBaseMsat: Number(policy.feeBaseMsat),
    feePpm: Number(policy.feeRateMilliMsat),
    cltvDelta: policy.timeLockDelta,
    htlcMinimumMsat: policy.minHtlc,
    htlcMaximumMsat: policy.maxHtlcMsat || capacityMsat,
  };
}
