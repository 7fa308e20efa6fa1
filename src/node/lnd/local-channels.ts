/** LND's channels in Manifold's terms. Pure. */
import type { ForwardingPolicy, LocalChannel } from '../../receive/node-port.js';
import { fromHex, isHexOf } from '../../wire/bytes.js';
import type { BlockHeight, Msat } from '../../wire/units.js';
import type { Channel, ChannelEdge } from './rpc/channels.js';

/** Ids in this range of heights are names that a peer made up: no block is meant (BOLT 2, "option_scid_alias"). */
const ALIAS_HEIGHTS = { from: 16_000_000, to: 16_250_000 } as const;

/** Weight of one more HTLC output in a commitment transaction, and of one without any (BOLT 3, with anchors). */
export const HTLC_WEIGHT = 172n;
const COMMITMENT_WEIGHT = 1124n;
const MSAT_PER_SAT = 1000n;

/** Undefined for what no channel of a Lightning node is. */
export function localChannel(
  channel: Channel,
  peerPolicy: ForwardingPolicy | undefined,
  height: BlockHeight,
): LocalChannel | undefined {
  if (!isHexOf(channel.remotePubkey, 33)) return undefined;
  const confirmations = confirmationsOf(channel, height);
  const ownAliases = [...channel.aliasScids, channel.zeroConfConfirmedScid].filter((id) => id !== 0n);
  return {
    peerId: fromHex(channel.remotePubkey),
    scid: channel.chanId,
    announced: !channel.private,
    ready: true, // others are among LND's pending channels
    usable: channel.active,
    spendableMsat: sendable(channel, 'local'),
    receivableMsat: sendable(channel, 'remote'),
    ...(channel.peerScidAlias !== 0n && { peerAlias: channel.peerScidAlias }),
    ...(ownAliases.length > 0 && { ownAliases }),
    ...(confirmations !== undefined && { confirmations }),
    ...(peerPolicy && { peerPolicy }),
  };
}

/** A channel that was used before its funding confirmed keeps its alias as its id; its block is told apart. */
function confirmationsOf(
  { chanId, zeroConf, zeroConfConfirmedScid }: Channel,
  height: BlockHeight,
): number | undefined {
  const scid = zeroConf ? zeroConfConfirmedScid : chanId;
  if (scid === 0n) return 0;
  const fundedAt = Number(scid >> 40n);
  if (fundedAt >= ALIAS_HEIGHTS.from && fundedAt < ALIAS_HEIGHTS.to) return undefined;
  return Math.max(0, height - fundedAt + 1);
}

/**
 * An estimate of the largest HTLC that one side can offer now: its balance without the reserve and, where it pays the fee
 * of the commitment, without what a few HTLCs at twice the fee rate would add; within what may be in flight at once.
 */
export function sendable(channel: Channel, side: 'local' | 'remote'): Msat {
  const balance = side === 'local' ? channel.localBalance : channel.remoteBalance;
  const constraints = side === 'local' ? channel.localConstraints : channel.remoteConstraints;
  const offered = channel.pendingHtlcs.filter(({ incoming }) => incoming === (side === 'remote'));
  if (constraints && constraints.maxAcceptedHtlcs > 0 && offered.length >= constraints.maxAcceptedHtlcs) return 0n;
  const paysFee = channel.initiator === (side === 'local');
  const kept = (constraints?.chanReserveSat ?? 0n) + (paysFee ? feeBuffer(channel) : 0n);
  const byBalance = (balance - kept) * MSAT_PER_SAT;
  const inFlight = offered.reduce((sum, { amount }) => sum + amount, 0n) * MSAT_PER_SAT;
  const byLimit = constraints?.maxPendingAmtMsat ? constraints.maxPendingAmtMsat - inFlight : byBalance;
  const amount = byBalance < byLimit ? byBalance : byLimit;
  return amount > 0n ? amount : 0n;
}

/** Satoshis; the fee that is paid already is no part of the balance. */
function feeBuffer({ feePerKw, pendingHtlcs, commitFee }: Channel): bigint {
  const weight = COMMITMENT_WEIGHT + HTLC_WEIGHT * BigInt(pendingHtlcs.length + 2);
  const buffer = (2n * feePerKw * weight) / 1000n - commitFee;
  return buffer > 0n ? buffer : 0n;
}

/**
 * What the peer of a channel asks for forwarding to us, or what we ask for forwarding to it; undefined until the
 * channel_update was seen.
 */
export function policyInEdge(edge: ChannelEdge, peer: string, whose: 'peer' | 'own'): ForwardingPolicy | undefined {
  const { node1Pub, node2Pub, node1Policy, node2Policy } = edge;
  if (peer !== node1Pub && peer !== node2Pub) return undefined;
  const policy = (peer === node1Pub) === (whose === 'peer') ? node1Policy : node2Policy;
  if (!policy) return undefined;
  return {
    feeBaseMsat: Number(policy.feeBaseMsat),
    feeProportionalMillionths: Number(policy.feeRateMilliMsat),
    cltvExpiryDelta: policy.timeLockDelta,
    ...(policy.minHtlc > 0n && { htlcMinimumMsat: policy.minHtlc }),
    ...(policy.maxHtlcMsat > 0n && { htlcMaximumMsat: policy.maxHtlcMsat }),
  };
}
