/** Onion messages and direct peer messages as a simulated node handles them, and the sessions of whoever uses its ports. */
import type {
  MessageHandlers,
  MessageSession,
  PeerMessage,
  PeerMessagePort,
  ReceivedAtNode,
  UnforwardedMessage,
} from '../../messages/port.js';
import {
  decodeOnionMessage,
  encodeOnionMessage,
  type NextMessageHop,
  ONION_MESSAGE_TYPE,
  type OnionMessage,
  peelOnionMessage,
} from '../../onion/message.js';
import { concat, equalBytes } from '../../wire/bytes.js';
import { u16 } from '../../wire/integers.js';
import type { NodeId, ShortChannelId } from '../../wire/units.js';
import { ClientPipe } from './client-pipe.js';
import type { Connections, PeerEnd } from './connections.js';
import type { World } from './types.js';

export type PeerMessageHandlers = Parameters<PeerMessagePort['open']>[0];
export type PeerMessageSession = Awaited<ReturnType<PeerMessagePort['open']>>;

/** Messages of types from here on belong to applications (BOLT 1). */
const FIRST_CUSTOM_MESSAGE = 32_768;
/** As in the wire format, type included. */
const MAX_MESSAGE_LENGTH = 65_535;

/** What the desk needs of its node. */
export interface MessageHost extends PeerEnd {
  /** The other end of an own channel, by any id under which the node forwards to it. */
  peerBehind(scid: ShortChannelId): NodeId | undefined;
}

interface Client<Handlers> {
  readonly pipe: ClientPipe;
  readonly handlers: Handlers;
}

export class MessageDesk {
  readonly #world: World;
  readonly #host: MessageHost;
  readonly #secret: Uint8Array;
  readonly #connections: Connections;
  #client: Client<MessageHandlers> | undefined;
  #peerClient: Client<PeerMessageHandlers> | undefined;

  constructor(world: World, host: MessageHost, secret: Uint8Array, connections: Connections) {
    // A stream of its own: who listens to messages changes nothing for HTLCs.
    this.#world = { ...world, random: world.random.fork(`messages of ${host.name}`) };
    this.#host = host;
    this.#secret = secret;
    this.#connections = connections;
  }

  /** @throws {Error} when the node is down or somebody else listens */
  open(handlers: MessageHandlers): MessageSession {
    this.#checkFree(this.#client);
    const pipe = new ClientPipe(this.#world, (reason) => {
      this.#client = undefined;
      handlers.onClosed(reason);
    });
    this.#client = { pipe, handlers };
    for (const peer of this.#connections.peersOf(this.#host)) {
      pipe.toClient(() => handlers.onPeer(peer.slice(), true));
    }
    return {
      send: (peer, message) => this.#send(pipe, peer, () => encodeOnionMessage(message)),
      dial: (node) => pipe.ask(false, (answer) => this.#connections.dial(this.#host, node, answer)),
      close: () => pipe.end('closed by us'),
    };
  }

  /** @throws {Error} when the node is down or somebody else listens */
  openPeerMessages(handlers: PeerMessageHandlers): PeerMessageSession {
    this.#checkFree(this.#peerClient);
    const pipe = new ClientPipe(this.#world, (reason) => {
      this.#peerClient = undefined;
      handlers.onClosed(reason);
    });
    this.#peerClient = { pipe, handlers };
    return {
      send: (message) => this.#send(pipe, message.peer, () => customBytes(message)),
      close: () => pipe.end('closed by us'),
    };
  }

  #checkFree(client: unknown): void {
    if (!this.#host.online) throw new Error(`${this.#host.name} cannot be reached: start it`);
    if (client) throw new Error(`${this.#host.name} has a session already: close it first`);
  }

  async #send(
    pipe: ClientPipe,
    peer: NodeId,
    encode: () => Uint8Array | undefined,
  ): Promise<'sent' | 'not_connected' | 'refused'> {
    const bytes = encode();
    if (!bytes || bytes.length > MAX_MESSAGE_LENGTH) return 'refused';
    return pipe.ask<'sent' | 'not_connected' | 'refused'>('refused', (answer) => {
      answer(this.#connections.send(this.#host, peer, bytes) ? 'sent' : 'not_connected');
    });
  }

  /** What a peer sent. Bytes of strangers: whatever cannot be used is dropped. */
  received(from: NodeId, bytes: Uint8Array): void {
    const type = (bytes[0]! << 8) | bytes[1]!;
    if (type === ONION_MESSAGE_TYPE) {
      const decoded = decodeOnionMessage(bytes);
      if (decoded.ok) this.#handle(from, decoded.value);
      else this.#drop(decoded.error.code);
    } else if (type >= FIRST_CUSTOM_MESSAGE && this.#peerClient) {
      const { pipe, handlers } = this.#peerClient;
      const message: PeerMessage = { peer: from.slice(), type, payload: bytes.slice(2) };
      pipe.toClient(() => handlers.onMessage(message));
    } else this.#drop(`nobody listens to ${type}`);
  }

  #handle(from: NodeId, message: OnionMessage): void {
    const peeled = this.peel(message);
    if (!peeled) {
      this.#drop('it cannot be peeled');
    } else if ('to' in peeled) {
      this.#forward(from, peeled);
    } else {
      const client = this.#client;
      client?.pipe.toClient(() => client.handlers.onReceived(peeled));
    }
  }

  #forward(from: NodeId, unforwarded: UnforwardedMessage): void {
    const next = this.#nodeIdOf(unforwarded.to);
    if (next && this.#connections.send(this.#host, next, encodeOnionMessage(unforwarded.message))) return;
    const client = this.#client;
    if (!client) this.#drop('its next hop is not connected');
    client?.pipe.toClient(() => client.handlers.onUnforwarded({ from: from.slice(), ...unforwarded }));
  }

  #nodeIdOf(to: NextMessageHop): NodeId | undefined {
    return 'nodeId' in to ? to.nodeId : this.#host.peerBehind(to.shortChannelId);
  }

  /** Opens the layers that are for this node. Undefined if they are not, or are not fit to be read. */
  peel(message: OnionMessage): UnforwardedMessage | ReceivedAtNode | undefined {
    for (let current = message; ;) {
      const peeled = peelOnionMessage(this.#secret, current);
      if (!peeled.ok) return undefined;
      const { value } = peeled;
      if (value.kind === 'receive') {
        const { payload, data } = value;
        return { payload, ...(data.pathId && { pathId: data.pathId }) };
      }
      // Hops to itself hide how long the path is; the onion ends them.
      if (!('nodeId' in value.to && equalBytes(value.to.nodeId, this.#host.nodeId))) {
        return { to: value.to, message: value.message };
      }
      current = value.message;
    }
  }

  peerChanged(peer: NodeId, connected: boolean): void {
    const client = this.#client;
    client?.pipe.toClient(() => client.handlers.onPeer(peer.slice(), connected));
  }

  /** The sessions break. */
  drop(reason: string): void {
    this.#client?.pipe.end(reason);
    this.#peerClient?.pipe.end(reason);
  }

  #drop(why: string): void {
    this.#world.trace.note(`${this.#host.name} drops a message: ${why}`);
  }
}

/** Undefined for types that belong to the protocol. */
function customBytes({ type, payload }: PeerMessage): Uint8Array | undefined {
  const isCustom = Number.isInteger(type) && type >= FIRST_CUSTOM_MESSAGE && type <= 0xffff;
  return isCustom ? concat(u16(type), payload) : undefined;
}
