/** The library face: receiving over many nodes, and the codecs it is made of. More of each by its own subpath. */
export { decodeInvoice, encodeInvoice, type Invoice, type InvoiceDraft, invoiceFields } from './bolt11/index.js';
export { buildOnion, decodePaymentPayload, encodePaymentPayload, peelOnion } from './onion/index.js';
export {
  type ClusterMember,
  ClusterKeys,
  createPhantomInvoice,
  type KeyEpoch,
  KeyRing,
  type PhantomInvoice,
  type PhantomInvoiceParams,
  verifyPaymentSecret,
} from './phantom/index.js';
export type { Alarm, AlarmSink } from './receive/alarms.js';
export { type Clock, wallClock } from './receive/clock.js';
export type { MemberStatus } from './receive/member.js';
export type {
  FinalResult,
  HtlcAnswer,
  HtlcKey,
  InterceptedHtlc,
  InterceptHandlers,
  InterceptPort,
  InterceptSession,
  LocalChannel,
  Network,
  NodeInfo,
  NodePort,
} from './receive/node-port.js';
export { Receiver, type ReceiverNode, type ReceiverOptions } from './receive/receiver.js';
export { type Paying, Sender, type SenderOptions, type SendingNode } from './send/index.js';
export { openStore, type Store, StoreError, type StoreOptions } from './store/index.js';
export type { DecodeError, Result } from './wire/result.js';
export { VERSION } from './daemon/version.js';
