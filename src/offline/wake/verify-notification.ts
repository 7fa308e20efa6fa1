/** The receiver's side of a webhook call: is it from our LSP, of now, and new? */
import { equalBytes, toHex, utf8 } from '../../wire/bytes.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Millis, NodeId } from '../../wire/units.js';
import { decodeRpc } from './lsps0/message.js';
import { typedNotification, type WakeNotification } from './lsps5/notifications.js';
import { readStamp, signedText } from './lsps5/stamp.js';
import { messageDigest, messageSigner } from './signed-message.js';

/** How far the LSP's clock may be from ours. */
export const MAX_SKEW_MS = 600_000;
/** Notifications that are remembered against replay. Within the time that a stamp is good an honest LSP sends fewer. */
const MOST_SEEN = 256;
const MAX_BODY_BYTES = 16_384;
const MAX_HEADER_CHARS = 256;

/** Digests of the notifications that were accepted last. Keep it as long as the process lives, or longer. */
export type SeenNotifications = readonly string[];

export interface ReceivedCall {
  /** Names in any case, as Node gives them or as `Object.fromEntries(headers)`. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Exactly as received: it is what was signed. */
  readonly rawBody: Uint8Array | string;
  readonly lspNodeId: NodeId;
  readonly now: Millis;
  readonly seen: SeenNotifications;
}

export interface VerifiedCall {
  /** Methods that are not known are to be ignored. */
  readonly notification: WakeNotification | { readonly method: 'unknown'; readonly name: string };
  readonly sentAt: Millis;
  /** For the next call. */
  readonly seen: SeenNotifications;
}

/**
 * Refused with code `bad_header`, `bad_stamp`, `clock_skew`, `too_long`, `bad_signature`, `wrong_key`, `replayed` or
 * `bad_body`. Nothing is believed, and nothing is remembered, of a call that is refused.
 */
export function verifyNotification({ headers, rawBody, lspNodeId, now, seen }: ReceivedCall): Result<VerifiedCall> {
  const stamp = headerOf(headers, 'x-lsps5-timestamp');
  const signature = headerOf(headers, 'x-lsps5-signature');
  if (stamp === undefined || signature === undefined)
    return refused('bad_header', 'the call needs one x-lsps5-timestamp and one x-lsps5-signature');
  const sentAt = readStamp(stamp);
  if (sentAt === undefined) return refused('bad_stamp', 'x-lsps5-timestamp is not a time as in RFC 3339');
  if (Math.abs(now - sentAt) > MAX_SKEW_MS)
    return refused('clock_skew', 'the call is older or newer than ten minutes: check the clocks of both sides');
  const body = typeof rawBody === 'string' ? utf8(rawBody) : rawBody;
  if (body.length > MAX_BODY_BYTES) return refused('too_long', `a body has at most ${MAX_BODY_BYTES} bytes`);

  const message = signedText(stamp, body);
  const signer = messageSigner(message, signature);
  if (!signer) return refused('bad_signature', 'x-lsps5-signature is not a signature of this stamp and body');
  // Also after a change of stamp or body: then the signature fits another key.
  if (!equalBytes(signer, lspNodeId)) return refused('wrong_key', 'the call is not signed by the LSP');
  const digest = toHex(messageDigest(message));
  if (seen.includes(digest)) return refused('replayed', 'the call was received before');
  const notification = notificationOf(body);
  if (!notification.ok) return notification;
  return ok({ notification: notification.value, sentAt, seen: [...seen, digest].slice(-MOST_SEEN) });
}

function notificationOf(body: Uint8Array): Result<VerifiedCall['notification']> {
  const decoded = decodeRpc(body, MAX_BODY_BYTES);
  const notification =
    decoded.ok && decoded.value.kind === 'notification'
      ? typedNotification(decoded.value.method, decoded.value.params)
      : undefined;
  return notification ? ok(notification) : refused('bad_body', 'the body is not a notification of JSON-RPC 2.0');
}

/** The value of a header that is there once. */
function headerOf(headers: ReceivedCall['headers'], name: string): string | undefined {
  const values = Object.entries(headers).flatMap(([key, value]) =>
    value !== undefined && key.toLowerCase() === name ? value : [],
  );
  const [value] = values;
  return values.length === 1 && value !== undefined && value.length <= MAX_HEADER_CHARS ? value : undefined;
}

const refused = (code: string, message: string): Result<never> => err({ code, message });
