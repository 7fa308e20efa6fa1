/** LND's calls other than the interceptor. */
import { status } from '@grpc/grpc-js';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import {
  addInvoice,
  closeChannel,
  getChanInfo,
  listChannels,
  lookupHtlcResolution,
  subscribeChannelEvents,
} from '../../src/node/lnd/rpc/channels.js';
import type { Draft, MessageType, Of } from '../../src/node/lnd/rpc/codec.js';
import { HtlcEventType, subscribeHtlcEvents } from '../../src/node/lnd/rpc/intercept.js';
import { type BlockEpoch, getInfo, getState, getVersion, registerBlockEpochNtfn } from '../../src/node/lnd/rpc/node.js';
import type { SimChannel } from '../../src/node/sim/channel.js';
import type { SimHtlc } from '../../src/node/sim/htlc.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import type { NodeWatcher } from '../../src/node/sim/node-options.js';
import type { ChannelChange } from '../../src/node/sim/types.js';
import { equalBytes, toHex } from '../../src/wire/bytes.js';
import { u64 } from '../../src/wire/integers.js';
import type { BlockHeight } from '../../src/wire/units.js';
import { channelEdge, fundingOf, listedChannel, txidText } from './channels.js';
import { channelEvent, ChannelEventType, htlcEvent } from './messages.js';
import { FEATURES } from './messaging.js';
import { type Out, RpcError, type RpcServer } from './rpc-server.js';
import type { FakeLndFaults, FakeLndSettings } from './settings.js';
import type { ReleasedBehaviour } from './version.js';

export interface ServicesOptions {
  readonly network: SimNetwork;
  readonly node: SimNode;
  readonly settings: FakeLndSettings;
  readonly faults: FakeLndFaults;
  readonly behaviour: () => ReleasedBehaviour;
}

/** Blocks before the expiry of an HTLC whose preimage it knows at which LND closes the channel. */
const BROADCAST_DELTA = 16;
/** LND calls itself synced while its best block is younger than two hours. */
const SYNCED_BLOCKS = 12;
const MIN_CLTV_DELTA = 18n;

const CHANNEL_EVENTS: Readonly<Record<ChannelChange, number>> = {
  up: ChannelEventType.active,
  down: ChannelEventType.inactive,
  closed: ChannelEventType.closed,
};

type HtlcEventDraft = Draft<Of<typeof htlcEvent>>;

export class LndServices {
  readonly registered = new Map<string, string>();
  readonly #options: ServicesOptions;
  /** Durable, if the operator wants it so. */
  readonly #resolutions = new Map<string, { readonly settled: boolean; readonly offchain: boolean }>();
  readonly #blocks = new Set<Out<BlockEpoch>>();
  readonly #htlcEvents = new Set<Out<object>>();
  readonly #channelEvents = new Set<Out<object>>();
  readonly #watcher: NodeWatcher;

  constructor(options: ServicesOptions) {
    this.#options = options;
    this.#watcher = {
      height: (height) => {
        this.#tellHeight(height);
      },
      final: (htlc, outcome, onChain) => {
        this.#tellFinal(htlc, outcome === 'settled', !onChain);
      },
      channel: (channel, change) => {
        this.#tellChannel(channel, CHANNEL_EVENTS[change]);
      },
    };
    options.node.watchers.add(this.#watcher);
  }

  close(): void {
    this.#options.node.watchers.delete(this.#watcher);
  }

  register(server: RpcServer): void {
    const { network, node, settings } = this.#options;
    server.unary(getState, () => ({ state: settings.walletState }));
    server.unary(getVersion, () => this.#version());
    server.unary(getInfo, () => this.#info());
    server.unary(listChannels, ({ activeOnly }) => ({
      channels: node.channels
        .filter(({ closed, link }) => !closed && (link.up || !activeOnly))
        .map((channel) => listedChannel(node, channel)),
    }));
    server.unary(getChanInfo, ({ chanId }) => channelEdge(network, node, chanId));
    server.unary(lookupHtlcResolution, ({ chanId, htlcIndex }) => this.#resolution(chanId, htlcIndex));
    server.unary(addInvoice, (request) => this.#addInvoice(request));
    server.serverStream(registerBlockEpochNtfn, (_, out) => {
      out.write(epoch(node.height));
      this.#subscribe(this.#blocks, out);
    });
    server.serverStream(subscribeHtlcEvents, (_, out) => {
      out.write(encoded(htlcEvent, { subscribedEvent: {} }));
      this.#subscribe(this.#htlcEvents, out);
    });
    server.serverStream(subscribeChannelEvents, (_, out) => {
      this.#subscribe(this.#channelEvents, out);
    });
    server.serverStream(closeChannel, (request, out) => {
      this.#closeChannel(request, out);
    });
  }

  #subscribe<O extends object>(subscribers: Set<Out<O>>, out: Out<O>): void {
    subscribers.add(out);
    out.onGone(() => subscribers.delete(out));
  }

  #version(): Draft<Of<(typeof getVersion)['response']>> {
    const { settings, behaviour } = this.#options;
    const { major, minor, patch, preRelease } = behaviour();
    return {
      commit: `v${settings.version}`,
      version: settings.version,
      appMajor: major,
      appMinor: minor,
      appPatch: patch,
      appPreRelease: preRelease,
    };
  }

  #info(): Draft<Of<(typeof getInfo)['response']>> {
    const { node, settings, faults } = this.#options;
    return {
      identityPubkey: toHex(node.nodeId),
      alias: node.name,
      blockHeight: node.height,
      syncedToChain: faults.claimsSynced && node.lag < SYNCED_BLOCKS,
      version: `${settings.version} commit=v${settings.version}`,
      chains: [{ network: settings.network }],
      ...(settings.onionMessages !== 'off' && { features: FEATURES }),
      requireHtlcInterceptor: settings.requireInterceptor,
      storeFinalHtlcResolutions: settings.storeFinals,
    };
  }

  #resolution(chanId: bigint, htlcIndex: bigint): { settled: boolean; offchain: boolean } {
    if (!this.#options.settings.storeFinals) {
      throw new RpcError('cannot lookup with flag --store-final-htlc-resolutions=false', status.UNAVAILABLE);
    }
    const resolution = this.#resolutions.get(`${chanId}/${htlcIndex}`);
    if (!resolution) throw new RpcError('htlc unknown', status.NOT_FOUND);
    return resolution;
  }

  #addInvoice({ rPreimage, valueMsat, cltvExpiry }: Of<(typeof addInvoice)['request']>): {
    rHash: Uint8Array;
    paymentRequest: string;
    paymentAddr: Uint8Array;
  } {
    if (valueMsat < 0n) throw new RpcError('payments of negative value are not allowed, value is not positive');
    if (cltvExpiry !== 0n && cltvExpiry < MIN_CLTV_DELTA) {
      throw new RpcError(`CLTV delta of ${cltvExpiry} must be greater than minimum of ${MIN_CLTV_DELTA}`);
    }
    if (rPreimage.length !== 0 && rPreimage.length !== 32) {
      throw new RpcError(`payment preimage must be exactly 32 bytes, is instead ${rPreimage.length}`);
    }
    const preimage = rPreimage.length === 0 ? randomBytes(32) : rPreimage;
    const rHash = sha256(preimage);
    if (this.registered.has(toHex(rHash))) throw new RpcError('invoice with payment hash already exists');
    this.registered.set(toHex(rHash), toHex(preimage));
    return { rHash, paymentRequest: `lnbcrt1fake${toHex(rHash)}`, paymentAddr: randomBytes(32) };
  }

  #closeChannel({ channelPoint, force }: Of<(typeof closeChannel)['request']>, out: Out<object>): void {
    if (!channelPoint) throw new RpcError('must specify channel point in close channel');
    const { fundingTxidBytes, fundingTxidStr, outputIndex } = channelPoint;
    const channel = this.#options.node.channels.find((known) => {
      const { txid, output } = fundingOf(known);
      const isSame = fundingTxidStr ? fundingTxidStr === txidText(txid) : equalBytes(txid, fundingTxidBytes);
      return isSame && output === outputIndex;
    });
    if (!channel) throw new RpcError('channel not found');
    if (!force) throw new RpcError('the fake closes channels by force only', status.UNIMPLEMENTED);
    if (channel.closed) throw new RpcError('channel is already in the process of being force closed');
    channel.forceClose();
    const txid = sha256(fundingOf(channel).txid);
    out.write({ closePending: { txid, outputIndex: 0 } });
  }

  #tellHeight(height: BlockHeight): void {
    for (const out of this.#blocks) out.write(epoch(height));
    this.#closeForKnownPreimages(height);
  }

  /** LND's chain arbitrator knows the preimages of invoices, not those that an interceptor settles with. */
  #closeForKnownPreimages(height: BlockHeight): void {
    const { node, network } = this.#options;
    for (const channel of node.channels) {
      const side = channel.sideOf(node);
      const isUrgent = [...channel.live].some(
        (htlc) =>
          htlc.to === side &&
          htlc.committedAt !== undefined &&
          height >= htlc.sent.cltvExpiry - BROADCAST_DELTA &&
          this.registered.has(toHex(htlc.sent.paymentHash)),
      );
      if (isUrgent && !channel.closed) {
        network.clock.after(0, () => {
          channel.forceClose();
        });
      }
    }
  }

  #tellFinal(htlc: SimHtlc, settled: boolean, offchain: boolean): void {
    const { node, settings, faults, behaviour } = this.#options;
    const { id, channel, add } = htlc;
    if (settings.storeFinals) this.#resolutions.set(`${channel.scid}/${id}`, { settled, offchain });
    if (!node.online) return;
    const incoming = { incomingChannelId: channel.scid, incomingHtlcId: id, timestampNs: timestamp() };
    const forward = { ...incoming, outgoingChannelId: 1n, outgoingHtlcId: 7n, eventType: HtlcEventType.forward };
    const amounts = { incomingTimelock: add.cltvExpiry, incomingAmtMsat: add.amountMsat };
    this.#tellHtlc({ ...forward, forwardEvent: { info: amounts } });
    if (settled) this.#tellHtlc({ ...forward, settleEvent: { preimage: new Uint8Array(32) } });
    else this.#tellHtlc({ ...forward, forwardFailEvent: {} });
    this.#tellHtlc({ ...incoming, eventType: HtlcEventType.send, linkFailEvent: { info: amounts, wireFailure: 15 } });
    if (behaviour().channelUpdates) this.#tellChannel(channel, ChannelEventType.updated);
    if (!faults.loseFinals) this.#tellHtlc({ ...incoming, finalHtlcEvent: { settled, offchain } });
  }

  #tellHtlc(event: HtlcEventDraft): void {
    const bytes = encoded(htlcEvent, event);
    for (const out of this.#htlcEvents) out.write(bytes);
  }

  #tellChannel(channel: Pick<SimChannel, 'scid'>, type: number): void {
    const { txid, output } = fundingOf(channel);
    const point = { fundingTxidBytes: txid, outputIndex: output };
    const bytes = encoded(channelEvent, {
      type,
      ...(type === ChannelEventType.active && { activeChannel: point }),
      ...(type === ChannelEventType.inactive && { inactiveChannel: point }),
    });
    for (const out of this.#channelEvents) out.write(bytes);
  }
}

/** More than the client's description of the same message can say. */
function encoded<T extends object>(type: MessageType<T>, draft: Draft<T>): Uint8Array {
  return type.encode(draft);
}

function epoch(height: BlockHeight): Draft<BlockEpoch> {
  return { hash: sha256(u64(BigInt(height))), height };
}

function timestamp(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
