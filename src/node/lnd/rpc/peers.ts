/** LND's calls about its peers and how to reach nodes, what of them we use. */
import {
  bool,
  bytes,
  field,
  int32,
  map,
  message,
  type Of,
  optional,
  repeated,
  string,
  uint32,
  uint64,
} from './codec.js';
import { serverStream, unary } from './method.js';

const empty = message({});

export const listPeers = unary(
  '/lnrpc.Lightning/ListPeers',
  empty,
  message({ peers: repeated(1, message({ pubKey: field(1, string) })) }),
);

export const PeerEventType = { online: 0, offline: 1 } as const;

const peerEvent = message({ pubKey: field(1, string), type: field(2, int32) });
export type PeerEvent = Of<typeof peerEvent>;
export const subscribePeerEvents = serverStream('/lnrpc.Lightning/SubscribePeerEvents', empty, peerEvent);

/** Answered when the connection stands; the peer is of use a little later. */
export const connectPeer = unary(
  '/lnrpc.Lightning/ConnectPeer',
  message({
    addr: optional(1, message({ pubkey: field(1, string), host: field(2, string) })),
    perm: field(2, bool),
    /** Seconds. */
    timeout: field(3, uint64),
  }),
  empty,
);

export const nodeAddress = message({ network: field(1, string), addr: field(2, string) });
/** By bit; what the entries say besides is not read. */
export const featureMap = map(6, uint32, bytes);

export const lightningNode = message({
  pubKey: field(2, string),
  addresses: repeated(4, nodeAddress),
  features: featureMap,
});
export type LightningNode = Of<typeof lightningNode>;

export const getNodeInfo = unary(
  '/lnrpc.Lightning/GetNodeInfo',
  message({ pubKey: field(1, string), includeChannels: field(2, bool) }),
  message({ node: optional(1, lightningNode) }),
);
