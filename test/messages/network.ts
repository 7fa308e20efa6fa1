/** A few nodes that pass on onion messages as BOLT 4 says, behind the ports of the messenger. No time passes in it. */
import { ec } from '../../src/crypto/index.js';
import type {
  MessageGraph,
  MessageHandlers,
  MessagePort,
  ReceivedAtNode,
  UnforwardedMessage,
  VirtualNode,
} from '../../src/messages/index.js';
import { type OnionMessage, peelOnionMessage } from '../../src/onion/index.js';
import { compareBytes, equalBytes, toHex } from '../../src/wire/bytes.js';
import type { NodeId, ShortChannelId } from '../../src/wire/units.js';

export const secretOf = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);

/** Random enough for tests, the same in every run. */
export function testRandom(seed = 1): (length: number) => Uint8Array {
  let state = seed;
  return (length) =>
    Uint8Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state >>> 16;
    });
}

export function virtualNode(seed: number): VirtualNode {
  return { nodeId: ec.publicKey(secretOf(seed)), secret: secretOf(seed), contextKey: secretOf(seed + 100) };
}

/** Work that waits for its turn, run by hand. */
export class TestClock {
  time = 1_000_000;
  readonly #tasks: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  soon(task: () => void): void {
    this.#tasks.push(task);
  }

  /** Runs what is ready, and what that makes ready, until nothing is. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 20; quiet++) {
      const tasks = this.#tasks.splice(0);
      if (tasks.length > 0) quiet = 0;
      for (const task of tasks) task();
      await Promise.resolve();
    }
  }
}

type Peeled = UnforwardedMessage | ReceivedAtNode;

export class TestNode {
  readonly nodeId: NodeId;
  readonly peers = new Map<string, TestNode>();
  /** Every message that the node was given, with its sender. */
  readonly seen: { readonly from: TestNode | undefined; readonly message: OnionMessage }[] = [];
  readonly secret: Uint8Array;
  readonly name: string;
  announced = true;
  dials: NodeId[] = [];
  /** Messages handed to it are refused. */
  broken = false;
  #handlers: MessageHandlers | undefined;
  readonly #network: TestNetwork;

  constructor(network: TestNetwork, name: string, seed: number) {
    this.#network = network;
    this.name = name;
    this.secret = secretOf(seed);
    this.nodeId = ec.publicKey(this.secret);
  }

  get handlers(): MessageHandlers {
    if (!this.#handlers) throw new Error(`${this.name} has no session`);
    return this.#handlers;
  }

  tellPeer(peer: TestNode, connected: boolean): void {
    this.#handlers?.onPeer(peer.nodeId, connected);
  }

  receive(message: OnionMessage, from?: TestNode): void {
    this.seen.push({ message, from });
    const peeled = this.#peel(message);
    if (!peeled) return;
    if (!('to' in peeled)) return this.#handlers?.onReceived(peeled);
    const next = this.#network.nextHop(this, peeled.to);
    if (next && this.peers.has(toHex(next.nodeId))) {
      next.receive(peeled.message, this);
      return;
    }
    this.#handlers?.onUnforwarded({ ...peeled, ...(from && { from: from.nodeId }) });
  }

  #peel(message: OnionMessage): Peeled | undefined {
    const peeled = peelOnionMessage(this.secret, message);
    if (!peeled.ok) return undefined;
    const { value } = peeled;
    if (value.kind === 'forward') return { to: value.to, message: value.message };
    return { payload: value.payload, ...(value.data.pathId && { pathId: value.data.pathId }) };
  }

  port({ peelOwn = true } = {}): MessagePort {
    return {
      open: async (handlers) => {
        this.#handlers = handlers;
        for (const peer of this.peers.values()) handlers.onPeer(peer.nodeId, true);
        return {
          send: async (peer, message) => {
            const node = this.peers.get(toHex(peer));
            if (!node) return 'not_connected';
            if (this.broken) return 'refused';
            node.receive(message, this);
            return 'sent';
          },
          dial: async (nodeId) => {
            this.dials.push(nodeId);
            const node = this.#network.node(nodeId);
            if (!node?.announced) return false;
            this.#network.connect(this, node);
            return true;
          },
          close: () => (this.#handlers = undefined),
        };
      },
      ...(peelOwn && { peelOwn: async (message: OnionMessage) => this.#peel(message) }),
    };
  }
}

export class TestNetwork {
  readonly #nodes = new Map<string, TestNode>();
  readonly #channels = new Map<ShortChannelId, readonly [TestNode, TestNode]>();
  /** Announced nodes answer to a dial. */
  dialable = false;

  add(name: string, seed: number): TestNode {
    const node = new TestNode(this, name, seed);
    this.#nodes.set(toHex(node.nodeId), node);
    return node;
  }

  node(nodeId: NodeId): TestNode | undefined {
    return this.#nodes.get(toHex(nodeId));
  }

  connect(a: TestNode, b: TestNode): void {
    a.peers.set(toHex(b.nodeId), b);
    b.peers.set(toHex(a.nodeId), a);
    a.tellPeer(b, true);
    b.tellPeer(a, true);
  }

  disconnect(a: TestNode, b: TestNode): void {
    a.peers.delete(toHex(b.nodeId));
    b.peers.delete(toHex(a.nodeId));
    a.tellPeer(b, false);
    b.tellPeer(a, false);
  }

  /** An announced channel; the nodes are connected. */
  channel(scid: ShortChannelId, a: TestNode, b: TestNode): void {
    const ends = compareBytes(a.nodeId, b.nodeId) < 0 ? ([a, b] as const) : ([b, a] as const);
    this.#channels.set(scid, ends);
    this.connect(a, b);
  }

  nextHop(at: TestNode, to: UnforwardedMessage['to']): TestNode | undefined {
    if ('nodeId' in to) return this.node(to.nodeId);
    return this.#channels.get(to.shortChannelId)?.find((end) => end !== at);
  }

  readonly graph: MessageGraph = {
    neighbours: (nodeId) =>
      [...this.#channels.values()].flatMap(([a, b]) => {
        if (!a.announced || !b.announced) return [];
        if (equalBytes(a.nodeId, nodeId)) return [b.nodeId];
        return equalBytes(b.nodeId, nodeId) ? [a.nodeId] : [];
      }),
    endsOf: (scid) => {
      const ends = this.#channels.get(scid);
      return ends && [ends[0].nodeId, ends[1].nodeId];
    },
    canDial: (nodeId) => this.dialable && this.node(nodeId)?.announced === true,
  };
}
