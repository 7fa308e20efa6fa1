/** What wakes a client: the notifications of bLIP-55, and one of our own outside its prefix. */
import type { BlockHeight, Millis } from '../../../wire/units.js';
import { isObject, type JsonObject } from '../lsps0/message.js';

type NoParams = Readonly<Record<string, never>>;

export type WakeNotification =
  /** Says that the webhook works; sent once, and to nobody else. */
  | { readonly method: 'lsps5.webhook_registered'; readonly params: NoParams }
  | { readonly method: 'lsps5.payment_incoming'; readonly params: NoParams }
  | { readonly method: 'lsps5.onion_message_incoming'; readonly params: NoParams }
  | { readonly method: 'lsps5.liquidity_management_request'; readonly params: NoParams }
  /** The channel has to be closed at this height. Sent 24 blocks before or later. */
  | { readonly method: 'lsps5.expiry_soon'; readonly params: { readonly timeout: BlockHeight } }
  /** Ours: a payment of the client was answered, and has to be taken in before this height. */
  | { readonly method: 'manifold.settlement_pending'; readonly params: { readonly deadline: BlockHeight } };

export type NotificationMethod = WakeNotification['method'];
/** What others may send; the service itself sends the first one. */
export type WakeMethod = Exclude<NotificationMethod, 'lsps5.webhook_registered'>;
export type WakeParams<M extends NotificationMethod> = Extract<WakeNotification, { method: M }>['params'];

export const WEBHOOK_REGISTERED = 'lsps5.webhook_registered';

/** Blocks before a forced close from which on `lsps5.expiry_soon` may be sent. */
export const EXPIRY_SOON_BLOCKS = 24;

const MINUTE: Millis = 60_000;

/** The parameter each method has, and for how long its news is worth telling. */
const METHODS: Readonly<Record<NotificationMethod, { readonly height?: string; readonly freshMs: Millis }>> = {
  'lsps5.webhook_registered': { freshMs: 10 * MINUTE },
  'lsps5.payment_incoming': { freshMs: 15 * MINUTE },
  'lsps5.onion_message_incoming': { freshMs: 15 * MINUTE },
  'lsps5.liquidity_management_request': { freshMs: 60 * MINUTE },
  'lsps5.expiry_soon': { height: 'timeout', freshMs: 240 * MINUTE },
  'manifold.settlement_pending': { height: 'deadline', freshMs: 240 * MINUTE },
};

export function freshMs(method: NotificationMethod): Millis {
  return METHODS[method].freshMs;
}

/** One notification for two of the same method: `first` unless `second` names an earlier height. */
export function earlierOf(first: WakeNotification, second: WakeNotification): WakeNotification {
  return heightOf(second) < heightOf(first) ? second : first;
}

function heightOf(notification: WakeNotification): BlockHeight {
  switch (notification.method) {
    case 'lsps5.expiry_soon':
      return notification.params.timeout;
    case 'manifold.settlement_pending':
      return notification.params.deadline;
    default:
      return 0;
  }
}

/** What we POST: members in the order and form that other implementations write again when they verify. */
export function notificationBody({ method, params }: WakeNotification): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params });
}

/**
 * A notification by its parts as received. Undefined if a method that we know has parameters of the wrong kind; parameters
 * that we do not know are left out.
 */
export function typedNotification(
  method: string,
  params: JsonObject,
): WakeNotification | { readonly method: 'unknown'; readonly name: string } | undefined {
  if (!Object.hasOwn(METHODS, method)) return { method: 'unknown', name: method };
  const known = method as NotificationMethod;
  const { height } = METHODS[known];
  if (height === undefined) return { method: known, params: {} } as WakeNotification;
  const value = params[height];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_HEIGHT) return undefined;
  return { method: known, params: { [height]: value } } as WakeNotification;
}

/** Heights above are times in Bitcoin's lock rules. */
const MAX_HEIGHT = 499_999_999;

/** Reads what was stored. @throws {TypeError} if it is not what we write */
export function storedNotification(method: string, params: unknown): WakeNotification {
  const notification = isObject(params) ? typedNotification(method, params) : undefined;
  if (!notification || notification.method === 'unknown') throw new TypeError('a stored notification cannot be read');
  return notification;
}
