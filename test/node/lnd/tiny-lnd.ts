/** A gRPC server that answers what a test tells it to, for what the fake LND has no occasion to do. */
import { onTestFinished, vi } from 'vitest';
import type { LndEndpoint } from '../../../src/node/lnd/client.js';
import type { Draft } from '../../../src/node/lnd/rpc/codec.js';
import {
  addInvoice,
  type Channel,
  closeChannel,
  getChanInfo,
  listChannels,
  lookupHtlcResolution,
} from '../../../src/node/lnd/rpc/channels.js';
import {
  type HtlcEvent,
  htlcInterceptor,
  type InterceptRequest,
  type InterceptResponse,
  subscribeHtlcEvents,
} from '../../../src/node/lnd/rpc/intercept.js';
import type { Method } from '../../../src/node/lnd/rpc/method.js';
import {
  type BlockEpoch,
  getInfo,
  type GetInfoResponse,
  getState,
  getVersion,
  registerBlockEpochNtfn,
  WalletState,
} from '../../../src/node/lnd/rpc/node.js';
import type { FinalResult, InterceptedHtlc, InterceptHandlers } from '../../../src/receive/node-port.js';
import { type Certificate, sharedCertificate } from '../../fake-lnd/certificate.js';
import { type Out, RpcError, RpcServer } from '../../fake-lnd/rpc-server.js';

export const NODE_ID = '02'.padEnd(66, 'a');
const MACAROON = new Uint8Array([2, 1, 3, 0xff]);

export const INFO: Draft<GetInfoResponse> = {
  identityPubkey: NODE_ID,
  alias: 'tiny',
  blockHeight: 800_000,
  syncedToChain: true,
  version: '0.21.2-beta commit=v0.21.2-beta',
  chains: [{ network: 'regtest' }],
  requireHtlcInterceptor: true,
  storeFinalHtlcResolutions: true,
};

export interface TinyOptions {
  readonly certificate?: Certificate;
  /** The only one that is accepted. */
  readonly macaroon?: Uint8Array;
  /** Answers of single questions, by path; a thrown {@link RpcError} is sent. */
  readonly answers?: Readonly<Record<string, (request: never) => object | Promise<object>>>;
  /** Paths that this build does not have. */
  readonly without?: readonly Method<never, never>['path'][];
  /** What is written on the interceptor as soon as it is opened; default nothing. */
  readonly onInterceptor?: (out: Out<InterceptRequest>) => void;
  /** Default: says that it is subscribed. */
  readonly onEvents?: (out: Out<HtlcEvent>) => void;
  readonly onClose?: (request: object, out: Out<object>) => void;
}

export class TinyLnd {
  readonly endpoint: LndEndpoint;
  readonly interceptors: Out<InterceptRequest>[] = [];
  readonly events: Out<HtlcEvent>[] = [];
  readonly blocks: Out<BlockEpoch>[] = [];
  readonly replies: InterceptResponse[] = [];
  /** Interceptor streams whose client has left. */
  gone = 0;
  readonly #server: RpcServer;

  private constructor(server: RpcServer, endpoint: LndEndpoint) {
    this.#server = server;
    this.endpoint = endpoint;
  }

  static async serve(options: TinyOptions = {}): Promise<TinyLnd> {
    const certificate = options.certificate ?? (await sharedCertificate());
    const macaroon = options.macaroon ?? MACAROON;
    const server = new RpcServer(
      (path, metadata) => {
        const isOurs = metadata.get('macaroon')[0] === Buffer.from(macaroon).toString('hex');
        if (!isOurs && path !== getState.path) throw new RpcError('permission denied');
      },
      (_path, answer) => Promise.resolve(answer),
      {},
    );
    const port = await server.listen(certificate);
    const address = `127.0.0.1:${port}`;
    const tiny = new TinyLnd(server, { address, certificate: certificate.certificate, macaroon });
    tiny.#offer(options);
    onTestFinished(() => {
      tiny.kill();
    });
    return tiny;
  }

  kill(): void {
    this.#server.kill();
  }

  block(height: number): void {
    for (const out of this.blocks) out.write({ height });
  }

  show(request: Draft<InterceptRequest> | Uint8Array): void {
    this.interceptors.at(-1)!.write(request);
  }

  final(channelId: bigint, htlcId: bigint, settled: boolean, offchain: boolean): void {
    const finalHtlcEvent = { settled, offchain };
    this.events.at(-1)!.write({ incomingChannelId: channelId, incomingHtlcId: htlcId, finalHtlcEvent });
  }

  #offer(options: TinyOptions): void {
    this.#offerAnswers(options);
    const has = (path: string): boolean => options.without?.includes(path) !== true;
    if (has(registerBlockEpochNtfn.path)) {
      this.#server.serverStream(registerBlockEpochNtfn, (_request, out) => {
        this.blocks.push(out);
        out.write({ height: INFO.blockHeight });
      });
    }
    this.#server.serverStream(subscribeHtlcEvents, (_request, out) => {
      this.events.push(out);
      if (options.onEvents) options.onEvents(out);
      else out.write({ subscribedEvent: {} });
    });
    this.#server.bidi(htlcInterceptor, htlcInterceptor.request, (incoming, out) => {
      this.interceptors.push(out);
      incoming.onMessage((reply) => this.replies.push(reply));
      out.onGone(() => this.gone++);
      options.onInterceptor?.(out);
    });
    if (options.onClose) this.#server.serverStream(closeChannel, options.onClose);
  }

  #offerAnswers({ answers = {}, without = [] }: TinyOptions): void {
    const offer = <I extends object, O extends object>(method: Method<I, O>, fallback: () => Draft<O>): void => {
      if (without.includes(method.path)) return;
      const answer = (answers[method.path] ?? fallback) as (request: I) => Draft<O> | Promise<Draft<O>>;
      this.#server.unary(method, answer);
    };
    const none = (): never => {
      throw new RpcError('not expected by this test');
    };
    offer(getState, () => ({ state: WalletState.serverActive }));
    offer(getVersion, () => ({ version: '0.21.2-beta' }));
    offer(getInfo, () => INFO);
    offer(listChannels, () => ({ channels: [] }));
    offer(getChanInfo, none);
    offer(lookupHtlcResolution, none);
    offer(addInvoice, none);
  }
}

/** Waits until nothing in `check` fails any more; patient, for a busy machine. */
export const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 });

/** Everything a session delivered, in order. */
export class Recorder implements InterceptHandlers {
  readonly htlcs: InterceptedHtlc[] = [];
  readonly finals: FinalResult[] = [];
  readonly heights: number[] = [];
  readonly closed: string[] = [];
  readonly onHtlc = (htlc: InterceptedHtlc): void => void this.htlcs.push(htlc);
  readonly onFinal = (result: FinalResult): void => void this.finals.push(result);
  readonly onHeight = (height: number): void => void this.heights.push(height);
  readonly onClosed = (reason: string): void => void this.closed.push(reason);
}

/** A channel with ample balance on both sides. */
export function channel(changes: Draft<Channel> = {}): Draft<Channel> {
  const constraints = { chanReserveSat: 10_000n, maxPendingAmtMsat: 990_000_000n, maxAcceptedHtlcs: 483 };
  return {
    active: true,
    remotePubkey: '03'.padEnd(66, 'b'),
    channelPoint: `${'ab'.repeat(32)}:1`,
    chanId: (700_000n << 40n) | 1n,
    capacity: 1_000_000n,
    localBalance: 400_000n,
    remoteBalance: 500_000n,
    commitFee: 2_810n,
    feePerKw: 2_500n,
    localConstraints: constraints,
    remoteConstraints: constraints,
    ...changes,
  };
}
