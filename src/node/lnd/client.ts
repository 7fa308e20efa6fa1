/** A connection to one LND: its TLS certificate pinned, its macaroon with every call, streams as plain callbacks. */
import type { OutgoingHttpHeaders } from 'node:http2';
import type { Millis } from '../../wire/units.js';
import { dialLnd, type LndEndpoint } from './endpoint.js';
import { LndError, lndErrorOf } from './errors.js';
import { Call, type CallHandlers } from './grpc/call.js';
import { Connection, type ConnectionTimes } from './grpc/connection.js';
import { GrpcCode, unavailable } from './grpc/status.js';
import type { Draft, MessageType } from './rpc/codec.js';
import type { BidiMethod, ServerStreamMethod, UnaryMethod } from './rpc/method.js';

export type { LndEndpoint } from './endpoint.js';

/** What a stream brings. Called in the turn in which the bytes arrived. */
export interface StreamHandlers<O> {
  onMessage(message: O): void;
  /** Exactly once; nothing follows. */
  onEnd(error: LndError): void;
}

export interface OpenStream {
  /** Ends the stream; the handler hears of it. */
  cancel(): void;
}

export interface OpenBidi<I extends object> extends OpenStream {
  /** Never waits; what is written to an ended stream is lost. */
  write(draft: Draft<I>): void;
}

/** A channel list or a graph is larger than gRPC's 4 MB; LND itself sends at most this. */
const MAX_MESSAGE_BYTES = 200 * 1024 * 1024;

const TIMES: ConnectionTimes = {
  connectMs: 7_000,
  pingMs: 10_000,
  pingTimeoutMs: 5_000,
  minBackoffMs: 200,
  maxBackoffMs: 2_000,
};

export class LndClient {
  readonly address: string;
  readonly #connection: Connection;
  readonly #headers: OutgoingHttpHeaders;

  /** Connects on first use. @param times for tests */
  constructor(endpoint: LndEndpoint, times: Partial<ConnectionTimes> = {}) {
    const { address, macaroon, serverName } = endpoint;
    this.address = address;
    this.#connection = new Connection(() => dialLnd(endpoint), { ...TIMES, ...times });
    this.#headers = {
      ':authority': serverName ?? address,
      ...(macaroon && { macaroon: Buffer.from(macaroon).toString('hex') }),
    };
  }

  /**
   * @param timeoutMs `none`: the answer may take days
   * @throws {LndError}
   */
  async call<I extends object, O extends object>(
    method: UnaryMethod<I, O>,
    draft: Draft<I>,
    timeoutMs: Millis | 'none' = 15_000,
  ): Promise<O> {
    return this.#decode(method.path, method.response, await this.fetch(method, draft, timeoutMs));
  }

  /** The answer as it came. @throws {LndError} */
  async fetch<I extends object>(
    { path, request }: Pick<UnaryMethod<I, object>, 'path' | 'request'>,
    draft: Draft<I>,
    timeoutMs: Millis | 'none',
  ): Promise<Uint8Array> {
    return this.#ask(path, request.encode(draft), timeoutMs === 'none' ? undefined : timeoutMs);
  }

  #ask(path: string, question: Uint8Array, timeoutMs: Millis | undefined): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const answers: Uint8Array[] = [];
      const call = this.#begin(
        path,
        {
          onMessage: (message) => void answers.push(message),
          onEnd: (status) => {
            const [answer] = answers;
            if (status.code !== GrpcCode.ok) reject(lndErrorOf(status, path, this.address));
            else if (answer && answers.length === 1) resolve(answer);
            else reject(lndErrorOf(unavailable(`${answers.length} answers to one question`), path, this.address));
          },
        },
        timeoutMs,
      );
      call.write(question);
      call.finish();
    });
  }

  listen<I extends object, O extends object>(
    { path, request, response }: ServerStreamMethod<I, O>,
    draft: Draft<I>,
    handlers: StreamHandlers<O>,
  ): OpenStream {
    const question = request.encode(draft);
    const call = this.#attend(path, response, handlers);
    call.write(question);
    call.finish();
    return cancellable(call);
  }

  converse<I extends object, O extends object>(
    { path, request, response }: BidiMethod<I, O>,
    handlers: StreamHandlers<O>,
  ): OpenBidi<I> {
    const call = this.#attend(path, response, handlers);
    return {
      ...cancellable(call),
      write(draft) {
        call.write(request.encode(draft));
      },
    };
  }

  #attend<O extends object>(path: string, response: MessageType<O>, handlers: StreamHandlers<O>): Call {
    let problem: LndError | undefined;
    const call = this.#begin(path, {
      onMessage: (message) => {
        try {
          handle(path, handlers, this.#decode(path, response, message));
        } catch (error) {
          problem = error instanceof LndError ? error : new LndError('refused', String(error));
          call.cancel(problem.message);
        }
      },
      onEnd: (status) => {
        handlers.onEnd(problem ?? lndErrorOf(status, path, this.address));
      },
    });
    return call;
  }

  #begin(path: string, handlers: CallHandlers, timeoutMs?: Millis): Call {
    const options = { path, headers: this.#headers, maxMessageBytes: MAX_MESSAGE_BYTES };
    return new Call(this.#connection, { ...options, ...(timeoutMs !== undefined && { timeoutMs }) }, handlers);
  }

  /** @throws {LndError} */
  #decode<O extends object>(path: string, response: MessageType<O>, message: Uint8Array): O {
    try {
      return response.decode(message);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw lndErrorOf(unavailable(`its answer cannot be read: ${why}`), path, this.address);
    }
  }

  /** Ends all calls and streams; those begun later fail. */
  close(): void {
    this.#connection.close();
  }
}

/** @throws {LndError} for a bug of ours, which would end the process otherwise */
function handle<O>(path: string, handlers: StreamHandlers<O>, value: O): void {
  try {
    handlers.onMessage(value);
  } catch (error) {
    throw new LndError('refused', `handling a message of ${path} failed: ${String(error)}`);
  }
}

function cancellable(call: Call): OpenStream {
  return {
    cancel: () => {
      call.cancel('closed by us');
    },
  };
}
