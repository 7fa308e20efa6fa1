/**
 * A channel between two simulated nodes: balances, HTLC slots and what happens to each HTLC. The messages that carry an HTLC are
 * real bytes; signing and revoking is only the time it takes; the chain is only what it decides about an HTLC.
 */
import { sha256 } from '../../crypto/index.js';
import type { BlindedPath } from '../../onion/blinded-path.js';
import { equalBytes } from '../../wire/bytes.js';
import type { UpdateAddHtlc } from '../../wire/message-types.js';
import { decodeMessage, encodeMessage } from '../../wire/messages.js';
import { unwrap } from '../../wire/result.js';
import type { BlockHeight, Msat, ShortChannelId } from '../../wire/units.js';
import type { HtlcLimits, HtlcOffer, OfferRefusal } from './htlc-offer.js';
import { asksToHold, Holding } from './holding.js';
import { SimHtlc } from './htlc.js';
import { Link } from './link.js';
import { readRemoval, removalBytes } from './removal.js';
import { draw, quietly, type ChannelChange, type Policy, type Removal, type Side, type World } from './types.js';

/** What a node does with the events of its channels. */
export interface ChannelEnd {
  readonly name: string;
  readonly nodeId: Uint8Array;
  readonly online: boolean;
  /** It gives paths of release for HTLCs that it is asked to hold (`option_htlc_hold`). */
  readonly holdsHtlcs: boolean;
  /** It gives them for HTLCs too that nobody asked it to hold. */
  readonly holdsUnasked: boolean;
  /** An incoming HTLC that is not committed yet is to be held. `answer` is called once. */
  holdAsked(htlc: SimHtlc, answer: (path: BlindedPath | undefined) => void): void;
  /** The peer told how an outgoing HTLC is released. */
  releaseTold(htlc: SimHtlc, path: BlindedPath): void;
  /** An incoming HTLC is irrevocably committed. */
  htlcArrived(htlc: SimHtlc): void;
  /** An incoming HTLC that is still open went on chain with its channel. */
  htlcOnChain(htlc: SimHtlc): void;
  /** An outgoing HTLC came back: a preimage at once, anything else when it is irrevocable. */
  htlcReturned(htlc: SimHtlc, removal: Removal): void;
  /** The end of an incoming HTLC is irrevocable. */
  htlcFinal(htlc: SimHtlc, outcome: 'settled' | 'failed', onChain: boolean): void;
  channelChanged(channel: SimChannel, change: ChannelChange): void;
}

export interface ChannelParameters {
  readonly scid: ShortChannelId;
  readonly ends: readonly [ChannelEnd, ChannelEnd];
  /** By side; their sum is the capacity. */
  readonly balances: readonly [Msat, Msat];
  readonly policies: readonly [Policy, Policy];
  readonly announced: boolean;
  /** By the side that recognises it. */
  readonly aliases: readonly [ShortChannelId, ShortChannelId];
  readonly slots: number;
  readonly reserveMsat: Msat;
  /** By the side that sends. */
  readonly limits: readonly [HtlcLimits, HtlcLimits];
}

export class SimChannel {
  readonly scid: ShortChannelId;
  readonly ends: readonly [ChannelEnd, ChannelEnd];
  readonly policies: [Policy, Policy];
  readonly announced: boolean;
  readonly aliases: readonly [ShortChannelId, ShortChannelId];
  readonly capacityMsat: Msat;
  readonly name: string;
  readonly limits: readonly [HtlcLimits, HtlcLimits];
  readonly link: Link;
  /** HTLCs without an irrevocable end. */
  readonly live = new Set<SimHtlc>();
  readonly #world: World;
  readonly #id: Uint8Array;
  readonly #balances: [Msat, Msat];
  readonly #slots: number;
  readonly #reserve: Msat;
  readonly #nextId: [bigint, bigint] = [0n, 0n];
  readonly #history: SimHtlc[] = [];
  readonly #holding: Holding;
  #cut = false;
  #closedAt: BlockHeight | undefined;
  #reconnecting = false;

  constructor(world: World, parameters: ChannelParameters) {
    const { scid, ends, balances } = parameters;
    this.#world = world;
    this.scid = scid;
    this.ends = ends;
    this.policies = [...parameters.policies];
    this.announced = parameters.announced;
    this.aliases = parameters.aliases;
    this.capacityMsat = balances[0] + balances[1];
    this.name = `${ends[0].name}-${ends[1].name}/${scid}`;
    this.link = new Link(world, world.timing.linkMs);
    this.#id = world.random.bytes(32);
    this.#holding = new Holding(this.#id);
    this.#balances = [...balances];
    this.#slots = parameters.slots;
    this.#reserve = parameters.reserveMsat;
    this.limits = parameters.limits;
    if (ends[0].online && ends[1].online) this.link.setUp(true);
  }

  sideOf(end: ChannelEnd): Side {
    return this.ends[0] === end ? 0 : 1;
  }

  get closed(): boolean {
    return this.#closedAt !== undefined;
  }

  /** What a side owns, HTLCs in flight not counted. */
  balance(side: Side): Msat {
    return this.#balances[side];
  }

  /** What a side could offer now. */
  spendable(side: Side): Msat {
    if (this.closed) return 0n;
    const spendable = this.#balances[side] - this.#reserve;
    return spendable > 0n ? spendable : 0n;
  }

  get history(): readonly SimHtlc[] {
    return this.#history;
  }

  /** Why a side cannot offer this amount now; undefined if it can. */
  refusal(from: Side, amountMsat: Msat): OfferRefusal | undefined {
    if (!this.link.up || this.closed) return 'offline';
    const { minimumMsat = 0n, maximumMsat = amountMsat } = this.limits[from];
    if (amountMsat < minimumMsat || amountMsat > maximumMsat) return 'limits';
    if (amountMsat > this.spendable(from)) return 'balance';
    return this.slotsLeft(from) > 0 ? undefined : 'slots';
  }

  /** HTLCs that a side can still add. */
  slotsLeft(from: Side): number {
    let used = 0;
    for (const htlc of this.live) if (htlc.from === from) used += 1;
    return this.#slots - used;
  }

  offer(from: Side, offer: HtlcOffer): SimHtlc | OfferRefusal {
    const refusal = this.refusal(from, offer.amountMsat);
    if (refusal) return refusal;
    const id = this.#nextId[from]++;
    const message: UpdateAddHtlc = { type: 'update_add_htlc', channelId: this.#id, id, ...offer };
    const htlc = new SimHtlc(this, from, message, this.#world.clock.now());
    this.#balances[from] -= offer.amountMsat;
    this.live.add(htlc);
    this.#history.push(htlc);
    this.#note(htlc, `add ${offer.amountMsat}`);
    const bytes = encodeMessage(message);
    this.link.send(from, () => this.#addArrived(htlc, bytes));
    return htlc;
  }

  #addArrived(htlc: SimHtlc, bytes: Uint8Array): void {
    const message = unwrap(decodeMessage(bytes));
    if (message.type !== 'update_add_htlc') throw new Error(`update_add_htlc expected, got ${message.type}`);
    htlc.received = message;
    if (asksToHold(message) || this.ends[htlc.to].holdsUnasked) this.#askToHold(htlc, () => this.#commit(htlc));
    else this.#commit(htlc);
  }

  #askToHold(htlc: SimHtlc, then: () => void): void {
    this.ends[htlc.to].holdAsked(htlc, (path) => {
      if (htlc.committedAt === undefined && !htlc.outcome) this.#holding.set(htlc, path);
      then();
    });
  }

  /** Each side signs and revokes once: two more trips until nobody can take the HTLC back. */
  #commit(htlc: SimHtlc): void {
    this.link.send(htlc.to, () => {
      this.#acknowledged(htlc);
      this.link.send(htlc.from, () => {
        htlc.committedAt = this.#world.clock.now();
        this.#holding.forget(htlc);
        this.#note(htlc, 'committed');
        this.ends[htlc.to].htlcArrived(htlc);
      });
    });
  }

  /** `revoke_and_ack` is with the offerer. It lists every HTLC that is not committed yet, this one or not. */
  #acknowledged(htlc: SimHtlc): void {
    const { from } = htlc;
    htlc.isAcknowledged = true;
    for (const [told, path] of this.#holding.acknowledge(from)) {
      this.#note(told, 'release path told');
      this.ends[from].releaseTold(told, path);
    }
  }

  /**
   * The receiver removes an HTLC. On a closed channel only a preimage has an effect.
   * @param volatile a crash of the receiver before the signature forgets it
   * @returns false if it is removed already
   */
  remove(htlc: SimHtlc, removal: Removal, volatile: boolean): boolean {
    if (!htlc.open || htlc.mailbox) return false;
    this.#note(htlc, `removal ${removal.kind}`);
    if (this.closed) {
      if (removal.kind === 'fulfill') htlc.removal = removal;
      return true;
    }
    htlc.mailbox = { removal, volatile };
    this.#scheduleSignature(htlc);
    return true;
  }

  #scheduleSignature(htlc: SimHtlc): void {
    const { clock, random, timing } = this.#world;
    quietly(clock, draw(random, timing.signMs), () => this.#sign(htlc));
  }

  #sign(htlc: SimHtlc): void {
    const { mailbox } = htlc;
    if (!mailbox || !this.link.up || this.closed) return;
    htlc.mailbox = undefined;
    htlc.removal = mailbox.removal;
    this.#note(htlc, 'signed');
    const bytes = removalBytes({ channelId: this.#id, id: htlc.id }, mailbox.removal);
    this.link.send(htlc.to, () => this.#removalArrived(htlc, bytes));
  }

  #removalArrived(htlc: SimHtlc, bytes: Uint8Array): void {
    const removal = readRemoval(bytes);
    if (removal.kind === 'fulfill' && !equalBytes(sha256(removal.preimage), htlc.sent.paymentHash)) {
      this.#note(htlc, 'wrong preimage');
      this.forceClose();
      return;
    }
    htlc.returned = removal;
    if (removal.kind === 'fulfill') this.ends[htlc.from].htlcReturned(htlc, removal);
    this.link.send(htlc.from, () => {
      this.#finish(htlc, removal.kind === 'fulfill' ? 'settled' : 'failed', removal);
    });
  }

  #finish(htlc: SimHtlc, outcome: 'settled' | 'failed', removal: Removal): void {
    htlc.outcome = outcome;
    htlc.finalAt = this.#world.clock.now();
    this.live.delete(htlc);
    this.#holding.forget(htlc);
    this.#balances[outcome === 'settled' ? htlc.to : htlc.from] += htlc.sent.amountMsat;
    this.#note(htlc, `final ${outcome}${htlc.onChain ? ' on chain' : ''}`);
    const known = htlc.returned?.kind === 'fulfill';
    htlc.returned = removal;
    if (!known) this.ends[htlc.from].htlcReturned(htlc, removal);
    if (htlc.committedAt !== undefined) this.ends[htlc.to].htlcFinal(htlc, outcome, htlc.onChain);
  }

  /** A crash of one end: what it had decided but not signed is forgotten. */
  forgetVolatile(side: Side): void {
    for (const htlc of this.live) {
      if (htlc.to === side && htlc.mailbox?.volatile) htlc.mailbox = undefined;
    }
  }

  get cut(): boolean {
    return this.#cut;
  }

  set cut(cut: boolean) {
    this.#cut = cut;
    this.#world.trace.note(`${this.name} ${cut ? 'cut' : 'healed'}`);
    this.refresh();
  }

  /** Call when an end went on- or offline. */
  refresh(): void {
    if (!this.#wanted) {
      const wasUp = this.link.up;
      this.link.setUp(false);
      if (wasUp) this.#tell('down');
      return;
    }
    if (this.link.up || this.#reconnecting) return;
    this.#reconnecting = true;
    const { clock, random, timing } = this.#world;
    quietly(clock, draw(random, timing.reconnectMs), () => {
      this.#reconnecting = false;
      if (this.#wanted) this.#connect();
    });
  }

  get #wanted(): boolean {
    return !this.#cut && !this.closed && this.ends[0].online && this.ends[1].online;
  }

  #connect(): void {
    this.link.setUp(true);
    this.#world.trace.note(`${this.name} up`);
    for (const htlc of this.live) if (htlc.mailbox) this.#scheduleSignature(htlc);
    this.#askAgain();
    this.#tell('up');
  }

  /** The list of paths is made anew for the `revoke_and_ack` that is sent again. */
  #askAgain(): void {
    for (const htlc of this.live) {
      const { received, isAcknowledged } = htlc;
      if (received && !isAcknowledged && asksToHold(received)) this.#askToHold(htlc, () => undefined);
    }
  }

  #tell(change: ChannelChange): void {
    for (const end of this.ends) end.channelChanged(this, change);
  }

  /** A side learned of a block: it goes on chain for an HTLC of its own that should be gone. */
  heightSeen(side: Side, height: BlockHeight): void {
    if (this.closed) return;
    const { closeGraceBlocks } = this.#world.timing;
    for (const htlc of this.live) {
      if (htlc.from === side && htlc.sent.cltvExpiry + closeGraceBlocks <= height) {
        this.forceClose();
        return;
      }
    }
  }

  forceClose(): void {
    if (this.closed) return;
    this.#closedAt = this.#world.chainHeight();
    this.link.setUp(false);
    this.#world.trace.note(`${this.name} closed`);
    this.#tell('closed');
    for (const htlc of [...this.live]) {
      if (htlc.committedAt === undefined) {
        this.#finish(htlc, 'failed', { kind: 'timeout' }); // not part of the commitment that was published
        continue;
      }
      htlc.onChain = true;
      const { mailbox } = htlc;
      htlc.mailbox = undefined;
      if (mailbox?.removal.kind === 'fulfill' && !mailbox.volatile) htlc.removal = mailbox.removal;
      if (!htlc.removal) this.ends[htlc.to].htlcOnChain(htlc);
    }
  }

  /** The chain decides about the HTLCs of a closed channel. */
  blockMined(height: BlockHeight): void {
    if (this.#closedAt === undefined || height <= this.#closedAt) return;
    const { timeoutBlocks } = this.#world.timing;
    for (const htlc of [...this.live]) {
      const { removal } = htlc;
      if (removal?.kind === 'fulfill') this.#finish(htlc, 'settled', removal);
      else if (height >= Math.max(htlc.sent.cltvExpiry, this.#closedAt) + timeoutBlocks) {
        this.#finish(htlc, 'failed', { kind: 'timeout' });
      }
    }
  }

  #note(htlc: SimHtlc, what: string): void {
    this.#world.trace.note(`${htlc.label} ${what}`);
  }
}
