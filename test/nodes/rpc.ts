/** LND's calls that only tests need: wallet, peers, channels, paying. */
import {
  bool,
  bytes,
  field,
  int32,
  int64,
  map,
  message,
  type Of,
  optional,
  repeated,
  repeatedScalar,
  string,
  uint32,
  uint64,
} from '../../src/node/lnd/rpc/codec.js';
import { serverStream, unary } from '../../src/node/lnd/rpc/method.js';

const empty = message({});

export const newAddress = unary(
  '/lnrpc.Lightning/NewAddress',
  message({ type: field(1, int32) }),
  message({ address: field(1, string) }),
);

export const walletBalance = unary(
  '/lnrpc.Lightning/WalletBalance',
  empty,
  message({ confirmedBalance: field(2, int64) }),
);

export const connectPeer = unary(
  '/lnrpc.Lightning/ConnectPeer',
  message({
    addr: optional(1, message({ pubkey: field(1, string), host: field(2, string) })),
    perm: field(2, bool),
  }),
  empty,
);

export const listPeers = unary(
  '/lnrpc.Lightning/ListPeers',
  empty,
  message({ peers: repeated(1, message({ pubKey: field(1, string) })) }),
);

const channelPoint = message({
  fundingTxidBytes: field(1, bytes),
  fundingTxidStr: field(2, string),
  outputIndex: field(3, uint32),
});

export const openChannelSync = unary(
  '/lnrpc.Lightning/OpenChannelSync',
  message({
    nodePubkey: field(2, bytes),
    localFundingAmount: field(4, int64),
    pushSat: field(5, int64),
    private: field(8, bool),
    minConfs: field(11, int32),
    spendUnconfirmed: field(12, bool),
  }),
  channelPoint,
);

const pendingChannel = message({ remoteNodePub: field(1, string), channelPoint: field(2, string) });
export const pendingChannels = unary(
  '/lnrpc.Lightning/PendingChannels',
  empty,
  message({
    pendingOpenChannels: repeated(2, message({ channel: optional(1, pendingChannel) })),
    pendingForceClosingChannels: repeated(
      4,
      message({ channel: optional(1, pendingChannel), closingTxid: field(2, string), limboBalance: field(3, int64) }),
    ),
    waitingCloseChannels: repeated(5, message({ channel: optional(1, pendingChannel), closingTxid: field(4, string) })),
  }),
);

export const bakeMacaroon = unary(
  '/lnrpc.Lightning/BakeMacaroon',
  message({
    permissions: repeated(1, message({ entity: field(1, string), action: field(2, string) })),
  }),
  message({ macaroon: field(1, string) }),
);

const hop = message({
  chanId: field(1, uint64),
  expiry: field(5, uint32),
  amtToForwardMsat: field(6, int64),
  feeMsat: field(7, int64),
  pubKey: field(8, string),
  mppRecord: optional(10, message({ totalAmtMsat: field(10, int64), paymentAddr: field(11, bytes) })),
  customRecords: map(11, uint64, bytes),
});

const route = message({
  totalTimeLock: field(1, uint32),
  hops: repeated(4, hop),
  totalFeesMsat: field(5, int64),
  totalAmtMsat: field(6, int64),
});
export type Route = Of<typeof route>;

/** `code` in LND's own numbering; `failureSourceIndex` 0 is the sender. */
const failure = message({
  code: field(1, int32),
  htlcMsat: field(4, uint64),
  failureSourceIndex: field(8, uint32),
  height: field(9, uint32),
});

export const AttemptStatus = { inFlight: 0, succeeded: 1, failed: 2 } as const;

const htlcAttempt = message({
  status: field(1, int32),
  route: optional(2, route),
  failure: optional(5, failure),
  preimage: field(6, bytes),
  attemptId: field(7, uint64),
});
export type HtlcAttempt = Of<typeof htlcAttempt>;

export const sendToRoute = unary(
  '/routerrpc.Router/SendToRouteV2',
  message({ paymentHash: field(1, bytes), route: optional(2, route), skipTempErr: field(3, bool) }),
  htlcAttempt,
);

export const PaymentStatus = { inFlight: 1, succeeded: 2, failed: 3, initiated: 4 } as const;

const payment = message({
  paymentHash: field(1, string),
  paymentPreimage: field(6, string),
  valueMsat: field(8, int64),
  status: field(10, int32),
  feeMsat: field(12, int64),
  htlcs: repeated(14, htlcAttempt),
  failureReason: field(16, int32),
});
export type Payment = Of<typeof payment>;

export const sendPayment = serverStream(
  '/routerrpc.Router/SendPaymentV2',
  message({
    dest: field(1, bytes),
    paymentHash: field(3, bytes),
    paymentRequest: field(5, string),
    timeoutSeconds: field(6, int32),
    destCustomRecords: map(11, uint64, bytes),
    amtMsat: field(12, int64),
    feeLimitMsat: field(13, int64),
    maxParts: field(17, uint32),
    outgoingChanIds: repeatedScalar(19, uint64),
    paymentAddr: field(20, bytes),
    maxShardSizeMsat: field(21, uint64),
  }),
  payment,
);

export const lookupInvoice = unary(
  '/lnrpc.Lightning/LookupInvoice',
  message({ rHash: field(2, bytes) }),
  message({ state: field(21, int32), amtPaidMsat: field(20, int64), isKeysend: field(25, bool) }),
);

export const InvoiceState = { open: 0, settled: 1, canceled: 2, accepted: 3 } as const;

export const updateChannelPolicy = unary(
  '/lnrpc.Lightning/UpdateChannelPolicy',
  message({
    global: field(1, bool),
    baseFeeMsat: field(3, int64),
    timeLockDelta: field(5, uint32),
    feeRatePpm: field(9, uint32),
  }),
  empty,
);

export const addHoldInvoice = unary(
  '/invoicesrpc.Invoices/AddHoldInvoice',
  message({ hash: field(2, bytes), valueMsat: field(10, int64), expiry: field(5, int64) }),
  message({ paymentRequest: field(1, string), paymentAddr: field(3, bytes) }),
);

export const settleInvoice = unary(
  '/invoicesrpc.Invoices/SettleInvoice',
  message({ preimage: field(1, bytes) }),
  empty,
);

export const cancelInvoice = unary(
  '/invoicesrpc.Invoices/CancelInvoice',
  message({ paymentHash: field(1, bytes) }),
  empty,
);

const hopWithMetadata = message({
  chanId: field(1, uint64),
  expiry: field(5, uint32),
  amtToForwardMsat: field(6, int64),
  pubKey: field(8, string),
  mppRecord: optional(10, message({ totalAmtMsat: field(10, int64), paymentAddr: field(11, bytes) })),
  metadata: field(13, bytes),
});
const routeWithMetadata = message({
  totalTimeLock: field(1, uint32),
  hops: repeated(4, hopWithMetadata),
  totalAmtMsat: field(6, int64),
});

/** The same call, with the payment metadata that a hop may have. */
export const sendToRouteWithMetadata = unary(
  '/routerrpc.Router/SendToRouteV2',
  message({ paymentHash: field(1, bytes), route: optional(2, routeWithMetadata), skipTempErr: field(3, bool) }),
  message({ route: optional(2, routeWithMetadata) }),
);
