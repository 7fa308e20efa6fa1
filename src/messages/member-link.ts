/** A member node as the messenger sees it: its open session and who is connected to it. */
import type { OnionMessage } from '../onion/index.js';
import { toHex } from '../wire/bytes.js';
import type { NodeId } from '../wire/units.js';
import type { MessagePort, MessageSession, ReceivedAtNode, UnforwardedMessage } from './port.js';
import type { RoutingMember } from './router.js';

export class MemberLink implements RoutingMember {
  readonly name: string;
  readonly nodeId: NodeId;
  readonly #port: MessagePort;
  readonly #peers = new Map<string, NodeId>();
  #session: MessageSession | undefined;
  #closed = false;

  constructor(name: string, nodeId: NodeId, port: MessagePort) {
    this.name = name;
    this.nodeId = nodeId;
    this.#port = port;
  }

  /** A path can go on behind the node. */
  get showsForwards(): boolean {
    return this.#port.showsForwards ?? true;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** The session stands; one that ended meanwhile, or whose member was removed, is closed. */
  opened(session: MessageSession): void {
    if (this.#closed) session.close();
    else this.#session = session;
  }

  close(): void {
    this.#closed = true;
    this.#peers.clear();
    this.#session?.close();
    this.#session = undefined;
  }

  setPeer(peer: NodeId, connected: boolean): void {
    if (this.#closed) return;
    if (connected) this.#peers.set(toHex(peer), peer);
    else this.#peers.delete(toHex(peer));
  }

  isConnected(peer: NodeId): boolean {
    return this.#peers.has(toHex(peer));
  }

  peers(): Iterable<NodeId> {
    return this.#peers.values();
  }

  /** Never rejects: a node that fails has not sent it. */
  async send(peer: NodeId, message: OnionMessage): Promise<'sent' | 'not_connected' | 'refused'> {
    if (!this.#session) return 'refused';
    try {
      return await this.#session.send(peer, message);
    } catch {
      return 'refused';
    }
  }

  /** Never rejects. */
  async dial(node: NodeId): Promise<boolean> {
    try {
      return (await this.#session?.dial(node)) ?? false;
    } catch {
      return false;
    }
  }

  /** Undefined where the node cannot peel for us, or the message is not for it. */
  async peel(message: OnionMessage): Promise<UnforwardedMessage | ReceivedAtNode | undefined> {
    try {
      return await this.#port.peelOwn?.(message);
    } catch {
      return undefined;
    }
  }
}
