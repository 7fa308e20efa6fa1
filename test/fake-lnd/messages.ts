/** Messages as LND's side of the wire knows them: what the client's descriptions leave out. */
import { WireType } from '@bufbuild/protobuf/wire';
import {
  bool,
  bytes,
  field,
  type Field,
  int32,
  map,
  message,
  type Of,
  optional,
  uint32,
  uint64,
} from '../../src/node/lnd/rpc/codec.js';

/** Bytes of which a reader must know whether they were there. */
function bytesIfPresent(number: number): Field<Uint8Array | undefined> {
  return {
    number,
    zero: () => undefined,
    read: (reader) => reader.bytes(),
    write(writer, value) {
      if (value !== undefined) writer.tag(number, WireType.LengthDelimited).bytes(value);
    },
  };
}

const circuitKey = message({ chanId: field(1, uint64), htlcId: field(2, uint64) });

/** An offer of the interceptor with all that LND puts into it. */
export const offer = message({
  incomingCircuitKey: optional(1, circuitKey),
  paymentHash: field(2, bytes),
  outgoingAmountMsat: field(3, uint64),
  outgoingExpiry: field(4, uint32),
  incomingAmountMsat: field(5, uint64),
  incomingExpiry: field(6, uint32),
  outgoingRequestedChanId: field(7, uint64),
  customRecords: map(8, uint64, bytes),
  onionBlob: field(9, bytes),
  autoFailHeight: field(10, int32),
  inWireCustomRecords: map(11, uint64, bytes),
  outgoingRequestedNodeId: field(12, bytes),
});

/** A reply of the interceptor as LND reads it. */
export const reply = message({
  incomingCircuitKey: optional(1, circuitKey),
  action: field(2, int32),
  preimage: bytesIfPresent(3),
  failureMessage: bytesIfPresent(4),
  failureCode: field(5, int32),
  inAmountMsat: field(6, uint64),
  outAmountMsat: field(7, uint64),
  outWireCustomRecords: map(8, uint64, bytes),
});
export type Reply = Of<typeof reply>;

const htlcInfo = message({
  incomingTimelock: field(1, uint32),
  outgoingTimelock: field(2, uint32),
  incomingAmtMsat: field(3, uint64),
  outgoingAmtMsat: field(4, uint64),
});

/** All that LND tells of HTLCs, the ordinary traffic included. */
export const htlcEvent = message({
  incomingChannelId: field(1, uint64),
  outgoingChannelId: field(2, uint64),
  incomingHtlcId: field(3, uint64),
  outgoingHtlcId: field(4, uint64),
  timestampNs: field(5, uint64),
  eventType: field(6, int32),
  forwardEvent: optional(7, message({ info: optional(1, htlcInfo) })),
  forwardFailEvent: optional(8, message({})),
  settleEvent: optional(9, message({ preimage: field(1, bytes) })),
  linkFailEvent: optional(10, message({ info: optional(1, htlcInfo), wireFailure: field(2, int32) })),
  subscribedEvent: optional(11, message({})),
  finalHtlcEvent: optional(12, message({ settled: field(1, bool), offchain: field(2, bool) })),
});

const channelPoint = message({ fundingTxidBytes: field(1, bytes), outputIndex: field(3, uint32) });

export const channelEvent = message({
  activeChannel: optional(3, channelPoint),
  inactiveChannel: optional(4, channelPoint),
  type: field(5, int32),
});

export const ChannelEventType = { closed: 1, active: 2, inactive: 3, updated: 7 } as const;
