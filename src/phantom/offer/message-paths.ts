/** Blinded paths for onion messages to the phantom: [peer →] member → phantom, one member after the other. */
import { type BlindedPath, buildBlindedPath, encodePadded } from '../../onion/index.js';
import { compareBytes, toHex } from '../../wire/bytes.js';
import type { NodeId } from '../../wire/units.js';
import { takeInRounds } from '../ldk-hints.js';
import { type ClusterMember, isGossiped } from '../member.js';
import type { Draws } from './draws.js';

/** More make an offer too long for a QR code, and the onion of a payment by a static invoice too short for its route. */
export const DEFAULT_OFFER_PATHS = 3;
export const MOST_OFFER_PATHS = 8;

export interface MessagePathParams {
  /** Of the epoch whose key opens the messages. */
  readonly phantomNodeId: NodeId;
  readonly members: readonly ClusterMember[];
  /** By which we know the path again; the same in all of them. */
  readonly pathId: Uint8Array;
  readonly draws: Draws;
  /** 1 to {@link MOST_OFFER_PATHS}, default {@link DEFAULT_OFFER_PATHS}. */
  readonly maxPaths?: number | undefined;
}

/** Nodes before the phantom, in order of the path. */
type Way = readonly NodeId[];

/** Through the member itself if payers can find it, else through those of its peers that relay messages. */
function waysTo(member: ClusterMember): Way[] {
  if (member.channels.some(isGossiped)) return [[member.nodeId]];
  const peers = new Map<string, { readonly id: NodeId; inbound: bigint }>();
  for (const { peerId, ready, usable, peerRelaysMessages, inboundCapacityMsat } of member.channels) {
    if (!ready || !usable || peerRelaysMessages === false) continue;
    const known = peers.get(toHex(peerId));
    if (known) known.inbound += inboundCapacityMsat;
    else peers.set(toHex(peerId), { id: peerId, inbound: inboundCapacityMsat });
  }
  return [...peers.values()]
    .sort((a, b) => (a.inbound === b.inbound ? compareBytes(a.id, b.id) : a.inbound > b.inbound ? -1 : 1))
    .map(({ id }) => [id, member.nodeId]);
}

/**
 * Paths through as many members as possible; empty if no healthy member can be reached. All data of a path has one length.
 * @throws {RangeError} if `maxPaths` is out of range
 */
export function messagePathsToPhantom(params: MessagePathParams): BlindedPath[] {
  const { phantomNodeId, pathId, draws, maxPaths = DEFAULT_OFFER_PATHS } = params;
  if (!Number.isInteger(maxPaths) || maxPaths < 1 || maxPaths > MOST_OFFER_PATHS) {
    throw new RangeError(`an offer has 1 to ${MOST_OFFER_PATHS} paths, not ${maxPaths}`);
  }
  const members = params.members
    .filter(({ relaysBlinded = true, showsMessages = true, ...member }) => {
      return member.healthy && relaysBlinded && showsMessages && !member.importedScids;
    })
    .sort((a, b) => compareBytes(a.nodeId, b.nodeId));
  const start = members.length === 0 ? 0 : draws.number('message-members') % members.length;
  const lists = [...members.slice(start), ...members.slice(0, start)].map(waysTo);
  return takeInRounds(lists, maxPaths).map((way, i) => {
    const nodes = [...way, phantomNodeId];
    const data = encodePadded([...nodes.slice(1).map((nextNodeId) => ({ nextNodeId })), { pathId }]);
    const hops = nodes.map((nodeId, hop) => ({ nodeId, data: data[hop]! }));
    return buildBlindedPath(draws.bytes(`message-path ${i}`), hops);
  });
}
