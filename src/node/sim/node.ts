/** A simulated Lightning node: reads onions, forwards, receives, pays, intercepts, crashes and comes back. */
import { ec, type RecoverableSignature } from '../../crypto/index.js';
import { FailureCode } from '../../onion/failure-codes.js';
import type { BlindedPath } from '../../onion/blinded-path.js';
import type { BlockDelta, BlockHeight, NodeId, Preimage, ShortChannelId } from '../../wire/units.js';
import type { SimChannel } from './channel.js';
import type { ForwardCheat } from './cheat.js';
import { type FailedWith, FailurePackets } from './failing.js';
import { Forwarder, type ForwarderHost } from './forwarder.js';
import { checkInterception, failureMessage } from './forwarding.js';
import type { Connections } from './connections.js';
import { asksToHold, type HoldSupport } from './holding.js';
import type { SimHtlc } from './htlc.js';
import type { HtlcOffer, OfferRefusal } from './htlc-offer.js';
import type { Incoming, IncomingForward } from './incoming.js';
import { Interceptor, type InterceptorHost } from './interceptor.js';
import { MessageDesk, type MessageHost } from './message-desk.js';
import type { NodeWatcher, OwnHtlc, ReturnHandler, SimNodeOptions } from './node-options.js';
import { OwnParts } from './own-parts.js';
import { readOnion } from './reading.js';
import { Till, type TillHost } from './till.js';
import type { ChannelChange, Removal, World } from './types.js';

export type { NodeWatcher } from './node-options.js';

export class SimNode implements ForwarderHost, InterceptorHost, MessageHost, TillHost {
  readonly name: string;
  readonly nodeId: Uint8Array;
  readonly channels: SimChannel[] = [];
  readonly till: Till;
  readonly interceptor: Interceptor | undefined;
  readonly watchers = new Set<NodeWatcher>();
  /** What the node itself was asked to send. */
  readonly ownParts: OwnParts;
  readonly messages: MessageDesk;
  readonly hasAddress: boolean;
  cheat: ForwardCheat | undefined;
  readonly #world: World;
  readonly #secret: Uint8Array;
  readonly #connections: Connections;
  readonly #failures: FailurePackets;
  readonly #forwarder: Forwarder;
  readonly #forwards = new Map<SimHtlc, IncomingForward>();
  readonly #own = new Map<SimHtlc, OwnHtlc>();
  readonly #holdSupport: HoldSupport;
  /** Incoming HTLCs without an irrevocable end. */
  readonly #incoming = new Set<SimHtlc>();
  /** What the onion said, so that a replay costs no curve operation. */
  readonly #read = new WeakMap<SimHtlc, IncomingForward>();
  #missed: (() => void)[] = [];
  #replayOnConnect = new Set<SimChannel>();
  #online: boolean;
  #lag: BlockDelta = 0;
  #height: BlockHeight;

  constructor(world: World, options: SimNodeOptions) {
    this.#world = world;
    this.name = options.name;
    this.#secret = options.secret;
    this.nodeId = ec.publicKey(options.secret);
    this.#height = world.chainHeight();
    this.#forwarder = new Forwarder(this, options.gossip);
    this.#connections = options.connections;
    this.#online = !options.startsOffline;
    this.hasAddress = options.hasAddress;
    this.#holdSupport = options.holdSupport;
    this.messages = new MessageDesk(world, this, options.secret, options.connections);
    this.#failures = new FailurePackets(() => world.clock.now(), options.attribution);
    this.ownParts = new OwnParts(world, this);
    this.till = new Till(world, this);
    this.interceptor = options.interceptor && new Interceptor(world, this, options.interceptor, options.record);
  }

  /** A signature with the node's key, as under its gossip and its invoices. */
  sign(hash: Uint8Array): RecoverableSignature {
    return ec.sign(hash, this.#secret);
  }

  get online(): boolean {
    return this.#online;
  }

  get height(): BlockHeight {
    return this.#height;
  }

  /** Incoming HTLCs that are not irrevocably gone. */
  get openIncoming(): number {
    return this.#incoming.size;
  }

  addChannel(channel: SimChannel): void {
    this.channels.push(channel);
    this.#forwarder.addChannel(channel);
  }

  // --- incoming HTLCs

  get holdsHtlcs(): boolean {
    return this.#holdSupport === 'returns';
  }

  get holdsUnasked(): boolean {
    return this.cheat?.claimsToHold !== undefined;
  }

  holdAsked(htlc: SimHtlc, answer: (path: BlindedPath | undefined) => void): void {
    const { claimsToHold } = this.cheat ?? {};
    if (claimsToHold || !this.interceptor || !this.holdsHtlcs) answer(claimsToHold);
    else this.interceptor.askForPath(htlc, answer);
  }

  htlcArrived(htlc: SimHtlc): void {
    this.#incoming.add(htlc);
    this.#process(htlc);
  }

  htlcOnChain(htlc: SimHtlc): void {
    const forward = this.#read.get(htlc);
    if (this.#online && forward) this.#intercept(forward, false);
  }

  htlcFinal(htlc: SimHtlc, outcome: 'settled' | 'failed', onChain: boolean): void {
    this.#incoming.delete(htlc);
    this.interceptor?.final(htlc, outcome, onChain);
    for (const watcher of this.watchers) watcher.final?.(htlc, outcome, onChain);
  }

  /** Reads the onion and acts. Runs again for every open HTLC after a restart. */
  #process(htlc: SimHtlc): void {
    const known = this.#read.get(htlc);
    if (known) {
      this.#intercept(known, false);
      return;
    }
    const reading = readOnion(this.#secret, htlc);
    switch (reading.kind) {
      case 'forward':
        this.#startForward(reading.forward);
        break;
      case 'final':
        this.till.receive(reading.incoming, reading.payload);
        break;
      case 'fail':
        this.fail(reading.incoming, reading.message);
        break;
      case 'malformed':
        htlc.channel.remove(htlc, reading, false);
        break;
    }
  }

  #startForward(forward: IncomingForward): void {
    this.#read.set(forward.htlc, forward);
    const { add, hasReleasePath } = forward.htlc;
    if (asksToHold(add) && this.#holdSupport !== 'ignores' && !(this.holdsHtlcs && hasReleasePath)) {
      this.fail(forward, failureMessage(FailureCode.temporaryNodeFailure));
      return;
    }
    if (this.interceptor) this.#intercept(forward, true);
    else this.resume(forward);
  }

  /** Shows the HTLC, or goes on forwarding where nobody intercepts. */
  #intercept(forward: IncomingForward, fresh: boolean): void {
    if (!forward.htlc.open) return;
    if (!this.interceptor) {
      if (!forward.outgoing && !forward.htlc.onChain) this.resume(forward);
      return;
    }
    const { autoFailBlocks } = this.interceptor.config;
    const expiry = forward.htlc.add.cltvExpiry;
    const tooLate =
      forward.htlc.onChain || forward.outgoing ? undefined : checkInterception(expiry, this.#height, autoFailBlocks);
    if (tooLate) this.fail(forward, tooLate);
    else this.interceptor.hold(forward, fresh);
  }

  // --- what becomes of them

  settle(incoming: Incoming, preimage: Preimage): void {
    incoming.htlc.channel.remove(incoming.htlc, { kind: 'fulfill', preimage }, this.#isVolatile(incoming));
  }

  fail(incoming: Incoming, message: Uint8Array): void {
    this.#failWith(incoming, this.#failures.originate(incoming, message));
  }

  failAsNode(incoming: IncomingForward, message: Uint8Array): void {
    this.fail(incoming, message);
  }

  /** The packet was made by the node behind this one, so it gets a layer more, as every failure on its way back. */
  failAsPhantom(incoming: IncomingForward, packet: Uint8Array): void {
    this.#failWith(incoming, this.#failures.wrap(incoming, { reason: packet }));
  }

  #failWith(incoming: Incoming, failing: FailedWith): void {
    incoming.htlc.channel.remove(incoming.htlc, failing, this.#isVolatile(incoming));
  }

  /** What came back from a next node is on disk; what an interceptor or the node itself decided can be asked again. */
  #isVolatile({ htlc }: Incoming): boolean {
    return this.interceptor !== undefined && !this.#read.get(htlc)?.outgoing;
  }

  /** Forwards as the onion says, or fails for the reason BOLT 4 gives. Does nothing if it was forwarded before. */
  resume(forward: IncomingForward): void {
    if (forward.outgoing) return;
    const outgoing = this.#forwarder.forward(forward);
    if (outgoing instanceof Uint8Array) {
      this.fail(forward, outgoing);
      return;
    }
    forward.outgoing = outgoing;
    this.#forwards.set(outgoing, forward);
  }

  // --- outgoing HTLCs

  /**
   * Offers an HTLC of its own. `returned` is called once, with its end; `held` each time the peer tells how it is released, asked
   * to hold it or not.
   */
  pay(
    channel: SimChannel,
    offer: HtlcOffer,
    returned: ReturnHandler,
    held: (path: BlindedPath) => void = () => undefined,
  ): SimHtlc | OfferRefusal {
    const htlc = channel.offer(channel.sideOf(this), offer);
    if (typeof htlc !== 'string') this.#own.set(htlc, { returned, held });
    return htlc;
  }

  releaseTold(htlc: SimHtlc, path: BlindedPath): void {
    this.#world.clock.stir?.();
    this.#own.get(htlc)?.held(path);
  }

  htlcReturned(htlc: SimHtlc, removal: Removal): void {
    if (!this.#online) {
      this.#missed.push(() => this.htlcReturned(htlc, removal));
      return;
    }
    const own = this.#own.get(htlc);
    if (own) {
      this.#own.delete(htlc);
      this.#world.clock.stir?.();
      own.returned(removal);
      return;
    }
    const forward = this.#forwards.get(htlc);
    if (forward) this.#returnUpstream(forward, removal);
  }

  #returnUpstream(forward: IncomingForward, removal: Removal): void {
    if (removal.kind === 'fulfill') {
      this.settle(forward, removal.preimage);
      return;
    }
    const failing = this.#failures.passOn(forward, removal);
    if (this.cheat?.garbleFailures && failing.kind === 'fail') failing.reason[0]! ^= 1;
    this.#failWith(forward, failing);
  }

  // --- messages

  peerBehind(scid: ShortChannelId): NodeId | undefined {
    return this.#forwarder.peerBehind(scid);
  }

  peerMessage(from: Uint8Array, bytes: Uint8Array): void {
    this.messages.received(from, bytes);
  }

  peerChanged(peer: Uint8Array, connected: boolean): void {
    this.messages.peerChanged(peer, connected);
  }

  // --- blocks

  get lag(): BlockDelta {
    return this.#lag;
  }

  /** Blocks this node is behind the chain from now on; a height once seen is never taken back. */
  set lag(blocks: BlockDelta) {
    this.#lag = blocks;
    this.blockMined();
  }

  /** The chain grew (or the lag shrank): the node catches up. */
  blockMined(): void {
    const height = this.#world.chainHeight() - this.#lag;
    if (!this.#online || height <= this.#height) return;
    this.#height = height;
    for (const channel of this.channels) channel.heightSeen(channel.sideOf(this), height);
    this.interceptor?.heightSeen(height);
    for (const watcher of this.watchers) watcher.height?.(height);
  }

  // --- power

  /** The process dies: what was only in memory is gone, the streams break. */
  crash(): void {
    if (!this.#online) return;
    this.#online = false;
    this.#world.trace.note(`${this.name} crashed`);
    for (const channel of this.channels) {
      channel.forgetVolatile(channel.sideOf(this));
      channel.refresh();
    }
    this.till.crash();
    this.ownParts.crash();
    this.interceptor?.crash();
    this.messages.drop('connection lost');
    this.#connections.down(this);
    for (const watcher of this.watchers) watcher.power?.(false);
  }

  /** Comes back; open HTLCs are handled again, channel by channel, as the channels come up. */
  restart(): void {
    if (this.#online) return;
    this.#online = true;
    this.#world.trace.note(`${this.name} restarted`);
    const missed = this.#missed;
    this.#missed = [];
    for (const task of missed) task();
    this.blockMined();
    for (const channel of this.channels) {
      if (channel.closed) this.#replay(channel);
      else channel.refresh();
    }
    this.#replayOnConnect = new Set(this.channels);
    for (const watcher of this.watchers) watcher.power?.(true);
  }

  channelChanged(channel: SimChannel, change: ChannelChange): void {
    for (const watcher of this.watchers) watcher.channel?.(channel, change);
    if (change === 'up' && this.#replayOnConnect.delete(channel)) this.#replay(channel);
  }

  #replay(channel: SimChannel): void {
    for (const htlc of this.#incoming) {
      if (htlc.channel === channel && htlc.open && !htlc.mailbox) this.#process(htlc);
    }
  }
}
