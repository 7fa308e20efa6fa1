/**
 * An LDK node as a member that passes onion messages on to us, as an adapter of a daemon does: what it cannot forward is
 * ours. Give it `mailbox: 'manual'`. A test awaits `ldk.settled()` before it looks at what came of it. What ends at the
 * node itself is shown too where the test watches messages 513; LDK drops what it has made no path for.
 */
import type {
  MessageHandlers,
  MessagePort,
  MessageSession,
  ReceivedAtNode,
  UnforwardedMessage,
} from '../../src/messages/index.js';
import {
  decodeOnionMessage,
  encodeOnionMessage,
  type NextMessageHop,
  type OnionMessage,
  type PeeledMessage,
  peelOnionMessage,
} from '../../src/onion/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import type { LdkProgram } from './ldk-program.js';
import type { LdkCommands, LdkEvent, LdkEvents } from './ldk-protocol.js';

const ONION_MESSAGE = 513;

const receivedOf = ({ payload, data }: PeeledMessage & { kind: 'receive' }): ReceivedAtNode => ({
  payload,
  ...(data.pathId && { pathId: data.pathId }),
});

type BuiltNode = LdkCommands['build'][1]['nodes'][number];

export class LdkMessagePort implements MessagePort {
  readonly #ldk: LdkProgram;
  readonly #node: BuiltNode;
  readonly #nodes: readonly BuiltNode[];
  isOpen = false;

  /** @param nodes all that `build` answered */
  constructor(ldk: LdkProgram, name: string, nodes: readonly BuiltNode[]) {
    const node = nodes.find((one) => one.name === name);
    if (!node) throw new Error(`there is no node ${name}`);
    this.#ldk = ldk;
    this.#node = node;
    this.#nodes = nodes;
  }

  get nodeId(): Uint8Array {
    return fromHex(this.#node.nodeId);
  }

  async open(handlers: MessageHandlers): Promise<MessageSession> {
    if (this.isOpen) throw new Error('one session at a time');
    this.isOpen = true;
    const stop = this.#ldk.listen((event) => {
      if (event.event === 'message') this.#read(event, handlers);
      else if ('node' in event && event.node === this.#node.name) this.#tell(event, handlers);
    });
    const { peers } = await this.#ldk.call('channels', { node: this.#node.name });
    for (const peer of peers) handlers.onPeer(fromHex(peer), true);
    return {
      send: (peer, message) => this.#send(peer, message),
      dial: (node) => this.#dial(node),
      close: () => {
        this.isOpen = false;
        stop();
        handlers.onClosed('closed');
      },
    };
  }

  readonly peelOwn = (message: OnionMessage): Promise<UnforwardedMessage | ReceivedAtNode | undefined> => {
    const peeled = peelOnionMessage(fromHex(this.#node.nodeSecret), message);
    if (!peeled.ok) return Promise.resolve(undefined);
    if (peeled.value.kind === 'receive') return Promise.resolve(receivedOf(peeled.value));
    const { to, message: next } = peeled.value;
    return Promise.resolve({ to, message: next });
  };

  #read({ to, type, hex }: LdkEvents['message'], handlers: MessageHandlers): void {
    if (to !== this.#node.name || type !== ONION_MESSAGE) return;
    const message = unwrap(decodeOnionMessage(fromHex(hex)));
    const peeled = peelOnionMessage(fromHex(this.#node.nodeSecret), message);
    if (peeled.ok && peeled.value.kind === 'receive') handlers.onReceived(receivedOf(peeled.value));
  }

  #tell(event: LdkEvent, handlers: MessageHandlers): void {
    if (event.event === 'messageIntercepted') handlers.onUnforwarded(this.#unforwarded(event));
    if (event.event === 'messagePeerConnected') handlers.onPeer(this.#idOf(event.peer), true);
    if (event.event === 'peerGone') handlers.onPeer(this.#idOf(event.peer), false);
  }

  #unforwarded({ previous, next, hex }: LdkEvents['messageIntercepted']): UnforwardedMessage {
    const to: NextMessageHop =
      'nodeId' in next ? { nodeId: fromHex(next.nodeId) } : { shortChannelId: BigInt(next.scid) };
    const message = unwrap(decodeOnionMessage(fromHex(hex)));
    return { to, message, ...(previous !== null && { from: this.#idOf(previous) }) };
  }

  /** Of one that is told by name, if it is no foreign node. */
  #idOf(peer: string): Uint8Array {
    return fromHex(this.#nodes.find(({ name }) => name === peer)?.nodeId ?? peer);
  }

  async #send(peer: Uint8Array, message: OnionMessage): Promise<'sent' | 'not_connected' | 'refused'> {
    const { peers } = await this.#ldk.call('channels', { node: this.#node.name });
    const to = toHex(peer);
    if (!peers.includes(to)) return 'not_connected';
    await this.#ldk.call('forwardMessage', { node: this.#node.name, to, hex: toHex(encodeOnionMessage(message)) });
    return 'sent';
  }

  async #dial(node: Uint8Array): Promise<boolean> {
    const known = this.#nodes.find(({ nodeId }) => nodeId === toHex(node));
    if (!known) return false;
    await this.#ldk.call('connect', { node: this.#node.name, peer: known.name });
    const { peers } = await this.#ldk.call('channels', { node: this.#node.name });
    return peers.includes(known.nodeId);
  }
}
