/** What onion messages need of a Lightning node. Declared beside its user; adapters in `node/` implement it. */
import type { MessagePayload, NextMessageHop, OnionMessage } from '../onion/index.js';
import type { NodeId, ShortChannelId } from '../wire/units.js';

/** A message that the node has peeled and could not pass on itself: its next hop is nobody it is connected to. */
export interface UnforwardedMessage {
  /** The peer that sent it; absent where the node does not tell. */
  readonly from?: NodeId;
  /** Our virtual node, a client that sleeps, or a stranger. */
  readonly to: NextMessageHop;
  /** As the next hop is to get it. */
  readonly message: OnionMessage;
}

/** A message whose last hop is the node itself. */
export interface ReceivedAtNode {
  readonly payload: MessagePayload;
  /** From the data that was encrypted for the node; absent where the node does not show it. */
  readonly pathId?: Uint8Array;
}

/** Called by the adapter. Handlers only put into memory; they never throw and never wait. */
export interface MessageHandlers {
  /** At most once per message; what arrives while nobody listens is lost. */
  onUnforwarded(unforwarded: UnforwardedMessage): void;
  onReceived(received: ReceivedAtNode): void;
  /** A peer came or went; those that are connected when the session opens are told first. */
  onPeer(peer: NodeId, connected: boolean): void;
  /** Exactly once; nothing follows. */
  onClosed(reason: string): void;
}

export interface MessageSession {
  /**
   * Hands wire message 513 to a peer. No delivery is promised (BOLT 4).
   * `not_connected`: the peer is not there; `refused`: the node does not send it, or the session is over.
   */
  send(peer: NodeId, message: OnionMessage): Promise<'sent' | 'not_connected' | 'refused'>;
  /** Connects to a node by the addresses it announced. False if that is not possible now. */
  dial(node: NodeId): Promise<boolean>;
  close(): void;
}

export interface MessagePort {
  /** Rejects when the node cannot be reached. One session at a time; a second one is refused (rejects). */
  open(handlers: MessageHandlers): Promise<MessageSession>;
  /** False: the node shows only what ends at itself, so no path of ours can go on behind it. Default true. */
  readonly showsForwards?: boolean;
  /** Opens a hop's data with the node's own key, for paths that start at the node itself; absent where it cannot. */
  readonly peelOwn?: (message: OnionMessage) => Promise<UnforwardedMessage | ReceivedAtNode | undefined>;
}

/** A direct peer message that is no onion message: LSPS0 (37913), rod (44203). */
export interface PeerMessage {
  readonly peer: NodeId;
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Messages of types from 32768 on, exchanged with direct peers. */
export interface PeerMessagePort {
  open(handlers: { onMessage(message: PeerMessage): void; onClosed(reason: string): void }): Promise<{
    send(message: PeerMessage): Promise<'sent' | 'not_connected' | 'refused'>;
    close(): void;
  }>;
}

/** A node of the public graph through which onion messages can go. */
export interface MessageGraph {
  /** Announced nodes next to this one that relay onion messages (BOLT 9, 38/39). */
  neighbours(node: NodeId): Iterable<NodeId>;
  /** Both ends of a channel, node 1 first; undefined if it is not announced. */
  endsOf(scid: ShortChannelId): readonly [NodeId, NodeId] | undefined;
  /** It relays onion messages and announced an address. */
  canDial(node: NodeId): boolean;
}
