/** Blinded paths to ourselves: for answers, for offers, for whatever is to find our virtual node. */
import type { BlindedPath } from '../onion/index.js';
import type { NodeId } from '../wire/units.js';
import { messagePath, type Random } from './build.js';
import type { MessageGraph } from './port.js';
import { isRelay, type RoutingMember } from './router.js';

export interface PathOptions {
  /** Paths wanted; default 3. There are fewer where members and peers are few. */
  readonly count?: number;
  /** Paths through one member; default 1. Only a member that is not announced has several: one per peer. */
  readonly maxPerMember?: number;
  /**
   * `member`: the path ends at the member node itself, the shortest there is, for contents of 64, 66 and 68 only: nodes of
   * other makers drop the rest. Default `virtual`.
   */
  readonly end?: 'virtual' | 'member';
  /** Hops of the virtual node to itself at the end, to hide how long the path is. Default 0. */
  readonly dummyHops?: number;
  /** Names of the members that may be used; default all. */
  readonly members?: readonly string[];
}

interface PathParts {
  readonly members: readonly (RoutingMember & { readonly showsForwards?: boolean })[];
  readonly graph: MessageGraph;
  readonly virtualNode: NodeId;
  readonly random: Random;
}

/** Nodes in the open before the virtual node: the member if it is announced, otherwise one of its peers and the member. */
function approaches(member: RoutingMember, graph: MessageGraph): NodeId[][] {
  if (isRelay(member.nodeId, graph)) return [[member.nodeId]];
  const all = [...member.peers()];
  const announced = all.filter((peer) => isRelay(peer, graph));
  // A graph that is still empty says nothing of the only peer there is.
  const usable = announced.length > 0 ? announced : all.length === 1 ? all : [];
  return usable.map((peer) => [peer, member.nodeId]);
}

/** Paths that carry `pathId`, spread over the members. Empty if no member can be reached by others. */
export function pathsToVirtual(
  { members, graph, virtualNode, random }: PathParts,
  pathId: Uint8Array,
  { count = 3, maxPerMember = 1, end = 'virtual', dummyHops = 0, members: names }: PathOptions = {},
): BlindedPath[] {
  const perMember = members
    .filter(({ name }) => !names || names.includes(name))
    .filter(({ showsForwards = true }) => showsForwards || end === 'member')
    .map((member) => approaches(member, graph));
  const chosen: NodeId[][] = [];
  for (let round = 0; round < maxPerMember; round++) {
    for (const list of perMember) {
      const approach = list[round];
      if (approach && chosen.length < count) chosen.push(approach);
    }
  }
  return chosen.map((approach) =>
    messagePath({ nodes: end === 'member' ? approach : [...approach, virtualNode], pathId, dummyHops }, random),
  );
}
