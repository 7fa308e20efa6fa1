/** A node of a simulated network in another process, as a port. */
import { z } from 'zod';
import type { BlindedPath } from '../../onion/blinded-path.js';
import type {
  FinalResult,
  HtlcAnswer,
  HtlcKey,
  InterceptHandlers,
  InterceptPort,
  InterceptSession,
  LocalChannel,
  NodeInfo,
  NodePort,
} from '../../receive/node-port.js';
import { toHex } from '../../wire/bytes.js';
import type { BlockHeight } from '../../wire/units.js';
import { LND_FAILURE_CODES } from './interceptor-config.js';
import { Asker, Wire, type ServerEvent } from './remote-connection.js';
import { blindedPath } from './remote-message-wire.js';
import { RemoteMessageGraph, RemoteMessagePort, RemotePeerMessagePort } from './remote-messages.js';
import { RemoteGraphPort, RemoteSendPort } from './remote-send.js';
import { htlcAnswer, htlcKey, localChannels, lookedUp, nodeAbilities, nodeInfo } from './remote-wire.js';

export interface RemoteSimNodeOptions {
  /** `tcp://127.0.0.1:PORT` */
  readonly url: string;
  /** Name of the node in its network. */
  readonly node: string;
  /** What the operator calls it; default: the same. */
  readonly name?: string;
  /** Default: as LND. */
  readonly nodeFailureCodes?: InterceptPort['nodeFailureCodes'];
}

export class RemoteSimNode implements NodePort {
  readonly kind = 'sim';
  readonly name: string;
  readonly intercept: InterceptPort;
  readonly send: RemoteSendPort;
  readonly graph: RemoteGraphPort;
  readonly messages: RemoteMessagePort;
  readonly messageGraph: RemoteMessageGraph;
  readonly peerMessages: RemotePeerMessagePort;
  /** By its own word, the last time it was asked who it is. */
  #returnsReleasePaths = false;
  readonly #node: string;
  readonly #asker: Asker;

  /** Connects when it is first used. @throws {RangeError} if the address is none */
  constructor({ url, node, name = node, nodeFailureCodes = LND_FAILURE_CODES }: RemoteSimNodeOptions) {
    this.name = name;
    this.#node = node;
    this.#asker = new Asker(url);
    this.send = new RemoteSendPort({ url, node });
    this.graph = new RemoteGraphPort({ url, node });
    this.messageGraph = new RemoteMessageGraph(this.#asker);
    this.messages = new RemoteMessagePort({ url, node }, this.#asker, this.messageGraph);
    this.peerMessages = new RemotePeerMessagePort({ url, node });
    const returnsReleasePaths = (): boolean => this.#returnsReleasePaths;
    this.intercept = {
      nodeFailureCodes,
      get returnsReleasePaths() {
        return returnsReleasePaths();
      },
      open: (handlers) => RemoteSession.open(url, node, handlers),
      lookupFinal: (key) => this.#lookup(key),
    };
  }

  async info(): Promise<NodeInfo> {
    const answer = await this.#asker.ask({ verb: 'info', node: this.#node });
    this.#returnsReleasePaths = nodeAbilities.parse(answer).returnsReleasePaths;
    return nodeInfo.parse(answer);
  }

  async channels(): Promise<readonly LocalChannel[]> {
    return localChannels.parse(await this.#asker.ask({ verb: 'channels', node: this.#node }));
  }

  async signMessage(message: Uint8Array): Promise<string> {
    return z.string().parse(await this.#asker.ask({ verb: 'sign_message', node: this.#node, message: toHex(message) }));
  }

  /** Lets go of the connections; a later question opens them again. */
  async close(): Promise<void> {
    await Promise.all([this.#asker.close(), this.send.close()]);
  }

  async #lookup(key: HtlcKey): Promise<FinalResult['outcome'] | undefined> {
    const question = { verb: 'lookup', node: this.#node, key: z.encode(htlcKey, key) };
    return lookedUp.parse(await this.#asker.ask(question)) ?? undefined;
  }
}

const keyText = ({ nodeId, channelId, htlcId }: HtlcKey): string => `${toHex(nodeId)}/${channelId}/${htlcId}`;

class RemoteSession implements InterceptSession {
  readonly #handlers: InterceptHandlers;
  /** HTLCs shown and not answered; the value tells whether they are on chain. */
  readonly #held = new Map<string, boolean>();
  /** HTLCs answered: showing one again by accident does not make it answerable again, its going on chain does. */
  readonly #answered = new Map<string, boolean>();
  #wire: Wire | undefined;
  #open = true;

  private constructor(handlers: InterceptHandlers) {
    this.#handlers = handlers;
  }

  static async open(url: string, node: string, handlers: InterceptHandlers): Promise<RemoteSession> {
    const session = new RemoteSession(handlers);
    const early: ServerEvent[] = [];
    let live = false;
    const wire = await Wire.open(
      url,
      (event) => {
        if (live) session.#receive(event);
        else early.push(event);
      },
      () => {
        if (live) session.#end('connection lost');
      },
    );
    session.#wire = wire;
    try {
      await wire.ask({ verb: 'open', node });
    } catch (thrown) {
      wire.end();
      throw thrown;
    }
    // The caller gets the session before its first event.
    setImmediate(() => {
      live = true;
      for (const event of early) session.#receive(event);
      if (wire.closed) session.#end('connection lost');
    });
    return session;
  }

  readonly answer = (key: HtlcKey, answer: HtlcAnswer): 'sent' | 'unknown' | 'closed' => {
    if (!this.#open) return 'closed';
    const text = keyText(key);
    const onChain = this.#held.get(text);
    if (onChain === undefined) return 'unknown';
    this.#held.delete(text);
    this.#answered.set(text, onChain);
    this.#wire?.tell({ verb: 'answer', key: z.encode(htlcKey, key), answer: z.encode(htlcAnswer, answer) });
    return 'sent';
  };

  readonly heartbeat = async (): Promise<BlockHeight> => {
    if (!this.#open || !this.#wire) throw new Error('the session is closed');
    return z.number().parse(await this.#wire.ask({ verb: 'heartbeat' }));
  };

  readonly close = (): void => this.#end('closed by us');

  #receive(event: ServerEvent): void {
    if (!this.#open) return;
    switch (event.event) {
      case 'htlc': {
        const text = keyText(event.htlc.key);
        if (this.#answered.get(text) !== event.htlc.onChain) this.#held.set(text, event.htlc.onChain);
        this.#handlers.onHtlc(event.htlc);
        return;
      }
      case 'final':
        this.#held.delete(keyText(event.result.key));
        this.#handlers.onFinal(event.result);
        break;
      case 'height':
        this.#handlers.onHeight(event.height);
        break;
      case 'closed':
        this.#end(event.reason);
        break;
      case 'release_path':
        this.#tellPath(event.question, event.key);
        break;
      case 'news':
      case 'loaded':
      case 'unforwarded':
      case 'received':
      case 'peer':
      case 'peer_message':
        break; // of other streams
    }
  }

  /** A bug of whoever listens costs this HTLC its path and nothing more. */
  #tellPath(question: number, key: HtlcKey): void {
    let path: BlindedPath | undefined;
    try {
      path = this.#handlers.releasePath?.(key);
    } catch {
      path = undefined;
    }
    this.#wire?.tell({ verb: 'release_path', question, path: path ? z.encode(blindedPath, path) : null });
  }

  #end(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#wire?.end();
    this.#handlers.onClosed(reason);
  }
}
