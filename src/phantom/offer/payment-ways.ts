/** Which ways to the phantom an invoice of an offer names: the choice of route hints, among those that can be blinded. */
import { equalBytes } from '../../wire/bytes.js';
import { ok, type Result } from '../../wire/result.js';
import { type BlockDelta, MAX_MSAT, type Msat } from '../../wire/units.js';
import type { ClusterKeys } from '../cluster-keys.js';
import { type ClusterMember, type HintChannel, inboundScid, isGossiped, type MemberChannel } from '../member.js';
import { chooseRouteHints, type HintError } from '../route-hints.js';

/** Deltas of channels that many have: a path that names another one tells which channel it is. */
export const USUAL_DELTAS: readonly BlockDelta[] = [40, 80, 144, 216];
/** A peer that wants more is not named. */
const MOST_PEER_DELTA: BlockDelta = 216;

export interface PaymentWay {
  readonly member: ClusterMember;
  /** The channel through which payers reach a member that the gossip does not know. */
  readonly peer?: HintChannel;
  /** Most that one part can carry, as far as the way limits it. */
  readonly capacityMsat: Msat;
}

export interface WayParams {
  readonly keys: ClusterKeys;
  readonly members: readonly ClusterMember[];
  /** Undefined where the payer chooses. */
  readonly amountMsat: Msat | undefined;
  readonly rotation: number;
  /** 1 to 5, default 3. */
  readonly maxPaths?: number | undefined;
}

export interface ChosenWays {
  /** At least one. */
  readonly ways: readonly PaymentWay[];
  readonly members: readonly ClusterMember[];
  /** Every member named holds parts. */
  readonly multiPart: boolean;
  /** False if, by what is known now, the members named cannot receive the amount. */
  readonly enough: boolean;
}

/** Of a private channel the peer has to read its part of the path. */
function canCarryBlinded(channel: MemberChannel): boolean {
  if (isGossiped(channel)) return true;
  return channel.peerBlindsRoutes !== false && (channel.peerPolicy?.cltvExpiryDelta ?? 0) <= MOST_PEER_DELTA;
}

/** LDK members make and know their own SCIDs only, so no path of ours can end behind one. */
function canBeNamed({ importedScids, relaysBlinded }: ClusterMember): boolean {
  return importedScids === undefined && relaysBlinded !== false;
}

/** Errors as of `chooseRouteHints`. @throws {RangeError} if `maxPaths` is out of range */
export function choosePaymentWays(params: WayParams): Result<ChosenWays, HintError> {
  const { keys, amountMsat, rotation, maxPaths } = params;
  const members = params.members
    .filter(canBeNamed)
    .map((member) => ({ ...member, channels: member.channels.filter(canCarryBlinded) }));
  const chosen = chooseRouteHints({ keys, members, amountMsat, rotation, variant: 0, maxHints: maxPaths });
  if (!chosen.ok) return chosen;
  const { hints, multiPart, enough } = chosen.value;
  const ways = hints.map((hops): PaymentWay => {
    const member = members.find(({ nodeId }) => equalBytes(nodeId, hops.at(-1)!.nodeId))!;
    const first = hops.length > 1 ? hops[0] : undefined;
    if (!first) return { member, capacityMsat: MAX_MSAT };
    const peer = member.channels.find(
      (channel) => inboundScid(channel) === first.shortChannelId && equalBytes(channel.peerId, first.nodeId),
    ) as HintChannel;
    return { member, peer, capacityMsat: capacityOf(peer) };
  });
  return ok({ ways, members: chosen.value.members, multiPart, enough });
}

function capacityOf({ inboundCapacityMsat, peerPolicy: { htlcMaximumMsat } }: HintChannel): Msat {
  return htlcMaximumMsat !== undefined && htlcMaximumMsat < inboundCapacityMsat ? htlcMaximumMsat : inboundCapacityMsat;
}
