/** LND's calls about payments it sends along routes of ours, what of them we use. */
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
  string,
  uint32,
  uint64,
} from './codec.js';
import { serverStream, unary } from './method.js';

const hop = message({
  chanId: field(1, uint64),
  /** Of the HTLC that leaves the hop; at the last one, of the one that arrives. */
  expiry: field(5, uint32),
  amtToForwardMsat: field(6, int64),
  feeMsat: field(7, int64),
  /** Hex of the node at the end of the channel. */
  pubKey: field(8, string),
  tlvPayload: field(9, bool),
  mppRecord: optional(10, message({ totalAmtMsat: field(10, int64), paymentAddr: field(11, bytes) })),
  customRecords: map(11, uint64, bytes),
  /** Of a blinded path; only at its introduction node. */
  blindingPoint: field(14, bytes),
  encryptedData: field(15, bytes),
  /** Of the whole payment; only at the last hop of a blinded path. */
  totalAmtMsat: field(16, uint64),
});
export type Hop = Of<typeof hop>;

const route = message({
  totalTimeLock: field(1, uint32),
  hops: repeated(4, hop),
  totalFeesMsat: field(5, int64),
  totalAmtMsat: field(6, int64),
});
export type Route = Of<typeof route>;

const channelUpdate = message({
  signature: field(1, bytes),
  chainHash: field(2, bytes),
  chanId: field(3, uint64),
  timestamp: field(4, uint32),
  channelFlags: field(5, uint32),
  timeLockDelta: field(6, uint32),
  htlcMinimumMsat: field(7, uint64),
  baseFee: field(8, uint32),
  feeRate: field(9, uint32),
  messageFlags: field(10, uint32),
  htlcMaximumMsat: field(11, uint64),
  extraOpaqueData: field(12, bytes),
});
export type ChannelUpdate = Of<typeof channelUpdate>;

/** `code` in LND's own numbering. */
const failure = message({
  code: field(1, int32),
  channelUpdate: optional(3, channelUpdate),
  htlcMsat: field(4, uint64),
  onionSha256: field(5, bytes),
  cltvExpiry: field(6, uint32),
  flags: field(7, uint32),
  /** 0 is the sender, i the node at the end of the i-th channel. */
  failureSourceIndex: field(8, uint32),
  height: field(9, uint32),
});
export type Failure = Of<typeof failure>;

export const AttemptStatus = { inFlight: 0, succeeded: 1, failed: 2 } as const;

const attempt = message({
  status: field(1, int32),
  route: optional(2, route),
  /** When LND recorded it, by its clock; nanoseconds since 1970. */
  attemptTimeNs: field(3, int64),
  failure: optional(5, failure),
  preimage: field(6, bytes),
  /** Grows from attempt to attempt of a node. */
  attemptId: field(7, uint64),
});
export type Attempt = Of<typeof attempt>;

/** Answered when the HTLC has ended. */
export const sendToRouteV2 = unary(
  '/routerrpc.Router/SendToRouteV2',
  message({
    paymentHash: field(1, bytes),
    route: optional(2, route),
    skipTempErr: field(3, bool),
    /** From 65536 on, for the update_add_htlc to the first peer. */
    firstHopCustomRecords: map(4, uint64, bytes),
  }),
  attempt,
);

export const PaymentStatus = { inFlight: 1, succeeded: 2, failed: 3, initiated: 4 } as const;

const payment = message({ status: field(10, int32), htlcs: repeated(14, attempt) });
export type Payment = Of<typeof payment>;

/** The first answer is how the payment stands. */
export const trackPaymentV2 = serverStream(
  '/routerrpc.Router/TrackPaymentV2',
  message({ paymentHash: field(1, bytes), noInflightUpdates: field(2, bool) }),
  payment,
);
