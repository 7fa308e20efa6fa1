/** One client of one of our nodes, as the LSP remembers it. */
import type { Millis } from '../../../wire/units.js';
import type { RpcError, JsonObject } from '../lsps0/message.js';
import type { WakeLimits } from './limits.js';
import type { WakeNotification } from './notifications.js';
import type { WebhookRequest } from './requests.js';

export interface ClientWebhook {
  readonly appName: string;
  readonly url: string;
  readonly setAt: Millis;
  /** Last set or called. */
  readonly usedAt: Millis;
}

/** A call that is owed to a webhook: at most one for each webhook and method. */
export interface OwedCall {
  readonly appName: string;
  readonly notification: WakeNotification;
  readonly createdAt: Millis;
  readonly dueAt: Millis;
  /** From here on nobody wants it any more. */
  readonly staleAt: Millis;
}

export interface WakeClient {
  readonly webhooks: readonly ClientWebhook[];
  readonly owed: readonly OwedCall[];
  /** Last seen connected. */
  readonly connectedAt: Millis | undefined;
  /** The cool-down counts from here; may lie ahead. */
  readonly notifiedAt: Millis | undefined;
  readonly resetAt: Millis | undefined;
  /** First seen without a channel; undefined while it has one. */
  readonly strangerSince: Millis | undefined;
  readonly reviewedAt: Millis;
}

export const NO_CLIENT: WakeClient = {
  webhooks: [],
  owed: [],
  connectedAt: undefined,
  notifiedAt: undefined,
  resetAt: undefined,
  strangerSince: undefined,
  reviewedAt: 0,
};

/** What the client has with us: a usable channel, a purchase under way (LSPS1, LSPS2), or nothing. */
export type Activity = 'channel' | 'purchase' | 'none';

export type WakeEvent =
  | WebhookRequest
  | { readonly type: 'notify'; readonly notification: WakeNotification }
  | { readonly type: 'connected' }
  | { readonly type: 'disconnected' }
  /** Look whether its webhooks are still to be kept. */
  | { readonly type: 'review' };

export interface WakeContext {
  readonly now: Millis;
  readonly activity: Activity;
  readonly isConnected: boolean;
  /** Other clients of this node that have webhooks and no channel. */
  readonly strangers: number;
  readonly limits: WakeLimits;
}

export type WakeReply =
  | { readonly type: 'answer'; readonly result: JsonObject }
  | { readonly type: 'refused'; readonly error: RpcError }
  | NotifyReply
  | { readonly type: 'done' }
  | { readonly type: 'reviewed'; readonly forgotten: number };

export type NotifyReply =
  /** Calls are owed from `dueAt` on. */
  | { readonly type: 'owed'; readonly dueAt: Millis }
  /** Calls of this method wait already; they say the latest now. */
  | { readonly type: 'merged' }
  /** It is here: tell it directly. */
  | { readonly type: 'connected' }
  | { readonly type: 'no_webhook' };
