/** LND's calls about channels, and what guards an HTLC near its deadline: what of them we use. */
import {
  bool,
  bytes,
  field,
  int32,
  int64,
  message,
  type Of,
  optional,
  repeated,
  repeatedScalar,
  string,
  uint32,
  uint64,
} from './codec.js';
import { serverStream, unary } from './method.js';

const constraints = message({
  chanReserveSat: field(2, uint64),
  dustLimitSat: field(3, uint64),
  maxPendingAmtMsat: field(4, uint64),
  minHtlcMsat: field(5, uint64),
  maxAcceptedHtlcs: field(6, uint32),
});

const pendingHtlc = message({
  incoming: field(1, bool),
  /** Satoshis. */
  amount: field(2, int64),
  hashLock: field(3, bytes),
  expirationHeight: field(4, uint32),
  htlcIndex: field(5, uint64),
  lockedIn: field(8, bool),
});

/** Balances and capacity in satoshis. */
const channel = message({
  active: field(1, bool),
  remotePubkey: field(2, string),
  channelPoint: field(3, string),
  chanId: field(4, uint64),
  capacity: field(5, int64),
  localBalance: field(6, int64),
  remoteBalance: field(7, int64),
  commitFee: field(8, int64),
  feePerKw: field(10, int64),
  unsettledBalance: field(11, int64),
  pendingHtlcs: repeated(15, pendingHtlc),
  private: field(17, bool),
  initiator: field(18, bool),
  localConstraints: optional(29, constraints),
  remoteConstraints: optional(30, constraints),
  aliasScids: repeatedScalar(31, uint64),
  zeroConf: field(32, bool),
  zeroConfConfirmedScid: field(33, uint64),
  peerScidAlias: field(35, uint64),
});
export type Channel = Of<typeof channel>;

export const listChannels = unary(
  '/lnrpc.Lightning/ListChannels',
  message({ activeOnly: field(1, bool) }),
  message({ channels: repeated(11, channel) }),
);

export const routingPolicy = message({
  timeLockDelta: field(1, uint32),
  /** Millisatoshis. */
  minHtlc: field(2, int64),
  feeBaseMsat: field(3, int64),
  /** Millionths, whatever LND's name for it says. */
  feeRateMilliMsat: field(4, int64),
  disabled: field(5, bool),
  maxHtlcMsat: field(6, uint64),
  /** Seconds since 1970. */
  lastUpdate: field(7, uint32),
});
export type RoutingPolicy = Of<typeof routingPolicy>;

/** The first node is the one with the smaller id; its policy is for what it sends. */
export const channelEdge = message({
  channelId: field(1, uint64),
  node1Pub: field(4, string),
  node2Pub: field(5, string),
  /** Satoshis. */
  capacity: field(6, int64),
  node1Policy: optional(7, routingPolicy),
  node2Policy: optional(8, routingPolicy),
});
export type ChannelEdge = Of<typeof channelEdge>;
export const getChanInfo = unary('/lnrpc.Lightning/GetChanInfo', message({ chanId: field(1, uint64) }), channelEdge);

const channelPoint = message({
  fundingTxidBytes: field(1, bytes),
  fundingTxidStr: field(2, string),
  outputIndex: field(3, uint32),
});

export const closeChannel = serverStream(
  '/lnrpc.Lightning/CloseChannel',
  message({ channelPoint: optional(1, channelPoint), force: field(2, bool), noWait: field(8, bool) }),
  message({ closePending: optional(1, message({ txid: field(1, bytes), outputIndex: field(2, uint32) })) }),
);

export const addInvoice = unary(
  '/lnrpc.Lightning/AddInvoice',
  message({
    memo: field(1, string),
    rPreimage: field(3, bytes),
    valueMsat: field(23, int64),
    expiry: field(11, int64),
    cltvExpiry: field(13, uint64),
    isAmp: field(27, bool),
  }),
  message({ rHash: field(1, bytes), paymentRequest: field(2, string), paymentAddr: field(17, bytes) }),
);

export const lookupHtlcResolution = unary(
  '/lnrpc.Lightning/LookupHtlcResolution',
  message({ chanId: field(1, uint64), htlcIndex: field(2, uint64) }),
  message({ settled: field(1, bool), offchain: field(2, bool) }),
);

/** Of the reports about channels only that there was one is of use: then the channels are listed again. */
export const subscribeChannelEvents = serverStream(
  '/lnrpc.Lightning/SubscribeChannelEvents',
  message({}),
  message({ type: field(5, int32) }),
);
