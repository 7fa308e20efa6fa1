/** LND nodes that `manifold init` writes down, as far as they could be looked over. */
import type { LndNodeConfig } from '../daemon/config/schema.js';
import { checkLndNode } from '../daemon/node-check.js';
import type { LndReport } from '../node/lnd/check.js';
import type { Network } from '../receive/node-port.js';
import { toHex } from '../wire/bytes.js';
import { usageError } from './io.js';

export interface CheckedNode {
  readonly node: LndNodeConfig;
  readonly report: LndReport;
}

export async function checked(node: LndNodeConfig, network: Network | undefined): Promise<CheckedNode> {
  return { node, report: await checkLndNode(node, { network, now: Date.now() }) };
}

/** As it is written down: whatever else answers at its address later is refused. */
export function pinned({ node, report }: CheckedNode): LndNodeConfig {
  const { nodeId } = report.node ?? {};
  return nodeId === undefined || node.node_id !== undefined ? node : { ...node, node_id: toHex(nodeId) };
}

/** The network of the cluster: as told, or as the nodes say. */
export function networkOf(nodes: readonly CheckedNode[], told: Network | undefined): Network {
  if (told !== undefined) return told;
  const found = [...new Set(nodes.flatMap(({ report }) => report.node?.network ?? []))];
  if (found.length > 1) throw usageError(`the nodes are on different networks: ${found.join(', ')}; give those of one`);
  if (found[0] === undefined)
    throw usageError('no node tells its network: say it with --network, like --network bitcoin');
  return found[0];
}
