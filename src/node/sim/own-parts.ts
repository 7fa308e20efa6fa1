/**
 * Parts of payments that a simulated node was asked to send: the calls under way, and a record of every part that survives
 * crashes of the node as its channels do.
 */
import type { BlindedPath } from '../../onion/blinded-path.js';
import { FIRST_CUSTOM_RECORD } from '../../onion/payload.js';
import type { PartOutcome } from '../../send/payment/messages.js';
import type { ReportedFailure } from '../../send/payment/failure/reported.js';
import type { OutgoingPart, PartTold } from '../../send/run/ports.js';
import type { TlvRecord } from '../../wire/tlv.js';
import { toHex } from '../../wire/bytes.js';
import type { Msat } from '../../wire/units.js';
import type { ChannelEnd, SimChannel } from './channel.js';
import { asksToHold } from './holding.js';
import type { SimHtlc } from './htlc.js';
import type { HtlcOffer, OfferRefusal } from './htlc-offer.js';
import { outcomeOf, partOnion } from './part-onion.js';
import type { Random } from './random.js';
import { draw, type Removal, type World } from './types.js';

type LocalReason = Extract<ReportedFailure, { kind: 'local' }>['reason'];

const REASONS: Readonly<Record<OfferRefusal, LocalReason>> = {
  offline: 'peer_gone',
  balance: 'balance',
  slots: 'channel_busy',
  limits: 'node_refuses',
};

/** Whoever waits for the end of a part. */
export interface PartFollower {
  accepted(told?: PartTold): void;
  ended(outcome: PartOutcome): void;
  /** The node has died; how the part stands is to be looked up. */
  lost(): void;
}

/** What offers the HTLC of a part. */
interface PartHost extends ChannelEnd {
  readonly channels: readonly SimChannel[];
  pay(
    channel: SimChannel,
    offer: HtlcOffer,
    returned: (removal: Removal) => void,
    held: (path: BlindedPath) => void,
  ): SimHtlc | OfferRefusal;
}

interface OwnPart {
  readonly hash: string;
  readonly outgoing: OutgoingPart;
  readonly follower: PartFollower;
  /** `called`: the call has not reached the node yet, and dies with it. */
  state: 'called' | 'in_flight' | PartOutcome;
}

/** The number of a part begins at 0 again when a payment that failed is tried anew: the time tells them apart. */
const nameOf = (hash: string, { part }: OutgoingPart): string => `${hash}/${part.id}/${part.sentAt ?? ''}`;

export class OwnParts {
  readonly #world: World;
  readonly #node: PartHost;
  readonly #random: Random;
  readonly #parts = new Map<string, OwnPart>();
  /** Those whose follower waits; with the node's life ends the waiting. */
  readonly #followed = new Set<OwnPart>();

  constructor(world: World, node: PartHost) {
    this.#world = world;
    this.#node = node;
    this.#random = world.random.fork(`own parts of ${node.name}`);
  }

  /** @throws {Error} if the part was handed over before: how it stands is to be looked up */
  send(outgoing: OutgoingPart, follower: PartFollower): void {
    const hash = toHex(outgoing.paymentHash);
    const name = nameOf(hash, outgoing);
    if (this.#parts.has(name)) throw new Error(`part ${name} was sent before: look it up`);
    const part: OwnPart = { hash, outgoing, follower, state: 'called' };
    this.#parts.set(name, part);
    this.#followed.add(part);
    this.#later(part, () => this.#offer(part));
  }

  /** Undefined if the node has never seen it. */
  standing(outgoing: OutgoingPart): 'in_flight' | PartOutcome | undefined {
    const state = this.#parts.get(nameOf(toHex(outgoing.paymentHash), outgoing))?.state;
    return state === 'called' ? 'in_flight' : state;
  }

  /** The node dies: calls that have not reached it are as if they had never been made. */
  crash(): void {
    const followed = [...this.#followed];
    this.#followed.clear();
    for (const [name, { state }] of this.#parts) if (state === 'called') this.#parts.delete(name);
    for (const { follower } of followed) follower.lost();
  }

  #offer(part: OwnPart): void {
    const { paymentHash, part: planned, firstHopRecords = [] } = part.outgoing;
    const first = planned.hops[0];
    const channel = first && this.#channel(first.scid);
    const onion = channel && partOnion(part.outgoing, this.#random);
    if (!onion || this.#isRefused(part) || !firstHopRecords.every(isSendable)) {
      this.#end(part, local('node_refuses'));
      return;
    }
    const { amountMsat, expiry: cltvExpiry } = first;
    const isHeld = asksToHold({ unknownRecords: firstHopRecords });
    const htlc = this.#node.pay(
      channel,
      {
        amountMsat,
        cltvExpiry,
        paymentHash,
        onion: onion.onion,
        ...(firstHopRecords.length > 0 && { unknownRecords: firstHopRecords }),
      },
      (removal) => this.#end(part, outcomeOf(removal, onion.sharedSecrets)),
      // A peer that claims to hold what it was not asked to would learn which parts are for a payee who sleeps.
      (releasePath) => {
        if (isHeld) this.#later(part, () => part.follower.accepted({ releasePath }));
      },
    );
    if (typeof htlc === 'string') {
      this.#end(part, local(REASONS[htlc]));
      return;
    }
    part.state = 'in_flight';
    this.#later(part, () => part.follower.accepted());
  }

  #channel(scid: bigint): SimChannel | undefined {
    const isIt = (channel: SimChannel): boolean =>
      channel.scid === scid || channel.aliases[channel.sideOf(this.#node)] === scid;
    return this.#node.channels.find((channel) => !channel.closed && isIt(channel));
  }

  /** As LND: a hash that was paid is not paid again, and never more is out for it than its total. */
  #isRefused({ hash, outgoing }: OwnPart): boolean {
    const { totalMsat, part } = outgoing;
    let out: Msat = part.amountMsat;
    for (const other of this.#parts.values()) {
      if (other.hash !== hash) continue;
      if (typeof other.state === 'object' && other.state.kind === 'settled') return true;
      if (other.state !== 'in_flight') continue;
      if (other.outgoing.totalMsat !== totalMsat) return true;
      out += other.outgoing.part.amountMsat;
    }
    return out > totalMsat;
  }

  #end(part: OwnPart, outcome: PartOutcome): void {
    part.state = outcome;
    this.#later(part, () => {
      this.#followed.delete(part);
      part.follower.ended(outcome);
    });
  }

  /** Behind the time between the node and whoever called, if both still live then. */
  #later(part: OwnPart, task: () => void): void {
    this.#world.clock.after(draw(this.#random, this.#world.timing.streamMs), () => {
      if (this.#followed.has(part)) task();
    });
  }
}

/** Odd, so that no peer has to know it, and out of the protocol's own numbers. */
const isSendable = ({ type }: TlvRecord): boolean => type >= FIRST_CUSTOM_RECORD && type % 2n === 1n;

const local = (reason: LocalReason): PartOutcome => ({ kind: 'failed', failure: { kind: 'local', reason } });
