/**
 * Paying and being paid while one end or both sleep: the machines of every role, without a daemon, a database or a network.
 *
 * - a wallet that is paid: {@link RecipientCore} over a `Messenger` of `manifold`'s messages; {@link stepOfferCache} is its machine
 * - a wallet that pays: {@link stepOfferPayment}
 * - its LSP: held payments ({@link judgeHold}, {@link stepHold}), LightningRod ({@link stepRod}), static invoices
 *   ({@link judgeServe}, {@link answerRequest}), waking ({@link verifyNotification} is for whoever is called)
 *
 * Every machine is a function of state, event and time to the next state and what is to be done; the state is written before
 * that. {@link Documents} says how states are kept.
 */
export { type ClientLimits, DEFAULT_CLIENT_LIMITS, type OfflineClient } from './clients.js';
export { updateDocument } from './documents.js';
export type { DocumentFields, DocumentKind, DocumentQuery, Documents, StoredDocument } from './documents.js';
export { failHeight, holdIdOf, judgeHold } from './hold/admit.js';
export type { HoldingClient, HoldQuestion, HoldVerdict } from './hold/admit.js';
export { stepHold } from './hold/step.js';
export type {
  CircuitKey,
  HeldHtlc,
  HoldableHtlc,
  HoldCommand,
  HoldContext,
  HoldEnd,
  HoldEvent,
  HoldPhase,
  HoldStep,
} from './hold/types.js';
export { MAILBOX_LIMITS, mailToDrop } from './mailbox/limits.js';
export type { BoxLimits, MailboxLimits } from './mailbox/limits.js';
export type { BoxView, ClaimedBox, IncomingMail, KeptMail, MailStore, MailTotals } from './mailbox/store-port.js';
export { newOfferPayment, RELEASE_WAIT_MS, stepOfferPayment, wakeAt } from './payer/step.js';
export type { NewOfferPayment } from './payer/step.js';
export type {
  AcceptedInvoice,
  HeldPart,
  OfferPayment,
  OfferPaymentCommand,
  OfferPaymentEvent,
  OfferPaymentFailure,
  OfferPaymentPhase,
  OfferPaymentStep,
} from './payer/types.js';
export { buildAsyncOffer } from './recipient/async-offer.js';
export type { AsyncOffer, AsyncOfferParams } from './recipient/async-offer.js';
export { RecipientCore } from './recipient/core.js';
export type { RecipientNews, RecipientPorts, StaticInvoiceOrder } from './recipient/core.js';
export { EMPTY_OFFER_CACHE, offerToHandOut, SLOTS, stepOfferCache } from './recipient/step.js';
export type {
  CachedOffer,
  OfferCache,
  OfferCacheCommand,
  OfferCacheEvent,
  OfferCacheStep,
  OfferedPaths,
  OfferSlotState,
} from './recipient/types.js';
export { newRodRequest, ROD_WAIT_MS, stepRod } from './rod/step.js';
export type { RodCommand, RodEvent, RodPart, RodRequest, RodState, RodStep } from './rod/types.js';
export { answerRequest } from './static-invoices/answer.js';
export type { RequestAnswer } from './static-invoices/answer.js';
export { CLIENT_RATE, MOST_ANSWERS, MOST_RATES, OFFER_PATHS_LIFETIME, PATHS_REUSED } from './static-invoices/limits.js';
export { judgeServe } from './static-invoices/serve.js';
export type { ServeContext, ServeRefusal } from './static-invoices/serve.js';
export { areOurs, issuePaths, slotId, tagsOf } from './static-invoices/slot.js';
export type { InvoiceSlot, IssuedPaths, ServedInvoice } from './static-invoices/slot.js';
export {
  decodeRpc,
  encodeError,
  encodeRequest,
  encodeResult,
  type JsonObject,
  LSPS_FEATURE,
  LSPS0_MESSAGE_TYPE,
  MAX_LSPS0_BYTES,
  type RpcError,
  type RpcMessage,
  type RpcRequest,
} from './wake/lsps0/message.js';
export {
  askLsp,
  type Asked,
  expireLspsRequests,
  hearLsp,
  lspConnected,
  type LspsAnswer,
  type LspsCall,
  type LspsSession,
  NEW_LSPS_SESSION,
  type WaitingRequest,
} from './wake/lsps0/session.js';
export {
  askListWebhooks,
  askProtocols,
  askRemoveWebhook,
  askSetWebhook,
  LSPS5_PROTOCOL,
  readProtocols,
  readWebhookList,
  readWebhookSet,
  type WebhookList,
  type WebhookSet,
} from './wake/lsps5/client.js';
export { Lsps5ErrorCode } from './wake/lsps5/errors.js';
export { WAKE_LIMITS, type WakeLimits } from './wake/lsps5/limits.js';
export {
  EXPIRY_SOON_BLOCKS,
  notificationBody,
  type WakeMethod,
  type WakeNotification,
  type WakeParams,
} from './wake/lsps5/notifications.js';
export type { Activity, ClientWebhook, NotifyReply, OwedCall, WakeClient } from './wake/lsps5/state.js';
export { signedText, writeStamp } from './wake/lsps5/stamp.js';
export { messageDigest, messageSigner, signMessage } from './wake/signed-message.js';
export type { WakeStore } from './wake/store-port.js';
export {
  type ReceivedCall,
  type SeenNotifications,
  type VerifiedCall,
  verifyNotification,
} from './wake/verify-notification.js';
