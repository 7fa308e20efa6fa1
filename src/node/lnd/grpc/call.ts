/** One gRPC call: messages out and in, and exactly one end. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Millis } from '../../../wire/units.js';
import { wordsOf } from '../endpoint.js';
import type { Connection } from './connection.js';
import { framed, MessageReader } from './framing.js';
import type { Link, LinkUser } from './link.js';
import { foreignHeaders, GrpcCode, type GrpcStatus, statusIn, statusOfReset, unavailable } from './status.js';

export interface CallOptions {
  readonly path: string;
  /** `:authority`, and what goes with every call. */
  readonly headers: OutgoingHttpHeaders;
  readonly maxMessageBytes: number;
  /** The server is told too. Undefined: until somebody ends it. */
  readonly timeoutMs?: Millis;
  /** What may wait to be sent. Default {@link MAX_UNSENT_BYTES}. */
  readonly maxUnsentBytes?: number;
}

export interface CallHandlers {
  /** In the turn in which the last of its bytes arrived. Must not throw. */
  onMessage(message: Uint8Array): void;
  /** Exactly once; nothing follows. */
  onEnd(status: GrpcStatus): void;
}

/** Tens of thousands of answers; a server that is further behind has stopped reading. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
/** What fits into `grpc-timeout`. */
const MAX_TIMEOUT_MS: Millis = 99_999_999;

export class Call {
  readonly #options: CallOptions;
  readonly #handlers: CallHandlers;
  readonly #link: Link;
  readonly #reader: MessageReader;
  readonly #user: LinkUser = {
    onReady: () => {
      this.#open();
    },
    onLost: (status) => {
      this.#end(status);
    },
  };
  #stream: ClientHttp2Stream | undefined;
  /** Frames from before there was a stream. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #hasFinished = false;
  #isCorked = false;
  #isOver = false;
  #isAnswered = false;
  #status: GrpcStatus | undefined;
  readonly #until: Millis | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: Connection, options: CallOptions, handlers: CallHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#reader = new MessageReader(options.maxMessageBytes);
    if (options.timeoutMs !== undefined) {
      this.#until = performance.now() + options.timeoutMs;
      // If it was we who stood still, the answer is there and is read before the call is given up.
      this.#timer = setTimeout(() => setImmediate(this.#expire), options.timeoutMs);
    }
    this.#link = connection.join(this.#user);
    if (this.#link.state === 'ready') this.#open();
  }

  /** Never waits; what is written to a call that is over is lost. */
  write(message: Uint8Array): void {
    if (this.#isOver || this.#hasFinished) return;
    const unsent = this.#stream ? this.#stream.writableLength : this.#earlyBytes;
    if (unsent > (this.#options.maxUnsentBytes ?? MAX_UNSENT_BYTES)) {
      this.#hasFinished = true;
      this.#endSoon(unavailable(`it no longer reads what it is sent: ${unsent} bytes wait`));
      return;
    }
    const frame = framed(message);
    if (this.#stream) {
      this.#send(this.#stream, frame);
    } else {
      this.#early.push(frame);
      this.#earlyBytes += frame.length;
    }
  }

  /** Nothing more will be written. */
  finish(): void {
    this.#hasFinished = true;
    this.#stream?.end();
  }

  /** Ends the call at once; `onEnd` is called from within. */
  cancel(details: string): void {
    this.#end({ code: GrpcCode.cancelled, details });
  }

  #open(): void {
    if (this.#isOver || this.#stream) return;
    let stream: ClientHttp2Stream;
    try {
      stream = this.#link.request(this.#headers());
    } catch (error) {
      this.#endSoon(unavailable(error instanceof Error ? wordsOf(error) : String(error)));
      return;
    }
    this.#stream = stream;
    stream.on('error', () => undefined); // 'close' follows
    stream.on('response', (headers, flags) => {
      this.#handleHeaders(headers, flags);
    });
    stream.on('data', (chunk: Uint8Array) => {
      this.#handleData(chunk);
    });
    stream.on('trailers', (headers: IncomingHttpHeaders) => {
      this.#status = statusIn(headers);
    });
    stream.on('end', () => {
      this.#handleEnd(stream);
    });
    stream.on('close', () => {
      if (!this.#isOver && !this.#link.isBreaking()) this.#end(statusOfReset(stream.rstCode));
    });
    for (const frame of this.#early) this.#send(stream, frame);
    this.#early = [];
    if (this.#hasFinished) stream.end();
  }

  #headers(): OutgoingHttpHeaders {
    const timeout = this.#until !== undefined && Math.ceil(this.#until - performance.now());
    return {
      ':method': 'POST',
      ':scheme': 'https',
      ':path': this.#options.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'manifold',
      'grpc-accept-encoding': 'identity',
      ...(timeout !== false && { 'grpc-timeout': `${Math.min(Math.max(timeout, 1), MAX_TIMEOUT_MS)}m` }),
      ...this.#options.headers,
    };
  }

  /** Everything that is written in one turn leaves together: an answer never waits for the one before it to be sent. */
  #send(stream: ClientHttp2Stream, frame: Uint8Array): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      stream.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        stream.uncork();
      });
    }
    stream.write(frame);
  }

  #handleHeaders(headers: IncomingHttpHeaders & IncomingHttpStatusHeader, flags: number): void {
    this.#link.heard();
    this.#isAnswered = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const status = statusIn(headers) ?? foreignHeaders(headers);
    if (status) this.#end(status);
  }

  #handleData(chunk: Uint8Array): void {
    this.#link.heard();
    if (this.#isOver) return;
    this.#reader.push(chunk);
    while (!this.#isOver) {
      const next = this.#reader.next();
      if (next.type === 'more') return;
      if (next.type === 'message') this.#handlers.onMessage(next.bytes);
      else this.#end(unavailable(`it sent ${next.detail}`));
    }
  }

  /** Trailers come before the end of what they belong to. */
  #handleEnd(stream: ClientHttp2Stream): void {
    this.#isAnswered = true;
    if (!this.#status) {
      // A reset, or the loss of the connection, ends the bytes too; its 'close' says more.
      setImmediate(() => {
        if (!stream.closed) this.#end(statusOfReset(constants.NGHTTP2_NO_ERROR));
      });
      return;
    }
    const isCut = this.#status.code === GrpcCode.ok && this.#reader.isInside;
    this.#end(isCut ? unavailable('the answer ended in the middle of a message') : this.#status);
  }

  readonly #expire = (): void => {
    this.#end({ code: GrpcCode.deadlineExceeded, details: 'no answer in time' });
  };

  /** For what a caller's own step brings about: the caller is not called back from within it. */
  #endSoon(status: GrpcStatus): void {
    process.nextTick(() => {
      this.#end(status);
    });
  }

  #end(status: GrpcStatus): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#early = [];
    const stream = this.#stream;
    if (stream && !stream.closed && !(this.#isAnswered && stream.writableEnded)) {
      stream.close(constants.NGHTTP2_CANCEL);
    }
    // After its streams: the connection of a call that is over may close.
    this.#link.leave(this.#user);
    this.#handlers.onEnd(status);
  }
}
