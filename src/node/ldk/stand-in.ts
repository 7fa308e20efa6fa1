/**
 * A node with an HTLC interceptor, as LND has one, made of real LDK nodes: transport, channels and commitments are LDK's;
 * what happens to an HTLC for a channel that the node does not have is decided by whoever opened its intercept port.
 *
 * The node knows no key of the cluster. It shows the next hop's onion as it came, settles with the preimage it is given
 * (see {@link Vault}), and sends back the return packets it is given. Ordinary forwards are LDK's and are not shown.
 */
import type { Event_HTLCIntercepted, MessageSendEvent, Result_NoneAPIErrorZ, UpdateAddHTLC } from 'lightningdevkit';
import { sha256 } from '../../crypto/index.js';
import { originateFailure, wrapFailure } from '../../onion/index.js';
import type { PhantomRouteHints } from '../../phantom/index.js';
import type {
  HtlcAnswer,
  InterceptedHtlc,
  InterceptPort,
  LocalChannel,
  NodeInfo,
  NodePort,
} from '../../receive/node-port.js';
import { equalBytes, toHex } from '../../wire/bytes.js';
import type { NodeId, Preimage, ShortChannelId } from '../../wire/units.js';
import { channelHasScid, channelsReady } from './channel.js';
import { HtlcDesk } from './htlc-desk.js';
import { onionOf, type WireKey, wireKey, withOnion, withRemovals } from './htlc-messages.js';
import { readForwardLayer, withOutgoingScid } from './intercept-onion.js';
import { expectOk, type Ldk, LdkRefused } from './library.js';
import { localChannels } from './local-channels.js';
import { LdkNode, type LdkNodeOptions } from './node.js';
import { hintsOver } from './phantom-hints.js';
import { Vault } from './vault.js';
import type { LdkWorld } from './world.js';

export interface LdkStandInOptions extends Pick<LdkNodeOptions, 'name' | 'seed' | 'configure'> {
  /** All that can be settled before the vault's channel is used up; 10 million satoshi by default. */
  readonly vaultSats?: bigint;
}

/** LDK fails an intercepted HTLC by itself this many blocks before its outgoing expiry. */
const FAIL_BACK_BUFFER = 21;

interface HeldHtlc {
  readonly htlc: InterceptedHtlc;
  readonly wireKey: WireKey;
  /** LDK's handle of the intercepted HTLC. */
  readonly interceptId: Uint8Array;
  /** Between the sender and this node. */
  readonly sharedSecret: Uint8Array;
}

export class LdkStandIn implements NodePort {
  readonly kind = 'ldk-stand-in';
  readonly intercept: InterceptPort;
  readonly #desk: HtlcDesk<HeldHtlc>;
  /** Every HTLC from its arrival until it is irrevocably gone, by its name on the wire. */
  readonly #known = new Map<WireKey, HeldHtlc>();
  /** What outgoing messages said about them. */
  readonly #removed = new Map<WireKey, 'settled' | 'failed'>();
  readonly #returnPackets = new Map<WireKey, Uint8Array>();
  #front: LdkNode | undefined;
  #vault: Vault | undefined;
  #interceptScid: ShortChannelId = 0n;

  private constructor() {
    this.#desk = new HtlcDesk({
      carryOut: (held, answer) => this.#carryOut(held, answer),
      height: () => this.#height(),
    });
    this.intercept = {
      nodeFailureCodes: 'any',
      open: async (handlers) => this.#desk.open(handlers),
      lookupFinal: async (key) => this.#desk.outcome(key),
    };
  }

  /** Starts the node and its vault; channels to the outside are opened by the caller, on {@link node}. */
  static async start(world: LdkWorld, { vaultSats = 10_000_000n, ...options }: LdkStandInOptions): Promise<LdkStandIn> {
    const standIn = new LdkStandIn();
    const front = await LdkNode.start(world, {
      ...options,
      autoClaim: false,
      configure(config) {
        options.configure?.(config);
        config.set_accept_intercept_htlcs(true);
      },
      hooks: {
        addHtlc: (message) => standIn.#arrive(message),
        outgoing: (event) => standIn.#leave(event),
      },
    });
    standIn.#adopt(front);
    standIn.#vault = await Vault.attach(front, vaultSats);
    return standIn;
  }

  get name(): string {
    return this.node.name;
  }

  get id(): NodeId {
    return this.node.id;
  }

  /** The LDK node that peers see. Another object after a restart. */
  get node(): LdkNode {
    if (!this.#front) throw new Error('the stand-in has not started');
    return this.#front;
  }

  /** Intercepted HTLCs without an answer. */
  get waiting(): number {
    return this.#desk.waiting;
  }

  async info(): Promise<NodeInfo> {
    const height = this.#height();
    return { nodeId: this.id, network: 'regtest', alias: this.name, version: 'LDK 0.1.2', height, synced: true };
  }

  async channels(): Promise<readonly LocalChannel[]> {
    const vaultId = this.#openVault().node.id;
    return localChannels(this.node).filter(({ peerId }) => !equalBytes(peerId, vaultId));
  }

  /** Hints for an invoice. The SCID is free: any that no channel of the node has. */
  async phantomHints(phantomScid: ShortChannelId): Promise<PhantomRouteHints> {
    return hintsOver(this.id, await this.channels(), phantomScid);
  }

  /** Ends the intercept session as a broken connection would. HTLCs stay held and are shown to the next session. */
  breakSession(): void {
    this.#desk.disconnect('the connection broke');
  }

  /** Restarts the node from its serialised state. The caller reconnects its peers; held HTLCs are shown again then. */
  async restart(): Promise<void> {
    this.#desk.disconnect('the node restarts');
    const { node } = this.#openVault();
    this.#adopt(await this.node.restart());
    await this.node.connect(node);
    await channelsReady(this.node, node);
  }

  /** Stops node and vault. */
  stop(): void {
    this.#desk.disconnect('the node stopped');
    this.#front?.stop();
    this.#vault?.node.stop();
  }

  #openVault(): Vault {
    if (!this.#vault) throw new Error('the stand-in has not started');
    return this.#vault;
  }

  #height(): number {
    if (this.node.stopped) throw new Error(`LDK node ${this.name} is stopped`);
    return this.node.world.chain.height;
  }

  #adopt(front: LdkNode): void {
    const { ldk, world } = front;
    this.#front = front;
    this.#interceptScid = front.stack.manager.get_intercept_scid();
    front.onEvent((event) => {
      if (event instanceof ldk.Event_HTLCIntercepted) this.#intercepted(event);
    });
    front.onRound(() => this.#findFinal());
    const unfollow = world.chain.follow(({ height }) => {
      if (front.stopped) unfollow();
      else this.#desk.newHeight(height);
    });
  }

  /** A forward to a channel that is not ours is turned into one that LDK intercepts. */
  #arrive(message: UpdateAddHTLC): UpdateAddHTLC {
    const { node } = this;
    const paymentHash = message.get_payment_hash();
    const onion = onionOf(message);
    const layer = readForwardLayer(node.stack.keys.get_node_secret_key(), onion, paymentHash);
    if (!layer) return message;
    const channels = node.stack.manager.list_channels();
    if (channels.some((channel) => channelHasScid(node, channel, layer.outgoingScid))) return message;
    const channelId = this.#channelScid(message);
    if (channelId === undefined) return message;

    const held: HeldHtlc = {
      htlc: {
        key: { nodeId: node.id, channelId, htlcId: message.get_htlc_id() },
        paymentHash,
        incomingAmountMsat: message.get_amount_msat(),
        incomingExpiry: message.get_cltv_expiry(),
        outgoingAmountMsat: layer.outgoingAmountMsat,
        outgoingExpiry: layer.outgoingExpiry,
        outgoingScid: layer.outgoingScid,
        onion: layer.nextOnion,
        deadline: layer.outgoingExpiry - FAIL_BACK_BUFFER,
        onChain: false,
      },
      wireKey: wireKey(message),
      interceptId: sha256(layer.sharedSecret),
      sharedSecret: layer.sharedSecret,
    };
    this.#known.set(held.wireKey, held);
    return withOnion(node.ldk, message, withOutgoingScid(onion, paymentHash, layer, this.#interceptScid));
  }

  #channelScid(message: UpdateAddHTLC): ShortChannelId | undefined {
    const { ldk, stack } = this.node;
    const wanted = message.get_channel_id().get_a();
    const channel = stack.manager.list_channels().find((one) => equalBytes(one.get_channel_id().get_a(), wanted));
    const scid = channel?.get_short_channel_id();
    return scid instanceof ldk.Option_u64Z_Some ? scid.some : undefined;
  }

  #intercepted(event: Event_HTLCIntercepted): void {
    for (const held of this.#known.values()) {
      if (!equalBytes(held.interceptId, event.intercept_id)) continue;
      this.#desk.hold(held);
      return;
    }
    // A random short channel id was one of LDK's own: as for any other, there is no such peer.
    this.node.stack.manager.fail_intercepted_htlc(event.intercept_id);
  }

  #carryOut(held: HeldHtlc, answer: HtlcAnswer): void {
    switch (answer.action) {
      case 'settle':
        this.#settle(held, answer.preimage);
        return;
      case 'fail-as-phantom':
        this.#fail(held, wrapFailure(held.sharedSecret, answer.packet));
        return;
      case 'fail-as-node':
        this.#fail(held, originateFailure(held.sharedSecret, answer.message));
        return;
      case 'resume':
        this.#fail(held, undefined); // LDK's own answer: unknown_next_peer
        return;
    }
  }

  #settle({ htlc, interceptId }: HeldHtlc, preimage: Preimage): void {
    const { world } = this.node;
    const vault = this.#openVault();
    const forward = (): boolean => {
      const { node } = this; // restarted, perhaps, while other parts had their turn
      const [channel] = node.channelsWith(vault.node.id);
      if (!channel) throw new LdkRefused('to settle', 'the channel to the vault is gone');
      const channelId = channel.get_channel_id();
      const amount = htlc.outgoingAmountMsat;
      const { manager } = node.stack;
      const forwarded = manager.forward_intercepted_htlc(interceptId, channelId, vault.node.id, amount);
      return wasHeld(node.ldk, forwarded, 'to settle an intercepted HTLC');
    };
    vault.settle(htlc.paymentHash, preimage, forward).catch((cause: unknown) => world.report(cause));
  }

  #fail(held: HeldHtlc, returnPacket: Uint8Array | undefined): void {
    const { ldk, stack } = this.node;
    if (returnPacket) this.#returnPackets.set(held.wireKey, returnPacket);
    const failed = stack.manager.fail_intercepted_htlc(held.interceptId);
    wasHeld(ldk, failed, 'to fail an intercepted HTLC');
  }

  #leave(event: MessageSendEvent): MessageSendEvent {
    return withRemovals(this.node.ldk, event, {
      fulfilled: (key) => this.#removed.set(key, 'settled'),
      failed: (key) => this.#removed.set(key, 'failed'),
      returnPacket: (key) => this.#returnPackets.get(key),
    });
  }

  /** An HTLC is final once neither side's commitment has it any more: then LDK stops listing it. */
  #findFinal(): void {
    if (this.#removed.size === 0) return;
    const pending = new Set<WireKey>();
    for (const channel of this.node.stack.manager.list_channels()) {
      const channelId = toHex(channel.get_channel_id().get_a());
      for (const htlc of channel.get_pending_inbound_htlcs()) pending.add(`${channelId}/${htlc.get_htlc_id()}`);
    }
    for (const [key, outcome] of [...this.#removed]) {
      if (pending.has(key)) continue;
      this.#removed.delete(key);
      this.#returnPackets.delete(key);
      const held = this.#known.get(key);
      this.#known.delete(key);
      if (held) this.#desk.finish({ key: held.htlc.key, outcome, onChain: false });
    }
  }
}

/**
 * False if LDK no longer holds the HTLC because it came too close to its expiry: the answer is lost then, as the port says.
 * @throws {LdkRefused} for any other reason
 */
function wasHeld(ldk: Ldk, result: Result_NoneAPIErrorZ, what: string): boolean {
  if (result instanceof ldk.Result_NoneAPIErrorZ_Err) {
    const { err } = result;
    if (err instanceof ldk.APIError_APIMisuseError && err.err.includes('not found')) return false;
  }
  expectOk(result, ldk.Result_NoneAPIErrorZ_OK, what);
  return true;
}
