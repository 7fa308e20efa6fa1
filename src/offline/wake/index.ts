/** Waking clients: LSPS0 (bLIP-50), LSPS5 (bLIP-55), and what receivers of webhooks need. */
export {
  decodeRpc,
  encodeError,
  encodeRequest,
  encodeResult,
  type JsonObject,
  LSPS0_MESSAGE_TYPE,
  type RpcError,
  type RpcMessage,
  type RpcRequest,
} from './lsps0/message.js';
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
} from './lsps0/session.js';
export {
  askListWebhooks,
  askProtocols,
  askRemoveWebhook,
  askSetWebhook,
  readWebhookSet,
  type WebhookList,
  type WebhookSet,
} from './lsps5/client.js';
export type { WakeLimits } from './lsps5/limits.js';
export {
  EXPIRY_SOON_BLOCKS,
  notificationBody,
  type WakeMethod,
  type WakeNotification,
  type WakeParams,
} from './lsps5/notifications.js';
export type { Activity, ClientWebhook, NotifyReply, OwedCall, WakeClient } from './lsps5/state.js';
export { signedText, writeStamp } from './lsps5/stamp.js';
export { messageSigner, signMessage } from './signed-message.js';
export type { WakeStore } from './store-port.js';
export {
  type ReceivedCall,
  type SeenNotifications,
  type VerifiedCall,
  verifyNotification,
} from './verify-notification.js';
