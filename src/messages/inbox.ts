/** Messages that came for our virtual nodes or ended at a member: limited, queued, peeled, and handed to who takes them. */
import {
  type EncryptedData,
  type MessagePayload,
  type OnionMessage,
  peelOnionMessage,
  replayTag,
} from '../onion/index.js';
import { toHex } from '../wire/bytes.js';
import type { Millis, NodeId } from '../wire/units.js';
import { MAX_MESSAGE_HOPS } from './build.js';
import { decodeContent } from './contents/content.js';
import type { Handlers } from './handlers.js';
import { type Rate, Recent, TokenBuckets } from './limits.js';
import type { UnforwardedMessage } from './port.js';

/** A virtual node of ours: one per key epoch. */
export interface VirtualNode {
  readonly nodeId: NodeId;
  readonly secret: Uint8Array;
  /** Seals the path ids of its paths: 32 bytes. */
  readonly contextKey: Uint8Array;
}

/** Time and turns; the clock of receiving fits. */
export interface MessageClock {
  now(): Millis;
  /** Runs `task` when the work that is ready now has had its turn. */
  soon(task: () => void): void;
}

export interface InboxLimits {
  /** Of one peer; where the node does not tell the peer, of the member. Strays count too. */
  readonly perPeer: Rate;
  readonly global: Rate;
  /** Messages waiting to be peeled. */
  readonly queued: number;
  /** Of those, from one peer. */
  readonly queuedPerPeer: number;
  /** Handlers at work; the queue waits for them. */
  readonly atWork: number;
}

export const DEFAULT_INBOX_LIMITS: InboxLimits = {
  perPeer: { perSecond: 50, burst: 200 },
  global: { perSecond: 1000, burst: 2000 },
  queued: 1024,
  queuedPerPeer: 256,
  atWork: 128,
};

/** When all places are taken, a handler at work for longer gives up its own. */
export const STUCK_AFTER: Millis = 60_000;

/** Messages peeled before other work gets its turn. */
const SLICE = 8;
const MAX_PEERS_KNOWN = 2000;
const MAX_REPLAYS_KNOWN = 8192;
/** Longer than a relay keeps a message. */
const REPLAY_SPAN: Millis = 600_000;

export type DropReason =
  | 'rate_limited'
  | 'queue_full'
  | 'replayed'
  | 'not_readable'
  | 'bad_content'
  | 'nobody_listens'
  | 'unknown_path'
  | 'expired_path'
  | 'copy'
  | 'handler_failed'
  | 'handler_stuck';

/** A message that a member could not pass on, or that our virtual node is to pass on, to somebody who is none of ours. */
export interface Stray extends UnforwardedMessage {
  readonly member?: string;
  /** Where the message went through our virtual node: what the path's maker wrote for it. */
  readonly passedData?: EncryptedData;
}

export type InboxJob = { readonly source: string; readonly member?: string } & (
  | { readonly kind: 'peel'; readonly at: VirtualNode; readonly message: OnionMessage }
  | { readonly kind: 'read'; readonly payload: MessagePayload; readonly pathId?: Uint8Array }
);

interface InboxParts {
  readonly clock: MessageClock;
  readonly handlers: Handlers;
  readonly virtualNodes: readonly VirtualNode[];
  readonly limits: InboxLimits;
  readonly onStray: (stray: Stray) => void;
  readonly onFault: (error: unknown) => void;
}

export class Inbox {
  readonly #parts: InboxParts;
  readonly #perPeer: TokenBuckets;
  readonly #global: TokenBuckets;
  readonly #replays = new Recent(MAX_REPLAYS_KNOWN, REPLAY_SPAN);
  readonly #queue: InboxJob[] = [];
  readonly #queuedBy = new Map<string, number>();
  readonly #dropped = new Map<DropReason, number>();
  /** Handlers at work with the time they began, oldest first. */
  readonly #atWork = new Map<Promise<void>, Millis>();
  #scheduled = false;

  constructor(parts: InboxParts) {
    this.#parts = parts;
    this.#perPeer = new TokenBuckets(parts.limits.perPeer, MAX_PEERS_KNOWN);
    this.#global = new TokenBuckets(parts.limits.global, 1);
  }

  /** How many messages were dropped since the start, and why. */
  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#dropped;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Counts a message against the limits of its source. False: drop it. */
  admit(source: string): boolean {
    const now = this.#parts.clock.now();
    // The peer first: what it sends above its own rate takes nothing from the others.
    if (this.#perPeer.take(source, now) && this.#global.take('', now)) return true;
    this.#drop('rate_limited');
    return false;
  }

  /** The job runs later, in turn; it is dropped if too much waits already. */
  put(job: InboxJob): void {
    const { limits } = this.#parts;
    const queuedBySource = this.#queuedBy.get(job.source) ?? 0;
    if (this.#queue.length >= limits.queued || queuedBySource >= limits.queuedPerPeer) {
      this.#drop('queue_full');
      return;
    }
    this.#queue.push(job);
    this.#queuedBy.set(job.source, queuedBySource + 1);
    this.#schedule();
  }

  /** Whoever gets what is not for us must not be able to harm us by an exception. */
  stray(stray: Stray): void {
    try {
      this.#parts.onStray(stray);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #drop(reason: DropReason): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }

  #fail(error: unknown): void {
    this.#drop('handler_failed');
    this.#parts.onFault(error);
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0 || !this.#hasHands()) return;
    this.#scheduled = true;
    this.#parts.clock.soon(() => {
      this.#scheduled = false;
      this.#runSlice();
      this.#schedule();
    });
  }

  /** A handler may begin. Those that never end do not keep the others out for ever. */
  #hasHands(): boolean {
    const { clock, limits } = this.#parts;
    for (const [oldest, began] of this.#atWork) {
      if (this.#atWork.size < limits.atWork || clock.now() - began < STUCK_AFTER) break;
      this.#atWork.delete(oldest);
      this.#drop('handler_stuck');
    }
    return this.#atWork.size < limits.atWork;
  }

  #runSlice(): void {
    for (let done = 0; done < SLICE && this.#hasHands(); done++) {
      const job = this.#queue.shift();
      if (!job) return;
      const left = this.#queuedBy.get(job.source)! - 1;
      if (left > 0) this.#queuedBy.set(job.source, left);
      else this.#queuedBy.delete(job.source);
      if (job.kind === 'peel') this.#peel(job);
      else this.#read(job, job.payload, job.pathId);
    }
  }

  #peel(job: InboxJob & { readonly kind: 'peel' }): void {
    const now = this.#parts.clock.now();
    let { at, message } = job;
    for (let hop = 0; hop < MAX_MESSAGE_HOPS; hop++) {
      const tag = toHex(replayTag(message.packet));
      if (this.#replays.has(tag, now)) {
        this.#drop('replayed');
        return;
      }
      const peeled = peelOnionMessage(at.secret, message);
      if (!peeled.ok) {
        this.#drop('not_readable');
        return;
      }
      // Only now is the tag known to be the sender's: a forged one must not keep the right message out.
      this.#replays.add(tag, now);
      const { value } = peeled;
      if (value.kind === 'receive') {
        this.#read(job, value.payload, value.data.pathId, at);
        return;
      }
      const next = 'nodeId' in value.to ? this.virtualNode(value.to.nodeId) : undefined;
      if (!next) {
        const { member } = job;
        this.stray({
          to: value.to,
          message: value.message,
          passedData: value.data,
          ...(member !== undefined && { member }),
        });
        return;
      }
      // A dummy hop, or one virtual node behind another.
      at = next;
      message = value.message;
    }
    this.#drop('not_readable');
  }

  virtualNode(nodeId: NodeId): VirtualNode | undefined {
    const wanted = toHex(nodeId);
    return this.#parts.virtualNodes.find((node) => toHex(node.nodeId) === wanted);
  }

  #read({ member }: InboxJob, payload: MessagePayload, pathId: Uint8Array | undefined, at?: VirtualNode): void {
    const record = payload.content;
    const content = record && decodeContent(record);
    if (!record || !content?.ok) {
      this.#drop('bad_content');
      return;
    }
    const { clock, handlers, virtualNodes } = this.#parts;
    try {
      const dispatch = handlers.dispatch(
        {
          content: content.value,
          record,
          ...(pathId && { pathId }),
          ...(payload.replyPath && { replyPath: payload.replyPath }),
          ...(member !== undefined && { member }),
          ...(at && { receiver: at.nodeId }),
          contextKeys: at ? [at.contextKey] : virtualNodes.map(({ contextKey }) => contextKey),
        },
        clock.now(),
      );
      if (dispatch.kind === 'dropped') this.#drop(dispatch.reason);
      else if (dispatch.done) this.#watch(dispatch.done);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #watch(done: Promise<void>): void {
    this.#atWork.set(done, this.#parts.clock.now());
    void done
      .catch((thrown: unknown) => {
        this.#fail(thrown);
      })
      .finally(() => {
        this.#atWork.delete(done);
        this.#schedule();
      });
  }
}
