/** Onion messages in the daemon: one messenger over all members that carry them, kept open for as long as the daemon runs. */
import { type MessageGraph, Messenger, type Stray, type VirtualNode } from '../../messages/index.js';
import type { KeyRing } from '../../phantom/index.js';
import type { Clock } from '../../receive/clock.js';
import type { NodePort } from '../../receive/node-port.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis, NodeId } from '../../wire/units.js';
import type { Log } from '../log.js';

export interface MessagesOptions {
  readonly nodes: readonly NodePort[];
  readonly ring: KeyRing;
  readonly graph: MessageGraph;
  readonly clock: Clock;
  readonly log: Log;
  readonly retryMs?: Millis;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** A part of the daemon that hears of peers or of messages for others; added before the start. */
export interface MessageListener {
  onPeer?(peer: NodeId, connected: boolean, member: string): void;
  onStray?(stray: Stray): void;
  /** A message of our own that nobody took. True: it is kept. */
  onUnsent?(unsent: Stray): boolean;
}

/** After a failed try; grows up to the longest. */
const RETRY_MS: Millis = 1_000;
const LONGEST_RETRY_MS: Millis = 60_000;

export class MessagesPart {
  readonly messenger: Messenger;
  readonly #options: MessagesOptions;
  readonly #nodes: readonly NodePort[];
  readonly #listeners = new Set<MessageListener>();
  readonly #cancels = new Map<string, () => void>();
  readonly #opening = new Set<Promise<void>>();
  #isStopped = false;

  constructor(options: MessagesOptions) {
    const { ring, graph, clock, log } = options;
    this.#options = options;
    this.#nodes = options.nodes.filter(({ messages }) => messages !== undefined);
    this.messenger = new Messenger({
      virtualNodes: ring.epochs.map(({ keys }): VirtualNode => ({
        nodeId: keys.phantomNodeId,
        secret: keys.phantomSecret,
        contextKey: keys.messageContextKey,
      })),
      graph,
      clock,
      random: options.randomBytes,
      onPeer: (...news) => {
        for (const listener of this.#listeners) listener.onPeer?.(...news);
      },
      onStray: (stray) => {
        for (const listener of this.#listeners) listener.onStray?.(stray);
      },
      onUnsent: (unsent) => [...this.#listeners].some((listener) => listener.onUnsent?.(unsent) === true),
      onMemberLost: (member, reason) => {
        log.warn({ node: member, reason }, 'onion messages of this node are not heard any more; trying again');
        this.#again(member, RETRY_MS);
      },
      onFault: (error) => {
        log.error({ err: error }, 'an onion message could not be handled');
      },
    });
  }

  /** Whether any node carries onion messages at all. */
  get isPossible(): boolean {
    return this.#nodes.length > 0;
  }

  listen(listener: MessageListener): void {
    this.#listeners.add(listener);
  }

  start(): void {
    for (const { name } of this.#nodes) this.#again(name, 0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const cancel of this.#cancels.values()) cancel();
    await Promise.all(this.#opening);
    this.messenger.close();
  }

  #again(name: string, delayMs: Millis): void {
    if (this.#isStopped) return;
    this.#cancels.get(name)?.();
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#cancels.delete(name);
      const opening = this.#open(name, delayMs).finally(() => this.#opening.delete(opening));
      this.#opening.add(opening);
    });
    this.#cancels.set(name, cancel);
  }

  async #open(name: string, waitedMs: Millis): Promise<void> {
    const node = this.#nodes.find((one) => one.name === name);
    if (!node?.messages) return;
    const { log, retryMs = RETRY_MS } = this.#options;
    try {
      const { nodeId } = await node.info();
      await this.messenger.addMember(name, nodeId, node.messages);
      log.info({ node: name, nodeId: toHex(nodeId) }, 'onion messages of this node are heard');
      if (this.#isStopped) this.messenger.removeMember(name);
    } catch (error) {
      log.debug({ node: name, err: error }, 'the node does not let its onion messages be heard yet');
      this.#again(name, Math.min(Math.max(waitedMs * 2, retryMs), LONGEST_RETRY_MS));
    }
  }
}
