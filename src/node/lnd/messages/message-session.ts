/** One session of the message port: LND's onion messages and peers as streams, over a connection of its own. */
import type { MessageHandlers, MessageSession } from '../../../messages/port.js';
import type { EncryptedData, NextMessageHop, OnionMessage } from '../../../onion/index.js';
import { equalBytes, fromHex, isHexOf, toHex } from '../../../wire/bytes.js';
import type { Millis, NodeId, ShortChannelId } from '../../../wire/units.js';
import type { LndEndpoint } from '../client.js';
import { LndError } from '../errors.js';
import { getChanInfo } from '../rpc/channels.js';
import { type OnionMessageUpdate, sendOnionMessage, subscribeOnionMessages } from '../rpc/messages.js';
import { listPeers, subscribePeerEvents } from '../rpc/peers.js';
import { onionMessageProblem } from '../versions.js';
import { Backlog } from './backlog.js';
import { ConnectedPeers } from './connected-peers.js';
import { Dialler } from './dialler.js';
import { Opener } from './opener.js';
import { Streams } from './streams.js';
import { MAX_PACKET_LENGTH, type ShownMessage, shownMessage } from './updates.js';

const QUESTION_MS: Millis = 8_000;
/** LND waits for a peer that is just coming. */
const SEND_MS: Millis = 10_000;

export interface MessageSessionOptions {
  readonly endpoint: LndEndpoint;
  /** Who has to answer. Undefined: whoever does. */
  readonly expected: NodeId | undefined;
  /** Layers for the node may be opened if LND allows it. */
  readonly mayOpen: boolean;
  readonly handlers: MessageHandlers;
  readonly onOver: () => void;
}

export class LndMessageSession implements MessageSession {
  readonly #handlers: MessageHandlers;
  readonly #streams: Streams;
  readonly #peers: ConnectedPeers;
  readonly #dialler: Dialler;
  readonly #backlog = new Backlog();
  #nodeId: NodeId = new Uint8Array();
  #opener: Opener | undefined;

  private constructor({ endpoint, expected, handlers, onOver }: MessageSessionOptions) {
    this.#handlers = handlers;
    this.#streams = new Streams({
      endpoint,
      expected,
      onOver: () => {
        this.#backlog.clear();
        onOver();
      },
      onClosed: (reason) => {
        handlers.onClosed(reason);
      },
    });
    this.#peers = new ConnectedPeers(
      (peer, connected) => {
        handlers.onPeer(peer, connected);
      },
      () => performance.now(),
    );
    this.#dialler = new Dialler(this.#streams.client, this.#peers);
  }

  /** Rejects where LND does not answer, is older than 0.21, or its macaroon does not grant what it takes. */
  static async open(options: MessageSessionOptions): Promise<LndMessageSession> {
    const session = new LndMessageSession(options);
    await session.#open(options);
    return session;
  }

  async #open({ mayOpen, endpoint: { address } }: MessageSessionOptions): Promise<void> {
    const streams = this.#streams;
    await streams.open(async ({ version }, nodeId) => {
      const problem = onionMessageProblem(version);
      if (problem) throw new LndError('unsupported', `LND at ${address}: ${problem.reason}; ${problem.fix}`);
      this.#nodeId = nodeId;
      if (mayOpen) this.#opener = await Opener.at(streams.client, nodeId);
      streams.listen(subscribePeerEvents, (event) => {
        this.#peers.changed(event);
      });
      const { peers } = await streams.client.call(listPeers, {}, QUESTION_MS);
      if (!streams.isOver) this.#peers.listed(peers);
      streams.listen(subscribeOnionMessages, (update) => {
        this.#handle(update);
      });
    });
  }

  /** Messages that found no place while LND was asked about others. */
  get dropped(): number {
    return this.#backlog.dropped;
  }

  #handle(update: OnionMessageUpdate): void {
    const shown = shownMessage(update);
    if (!shown) return;
    const opener = this.#opener;
    if (opener) {
      const arrivedAt = performance.now();
      this.#backlog.put(toHex(update.peer), () => this.#read(opener, update, shown, arrivedAt));
    } else if (shown.kind === 'final') {
      this.#handlers.onReceived({ payload: shown.payload });
    }
  }

  /** What LND has passed on itself is not shown: it does so for peers, and tells of the message all the same. */
  async #read(
    opener: Opener,
    { peer, pathKey, onion, encryptedRecipientData }: OnionMessageUpdate,
    shown: ShownMessage,
    arrivedAt: Millis,
  ): Promise<void> {
    const data = await opener.dataOf(pathKey, encryptedRecipientData);
    if (!data) return;
    if (data.nextNodeId === undefined && data.shortChannelId === undefined) {
      if (shown.kind === 'relayed' || this.#streams.isOver) return;
      this.#handlers.onReceived({ payload: shown.payload, ...(data.pathId && { pathId: data.pathId }) });
      return;
    }
    const to = await this.#nextNode(data);
    if (!to || this.#peers.wasThere(to, arrivedAt)) return;
    const opened = await opener.peel({ pathKey, packet: onion });
    // Behind hops of the node to itself it may be another one.
    const next = opened && 'to' in opened ? await this.#nodeOf(opened.to) : undefined;
    if (!opened || this.#streams.isOver) return;
    if ('payload' in opened) this.#handlers.onReceived(opened);
    else if (next) this.#handlers.onUnforwarded({ ...opened, to: { nodeId: next }, from: peer });
  }

  async #nodeOf(hop: NextMessageHop): Promise<NodeId | undefined> {
    return 'nodeId' in hop ? hop.nodeId : this.#otherEnd(hop.shortChannelId);
  }

  async #nextNode({ nextNodeId, shortChannelId }: EncryptedData): Promise<NodeId | undefined> {
    return nextNodeId ?? (shortChannelId === undefined ? undefined : this.#otherEnd(shortChannelId));
  }

  async #otherEnd(scid: ShortChannelId): Promise<NodeId | undefined> {
    const { node1Pub, node2Pub } = await this.#streams.client.call(getChanInfo, { chanId: scid }, QUESTION_MS);
    const ends = [node1Pub, node2Pub].filter((end) => isHexOf(end, 33)).map((end) => fromHex(end));
    return ends.find((end) => !equalBytes(end, this.#nodeId));
  }

  async send(peer: NodeId, { pathKey, packet }: OnionMessage): Promise<'sent' | 'not_connected' | 'refused'> {
    if (this.#streams.isOver || packet.length > MAX_PACKET_LENGTH) return 'refused';
    try {
      await this.#streams.client.call(sendOnionMessage, { peer, pathKey, onion: packet }, SEND_MS);
      return 'sent';
    } catch (error) {
      return error instanceof LndError && error.kind === 'not-found' ? 'not_connected' : 'refused';
    }
  }

  /** LND lends its key, so that what goes on behind the node is shown. */
  get opens(): boolean {
    return this.#opener !== undefined;
  }

  get isOver(): boolean {
    return this.#streams.isOver;
  }

  async dial(node: NodeId): Promise<boolean> {
    return !this.#streams.isOver && this.#dialler.dial(node);
  }

  close(): void {
    this.#streams.close();
  }
}
