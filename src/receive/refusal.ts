/** Nodes that must not be served as they are set up. */
import { toHex } from '../wire/bytes.js';
import type { Network, NodeInfo } from './node-port.js';

/** Only a person can change what led to it. */
export class Refusal extends Error {}

/** Why this node must not be served, with what to change. */
export function refusalOf(
  name: string,
  { nodeId, network: found, refusals = [] }: NodeInfo,
  network: Network,
  expectedNodeId: string | undefined,
): string | undefined {
  if (found !== network) {
    return `${name} is on ${found}, the cluster on ${network}; correct the address of the node, or the network of the cluster`;
  }
  const hex = toHex(nodeId);
  if (expectedNodeId !== undefined && hex !== expectedNodeId) {
    return `${name} is node ${hex}, not ${expectedNodeId}; correct the address or the node id`;
  }
  return refusals.length > 0 ? `${name} is not served: ${refusals.join('; ')}` : undefined;
}
