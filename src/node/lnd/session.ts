/**
 * One stream of LND's HTLC interceptor, with the events and blocks that belong to it, over a connection of its own: a
 * heartbeat over the connection speaks for the streams on it, and closing it gives LND's only interceptor slot back.
 */
import type { HtlcAnswer, HtlcKey, InterceptHandlers, InterceptSession } from '../../receive/node-port.js';
import { equalBytes } from '../../wire/bytes.js';
import type { BlockHeight, Millis, NodeId } from '../../wire/units.js';
import { replyTo, resumption } from './answers.js';
import { LndClient, type LndEndpoint, type OpenBidi, type OpenStream, type StreamHandlers } from './client.js';
import { LndError } from './errors.js';
import { finalOf, shownHtlc } from './htlc.js';
import { nodeIdOf } from './info.js';
import {
  type HtlcEvent,
  htlcInterceptor,
  type InterceptRequest,
  type InterceptResponse,
  subscribeHtlcEvents,
} from './rpc/intercept.js';
import { getInfo, registerBlockEpochNtfn } from './rpc/node.js';
import { ShownHtlcs } from './shown-htlcs.js';

/** From the first byte to a stream that LND has accepted. */
const OPEN_MS: Millis = 12_000;
const HEARTBEAT_MS: Millis = 8_000;
/** LND refuses a second interceptor at once, but says nothing when it accepts one. */
const REFUSAL_GRACE_MS: Millis = 100;

export interface LndSessionOptions {
  readonly endpoint: LndEndpoint;
  /** Who has to answer: the address may lead to another node by now. Undefined: whoever does. */
  readonly expected: NodeId | undefined;
  readonly handlers: InterceptHandlers;
  /** Default 12 s. */
  readonly openMs?: Millis;
  /** The session is over, or did not come to be. */
  readonly onOver: (session: LndSession) => void;
}

export class LndSession implements InterceptSession {
  readonly #options: LndSessionOptions;
  readonly #client: LndClient;
  readonly #shown = new ShownHtlcs();
  readonly #streams: OpenStream[] = [];
  /** Rejects when the session is over. */
  readonly #over: Promise<never>;
  #reject: (reason: Error) => void = () => undefined;
  #state: 'opening' | 'open' | 'over' = 'opening';
  #nodeId: NodeId = new Uint8Array();
  #interceptor: OpenBidi<InterceptResponse> | undefined;
  #height: BlockHeight = 0;

  private constructor(options: LndSessionOptions) {
    this.#options = options;
    this.#client = new LndClient(options.endpoint);
    this.#over = new Promise((_resolve, reject) => {
      this.#reject = reject;
    });
    this.#over.catch(() => undefined); // whoever waits hears of it
  }

  /** Rejects where LND does not answer, is another node, or has given its interceptor to somebody else. */
  static async open(options: LndSessionOptions): Promise<LndSession> {
    const session = new LndSession(options);
    const timeout = setTimeout(() => {
      session.#end(new LndError('timeout', `LND at ${options.endpoint.address} did not open its streams in time`));
    }, options.openMs ?? OPEN_MS);
    try {
      await Promise.race([session.#connect(), session.#over]);
      session.#state = 'open';
      return session;
    } catch (error) {
      session.#end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      clearTimeout(timeout);
    }
  }

  /**
   * Events come before the interceptor, so that no final is missed of what it shows. What it shows is passed on at once:
   * its user waits for {@link open} itself.
   */
  async #connect(): Promise<void> {
    await this.#identify();
    await this.#followBlocks();
    await this.#begin((first) =>
      this.#client.listen(
        subscribeHtlcEvents,
        {},
        this.#stream((event) => {
          first();
          this.#handleEvent(event);
        }),
      ),
    );
    const shownFirst = this.#begin((first) => {
      this.#interceptor = this.#client.converse(
        htlcInterceptor,
        this.#stream((request) => {
          first();
          this.#show(request);
        }),
      );
      return this.#interceptor;
    });
    await Promise.race([shownFirst, this.#refusalWouldHaveCome()]);
  }

  async #identify(): Promise<void> {
    const { expected, endpoint } = this.#options;
    const info = await this.#client.call(getInfo, {}, HEARTBEAT_MS);
    this.#nodeId = nodeIdOf(info, endpoint.address);
    if (expected && !equalBytes(expected, this.#nodeId)) {
      throw new LndError('unreachable', `another node answers at ${endpoint.address} now; correct the address`);
    }
    this.#heightIs(info.blockHeight);
  }

  /** Where the build of LND has no block events, heights come with the heartbeats alone. */
  async #followBlocks(): Promise<void> {
    await new Promise<void>((resolve) => {
      let isFollowing = false;
      const stream = this.#stream<{ readonly height: number }>(({ height }) => {
        isFollowing = true;
        this.#heightIs(height);
        resolve();
      });
      const epochs = this.#client.listen(
        registerBlockEpochNtfn,
        {},
        {
          onMessage: (block) => {
            stream.onMessage(block);
          },
          onEnd: (error) => {
            if (isFollowing || error.kind !== 'unsupported') stream.onEnd(error);
            else resolve();
          },
        },
      );
      this.#streams.push(epochs);
    });
  }

  /** Opens a stream and waits for its first message; its end is the session's. */
  async #begin(open: (first: () => void) => OpenStream): Promise<void> {
    await new Promise<void>((resolve) => this.#streams.push(open(resolve)));
  }

  #stream<O>(onMessage: (message: O) => void): StreamHandlers<O> {
    return {
      onMessage: (message) => {
        if (this.#state !== 'over') onMessage(message);
      },
      onEnd: (error) => {
        this.#end(error);
      },
    };
  }

  /**
   * LND received the stream before these questions and refuses at once what it refuses. It works on them side by side, so
   * this is likely and not certain: a refusal that comes still later ends the open session.
   */
  async #refusalWouldHaveCome(): Promise<void> {
    await this.#client.call(getInfo, {}, HEARTBEAT_MS);
    await new Promise((resolve) => setTimeout(resolve, REFUSAL_GRACE_MS));
    await this.#client.call(getInfo, {}, HEARTBEAT_MS);
  }

  #show(request: InterceptRequest): void {
    const shown = shownHtlc(request, this.#nodeId);
    if (shown.type === 'nothing') return;
    if (shown.type === 'foreign') {
      this.#interceptor?.write(resumption(shown.key));
      return;
    }
    this.#shown.add(shown.htlc, this.#height);
    this.#options.handlers.onHtlc(shown.htlc);
  }

  #handleEvent(event: HtlcEvent): void {
    const result = finalOf(event, this.#nodeId);
    if (!result) return;
    this.#shown.remove(result.key);
    this.#options.handlers.onFinal(result);
  }

  /** A height below one already told is a reorganisation: it has no bearing on deadlines until the chain is higher again. */
  #heightIs(height: BlockHeight): void {
    if (height <= this.#height || this.#state === 'over') return;
    this.#height = height;
    this.#shown.heightIs(height);
    this.#options.handlers.onHeight(height);
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  answer(key: HtlcKey, answer: HtlcAnswer): 'sent' | 'unknown' | 'closed' {
    if (this.#state === 'over' || !this.#interceptor) return 'closed';
    const htlc = equalBytes(key.nodeId, this.#nodeId) ? this.#shown.get(key) : undefined;
    const reply = htlc && replyTo(htlc, answer);
    if (!reply) return 'unknown';
    this.#shown.remove(key);
    this.#interceptor.write(reply);
    return 'sent';
  }

  async heartbeat(): Promise<BlockHeight> {
    if (this.#state === 'over') throw new Error('the session is over');
    const { blockHeight } = await this.#client.call(getInfo, {}, HEARTBEAT_MS); // rejects when the session ends
    this.#heightIs(blockHeight);
    return blockHeight;
  }

  close(): void {
    this.#end(new LndError('cancelled', 'closed by us'));
  }

  #end(reason: Error): void {
    if (this.#state === 'over') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'over';
    for (const stream of this.#streams) stream.cancel();
    this.#client.close();
    this.#reject(reason);
    this.#options.onOver(this);
    if (wasOpen) this.#options.handlers.onClosed(reason.message);
  }
}
