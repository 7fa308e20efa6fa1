/** One LDK node: real transport, channels, onions and restarts. Time, blocks and events are driven from outside. */
import type { Server } from 'node:net';
import type { ChannelDetails, ChannelMessageHandler, EventHandler, Event, PeerManager } from 'lightningdevkit';
import type { NodeLDKNet } from 'lightningdevkit-node-net';
import { randomBytes } from '../../crypto/index.js';
import { equalBytes } from '../../wire/bytes.js';
import type { NodeId, Preimage } from '../../wire/units.js';
import { type Block, fundingTransaction } from './chain.js';
import { hookedHandler, type MessageHooks } from './hooks.js';
import { expectOk, type Ldk } from './library.js';
import { buildStack, type SavedNode, type Stack, type StackOptions } from './stack.js';
import type { LdkWorld, WorldMember } from './world.js';

export interface LdkNodeOptions extends Pick<StackOptions, 'crossNodeSeed' | 'configure' | 'saved'> {
  /** For log lines. */
  readonly name: string;
  /** 32 bytes; random by default. */
  readonly seed?: Uint8Array;
  readonly hooks?: MessageHooks;
  /** Claims every payment whose preimage LDK can compute, at once; true by default. */
  readonly autoClaim?: boolean;
}

/** A variant class of LDK's `Event`. */
export interface EventClass<T extends Event> {
  readonly prototype: T;
}

const LOOPBACK = '127.0.0.1';
const LOG_LINES_KEPT = 2000;

export class LdkNode implements WorldMember {
  readonly world: LdkWorld;
  readonly ldk: Ldk;
  readonly name: string;
  readonly seed: Uint8Array;
  readonly id: NodeId;
  readonly stack: Stack;
  /** Every event so far, oldest first. */
  readonly events: Event[] = [];
  /** The newest log lines. */
  readonly log: string[] = [];
  autoClaim: boolean;
  readonly #options: LdkNodeOptions;
  readonly #messages: ChannelMessageHandler;
  readonly #ignoring: ReturnType<Ldk['IgnoringMessageHandler']['constructor_new']>;
  readonly #peers: PeerManager;
  readonly #net: NodeLDKNet;
  readonly #eventHandler: EventHandler;
  readonly #listeners = new Set<(event: Event) => void>();
  readonly #logListeners = new Set<(line: string) => void>();
  readonly #roundListeners = new Set<() => void>();
  readonly #fresh: Event[] = [];
  readonly #unfollow: () => void;
  #stopped = false;

  private constructor(world: LdkWorld, options: LdkNodeOptions) {
    const { ldk } = world;
    this.world = world;
    this.ldk = ldk;
    this.name = options.name;
    this.seed = options.seed ?? randomBytes(32);
    this.autoClaim = options.autoClaim ?? true;
    this.#options = options;
    this.stack = buildStack(world, { ...options, seed: this.seed, onLog: (line) => this.#onLog(line) });
    this.id = this.stack.manager.get_our_node_id();
    this.#messages = hookedHandler(ldk, this.stack.manager, options.hooks);
    this.#ignoring = ldk.IgnoringMessageHandler.constructor_new();
    this.#peers = ldk.PeerManager.constructor_new(
      this.#messages,
      this.stack.gossip.as_RoutingMessageHandler(),
      this.#ignoring.as_OnionMessageHandler(),
      this.#ignoring.as_CustomMessageHandler(),
      world.chain.time,
      randomBytes(32),
      this.stack.logger,
      this.stack.nodeSigner,
    );
    this.#net = new world.library.NodeLDKNet(this.#peers);
    this.#eventHandler = ldk.EventHandler.new_impl({
      handle_event: (event) => {
        this.#fresh.push(event); // LDK holds locks here, so nothing is called back until the round is over
        return ldk.Result_NoneReplayEventZ.constructor_ok();
      },
    });
    this.#unfollow = world.chain.follow((block) => this.#connect(block));
  }

  /** Starts a node that listens on a free port of 127.0.0.1. */
  static async start(world: LdkWorld, options: LdkNodeOptions): Promise<LdkNode> {
    const node = new LdkNode(world, options);
    await node.#net.bind_listener(LOOPBACK, 0);
    world.join(node);
    return node;
  }

  /** TCP port on loopback. */
  get port(): number {
    const [server] = this.#net['servers'] as Server[]; // the package keeps the bound port to itself
    const address = server?.address();
    if (!address || typeof address === 'string') throw new Error(`LDK node ${this.name} does not listen`);
    return address.port;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  hasPeer(id: NodeId): boolean {
    return this.#peers.list_peers().some((peer) => equalBytes(peer.get_counterparty_node_id(), id));
  }

  /** Connects over TCP and waits for both sides' handshake. */
  async connect(peer: LdkNode): Promise<void> {
    await this.#net.connect_peer(LOOPBACK, peer.port, peer.id);
    await this.world.until(() => this.hasPeer(peer.id) && peer.hasPeer(this.id), `${this.name} to reach ${peer.name}`);
  }

  usableChannels(): ChannelDetails[] {
    return this.stack.manager.list_usable_channels();
  }

  channelsWith(peerId: NodeId): ChannelDetails[] {
    return this.stack.manager.list_channels_with_counterparty(peerId);
  }

  /** Calls `listener` with every event, outside LDK's locks. Returns the way to end it. */
  onEvent(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` with every log line, while LDK may hold locks. Returns the way to end it. */
  onLogLine(listener: (line: string) => void): () => void {
    this.#logListeners.add(listener);
    return () => this.#logListeners.delete(listener);
  }

  /** Calls `listener` after every round of background work. Returns the way to end it. */
  onRound(listener: () => void): () => void {
    this.#roundListeners.add(listener);
    return () => this.#roundListeners.delete(listener);
  }

  /** The first event of a kind, at or behind position `since` of {@link events}. */
  findEvent<T extends Event>(
    kind: EventClass<T>,
    matches: (event: T) => boolean = () => true,
    since = 0,
  ): T | undefined {
    const wanted = kind as unknown as new () => T;
    for (let i = since; i < this.events.length; i++) {
      const event = this.events[i]!;
      if (event instanceof wanted && matches(event)) return event;
    }
    return undefined;
  }

  /** As {@link findEvent}, waiting for it. @throws {LdkTimeout} */
  waitForEvent<T extends Event>(kind: EventClass<T>, matches?: (event: T) => boolean, since?: number): Promise<T> {
    const { name } = kind as unknown as { name: string };
    return this.world.until(() => this.findEvent(kind, matches, since), `${name} at ${this.name}`);
  }

  /** Releases the preimage of a claimable payment. */
  claim(preimage: Preimage): void {
    this.stack.manager.claim_funds(preimage);
  }

  /** Fails a claimable payment as its recipient would: `incorrect_or_unknown_payment_details`. */
  reject(paymentHash: Uint8Array): void {
    this.stack.manager.fail_htlc_backwards(paymentHash);
  }

  /** One of LDK's minutes: expires incomplete payments, among others. */
  tick(): void {
    this.stack.manager.timer_tick_occurred();
  }

  /** What a restart needs, as of now. */
  save(): SavedNode {
    return { manager: this.stack.manager.write(), monitors: new Map(this.stack.monitors) };
  }

  /** Stops, and starts again from the serialised state with the same options. Peers have to be connected anew. */
  async restart(): Promise<LdkNode> {
    const saved = this.save();
    this.stop();
    return LdkNode.start(this.world, { ...this.#options, seed: this.seed, autoClaim: this.autoClaim, saved });
  }

  /** Closes listener and connections. Calling it twice does nothing. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#unfollow();
    this.#net.stop();
    this.world.leave(this);
  }

  /** One round of background work; the world calls it all the time. */
  pump(): void {
    const { manager, chainMonitor } = this.stack;
    this.#peers.process_events();
    manager.as_EventsProvider().process_pending_events(this.#eventHandler);
    chainMonitor.as_EventsProvider().process_pending_events(this.#eventHandler);
    const events = this.#fresh.splice(0);
    for (const event of events) this.#handle(event);
    if (events.length > 0) this.#peers.process_events();
    for (const listener of [...this.#roundListeners]) listener();
  }

  #handle(event: Event): void {
    const { ldk, stack } = this;
    this.events.push(event);
    if (event instanceof ldk.Event_FundingGenerationReady) {
      const transaction = fundingTransaction(event.output_script, event.channel_value_satoshis);
      const { temporary_channel_id: channelId, counterparty_node_id: peerId } = event;
      const funded = stack.manager.funding_transaction_generated(channelId, peerId, transaction);
      expectOk(funded, ldk.Result_NoneAPIErrorZ_OK, 'the funding transaction');
    } else if (event instanceof ldk.Event_PendingHTLCsForwardable) {
      stack.manager.process_pending_htlc_forwards();
    } else if (event instanceof ldk.Event_PaymentClaimable && this.autoClaim) {
      const preimage = event.purpose.preimage();
      if (preimage instanceof ldk.Option_ThirtyTwoBytesZ_Some) this.claim(preimage.some);
    }
    for (const listener of [...this.#listeners]) listener(event);
  }

  #connect({ header, transactions, height }: Block): void {
    const { ldk } = this;
    for (const confirm of [this.stack.manager.as_Confirm(), this.stack.chainMonitor.as_Confirm()]) {
      if (transactions.length > 0) {
        const numbered = transactions.map((bytes, i) => ldk.TwoTuple_usizeTransactionZ.constructor_new(i, bytes));
        confirm.transactions_confirmed(header, numbered, height);
      }
      confirm.best_block_updated(header, height);
    }
  }

  #onLog(line: string): void {
    this.log.push(line);
    if (this.log.length > LOG_LINES_KEPT) this.log.splice(0, LOG_LINES_KEPT / 2);
    for (const listener of [...this.#logListeners]) listener(line);
  }
}
