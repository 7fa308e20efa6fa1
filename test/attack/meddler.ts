/**
 * Between daemons and an LND: passes everything on as it is, but what the daemons say to the HTLC interceptor it says twice,
 * says again later, or says in another order.
 */
import {
  Client,
  type ClientReadableStream,
  credentials,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import { readFileSync, writeFileSync } from 'node:fs';
import * as channels from '../../src/node/lnd/rpc/channels.js';
import { htlcInterceptor, subscribeHtlcEvents } from '../../src/node/lnd/rpc/intercept.js';
import { getInfo, getState, getVersion, registerBlockEpochNtfn } from '../../src/node/lnd/rpc/node.js';
import type { LndAddress } from '../e2e/network.js';
import { newCertificate } from '../fake-lnd/certificate.js';

const METHODS = [
  getInfo,
  getState,
  getVersion,
  registerBlockEpochNtfn,
  subscribeHtlcEvents,
  htlcInterceptor,
  channels.listChannels,
  channels.getChanInfo,
  channels.lookupHtlcResolution,
  channels.addInvoice,
  channels.closeChannel,
];

/** How likely each reply is treated so. */
export interface Meddling {
  twice: number;
  again: number;
  later: number;
}

type Bytes = Buffer;
const asIs = (bytes: Bytes): Bytes => bytes;
const LATER_MS = 300;
const MEMORY = 50;

export class Meddler {
  readonly meddling: Meddling = { twice: 0, again: 0, later: 0 };
  /** Replies that nobody sent at that moment. */
  forged = 0;
  readonly #random: () => number;
  readonly #servers: Server[] = [];
  readonly #clients: Client[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Where daemons are to go instead. */
  async detour(nodes: readonly LndAddress[]): Promise<readonly LndAddress[]> {
    const { certificate, key } = await newCertificate();
    return Promise.all(
      nodes.map(async (node) => {
        const certificatePath = `${node.certificatePath}.detour`;
        writeFileSync(certificatePath, certificate);
        const roots = readFileSync(node.certificatePath);
        const client = new Client(node.address, credentials.createSsl(roots, null, null, {}), {
          'grpc.ssl_target_name_override': 'localhost',
          'grpc.default_authority': 'localhost',
          'grpc.initial_reconnect_backoff_ms': 100,
          'grpc.max_reconnect_backoff_ms': 500,
        });
        this.#clients.push(client);
        const pair = { cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) };
        const port = await this.#serve(client, ServerCredentials.createSsl(null, [pair]));
        return { ...node, address: `127.0.0.1:${port}`, certificatePath };
      }),
    );
  }

  close(): void {
    for (const server of this.#servers) server.forceShutdown();
    for (const client of this.#clients) client.close();
  }

  #serve(client: Client, identity: ServerCredentials): Promise<number> {
    const server = new Server();
    this.#servers.push(server);
    for (const { path, requestStream, responseStream } of METHODS) {
      const handle = !responseStream
        ? unary(client, path)
        : requestStream
          ? this.#conversation(client, path)
          : listening(client, path);
      const definition = {
        path,
        requestStream,
        responseStream,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      };
      server.addService({ only: definition }, { only: handle as handleUnaryCall<Bytes, Bytes> });
    }
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', identity, (error, port) => {
        if (error) reject(error);
        else resolve(port);
      });
    });
  }

  #conversation(client: Client, path: string): handleBidiStreamingCall<Bytes, Bytes> {
    return (call) => {
      const upstream = client.makeBidiStreamRequest<Bytes, Bytes>(path, asIs, asIs, passed(call.metadata));
      const said: Bytes[] = [];
      const say = (reply: Bytes): void => {
        if (!upstream.writableEnded && !upstream.destroyed) upstream.write(reply);
      };
      const forge = (reply: Bytes): void => {
        this.forged += 1;
        say(reply);
      };
      call.on('data', (reply: Bytes) => {
        const { twice, again, later } = this.meddling;
        if (this.#random() < later) setTimeout(() => say(reply), this.#random() * LATER_MS);
        else say(reply);
        if (this.#random() < twice) forge(reply);
        const old = said[Math.floor(this.#random() * said.length)];
        if (old && this.#random() < again) forge(old);
        said.push(reply);
        if (said.length > MEMORY) said.shift();
      });
      call.on('end', () => upstream.end());
      relay(upstream, call);
    };
  }
}

function unary(client: Client, path: string): handleUnaryCall<Bytes, Bytes> {
  return (call, callback) => {
    client.makeUnaryRequest<Bytes, Bytes>(path, asIs, asIs, call.request, passed(call.metadata), (error, value) => {
      callback(error && statusOf(error), value);
    });
  };
}

function listening(client: Client, path: string): handleServerStreamingCall<Bytes, Bytes> {
  return (call) => {
    relay(client.makeServerStreamRequest<Bytes, Bytes>(path, asIs, asIs, call.request, passed(call.metadata)), call);
  };
}

interface Downstream {
  write(bytes: Bytes): boolean;
  end(): void;
  emit(event: 'error', error: Partial<StatusObject>): boolean;
  on(event: 'cancelled' | 'error', listener: () => void): unknown;
}

function relay(upstream: ClientReadableStream<Bytes>, downstream: Downstream): void {
  let isOver = false;
  upstream.on('data', (bytes: Bytes) => downstream.write(bytes));
  upstream.on('error', (error: ServiceError) => {
    if (!isOver) downstream.emit('error', statusOf(error));
    isOver = true;
  });
  upstream.on('end', () => {
    if (!isOver) downstream.end();
    isOver = true;
  });
  downstream.on('error', () => undefined);
  downstream.on('cancelled', () => {
    isOver = true;
    upstream.cancel();
  });
}

function statusOf({ code, details }: ServiceError): Pick<ServiceError, 'code' | 'details' | 'name' | 'message'> {
  return { code, details, name: 'Error', message: details };
}

/** What the caller says of itself, without what belongs to its connection. */
function passed(metadata: Metadata): Metadata {
  const copy = metadata.clone();
  for (const own of ['user-agent', 'grpc-accept-encoding', 'accept-encoding']) copy.remove(own);
  return copy;
}
