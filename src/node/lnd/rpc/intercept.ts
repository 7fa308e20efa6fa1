/** LND's HTLC interceptor and its events, what of them we use. */
import { bool, bytes, field, int32, map, message, type Of, optional, uint32, uint64 } from './codec.js';
import { bidi, serverStream } from './method.js';

const circuitKey = message({ chanId: field(1, uint64), htlcId: field(2, uint64) });

const interceptRequest = message({
  incomingCircuitKey: optional(1, circuitKey),
  paymentHash: field(2, bytes),
  outgoingAmountMsat: field(3, uint64),
  outgoingExpiry: field(4, uint32),
  incomingAmountMsat: field(5, uint64),
  incomingExpiry: field(6, uint32),
  /** 2^64 - 1 where a blinded hop names a node instead. */
  outgoingRequestedChanId: field(7, uint64),
  onionBlob: field(9, bytes),
  autoFailHeight: field(10, int32),
  /** From 65536 on, of the `update_add_htlc`. */
  inWireCustomRecords: map(11, uint64, bytes),
  /** The next hop, where the onion names a node instead of a channel. */
  outgoingRequestedNodeId: field(12, bytes),
});
/** LND to us: an HTLC that waits for a word. */
export type InterceptRequest = Of<typeof interceptRequest>;

export const InterceptAction = { settle: 0, fail: 1, resume: 2, resumeModified: 3 } as const;

const interceptResponse = message({
  incomingCircuitKey: optional(1, circuitKey),
  action: field(2, int32),
  preimage: field(3, bytes),
  failureMessage: field(4, bytes),
  /** LND's own numbering of failures. */
  failureCode: field(5, int32),
});
/** We to LND: the word. */
export type InterceptResponse = Of<typeof interceptResponse>;

export const htlcInterceptor = bidi('/routerrpc.Router/HtlcInterceptor', interceptResponse, interceptRequest);

export const HtlcEventType = { unknown: 0, send: 1, receive: 2, forward: 3 } as const;

const htlcEvent = message({
  incomingChannelId: field(1, uint64),
  outgoingChannelId: field(2, uint64),
  incomingHtlcId: field(3, uint64),
  outgoingHtlcId: field(4, uint64),
  timestampNs: field(5, uint64),
  eventType: field(6, int32),
  subscribedEvent: optional(11, message({})),
  finalHtlcEvent: optional(12, message({ settled: field(1, bool), offchain: field(2, bool) })),
});
export type HtlcEvent = Of<typeof htlcEvent>;
export const subscribeHtlcEvents = serverStream('/routerrpc.Router/SubscribeHtlcEvents', message({}), htlcEvent);
