/** A larger network: the graph so many times over, the copies joined by channels between the largest nodes. */
import { ChannelGraph } from '../../src/send/index.js';

const JOINTS_PER_COPY = 200;
const JOINT = { feeBaseMsat: 0, feePpm: 50, cltvDelta: 40, htlcMinimumMsat: 1n, htlcMaximumMsat: 10_000_000_000n };

export function multiplied(graph: ChannelGraph, times: number): ChannelGraph {
  const larger = new ChannelGraph({ nodes: times * graph.nodeCount, channels: times * graph.channelCount });
  for (let copy = 0; copy < times; copy++) addCopy(larger, graph, copy);
  let joints = 0;
  for (let copy = 1; copy < times; copy++) {
    for (let hub = 0; hub < JOINTS_PER_COPY; hub++) {
      const [one, two] = [keyOf(graph, hub, 0), keyOf(graph, hub, copy)].sort() as [string, string];
      const scid = (15n << 60n) + BigInt(joints++);
      larger.addChannelByKeys(scid, one, two, 1e10);
      for (const direction of [0, 1] as const) larger.setPolicy(scid, direction, JOINT);
    }
  }
  return larger;
}

/** Copies get other keys: the first byte behind the prefix changes. */
function keyOf(graph: ChannelGraph, node: number, copy: number): string {
  const original = graph.nodeKey(node);
  if (copy === 0) return original;
  return `0${2 + (copy >> 6)}${(copy & 63).toString(16).padStart(2, '0')}${original.slice(2, 64)}`;
}

function addCopy(larger: ChannelGraph, graph: ChannelGraph, copy: number): void {
  const { from, capacity } = graph.columns();
  for (let index = 0; index < graph.halfCount / 2; index++) {
    const known = graph.scidOfChannel(index);
    const scid = known + (BigInt(copy) << 60n);
    const [one, two] = [keyOf(graph, from[2 * index]!, copy), keyOf(graph, from[2 * index + 1]!, copy)];
    const flipped = one > two ? 1 : 0;
    larger.addChannelByKeys(scid, flipped ? two : one, flipped ? one : two, capacity[index]!);
    for (const direction of [0, 1] as const) {
      const policy = graph.policy(known, direction);
      if (policy) larger.setPolicy(scid, (direction ^ flipped) as 0 | 1, policy);
    }
  }
}
