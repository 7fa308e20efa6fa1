/** BOLT 4 by name: onions, payloads, failures, attribution, route blinding, onion messages. */
export {
  ATTRIBUTION_LENGTH,
  addAttribution,
  originateAttributedFailure,
  unwrapAttributedFailure,
} from './attribution.js';
export { unwrapFulfillAttribution, wrapAttributedFailure } from './attribution.js';
export type { AttributedFailure, Attribution, UnwrappedAttributedFailure } from './attribution.js';
export {
  decodeBlindedPath,
  encodeBlindedPath,
  encodeFirstNode,
  readBlindedPath,
  readFirstNode,
} from './blinded-path.js';
export type { BlindedHop, BlindedPath, FirstNode } from './blinded-path.js';
export { blindHop, buildBlindedPath, nextPathKey, openHopData, unblindHop } from './blinding.js';
export type { BlindedHopSecrets, PathHop, UnblindedHop } from './blinding.js';
export { decodeEncryptedData, encodeEncryptedData, encodePadded } from './encrypted-data.js';
export type { EncryptedData, EncryptedDataRole, PaymentConstraints, PaymentRelay } from './encrypted-data.js';
export { FAILURE_LAYOUTS, FailureCode, FailureFlag } from './failure-codes.js';
export type { FailureFields, FailureLayout } from './failure-codes.js';
export { decodeFailureMessage, encodeFailureMessage, failureFlags } from './failure-message.js';
export type { FailureFlags, FailureMessage } from './failure-message.js';
export {
  buildFailurePacket,
  openFailurePacket,
  originateFailure,
  unwrapFailure,
  wrapFailure,
} from './failure-packet.js';
export type { OpenedFailurePacket, UnwrappedFailure } from './failure-packet.js';
export { onionKey, streamBytes } from './keys.js';
export type { KeyLabel } from './keys.js';
export {
  frameLength,
  framePayload,
  PAYMENT_AREA_SIZE,
  PAYMENT_ONION_LENGTH,
  replayTag,
  unframePayload,
} from './layout.js';
export {
  decodeMessagePayload,
  decodeOnionMessage,
  encodeMessagePayload,
  encodeOnionMessage,
  MessageContent,
  ONION_MESSAGE_TYPE,
  peelOnionMessage,
  peelOnionMessageBy,
  splitPrefixedPacket,
} from './message.js';
export type { MessagePayload, NextMessageHop, OnionMessage, PacketParts, PeeledMessage } from './message.js';
export { buildOnion, buildOnionOfFrames, hopSecrets, onionFiller } from './packet.js';
export type { BuiltOnion, FramedOnionHop, HopSecrets, OnionHop } from './packet.js';
export {
  checkCustomRecords,
  decodePaymentPayload,
  encodePaymentPayload,
  FIRST_CUSTOM_RECORD,
  INVOICE_REQUEST_RECORD,
  invalidPayloadFailure,
  KEYSEND_RECORD,
  keysendMatches,
  totalMsatOf,
} from './payload.js';
export type {
  BlindedFinalPayload,
  BlindedRelayPayload,
  FinalPayload,
  PayloadContext,
  PayloadError,
  PayloadFields,
  PaymentData,
  PaymentPayload,
  RelayPayload,
} from './payload.js';
export { aggregateRelays, relayThroughBlindedHop } from './payment-relay.js';
export type { AggregatedRelay, RelayedHtlc } from './payment-relay.js';
export { blindedSecret, peelOnion } from './peel.js';
export type { PeeledOnion, PeelError, PeelErrorCode, PeelParameters, PeelResult } from './peel.js';
export { chainHashOf, updateDigest, updateVerifier } from './signed-update.js';
export type { Chain, SignedUpdateParts } from './signed-update.js';
