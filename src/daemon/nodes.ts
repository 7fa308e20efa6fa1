/** From the configured nodes to their ports. */
import { RemoteSimNode } from '../node/sim/remote-client.js';
import type { SimClock } from '../node/sim/virtual-clock.js';
import type { ReceiverNode } from '../receive/receiver.js';
import type { NodeConfig } from './config/schema.js';
import { EmbeddedNetwork } from './embedded.js';

export interface OpenedNodes {
  readonly nodes: readonly ReceiverNode[];
  readonly embedded: EmbeddedNetwork | undefined;
  close(): Promise<void>;
}

/** Connects to nothing yet. */
export function openNodes(configured: readonly NodeConfig[], clock: SimClock): OpenedNodes {
  const inside = configured.filter(({ url }) => url === undefined).map(({ name }) => name);
  const embedded = inside.length > 0 ? new EmbeddedNetwork(clock) : undefined;
  const embeddedPorts = new Map((embedded?.ports(inside) ?? []).map((port) => [port.name, port]));
  const remote: RemoteSimNode[] = [];
  const nodes = configured.map(({ name, url, sim_node, node_id }): ReceiverNode => {
    const expected = node_id === undefined ? {} : { expectedNodeId: node_id.toLowerCase() };
    if (url === undefined) return { port: embeddedPorts.get(name)!, ...expected };
    const port = new RemoteSimNode({ url, name, node: sim_node ?? name });
    remote.push(port);
    return { port, ...expected };
  });
  embedded?.start();
  return {
    nodes,
    embedded,
    async close() {
      embedded?.stop();
      await Promise.all(remote.map((node) => node.close()));
    },
  };
}
