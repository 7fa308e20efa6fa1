/** Who takes which message: by the content's name and by the path over which it came. */
import { sha256 } from '../crypto/index.js';
import { type BlindedPath, encodeBlindedPath } from '../onion/index.js';
import { concat, toHex } from '../wire/bytes.js';
import { encodeBigSize } from '../wire/integers.js';
import type { TlvRecord } from '../wire/tlv.js';
import type { Millis, NodeId } from '../wire/units.js';
import type { Content, ContentName, ContentOf } from './contents/content.js';
import { CONTEXT_KINDS, type ContextKind } from './context.js';
import { type ContextOf, isExpired, openPathContext, type PathContext } from './contexts.js';
import { Recent } from './limits.js';

/**
 * Over which paths of ours each content may come; `public` is a path without path id, one that anybody can make. A reply is
 * taken over the path that was given for it only, and nothing else is taken there.
 */
export const SOURCES_OF = {
  invoice_request: ['static_invoice_requested', 'invoice_request', 'public'],
  invoice: ['outbound_payment_for_offer'],
  invoice_error: ['outbound_payment_for_offer', 'inbound_payment'],
  static_invoice: ['outbound_payment_for_offer'],
  held_htlc_available: ['inbound_payment'],
  release_held_htlc: ['outbound_payment', 'release_held_htlc', 'rod_release'],
  dnssec_query: ['public'],
  dnssec_proof: ['outbound_payment_for_offer'],
  offer_paths_request: ['offer_paths_request'],
  offer_paths: ['offer_paths'],
  serve_static_invoice: ['serve_static_invoice'],
  static_invoice_persisted: ['static_invoice_persisted'],
  rod_hold_request: ['rod_enrolment'],
  rod_hold_response: ['outbound_payment'],
  rod_notice: ['inbound_payment', 'invoice_request', 'public'],
  rod_unblock: ['rod_release'],
  rod_cancel: ['rod_enrolment'],
  rod_status: ['outbound_payment'],
} as const satisfies Readonly<Record<ContentName, readonly (ContextKind | 'public')[]>>;

export type SourceOf<N extends ContentName> = (typeof SOURCES_OF)[N][number];

export interface Received<N extends ContentName, S extends SourceOf<N> = SourceOf<N>> {
  readonly content: ContentOf<N>;
  /** What our path says; undefined for public messages. Its expiry has been checked. */
  readonly context: S extends ContextKind ? ContextOf<S> : undefined;
  readonly replyPath?: BlindedPath;
  /** Name of the member it came through; absent for a message to ourselves. */
  readonly member?: string;
  /** The virtual node that was the last hop; absent where that was the member itself. */
  readonly receiver?: NodeId;
}

/** May be asynchronous; what it throws or rejects with is told to `onFault` and disturbs nobody else. */
export type MessageHandler<N extends ContentName, S extends SourceOf<N>> = (
  message: Received<N, S>,
) => void | Promise<void>;

export interface HandlerOptions {
  /**
   * Drops copies of a message within {@link COPIES_SPAN}, as payers send one over every pair of paths: `content` takes the first
   * of the same content and context, `content_and_reply` only drops those that also have the same reply path. Default: none.
   */
  readonly dropCopies?: 'content' | 'content_and_reply';
}

/** Milliseconds in which copies of a message are copies; later ones are repetitions. */
export const COPIES_SPAN: Millis = 30_000;

const MAX_COPIES_KNOWN = 4096;

interface Registration {
  readonly options: HandlerOptions;
  readonly take: (message: never) => void | Promise<void>;
}

/** A peeled message, its content read. */
export interface Incoming {
  readonly content: Content;
  readonly record: TlvRecord;
  readonly pathId?: Uint8Array;
  readonly replyPath?: BlindedPath;
  readonly member?: string;
  readonly receiver?: NodeId;
  /** Message context keys that may have sealed the path id. */
  readonly contextKeys: readonly Uint8Array[];
}

export type Dispatch =
  | { readonly kind: 'taken'; readonly done: void | Promise<void> }
  | { readonly kind: 'dropped'; readonly reason: 'nobody_listens' | 'unknown_path' | 'expired_path' | 'copy' };

export class Handlers {
  readonly #registrations = new Map<ContentName, Map<ContextKind | 'public', Registration>>();
  readonly #copies = new Recent(MAX_COPIES_KNOWN, COPIES_SPAN);

  /** @throws {RangeError} if the pair is taken, or the content never comes over such a path. */
  register<N extends ContentName, S extends SourceOf<N>>(
    name: N,
    source: S,
    take: MessageHandler<N, S>,
    options: HandlerOptions,
  ): () => void {
    const allowed: readonly (ContextKind | 'public')[] = SOURCES_OF[name];
    if (!allowed.includes(source)) throw new RangeError(`${name} does not come over a path of kind ${source}`);
    const bySource = this.#registrations.get(name) ?? new Map<ContextKind | 'public', Registration>();
    if (bySource.has(source)) throw new RangeError(`${name} over ${source} has a handler already`);
    this.#registrations.set(name, bySource);
    const registration: Registration = { options, take };
    bySource.set(source, registration);
    return () => {
      if (bySource.get(source) === registration) bySource.delete(source);
    };
  }

  /** Finds the one handler for a message and starts it. @throws whatever the handler throws */
  dispatch(incoming: Incoming, now: Millis): Dispatch {
    const { content, pathId } = incoming;
    const bySource = this.#registrations.get(content.name);
    if (!bySource || bySource.size === 0) return { kind: 'dropped', reason: 'nobody_listens' };
    if (!pathId) return this.#hand(incoming, bySource.get('public'), undefined, now);
    for (const kind of CONTEXT_KINDS) {
      const registration = bySource.get(kind);
      if (!registration) continue;
      for (const key of incoming.contextKeys) {
        const context = openPathContext(key, kind, pathId);
        if (!context) continue;
        if (isExpired(context, Math.floor(now / 1000))) return { kind: 'dropped', reason: 'expired_path' };
        return this.#hand(incoming, registration, context, now);
      }
    }
    return { kind: 'dropped', reason: 'unknown_path' };
  }

  #hand(
    incoming: Incoming,
    registration: Registration | undefined,
    context: PathContext | undefined,
    now: Millis,
  ): Dispatch {
    if (!registration) return { kind: 'dropped', reason: 'unknown_path' };
    const { dropCopies } = registration.options;
    if (dropCopies && !this.#copies.add(copyKey(incoming, dropCopies), now)) return { kind: 'dropped', reason: 'copy' };
    const { content, replyPath, member, receiver } = incoming;
    const message = {
      content,
      context,
      ...(replyPath && { replyPath }),
      ...(member !== undefined && { member }),
      ...(receiver && { receiver }),
    };
    return { kind: 'taken', done: registration.take(message as never) };
  }
}

function copyKey({ record, pathId, replyPath }: Incoming, by: 'content' | 'content_and_reply'): string {
  const reply = by === 'content_and_reply' && replyPath ? encodeBlindedPath(replyPath) : new Uint8Array();
  const parts = [pathId ?? new Uint8Array(), record.value, reply];
  const framed = parts.flatMap((part) => [encodeBigSize(part.length), part]);
  return toHex(sha256(concat(encodeBigSize(record.type), ...framed)));
}
