/** Onion messages and peer messages of a node of a simulated network in another process. */
import { z } from 'zod';
import type {
  MessageGraph,
  MessageHandlers,
  MessagePort,
  MessageSession,
  PeerMessage,
  PeerMessagePort,
  ReceivedAtNode,
  UnforwardedMessage,
} from '../../messages/port.js';
import type { OnionMessage } from '../../onion/message.js';
import { toHex } from '../../wire/bytes.js';
import type { NodeId, ShortChannelId } from '../../wire/units.js';
import { type Asker, Wire, type ServerEvent } from './remote-connection.js';
import { onionMessage, peeled, peerMessage, relayListJson, sendResult } from './remote-message-wire.js';
import type { RemoteNodeAddress } from './remote-send.js';
import { RelayGraph } from './sim-message-graph.js';

type SendResult = z.output<typeof sendResult>;

/** One stream of a node: its events, and questions over the same connection. */
class Stream {
  readonly #wire: Wire;
  readonly #onClosed: (reason: string) => void;
  #isOpen = true;

  private constructor(wire: Wire, onClosed: (reason: string) => void) {
    this.#wire = wire;
    this.#onClosed = onClosed;
  }

  /** Rejects when the network or the node cannot be reached, or somebody else has the stream. */
  static async open(
    { url, node }: RemoteNodeAddress,
    verb: string,
    onEvent: (event: ServerEvent) => void,
    onClosed: (reason: string) => void,
  ): Promise<Stream> {
    const early: ServerEvent[] = [];
    let stream: Stream | undefined;
    const take = (event: ServerEvent): void => {
      if (!stream) early.push(event);
      else if (event.event === 'closed') stream.end(event.reason);
      else if (stream.#isOpen) onEvent(event);
    };
    const wire = await Wire.open(url, take, () => stream?.end('connection lost'));
    try {
      await wire.ask({ verb, node });
    } catch (thrown) {
      wire.end();
      throw thrown;
    }
    const opened = new Stream(wire, onClosed);
    // The caller gets the session before its first event.
    setImmediate(() => {
      stream = opened;
      for (const event of early) take(event);
      if (wire.closed) opened.end('connection lost');
    });
    return opened;
  }

  /** @param lost what is told where the stream is over, or ends before the answer */
  async ask<T>(question: Readonly<Record<string, unknown>>, answer: z.ZodType<T>, lost: T): Promise<T> {
    if (!this.#isOpen) return lost;
    try {
      return answer.parse(await this.#wire.ask(question));
    } catch {
      return lost;
    }
  }

  readonly end = (reason: string): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#wire.end();
    this.#onClosed(reason);
  };
}

const refused: SendResult = 'refused';

export class RemoteMessagePort implements MessagePort {
  readonly #address: RemoteNodeAddress;
  readonly #asker: Asker;
  readonly #graph: RemoteMessageGraph;

  constructor(address: RemoteNodeAddress, asker: Asker, graph: RemoteMessageGraph) {
    this.#address = address;
    this.#asker = asker;
    this.#graph = graph;
  }

  async open(handlers: MessageHandlers): Promise<MessageSession> {
    await this.#graph.load();
    const onEvent = (event: ServerEvent): void => {
      if (event.event === 'unforwarded') handlers.onUnforwarded(event.unforwarded);
      else if (event.event === 'received') handlers.onReceived(event.received);
      else if (event.event === 'peer') handlers.onPeer(event.peer, event.connected);
    };
    const stream = await Stream.open(this.#address, 'open_messages', onEvent, (reason) => handlers.onClosed(reason));
    return {
      send: async (peer, message) => {
        const question = { verb: 'send_message', peer: toHex(peer), message: z.encode(onionMessage, message) };
        return stream.ask(question, sendResult, refused);
      },
      dial: (node) => stream.ask({ verb: 'dial', peer: toHex(node) }, z.boolean(), false),
      close: () => stream.end('closed by us'),
    };
  }

  async peelOwn(message: OnionMessage): Promise<UnforwardedMessage | ReceivedAtNode | undefined> {
    const question = { verb: 'peel_own', node: this.#address.node, message: z.encode(onionMessage, message) };
    const opened = (await this.#asker.ask(question)) as z.input<typeof peeled> | null;
    return opened ? z.decode(peeled, opened) : undefined;
  }
}

export class RemotePeerMessagePort implements PeerMessagePort {
  readonly #address: RemoteNodeAddress;

  constructor(address: RemoteNodeAddress) {
    this.#address = address;
  }

  async open(handlers: Parameters<PeerMessagePort['open']>[0]): ReturnType<PeerMessagePort['open']> {
    const onEvent = (event: ServerEvent): void => {
      if (event.event === 'peer_message') handlers.onMessage(event.message);
    };
    const closed = (reason: string): void => handlers.onClosed(reason);
    const stream = await Stream.open(this.#address, 'open_peer_messages', onEvent, closed);
    return {
      send: async (message: PeerMessage) =>
        stream.ask({ verb: 'send_peer_message', message: z.encode(peerMessage, message) }, sendResult, refused),
      close: () => stream.end('closed by us'),
    };
  }
}

/** A list that is older is asked for again while it is used. */
const STALE_MS = 5_000;
const EMPTY = new RelayGraph({ channels: [], dialable: [] });

/** Relays as the network told them last. Asking it never waits: it looks again behind the answer. */
export class RemoteMessageGraph implements MessageGraph {
  readonly #asker: Asker;
  #graph = EMPTY;
  #askedAt = -Infinity;

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /** Looks now. Keeps what it has where nobody answers. */
  async load(): Promise<void> {
    this.#askedAt = performance.now();
    try {
      const list = (await this.#asker.ask({ verb: 'relays' })) as z.input<typeof relayListJson>;
      this.#graph = new RelayGraph(z.decode(relayListJson, list));
    } catch {
      this.#askedAt = -Infinity;
    }
  }

  neighbours(node: NodeId): Iterable<NodeId> {
    return this.#current().neighbours(node);
  }

  endsOf(scid: ShortChannelId): readonly [NodeId, NodeId] | undefined {
    return this.#current().endsOf(scid);
  }

  canDial(node: NodeId): boolean {
    return this.#current().canDial(node);
  }

  #current(): RelayGraph {
    if (performance.now() - this.#askedAt > STALE_MS) void this.load();
    return this.#graph;
  }
}
