/**
 * The least of an LND that Manifold can be measured against: its gRPC services with TLS, an interceptor that offers prepared
 * HTLCs, and a final for each that was answered. Nothing stands behind it, so that it is never the slower side for long.
 */
import {
  htlcInterceptor,
  InterceptAction,
  type InterceptRequest,
  subscribeHtlcEvents,
} from '../../src/node/lnd/rpc/intercept.js';
import { listChannels, lookupHtlcResolution } from '../../src/node/lnd/rpc/channels.js';
import { getInfo, getState, getVersion, registerBlockEpochNtfn, WalletState } from '../../src/node/lnd/rpc/node.js';
import type { InterceptedHtlc } from '../../src/receive/node-port.js';
import { ec } from '../../src/crypto/index.js';
import { bytes32 } from '../../src/bench/fixtures.js';
import { BENCH_HEIGHT } from '../../src/bench/loopback-node.js';
import { toHex } from '../../src/wire/bytes.js';
import { sharedCertificate } from '../../test/fake-lnd/certificate.js';
import { htlcEvent, offer, reply } from '../../test/fake-lnd/messages.js';
import { type Out, RpcError, RpcServer } from '../../test/fake-lnd/rpc-server.js';

const VERSION = '0.21.2-beta';
const FORWARD_EVENT = 3;

export class LeanLnd {
  readonly nodeId: Uint8Array;
  /** A reply came; the time of arrival is that of the call. */
  onReply: (htlcId: bigint, action: number) => void = () => undefined;
  #interceptor: Out<InterceptRequest> | undefined;
  #events: Out<object> | undefined;
  readonly #server: RpcServer;

  constructor(name: string) {
    this.nodeId = ec.publicKey(bytes32(`node ${name}`));
    this.#server = new RpcServer(
      () => undefined,
      async (_path, answer) => answer,
      {},
    );
    this.#register();
  }

  /** @returns `host:port` */
  async listen(): Promise<string> {
    return `127.0.0.1:${await this.#server.listen(await sharedCertificate())}`;
  }

  close(): void {
    this.#server.kill();
  }

  /** Bytes of an offer, made before the clock starts. */
  static offerOf(htlc: InterceptedHtlc): Uint8Array {
    return offer.encode({
      incomingCircuitKey: { chanId: htlc.key.channelId, htlcId: htlc.key.htlcId },
      paymentHash: htlc.paymentHash,
      outgoingAmountMsat: htlc.outgoingAmountMsat,
      outgoingExpiry: htlc.outgoingExpiry,
      incomingAmountMsat: htlc.incomingAmountMsat,
      incomingExpiry: htlc.incomingExpiry,
      outgoingRequestedChanId: htlc.outgoingScid,
      onionBlob: htlc.onion,
      autoFailHeight: htlc.deadline,
    });
  }

  show(offered: Uint8Array): void {
    if (!this.#interceptor) throw new Error('nobody intercepts at this node');
    this.#interceptor.write(offered);
  }

  #finish(chanId: bigint, htlcId: bigint, settled: boolean): void {
    this.#events?.write(
      htlcEvent.encode({
        incomingChannelId: chanId,
        incomingHtlcId: htlcId,
        eventType: FORWARD_EVENT,
        finalHtlcEvent: { settled, offchain: true },
      }),
    );
  }

  #register(): void {
    const server = this.#server;
    server.unary(getState, () => ({ state: WalletState.serverActive }));
    server.unary(getVersion, () => ({ version: VERSION, appMinor: 21, appPatch: 2 }));
    server.unary(getInfo, () => ({
      identityPubkey: toHex(this.nodeId),
      alias: 'lean',
      blockHeight: BENCH_HEIGHT,
      syncedToChain: true,
      version: VERSION,
      chains: [{ network: 'regtest' }],
      requireHtlcInterceptor: true,
      storeFinalHtlcResolutions: true,
    }));
    server.unary(listChannels, () => ({ channels: [] }));
    server.unary(lookupHtlcResolution, () => {
      throw new RpcError('htlc unknown');
    });
    server.serverStream(registerBlockEpochNtfn, (_, out) => {
      out.write({ hash: bytes32('block'), height: BENCH_HEIGHT });
    });
    server.serverStream(subscribeHtlcEvents, (_, out) => {
      this.#events = out;
      out.write(htlcEvent.encode({ subscribedEvent: {} }));
    });
    server.bidi(htlcInterceptor, reply, (incoming, out) => {
      this.#interceptor = out;
      incoming.onMessage(({ incomingCircuitKey, action }) => {
        if (!incomingCircuitKey) return;
        const { chanId, htlcId } = incomingCircuitKey;
        this.onReply(htlcId, action);
        if (action !== InterceptAction.resume) this.#finish(chanId, htlcId, action === InterceptAction.settle);
      });
    });
  }
}
