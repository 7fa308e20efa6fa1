/** LND's calls about the public graph, what of them we use. */
import { bool, field, int64, message, type Of, optional, repeated, string, uint64 } from './codec.js';
import { channelEdge, routingPolicy } from './channels.js';
import { serverStream, unary } from './method.js';
import { featureMap, lightningNode, nodeAddress } from './peers.js';

/** Fields of an answer to {@link describeGraph} that hold one node, and one channel. */
export const NODE_FIELD = 1;
export const EDGE_FIELD = 2;

/** The answer is as large as the graph: read its channels one by one. */
export const describeGraph = unary(
  '/lnrpc.Lightning/DescribeGraph',
  message({ includeUnannounced: field(1, bool) }),
  message({ nodes: repeated(NODE_FIELD, lightningNode), edges: repeated(EDGE_FIELD, channelEdge) }),
);

const edgeUpdate = message({
  chanId: field(1, uint64),
  /** Satoshis. */
  capacity: field(3, int64),
  /** Without its date, which LND does not tell here. */
  routingPolicy: optional(4, routingPolicy),
  advertisingNode: field(5, string),
  connectingNode: field(6, string),
});
export type EdgeUpdate = Of<typeof edgeUpdate>;

const nodeUpdate = message({
  identityKey: field(2, string),
  features: featureMap,
  nodeAddresses: repeated(7, nodeAddress),
});
export type NodeUpdate = Of<typeof nodeUpdate>;

const topologyUpdate = message({
  nodeUpdates: repeated(1, nodeUpdate),
  channelUpdates: repeated(2, edgeUpdate),
  closedChans: repeated(3, message({ chanId: field(1, uint64) })),
});
export type TopologyUpdate = Of<typeof topologyUpdate>;

/** Changes only. */
export const subscribeChannelGraph = serverStream(
  '/lnrpc.Lightning/SubscribeChannelGraph',
  message({}),
  topologyUpdate,
);
