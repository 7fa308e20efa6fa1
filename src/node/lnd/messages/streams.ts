/** Streams of one LND that live and die together, over a connection of their own: what a session of the message ports is. */
import { equalBytes } from '../../../wire/bytes.js';
import type { Millis, NodeId } from '../../../wire/units.js';
import { LndClient, type LndEndpoint, type OpenStream } from '../client.js';
import { LndError } from '../errors.js';
import { nodeIdOf } from '../info.js';
import type { ServerStreamMethod } from '../rpc/method.js';
import { getInfo, type GetInfoResponse } from '../rpc/node.js';

const OPEN_MS: Millis = 12_000;
const QUESTION_MS: Millis = 8_000;
/** LND refuses a stream at once, but says nothing when it accepts one. */
const REFUSAL_GRACE_MS: Millis = 100;

export interface StreamsOptions {
  readonly endpoint: LndEndpoint;
  /** Who has to answer: the address may lead to another node by now. Undefined: whoever does. */
  readonly expected: NodeId | undefined;
  /** Once, when they are over after they were open. */
  readonly onClosed: (reason: string) => void;
  /** Once, whether they came to be open or not. */
  readonly onOver: () => void;
}

export class Streams {
  readonly client: LndClient;
  readonly #options: StreamsOptions;
  readonly #streams: OpenStream[] = [];
  #state: 'opening' | 'open' | 'over' = 'opening';
  #reject: (reason: Error) => void = () => undefined;
  readonly #over: Promise<never>;

  constructor(options: StreamsOptions) {
    this.#options = options;
    this.client = new LndClient(options.endpoint);
    this.#over = new Promise((_resolve, reject) => {
      this.#reject = reject;
    });
    this.#over.catch(() => undefined); // whoever waits hears of it
  }

  /** @param begin opens streams. Rejects where LND does not answer, is another node, or refuses one of them. */
  async open(begin: (info: GetInfoResponse, nodeId: NodeId) => Promise<void>): Promise<void> {
    const { address } = this.#options.endpoint;
    const timeout = setTimeout(() => {
      this.end(new LndError('timeout', `LND at ${address} did not open its streams in time`));
    }, OPEN_MS);
    try {
      await Promise.race([this.#connect(begin), this.#over]);
      this.#state = 'open';
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      clearTimeout(timeout);
    }
  }

  async #connect(begin: (info: GetInfoResponse, nodeId: NodeId) => Promise<void>): Promise<void> {
    const { expected, endpoint } = this.#options;
    const info = await this.client.call(getInfo, {}, QUESTION_MS);
    const nodeId = nodeIdOf(info, endpoint.address);
    if (expected && !equalBytes(expected, nodeId)) {
      throw new LndError('unreachable', `another node answers at ${endpoint.address} now; correct the address`);
    }
    await begin(info, nodeId);
    // A refusal that comes later still ends the open session.
    await new Promise((resolve) => setTimeout(resolve, REFUSAL_GRACE_MS));
    await this.client.call(getInfo, {}, QUESTION_MS);
  }

  listen<O extends object>(method: ServerStreamMethod<object, O>, onMessage: (message: O) => void): void {
    const stream = this.client.listen(
      method,
      {},
      {
        onMessage: (message) => {
          if (this.#state !== 'over') onMessage(message);
        },
        onEnd: (error) => {
          this.end(error);
        },
      },
    );
    this.#streams.push(stream);
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  close(): void {
    this.end(new LndError('cancelled', 'closed by us'));
  }

  end(reason: Error): void {
    if (this.#state === 'over') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'over';
    for (const stream of this.#streams) stream.cancel();
    this.client.close();
    this.#reject(reason);
    this.#options.onOver();
    if (wasOpen) this.#options.onClosed(reason.message);
  }
}
