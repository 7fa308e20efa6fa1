/**
 * LDK's choice of route hints (rust-lightning `lightning/src/ln/invoice_utils.rs`), exactly, so that LDK-style invoices
 * come out byte for byte.
 */
import type { RouteHintHop } from '../bolt11/index.js';
import { compareBytes, toHex } from '../wire/bytes.js';
import type { BlockDelta, Msat, NodeId, ShortChannelId } from '../wire/units.js';
import { canBeHinted, type HintChannel, inboundScid, isGossiped, type MemberChannel } from './member.js';

/** Most hints in an LDK invoice, and most channels of one node. */
export const LDK_MAX_HINTS = 3;

/** What one node contributes: LDK's `PhantomRouteHints`. */
export interface PhantomRouteHints {
  readonly nodeId: NodeId;
  readonly phantomScid: ShortChannelId;
  readonly channels: readonly MemberChannel[];
}

export function phantomHop(nodeId: NodeId, scid: ShortChannelId, cltvExpiryDelta: BlockDelta): RouteHintHop {
  return { nodeId, shortChannelId: scid, feeBaseMsat: 0, feeProportionalMillionths: 0, cltvExpiryDelta };
}

export function channelHop(channel: HintChannel): RouteHintHop {
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta } = channel.peerPolicy;
  return {
    nodeId: channel.peerId,
    shortChannelId: inboundScid(channel)!,
    feeBaseMsat,
    feeProportionalMillionths,
    cltvExpiryDelta,
  };
}

/**
 * Between two channels with one peer: without an amount the larger; otherwise the smaller of those that hold the amount
 * and a tenth more, so that large ones stay free for large payments. The newcomer wins ties.
 */
export function prefersCurrentChannel(amountMsat: Msat | undefined, current: Msat, candidate: Msat): boolean {
  if (amountMsat === undefined) return current > candidate;
  const needed = amountMsat * 110n;
  const currentFits = current * 100n >= needed;
  const candidateFits = candidate * 100n >= needed;
  if (currentFits && candidateFits) return current < candidate;
  if (currentFits !== candidateFits) return currentFits;
  return current > candidate;
}

/** One channel per peer, in order of peer id. An announced channel replaces a private one, never the reverse. */
function onePerPeer(channels: readonly HintChannel[], amountMsat: Msat | undefined): HintChannel[] {
  const chosen = new Map<string, HintChannel>();
  for (const channel of channels) {
    const peer = toHex(channel.peerId);
    const current = chosen.get(peer);
    const replaces =
      !current ||
      (channel.announced === current.announced
        ? !prefersCurrentChannel(amountMsat, current.inboundCapacityMsat, channel.inboundCapacityMsat)
        : channel.announced);
    if (replaces) chosen.set(peer, channel);
  }
  return [...chosen.values()].sort((a, b) => compareBytes(a.peerId, b.peerId));
}

/**
 * The channels of one node that stand in hints, best first, at most 3. Empty if payers find the node by gossip: its
 * private channels then stay hidden.
 */
export function ldkHintChannels(channels: readonly MemberChannel[], amountMsat: Msat | undefined): HintChannel[] {
  const known = channels.filter(canBeHinted);
  if (known.some(isGossiped)) return [];
  const least = amountMsat ?? 0n;
  const fits = (channel: MemberChannel): boolean => channel.inboundCapacityMsat >= least;
  const someUsableFits = known.some((channel) => channel.usable && fits(channel));
  const eligible = ((): ((channel: MemberChannel) => boolean) => {
    if (known.some(({ announced }) => announced)) return ({ announced }) => announced;
    if (someUsableFits) return (channel) => channel.usable && fits(channel);
    if (known.some(fits)) return fits;
    if (known.some(({ usable }) => usable)) return ({ usable }) => usable;
    return () => true;
  })();
  const ascending = (a: MemberChannel, b: MemberChannel): number =>
    a.inboundCapacityMsat < b.inboundCapacityMsat ? -1 : a.inboundCapacityMsat > b.inboundCapacityMsat ? 1 : 0;
  return onePerPeer(known, amountMsat)
    .filter(eligible)
    .sort((a, b) => (someUsableFits ? ascending(a, b) : ascending(b, a)))
    .slice(0, LDK_MAX_HINTS);
}

/** First of every list, second of every list, … until `limit` or all lists are used up. */
export function takeInRounds<T>(lists: readonly (readonly T[])[], limit: number): T[] {
  const taken: T[] = [];
  const rounds = Math.max(0, ...lists.map((list) => list.length));
  for (let round = 0; round < rounds; round++) {
    for (const list of lists) {
      if (taken.length >= limit) return taken;
      if (round < list.length) taken.push(list[round]!);
    }
  }
  return taken;
}

/** The route hints of an LDK phantom invoice. */
export function ldkRouteHints(
  nodes: readonly PhantomRouteHints[],
  amountMsat: Msat | undefined,
  hintCltvExpiryDelta: BlockDelta,
): RouteHintHop[][] {
  const lists = nodes.map(({ nodeId, phantomScid, channels }) => {
    const last = phantomHop(nodeId, phantomScid, hintCltvExpiryDelta);
    const hops = ldkHintChannels(channels, amountMsat).map((channel) => [channelHop(channel), last]);
    return hops.length > 0 ? hops : [[last]];
  });
  return takeInRounds(lists, LDK_MAX_HINTS);
}
