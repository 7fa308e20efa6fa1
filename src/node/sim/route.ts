/** Cheapest path over the simulated network's announced channels, worked out backwards from the destination. */
import type { BlockHeight, Msat } from '../../wire/units.js';
import type { SimChannel } from './channel.js';
import { forwardingFee } from './forwarding.js';
import type { SimNode } from './node.js';
import type { Side } from './types.js';

/** One channel of a path, with what travels over it. */
export interface RouteStep {
  readonly channel: SimChannel;
  readonly from: SimNode;
  readonly side: Side;
  readonly to: SimNode;
  readonly amountMsat: Msat;
  readonly expiry: BlockHeight;
}

export interface RouteQuery {
  readonly source: SimNode;
  readonly destination: SimNode;
  /** What has to arrive, and until when. */
  readonly amountMsat: Msat;
  readonly expiry: BlockHeight;
  /** Channel directions that failed before, as {@link edgeKey}. */
  readonly excluded: ReadonlySet<string>;
  readonly excludedNodes: ReadonlySet<string>;
  readonly nodeOf: (name: string) => SimNode;
}

export const edgeKey = (channel: SimChannel, side: Side): string => `${channel.scid}/${side}`;

/** A hop more is worth this much fee. */
const HOP_PENALTY_MSAT = 500n;

interface Reached {
  readonly node: SimNode;
  readonly cost: Msat;
  readonly amountMsat: Msat;
  readonly expiry: BlockHeight;
  readonly step: RouteStep | undefined;
  readonly next: Reached | undefined;
}

/** The steps from source to destination; undefined if there is no path, empty if they are the same node. */
export function findRoute(query: RouteQuery): RouteStep[] | undefined {
  const { source, destination, amountMsat, expiry } = query;
  const start: Reached = { node: destination, cost: 0n, amountMsat, expiry, step: undefined, next: undefined };
  const best = new Map<SimNode, Reached>([[destination, start]]);
  const done = new Set<SimNode>();
  for (;;) {
    const here = cheapest(best, done);
    if (!here) return undefined;
    if (here.node === source) return stepsOf(here);
    done.add(here.node);
    for (const channel of here.node.channels) {
      const candidate = extend(query, here, channel);
      const known = candidate && best.get(candidate.node);
      if (candidate && (!known || candidate.cost < known.cost)) best.set(candidate.node, candidate);
    }
  }
}

function cheapest(best: ReadonlyMap<SimNode, Reached>, done: ReadonlySet<SimNode>): Reached | undefined {
  let found: Reached | undefined;
  for (const reached of best.values()) {
    if (!done.has(reached.node) && (!found || reached.cost < found.cost)) found = reached;
  }
  return found;
}

function extend(query: RouteQuery, here: Reached, channel: SimChannel): Reached | undefined {
  const side: Side = channel.ends[1] === here.node ? 0 : 1;
  const node = query.nodeOf(channel.ends[side].name);
  const { amountMsat, expiry } = here;
  const isSource = node === query.source;
  const policy = channel.policies[side];
  if (channel.closed || query.excluded.has(edgeKey(channel, side)) || query.excludedNodes.has(node.name))
    return undefined;
  if (isSource ? channel.spendable(side) < amountMsat || !channel.link.up : !channel.announced) return undefined;
  if (amountMsat > channel.capacityMsat) return undefined;
  if (!isSource && (amountMsat < policy.htlcMinimumMsat || amountMsat > policy.htlcMaximumMsat)) return undefined;
  const fee = isSource ? 0n : forwardingFee(policy, amountMsat);
  return {
    node,
    cost: here.cost + fee + HOP_PENALTY_MSAT,
    amountMsat: amountMsat + fee,
    expiry: isSource ? expiry : expiry + policy.cltvExpiryDelta,
    step: { channel, from: node, side, to: here.node, amountMsat, expiry },
    next: here,
  };
}

function stepsOf(reached: Reached): RouteStep[] {
  const steps: RouteStep[] = [];
  for (let at: Reached | undefined = reached; at?.step; at = at.next) steps.push(at.step);
  return steps;
}
