/** Onion messages of a cluster: one messenger over all members, speaking as the virtual nodes. See `index.ts`. */
import type { BlindedPath, OnionMessage } from '../onion/index.js';
import { toHex } from '../wire/bytes.js';
import type { NodeId } from '../wire/units.js';
import type { MessageTarget, Random } from './build.js';
import { type Content, type ContentName, encodeContent } from './contents/content.js';
import { type PathContext, sealPathContext } from './contexts.js';
import { type HandlerOptions, Handlers, type MessageHandler, type SourceOf } from './handlers.js';
import {
  DEFAULT_INBOX_LIMITS,
  type DropReason,
  Inbox,
  type InboxLimits,
  type MessageClock,
  type Stray,
  type VirtualNode,
} from './inbox.js';
import type { Rate } from './limits.js';
import { MemberLink } from './member-link.js';
import { DEFAULT_FAR_WAYS, Outbox, type SendOptions, type SendOutcome } from './outbox.js';
import { type PathOptions, pathsToVirtual } from './paths.js';
import type { MessageGraph, MessageHandlers, MessagePort, ReceivedAtNode, UnforwardedMessage } from './port.js';
import type { SearchLimits } from './router.js';

export interface MessengerOptions {
  /** One per key epoch, the current one first; at least one. */
  readonly virtualNodes: readonly VirtualNode[];
  readonly graph: MessageGraph;
  readonly clock: MessageClock;
  readonly random: Random;
  readonly limits?: Partial<InboxLimits>;
  readonly search?: SearchLimits;
  /** Messages for which the graph is searched or a node is dialled; the rest only goes to peers. */
  readonly farWays?: Rate;
  /** A message for nobody of ours: a sleeping client's, or a stranger's. Called as it comes, within the rate limits; not to wait. */
  readonly onStray?: (stray: Stray) => void;
  /** One that we sent ourselves and nobody took: true, if it is kept for the node it was to go to. Not to wait, not to throw. */
  readonly onUnsent?: (unsent: Stray) => boolean;
  readonly onPeer?: (peer: NodeId, connected: boolean, member: string) => void;
  /** A session ended by itself: add the member again when its node is back. */
  readonly onMemberLost?: (member: string, reason: string) => void;
  /** A handler failed: a bug or a lost dependency. The message is gone. */
  readonly onFault?: (error: unknown) => void;
}

/** Copies of one message that go out at most (LDK's limit as well). */
const MAX_COPIES = 10;

export class Messenger {
  readonly #options: MessengerOptions;
  readonly #handlers = new Handlers();
  readonly #members = new Map<string, MemberLink>();
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;

  /** @throws {RangeError} if there is no virtual node. */
  constructor(options: MessengerOptions) {
    if (options.virtualNodes.length === 0) throw new RangeError('a messenger speaks for at least one virtual node');
    this.#options = options;
    this.#inbox = new Inbox({
      clock: options.clock,
      handlers: this.#handlers,
      virtualNodes: options.virtualNodes,
      limits: { ...DEFAULT_INBOX_LIMITS, ...options.limits },
      onStray: (stray) => options.onStray?.(stray),
      onFault: (error) => options.onFault?.(error),
    });
    this.#outbox = new Outbox({
      members: () => [...this.#members.values()],
      inbox: this.#inbox,
      graph: options.graph,
      clock: options.clock,
      random: options.random,
      search: options.search ?? {},
      keep: (nodeId, message) => options.onUnsent?.({ to: { nodeId }, message }) ?? false,
      farWays: options.farWays ?? DEFAULT_FAR_WAYS,
    });
  }

  /** The id that our paths end at now. */
  get nodeId(): NodeId {
    return this.#options.virtualNodes[0]!.nodeId;
  }

  /** Messages dropped since the start, by reason. */
  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#inbox.dropped;
  }

  /**
   * Opens a session with the node and listens. Rejects when the node cannot be reached, and is then not a member.
   * @throws {RangeError} if a member of that name is there.
   */
  async addMember(name: string, nodeId: NodeId, port: MessagePort): Promise<void> {
    if (this.#members.has(name)) throw new RangeError(`member ${name} is there already: remove it first`);
    const link = new MemberLink(name, nodeId, port);
    this.#members.set(name, link);
    try {
      link.opened(await port.open(this.#handlersOf(link)));
    } catch (thrown) {
      this.#forget(link);
      throw thrown;
    }
  }

  /** Closes its session. What it brought before is still handled. */
  removeMember(name: string): void {
    const link = this.#members.get(name);
    if (link) this.#forget(link);
  }

  /** Ends all sessions; messages on their way to a handler are still handled. */
  close(): void {
    for (const link of [...this.#members.values()]) this.#forget(link);
  }

  /**
   * Takes all messages of one content that come over one kind of our paths (or `public` ones). Returns how to stop.
   * @throws {RangeError} if the pair has a handler, or the content cannot come that way.
   */
  handle<N extends ContentName, S extends SourceOf<N>>(
    content: N,
    source: S,
    handler: MessageHandler<N, S>,
    options: HandlerOptions = {},
  ): () => void {
    return this.#handlers.register(content, source, handler, options);
  }

  /**
   * Sends one message. `sent` means that a node took it over, no more. Never rejects.
   * @throws {RangeError} if a member of the content does not fit its field.
   */
  async send(content: Content, to: MessageTarget, options: SendOptions = {}): Promise<SendOutcome> {
    return this.#outbox.send(encodeContent(content), to, options);
  }

  /**
   * Sends copies over several paths, each with a reply path, at most `limit` (and never more than {@link MAX_COPIES}). Pairs are
   * taken so that every path and every reply path gets its turn early. Resolves to the copies that were taken over.
   */
  async sendCopies(
    content: Content,
    paths: readonly BlindedPath[],
    replyPaths: readonly BlindedPath[],
    { limit = MAX_COPIES, attempt = 0 }: { readonly limit?: number; readonly attempt?: number } = {},
  ): Promise<number> {
    const pairs = pairsOf(paths, replyPaths).slice(0, Math.min(limit, MAX_COPIES));
    const outcomes = await Promise.all(
      pairs.map(([path, replyPath]) => this.send(content, { path }, { attempt, ...(replyPath && { replyPath }) })),
    );
    return outcomes.filter(({ kind }) => kind === 'sent').length;
  }

  /** Hands a message as it is to a peer of any member: a kept one to its client that woke. */
  async passOn(to: NodeId, message: OnionMessage): Promise<boolean> {
    for (const member of this.#members.values()) {
      if (member.isConnected(to) && (await member.send(to, message)) === 'sent') return true;
    }
    return false;
  }

  /** Some member is connected to the node now. */
  isConnected(node: NodeId): boolean {
    return [...this.#members.values()].some((member) => member.isConnected(node));
  }

  /** The path id that says `context`, under the current key. @throws {RangeError} if a member does not fit its field. */
  pathId(context: PathContext): Uint8Array {
    return sealPathContext(this.#options.virtualNodes[0]!.contextKey, context);
  }

  /** Fresh paths to the current virtual node, spread over the members; none if no member can be reached by others. */
  pathsToVirtual(pathId: Uint8Array, options: PathOptions = {}): BlindedPath[] {
    const { graph, random } = this.#options;
    const members = [...this.#members.values()];
    return pathsToVirtual({ members, graph, virtualNode: this.nodeId, random }, pathId, options);
  }

  #handlersOf(link: MemberLink): MessageHandlers {
    return {
      onUnforwarded: (unforwarded) => {
        if (!link.isClosed) this.#take(link, unforwarded);
      },
      onReceived: (received) => {
        if (!link.isClosed) this.#read(link, received);
      },
      onPeer: (peer, connected) => {
        if (link.isClosed) return;
        link.setPeer(peer, connected);
        this.#options.onPeer?.(peer, connected, link.name);
      },
      onClosed: (reason) => {
        if (link.isClosed) return;
        this.#forget(link);
        this.#options.onMemberLost?.(link.name, reason);
      },
    };
  }

  #take(link: MemberLink, unforwarded: UnforwardedMessage): void {
    const source = unforwarded.from ? toHex(unforwarded.from) : link.name;
    if (!this.#inbox.admit(source)) return;
    const { to, message } = unforwarded;
    const at = 'nodeId' in to ? this.#inbox.virtualNode(to.nodeId) : undefined;
    if (at) this.#inbox.put({ kind: 'peel', source, member: link.name, at, message });
    else this.#inbox.stray({ ...unforwarded, member: link.name });
  }

  #read(link: MemberLink, { payload, pathId }: ReceivedAtNode): void {
    if (!this.#inbox.admit(link.name)) return;
    this.#inbox.put({ kind: 'read', source: link.name, member: link.name, payload, ...(pathId && { pathId }) });
  }

  #forget(link: MemberLink): void {
    if (this.#members.get(link.name) === link) this.#members.delete(link.name);
    link.close();
  }
}

/** All pairs, diagonal by diagonal; with no reply path, one message per path. */
function pairsOf(
  paths: readonly BlindedPath[],
  replyPaths: readonly BlindedPath[],
): (readonly [BlindedPath, BlindedPath | undefined])[] {
  if (replyPaths.length === 0) return paths.map((path) => [path, undefined]);
  const pairs: (readonly [BlindedPath, BlindedPath])[] = [];
  for (let shift = 0; shift < replyPaths.length; shift++) {
    for (const [i, path] of paths.entries()) pairs.push([path, replyPaths[(i + shift) % replyPaths.length]!]);
  }
  return pairs;
}
