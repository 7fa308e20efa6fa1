/** Which way a message can go from our members to a node: directly, by a new connection, or over announced relays. */
import type { FirstNode } from '../onion/index.js';
import { equalBytes, toHex } from '../wire/bytes.js';
import type { NodeId, ShortChannelId } from '../wire/units.js';
import type { MessageGraph } from './port.js';

/** What the search wants to know of a member. */
export interface RoutingMember {
  readonly name: string;
  readonly nodeId: NodeId;
  isConnected(peer: NodeId): boolean;
  peers(): Iterable<NodeId>;
}

export interface MessageRoute<Member extends RoutingMember = RoutingMember> {
  readonly member: Member;
  /** Relays before the target; the first is connected to the member. Empty: the target itself is, or will be dialled. */
  readonly leadIn: readonly NodeId[];
  /** The member has to connect to the target first. */
  readonly dial: boolean;
}

export interface SearchLimits {
  /** Relays before the target; default 4, so five hops to the target. */
  readonly maxLeadIn?: number;
  /** Entries of neighbour lists that one search reads; default 3000. */
  readonly maxLooked?: number;
  /** Default 4. */
  readonly maxRoutes?: number;
}

/** Members that try to connect to one target: what one cannot reach, the next seldom can. */
const MAX_DIALLERS = 2;
const MAX_ROUTES = 4;

/** The node that a path names by one end of a channel: 0 is the end with the smaller id. */
export function resolveFirstNode(first: FirstNode, graph: MessageGraph): NodeId | undefined {
  return 'nodeId' in first ? first.nodeId : graph.endsOf(first.shortChannelId)?.[first.direction];
}

/** The other end of a node's announced channel. */
export function otherEnd(node: NodeId, scid: ShortChannelId, graph: MessageGraph): NodeId | undefined {
  const ends = graph.endsOf(scid);
  if (!ends) return undefined;
  const side = ends.findIndex((end) => equalBytes(end, node));
  return side < 0 ? undefined : ends[1 - side];
}

/** True for a node that announced to relay onion messages. */
export const isRelay = (node: NodeId, graph: MessageGraph): boolean => {
  for (const _ of graph.neighbours(node)) return true;
  return graph.canDial(node);
};

/**
 * Ways to a peer of a member, or to a member itself: over another member, or over a peer of its own which sends the message
 * back, as a node takes no message from its owner. (Where it can peel for us, that is for the caller to do instead.)
 */
export function nearRoutes<Member extends RoutingMember>(
  target: NodeId,
  members: readonly Member[],
  graph: MessageGraph,
): MessageRoute<Member>[] {
  const routes: MessageRoute<Member>[] = members
    .filter((member) => member.isConnected(target))
    .map((member) => ({ member, leadIn: [], dial: false }));
  const itself = members.find(({ nodeId }) => equalBytes(nodeId, target));
  if (!itself) return routes;
  for (const peer of itself.peers()) {
    if (routes.length >= MAX_ROUTES) break;
    if (isRelay(peer, graph)) routes.push({ member: itself, leadIn: [peer], dial: false });
  }
  return routes;
}

/**
 * Ways to a node that is no peer: by a new connection, then over announced relays, the shortest first. Relays that are members
 * are left out, as it is known to whom they are connected.
 */
export function farRoutes<Member extends RoutingMember>(
  target: NodeId,
  members: readonly Member[],
  graph: MessageGraph,
  { maxLeadIn = 4, maxLooked = 3000, maxRoutes = MAX_ROUTES }: SearchLimits = {},
): MessageRoute<Member>[] {
  const own = new Set(members.map(({ nodeId }) => toHex(nodeId)));
  if (own.has(toHex(target))) return [];
  const diallers = graph.canDial(target) ? members.slice(0, MAX_DIALLERS) : [];
  const routes = diallers.map((member): MessageRoute<Member> => ({ member, leadIn: [], dial: true }));
  const seen = new Set([toHex(target)]);
  let looked = 0;
  /** Each with the relays between it and the target. */
  let frontier: { readonly node: NodeId; readonly behind: readonly NodeId[] }[] = [{ node: target, behind: [] }];
  for (let depth = 1; depth <= maxLeadIn && frontier.length > 0; depth++) {
    const further: typeof frontier = [];
    for (const { node, behind } of frontier) {
      for (const neighbour of graph.neighbours(node)) {
        if (routes.length >= maxRoutes || ++looked > maxLooked) return routes;
        const key = toHex(neighbour);
        if (seen.has(key) || own.has(key)) continue;
        seen.add(key);
        const leadIn = [neighbour, ...behind];
        const member = members.find((candidate) => candidate.isConnected(neighbour));
        if (member) routes.push({ member, leadIn, dial: false });
        else further.push({ node: neighbour, behind: leadIn });
      }
    }
    frontier = further;
  }
  return routes;
}
