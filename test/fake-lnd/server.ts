/**
 * A fake LND: LND's gRPC interface with its behaviour, over a node of a simulated network. It lives and dies with that node:
 * a crash of the node is the death of LND's process, its address stays.
 */
import type { Metadata } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from '../../src/crypto/index.js';
import type { LndEndpoint } from '../../src/node/lnd/client.js';
import { htlcInterceptor } from '../../src/node/lnd/rpc/intercept.js';
import { getState } from '../../src/node/lnd/rpc/node.js';
import type { Interceptor } from '../../src/node/sim/interceptor.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import type { NodeWatcher } from '../../src/node/sim/node-options.js';
import { toHex } from '../../src/wire/bytes.js';
import { type Certificate, newCertificate, sharedCertificate } from './certificate.js';
import { Gate } from './gate.js';
import { LndGraph } from './graph.js';
import { InterceptorStream } from './interceptor-stream.js';
import { reply } from './messages.js';
import { LndMessaging } from './messaging.js';
import { LndPayments } from './paying.js';
import { RpcError, RpcServer } from './rpc-server.js';
import { LndServices } from './services.js';
import { DEFAULT_SETTINGS, type FakeLndFaults, type FakeLndSettings, NO_FAULTS, notReady } from './settings.js';
import { behaviourOf, type ReleasedBehaviour } from './version.js';

export interface FakeLndOptions extends Partial<FakeLndSettings> {
  /** Default: a free one. */
  readonly port?: number;
}

const GARBAGE = Uint8Array.from({ length: 64 }, (_, i) => 0xff - i);

export class FakeLnd {
  readonly node: SimNode;
  readonly settings: FakeLndSettings;
  readonly faults: FakeLndFaults = { ...NO_FAULTS };
  readonly graph: LndGraph;
  readonly messaging: LndMessaging;
  /** Paths of the calls that have come, in order. */
  readonly calls: string[] = [];
  readonly #gate: Gate;
  readonly #services: LndServices;
  readonly #payments: LndPayments;
  #certificate: Certificate;
  #macaroon = randomBytes(96);
  #behaviour: ReleasedBehaviour;
  #server: RpcServer | undefined;
  #stream: InterceptorStream | undefined;
  #streams = 0;
  #replies = 0;
  /** Deaths and births of the process, one after the other. */
  #moves: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #watcher: NodeWatcher = {
    power: (online) => {
      this.#power(online);
    },
  };

  /** Use {@link serveFakeLnd}. */
  constructor(network: SimNetwork, node: SimNode, settings: FakeLndSettings, certificate: Certificate, gate: Gate) {
    this.node = node;
    this.settings = settings;
    this.#certificate = certificate;
    this.#gate = gate;
    this.#behaviour = behaviourOf(settings.version);
    this.#services = new LndServices({
      network,
      node,
      settings,
      faults: this.faults,
      behaviour: () => this.#behaviour,
    });
    this.#payments = new LndPayments({ network, node, settings, faults: this.faults });
    this.graph = new LndGraph(network, node);
    this.messaging = new LndMessaging({ network, node, settings });
    node.watchers.add(this.#watcher);
    if (node.online) this.#power(true);
  }

  get address(): string {
    return `127.0.0.1:${this.#gate.port}`;
  }

  /** PEM of `tls.cert`. */
  get certificate(): Uint8Array {
    return this.#certificate.certificate;
  }

  get macaroon(): Uint8Array {
    return this.#macaroon;
  }

  /** What a client needs, as of now. */
  get endpoint(): LndEndpoint {
    return { address: this.address, certificate: this.certificate, macaroon: this.macaroon };
  }

  /** Resolves when the process that was last started listens, or the last one stopped is gone. */
  get ready(): Promise<void> {
    return this.#moves;
  }

  /** What the interceptor streams went through so far. */
  get counts(): { readonly streams: number; readonly replies: number } {
    return { streams: this.#streams, replies: this.#replies + (this.#stream?.replies ?? 0) };
  }

  /** The interceptor does not read its stream: LND forwards and settles nothing. */
  get isBlocked(): boolean {
    return this.#stream?.isBlocked ?? false;
  }

  /** Preimages that came with AddInvoice, hex by hash. */
  get registered(): ReadonlyMap<string, string> {
    return this.#services.registered;
  }

  /** Stops the process (if it runs) and starts it again, set up anew. */
  async restart(changes: Partial<FakeLndSettings> = {}): Promise<void> {
    this.node.crash();
    await this.ready;
    Object.assign(this.settings, changes);
    this.node.restart();
    await this.ready;
  }

  /** Another certificate is served from now on: what a client has been given does not fit any more. */
  async swapCertificate(): Promise<void> {
    this.#certificate = await newCertificate();
    await this.restart();
  }

  /** The macaroon given out so far is of no use any more. */
  revokeMacaroon(): void {
    this.#macaroon = randomBytes(96);
  }

  /** No byte passes any more, and nobody is told; what is sent waits. */
  blackHole(on: boolean): void {
    this.#gate.blackHole(on);
  }

  /** A black hole that ends by itself: the process, or the way to it, stands still. */
  freeze(ms: number): void {
    this.#gate.freeze(ms);
  }

  /** Breaks every connection. */
  cutConnections(): void {
    this.#gate.cut();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.node.watchers.delete(this.#watcher);
    this.#services.close();
    this.#payments.close();
    this.#power(false);
    await this.#moves;
    await this.#gate.close();
  }

  #power(online: boolean): void {
    this.#server?.kill();
    this.#server = undefined;
    this.#gate.lead(undefined);
    if (online && !this.#closed) {
      const server = this.#build();
      this.#server = server;
      this.#moves = this.#moves.then(async () => {
        const port = await server.listen(this.#certificate);
        if (this.#server === server) this.#gate.lead(port);
        else server.kill();
      });
    }
  }

  #build(): RpcServer {
    const { settings, faults } = this;
    this.#behaviour = behaviourOf(settings.version);
    const server = new RpcServer(
      (path, metadata) => {
        this.#admit(path, metadata);
      },
      async (path, answer) => {
        if (faults.slowMs > 0) await sleep(faults.slowMs);
        return faults.garbage.has(path) ? GARBAGE : answer;
      },
      {
        'grpc.keepalive_time_ms': settings.pingTimeMs,
        'grpc.keepalive_timeout_ms': settings.pingTimeoutMs,
      },
    );
    this.#services.register(server);
    this.#payments.register(server);
    this.graph.register(server);
    this.messaging.register(server);
    if (this.node.interceptor) this.#serveInterceptor(server, this.node.interceptor);
    return server;
  }

  #serveInterceptor(server: RpcServer, interceptor: Interceptor): void {
    const { settings, faults } = this;
    interceptor.faults.twice = 0; // LND offers nothing twice on one stream
    interceptor.config = {
      ...interceptor.config,
      withoutSession: settings.requireInterceptor ? 'fail' : 'resume',
      heldSet: this.#behaviour.heldSet,
    };
    server.bidi(htlcInterceptor, reply, (incoming, out) => {
      if (faults.interceptorTaken || (this.#stream && !this.#stream.isOver)) {
        throw new RpcError('interceptor already exists');
      }
      this.#retire();
      this.#stream = new InterceptorStream(
        {
          nodeId: this.node.nodeId,
          interceptor,
          onChainDeadline: this.#behaviour.onChainDeadline,
          copies: () => faults.offerCopies,
          garbage: () => (faults.garbage.has(htlcInterceptor.path) ? GARBAGE : undefined),
        },
        incoming,
        out,
      );
      this.#streams += 1;
    });
  }

  #retire(): void {
    if (!this.#stream) return;
    this.#replies += this.#stream.replies;
    this.#stream = undefined;
  }

  #admit(path: string, metadata: Metadata): void {
    this.calls.push(path);
    const { walletState, permissions } = this.settings;
    if (path === getState.path) return;
    const why = notReady(walletState);
    if (why !== undefined) throw new RpcError(why);
    const given = metadata.get('macaroon');
    if (given.length !== 1) throw new RpcError(`expected 1 macaroon, got ${given.length}`);
    if (given[0] !== toHex(this.#macaroon)) {
      throw new RpcError('verification failed: signature mismatch after caveat verification');
    }
    if (permissions !== 'all' && !permissions.has(path)) throw new RpcError('permission denied');
  }
}

/** @throws {RangeError} if the network has no node of this name */
export async function serveFakeLnd(
  network: SimNetwork,
  nodeName: string,
  { port = 0, ...settings }: FakeLndOptions = {},
): Promise<FakeLnd> {
  const node = network.node(nodeName);
  const [gate, certificate] = await Promise.all([Gate.open(port), sharedCertificate()]);
  const fake = new FakeLnd(network, node, { ...DEFAULT_SETTINGS, ...settings }, certificate, gate);
  await fake.ready;
  return fake;
}
