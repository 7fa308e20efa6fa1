/** A server that does on HTTP/2 what a test tells it to, and a client's calls to it. */
import {
  createSecureServer,
  type IncomingHttpHeaders,
  type Http2SecureServer,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer, type Server, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { dialLnd, type LndEndpoint } from '../../../../src/node/lnd/endpoint.js';
import { Call, type CallOptions } from '../../../../src/node/lnd/grpc/call.js';
import { Connection, type ConnectionTimes } from '../../../../src/node/lnd/grpc/connection.js';
import { framed } from '../../../../src/node/lnd/grpc/framing.js';
import { GrpcCode, type GrpcStatus } from '../../../../src/node/lnd/grpc/status.js';
import { concat } from '../../../../src/wire/bytes.js';
import { sharedCertificate } from '../../../fake-lnd/certificate.js';

export type ServeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

export interface Peer {
  readonly endpoint: LndEndpoint;
  /** Sessions and sockets so far, those that are gone too. */
  readonly sessions: ServerHttp2Session[];
  readonly sockets: Socket[];
}

function closing(server: Http2SecureServer | Server, sockets: Socket[]): void {
  server.on('connection', (socket: Socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
}

export interface BytesPeer extends Peer {
  /** Connections that the client has ended. */
  left(): number;
}

async function listening(server: Http2SecureServer | Server, port: number): Promise<LndEndpoint> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { certificate } = await sharedCertificate();
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { address, certificate, macaroon: undefined };
}

export async function serveHttp2(serve: ServeStream, port = 0): Promise<Peer> {
  const { certificate, key } = await sharedCertificate();
  const server = createSecureServer({ cert: Buffer.from(certificate), key: Buffer.from(key) });
  const peer = { sessions: [] as ServerHttp2Session[], sockets: [] as Socket[] };
  closing(server, peer.sockets);
  server.on('session', (session) => {
    peer.sessions.push(session);
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    serve(stream, headers);
  });
  return { ...peer, endpoint: await listening(server, port) };
}

/** Bytes over TLS, whatever they are. */
export async function serveTls(serve: (socket: TLSSocket) => void, protocols = ['h2']): Promise<BytesPeer> {
  const { certificate, key } = await sharedCertificate();
  const server = createTlsServer({
    cert: Buffer.from(certificate),
    key: Buffer.from(key),
    ALPNProtocols: protocols,
  });
  const sockets: Socket[] = [];
  closing(server, sockets);
  let left = 0;
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    socket.on('close', () => left++);
    socket.resume();
    serve(socket);
  });
  return { sessions: [], sockets, left: () => left, endpoint: await listening(server, 0) };
}

const TIMES: ConnectionTimes = {
  connectMs: 20_000,
  pingMs: 20_000,
  pingTimeoutMs: 20_000,
  minBackoffMs: 1,
  maxBackoffMs: 5,
};

export function connectionTo({ endpoint }: Pick<Peer, 'endpoint'>, times: Partial<ConnectionTimes> = {}): Connection {
  const connection = new Connection(() => dialLnd(endpoint), { ...TIMES, ...times });
  onTestFinished(() => {
    connection.close();
  });
  return connection;
}

/** A call and everything it brought. */
export class Heard {
  readonly messages: Uint8Array[] = [];
  readonly ends: GrpcStatus[] = [];
  readonly ended: Promise<GrpcStatus>;
  readonly call: Call;
  /** Called with each message, before it is noted. */
  onMessage: (message: Uint8Array) => void = () => undefined;
  #resolve: (status: GrpcStatus) => void = () => undefined;

  constructor(connection: Connection, options: Partial<CallOptions> = {}) {
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const all = { path: '/test.Test/Test', headers: {}, maxMessageBytes: 1_000_000, ...options };
    this.call = new Call(connection, all, {
      onMessage: (message) => {
        this.onMessage(message);
        this.messages.push(message);
      },
      onEnd: (status) => {
        this.ends.push(status);
        this.#resolve(status);
      },
    });
  }
}

/** One question without content. */
export function asked(connection: Connection, options: Partial<CallOptions> = {}): Heard {
  const heard = new Heard(connection, options);
  heard.call.write(new Uint8Array());
  heard.call.finish();
  return heard;
}

export const GRPC_HEADERS = { ':status': 200, 'content-type': 'application/grpc' };

/** Answers with these messages and status. */
export function answer(
  stream: ServerHttp2Stream,
  messages: readonly Uint8Array[],
  trailers: Record<string, string> = { 'grpc-status': String(GrpcCode.ok) },
): void {
  stream.respond(GRPC_HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => {
    stream.sendTrailers(trailers);
  });
  stream.end(concat(...messages.map(framed)));
}
