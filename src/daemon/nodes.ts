/** From the configured nodes to their ports. */
import { RemoteSimNode } from '../node/sim/remote-client.js';
import type { SimClock } from '../node/sim/virtual-clock.js';
import type { Network, NodePort } from '../receive/node-port.js';
import type { ReceiverNode } from '../receive/receiver.js';
import type { GraphPort } from '../send/graph/port.js';
import type { SendPort } from '../send/run/ports.js';
import type { SendingNode } from '../send/run/types.js';
import type { LndNodeConfig, NodeConfig } from './config/schema.js';
import { compact } from './compact.js';
import { EmbeddedNetwork } from './embedded.js';
import { lndEndpoint } from './lnd-files.js';
import { mayPay, purposesOf } from './node-check.js';
import { fitSender } from './paying/fit-sender.js';

export interface OpenedNodes {
  readonly nodes: readonly ReceiverNode[];
  /** Those of them that can pay. */
  readonly senders: readonly SendingNode[];
  readonly embedded: EmbeddedNetwork | undefined;
  close(): Promise<void>;
}

export interface OpenNodesOptions {
  readonly clock: SimClock;
  /** Nothing is paid from a node of another one. */
  readonly network?: Network;
  /** Told about macaroon files that other users of the machine can read. */
  readonly warn?: (message: string) => void;
}

/**
 * Reads certificates and macaroons, and connects to nothing yet.
 * @throws {NodeFileError} if a file of a node is missing or is not what it should be
 */
export async function openNodes(
  configured: readonly NodeConfig[],
  { clock, warn, network }: OpenNodesOptions,
): Promise<OpenedNodes> {
  const inside = configured.filter((node) => node.kind === 'sim' && node.url === undefined).map(({ name }) => name);
  const embedded = inside.length > 0 ? new EmbeddedNetwork(clock) : undefined;
  const embeddedPorts = new Map((embedded?.ports(inside) ?? []).map((port) => [port.name, port]));
  const closers: (() => Promise<void>)[] = [];
  const portOf = async (node: NodeConfig): Promise<OpenedPort> => {
    if (node.kind === 'lnd') return openLnd(node, warn, closers);
    if (node.url === undefined) return embeddedPorts.get(node.name)!;
    const port = new RemoteSimNode({ url: node.url, name: node.name, node: node.sim_node ?? node.name });
    closers.push(() => port.close());
    return port;
  };
  const close = async (): Promise<void> => {
    embedded?.stop();
    await Promise.all(closers.map((one) => one()));
  };
  const nodes: ReceiverNode[] = [];
  const senders: SendingNode[] = [];
  try {
    for (const node of configured) {
      const port = await portOf(node);
      const nodeId = node.node_id?.toLowerCase();
      nodes.push({ port, ...(nodeId !== undefined && { expectedNodeId: nodeId }) });
      const { send, graph } = port;
      if (send)
        senders.push({
          name: node.name,
          send: fitSender(port, send, compact({ network, nodeId })),
          ...(graph && { graph }),
        });
    }
  } catch (error) {
    await close();
    throw error;
  }
  embedded?.start();
  return { nodes, senders, embedded, close };
}

/** A port with what paying takes, if it can. */
type OpenedPort = NodePort & { readonly send?: SendPort; readonly graph?: GraphPort };

/** What is missing for the guard would show only when a payment is in danger. */
async function warnOfMissingRights(
  node: LndNodeConfig,
  macaroon: Uint8Array,
  warn: (message: string) => void,
): Promise<void> {
  const [{ grantsOf, isGranted }, { bakeLine, permissionsFor }] = await Promise.all([
    import('../node/lnd/macaroon.js'),
    import('../node/lnd/permissions.js'),
  ]);
  const purposes = purposesOf(node);
  const grants = grantsOf(macaroon);
  const missing = grants ? permissionsFor(purposes).filter((one) => !isGranted(grants, one)) : [];
  if (missing.length === 0) return;
  const uris = missing.map(({ uri }) => uri).join(', ');
  warn(`the macaroon of node ${node.name} does not grant ${uris}; bake another and restart: ${bakeLine(purposes)}`);
}

/** The adapter is loaded only where a node needs it. */
async function openLnd(
  node: LndNodeConfig,
  warn: OpenNodesOptions['warn'],
  closers: (() => Promise<void>)[],
): Promise<OpenedPort> {
  const { LndNode } = await import('../node/lnd/node.js');
  const endpoint = await lndEndpoint(node, warn);
  if (endpoint.macaroon && warn) await warnOfMissingRights(node, endpoint.macaroon, warn);
  const port = new LndNode({
    ...endpoint,
    name: node.name,
    forceClose: node.force_close,
    registerPreimages: node.register_preimages,
    pay: await mayPay(node, endpoint.macaroon),
  });
  closers.push(async () => {
    port.close();
  });
  return port;
}
