/** A gRPC server made of the same descriptions of methods as the client. */
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerOptions,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import type { Draft, MessageType } from '../../src/node/lnd/rpc/codec.js';
import type { Method } from '../../src/node/lnd/rpc/method.js';
import type { Certificate } from './certificate.js';

/** An error as Go's gRPC reports it: without a code of its own it is `UNKNOWN`. */
export class RpcError extends Error {
  readonly code: status;
  readonly details: string;

  constructor(details: string, code: status = status.UNKNOWN) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

/** What a server writes: a message, or bytes that are none. */
export type Outgoing<O> = Draft<O> | Uint8Array;

/** The server's end of a stream. */
export interface Out<O extends object> {
  /** False: the client does not read, what was written waits in memory. */
  write(message: Outgoing<O>): boolean;
  /** Ends the stream: with an error, or as if nothing more was to be said. */
  end(error?: RpcError): void;
  onDrain(listener: () => void): void;
  /** The client has left, or the connection is gone. */
  onGone(listener: () => void): void;
}

export interface In<I extends object> {
  onMessage(listener: (message: I) => void): void;
  /** The client says no more. */
  onEnd(listener: () => void): void;
}

type Stream<O> = ServerWritableStream<object, Outgoing<O>> | ServerDuplexStream<object, Outgoing<O>>;

/** May this method be called with these metadata? Throws an {@link RpcError} if not. */
export type Doorman = (path: string, metadata: Metadata) => void;

/** Keeps a unary answer back for a while, or spoils it. */
export type Delivery = <O>(path: string, answer: Draft<O>) => Promise<Outgoing<O>>;

export class RpcServer {
  readonly #server: Server;
  readonly #doorman: Doorman;
  readonly #delivery: Delivery;

  constructor(doorman: Doorman, delivery: Delivery, options: ServerOptions) {
    this.#doorman = doorman;
    this.#delivery = delivery;
    this.#server = new Server(options);
  }

  unary<I extends object, O extends object>(
    method: Method<I, O>,
    answer: (request: I) => Draft<O> | Promise<Draft<O>>,
  ): void {
    const handle: handleUnaryCall<I, Outgoing<O>> = (call, callback) => {
      const work = async (): Promise<Outgoing<O>> => {
        this.#doorman(method.path, call.metadata);
        return this.#delivery<O>(method.path, await answer(call.request));
      };
      work().then(
        (value) => {
          callback(null, value);
        },
        (thrown: unknown) => {
          callback(asRpcError(thrown));
        },
      );
    };
    this.#add(method, handle);
  }

  serverStream<I extends object, O extends object>(
    method: Method<I, O>,
    serve: (request: I, out: Out<O>) => void,
  ): void {
    const handle: handleServerStreamingCall<I, Outgoing<O>> = (call) => {
      this.#begin(method.path, call, (out: Out<O>) => {
        serve(call.request, out);
      });
    };
    this.#add(method, handle);
  }

  /** @param request how LND reads what the client says, where that is more than the client's own description */
  bidi<I extends object, O extends object, R extends object>(
    method: Method<I, O>,
    request: MessageType<R>,
    serve: (incoming: In<R>, out: Out<O>) => void,
  ): void {
    const handle: handleBidiStreamingCall<R, Outgoing<O>> = (call) => {
      const incoming: In<R> = {
        onMessage: (listener) => call.on('data', listener),
        onEnd: (listener) => call.on('end', listener),
      };
      this.#begin(method.path, call, (out: Out<O>) => {
        serve(incoming, out);
      });
    };
    this.#add({ ...method, request }, handle);
  }

  #begin<O extends object>(path: string, call: Stream<O>, serve: (out: Out<O>) => void): void {
    const out = outOf<O>(call);
    try {
      this.#doorman(path, call.metadata);
      serve(out);
    } catch (thrown) {
      out.end(asRpcError(thrown));
    }
  }

  #add<I extends object, O extends object>(
    { path, requestStream, responseStream, request, response }: Method<I, O>,
    handle: unknown,
  ): void {
    const definition = {
      path,
      requestStream,
      responseStream,
      requestSerialize: (value: I) => Buffer.from(request.encode(value as Draft<I>)),
      requestDeserialize: (bytes: Buffer) => request.decode(bytes),
      responseSerialize: (value: Outgoing<O>) =>
        Buffer.from(value instanceof Uint8Array ? value : response.encode(value)),
      responseDeserialize: (bytes: Buffer) => response.decode(bytes),
    };
    this.#server.addService({ only: definition }, { only: handle as handleUnaryCall<unknown, unknown> });
  }

  /** @returns the port on 127.0.0.1 */
  listen({ certificate, key }: Certificate): Promise<number> {
    const pair = { cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) };
    return new Promise((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]), (error, port) => {
        if (error) reject(error);
        else resolve(port);
      });
    });
  }

  /** Ends everything at once, as the death of a process does. */
  kill(): void {
    this.#server.forceShutdown();
  }
}

function outOf<O extends object>(call: Stream<O>): Out<O> {
  let over = false;
  call.on('error', () => undefined);
  const gone = new Promise<void>((resolve) => {
    const leave = (): void => {
      over = true;
      resolve();
    };
    call.on('cancelled', leave);
    call.on('close', leave);
  });
  return {
    write: (message) => over || call.write(message),
    end(error) {
      if (over) return;
      over = true;
      if (error) call.emit('error', error);
      else call.end();
    },
    onDrain: (listener) => call.on('drain', listener),
    onGone: (listener) => void gone.then(listener),
  };
}

function asRpcError(thrown: unknown): RpcError {
  return thrown instanceof RpcError ? thrown : new RpcError(thrown instanceof Error ? thrown.message : 'unknown error');
}
