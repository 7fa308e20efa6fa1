/** The message streams of one client of a served simulated network, and its answers to questions for release paths. */
import { z } from 'zod';
import type { MessagePort, MessageSession, PeerMessage, PeerMessagePort } from '../../messages/port.js';
import type { BlindedPath } from '../../onion/blinded-path.js';
import type { OnionMessage } from '../../onion/message.js';
import type { HtlcKey } from '../../receive/node-port.js';
import type { NodeId } from '../../wire/units.js';
import { peerMessage, received, unforwarded } from './remote-message-wire.js';
import { bytes } from './remote-values.js';
import { htlcKey } from './remote-wire.js';

type SendResult = 'sent' | 'not_connected' | 'refused';

export interface Line {
  tell(event: unknown): void;
  /** What was told before still goes out. */
  end(): void;
}

const nodeIdHex = bytes(33);

export class ServedMessages {
  readonly #line: Line;
  #session: MessageSession | undefined;
  #peers: Awaited<ReturnType<PeerMessagePort['open']>> | undefined;

  constructor(line: Line) {
    this.#line = line;
  }

  async open(port: MessagePort): Promise<void> {
    this.#checkFree();
    this.#session = await port.open({
      onUnforwarded: (message) =>
        this.#line.tell({ event: 'unforwarded', unforwarded: z.encode(unforwarded, message) }),
      onReceived: (message) => this.#line.tell({ event: 'received', received: z.encode(received, message) }),
      onPeer: (peer, connected) => this.#line.tell({ event: 'peer', peer: z.encode(nodeIdHex, peer), connected }),
      onClosed: (reason) => this.#closed(reason),
    });
  }

  async openPeers(port: PeerMessagePort): Promise<void> {
    this.#checkFree();
    this.#peers = await port.open({
      onMessage: (message) => this.#line.tell({ event: 'peer_message', message: z.encode(peerMessage, message) }),
      onClosed: (reason) => this.#closed(reason),
    });
  }

  async send(peer: NodeId, message: OnionMessage): Promise<SendResult> {
    return (await this.#session?.send(peer, message)) ?? 'refused';
  }

  async sendToPeer(message: PeerMessage): Promise<SendResult> {
    return (await this.#peers?.send(message)) ?? 'refused';
  }

  async dial(node: NodeId): Promise<boolean> {
    return (await this.#session?.dial(node)) ?? false;
  }

  close(): void {
    this.#session?.close();
    this.#peers?.close();
  }

  #checkFree(): void {
    if (this.#session || this.#peers) throw new Error('this connection is a stream already');
  }

  #closed(reason: string): void {
    this.#line.tell({ event: 'closed', reason });
    this.#line.end();
  }
}

/** Questions for the path of an HTLC, which the client answers when it likes, or never. */
export class ReleaseQuestions {
  readonly #line: Line;
  readonly #open = new Map<number, (path: BlindedPath | undefined) => void>();
  #next = 0;

  constructor(line: Line) {
    this.#line = line;
  }

  ask(key: HtlcKey): Promise<BlindedPath | undefined> {
    const question = this.#next++;
    return new Promise((resolve) => {
      this.#open.set(question, resolve);
      this.#line.tell({ event: 'release_path', question, key: z.encode(htlcKey, key) });
    });
  }

  answered(question: number, path: BlindedPath | undefined): void {
    this.#open.get(question)?.(path);
    this.#open.delete(question);
  }

  /** The client is gone. */
  close(): void {
    for (const resolve of this.#open.values()) resolve(undefined);
    this.#open.clear();
  }
}
