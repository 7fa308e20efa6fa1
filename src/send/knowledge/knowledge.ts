/**
 * What the cluster has learnt about the network's liquidity, shared by all payments and all own nodes. Time comes as an
 * argument, amounts are those that travelled over the hop (what the hop's HTLC carries, fees of later hops included).
 */
import { toHex } from '../../wire/bytes.js';
import type { Millis, Msat, NodeId, ShortChannelId } from '../../wire/units.js';
import { MAX_PLANNED_MSAT } from '../fees.js';
import type { ChannelGraph, NodeKey } from '../graph/channel-graph.js';
import type { Direction } from '../graph/policy.js';
import { type HalfLives, LiquidityBounds, type LiquidityRange, type Slot } from './bounds.js';
import { NodeMarks } from './node-marks.js';
import { DEFAULT_END_WEIGHT, passProbability } from './prior.js';

export interface KnowledgeOptions {
  readonly halfLives: HalfLives;
  readonly nodeHalfLifeMs: Millis;
  /** Weight of "at one of the ends" in the prior, 0 to 1. */
  readonly endWeight: number;
}

const MINUTE = 60_000;

export const DEFAULT_KNOWLEDGE: KnowledgeOptions = {
  halfLives: { failureMs: 45 * MINUTE, passMs: 20 * MINUTE },
  nodeHalfLifeMs: 60 * MINUTE,
  endWeight: DEFAULT_END_WEIGHT,
};

/** An amount over one direction of a channel. A hop of a planned route is one. */
export interface HopUse {
  readonly scid: ShortChannelId;
  readonly direction: Direction;
  readonly amountMsat: Msat;
  /**
   * Only `public` hops (the default) are learnt about here: own channels are known exactly, and what a payee's hints call a
   * channel is the payee's word, which must not spoil what is known about others.
   */
  readonly kind?: 'own' | 'public' | 'hint';
}

/** Something that is not to be used before a time. */
export interface Avoidance<Id> {
  readonly what: Id;
  readonly until: Millis;
}

type DirectedChannel = Pick<HopUse, 'scid' | 'direction'>;

const directed = ({ scid, direction }: DirectedChannel): bigint => (scid << 1n) | BigInt(direction);
const numberOf = (amount: Msat): number => Math.min(Number(amount), MAX_PLANNED_MSAT);

export class Knowledge {
  readonly options: KnowledgeOptions;
  readonly graph: ChannelGraph;
  readonly bounds: LiquidityBounds;
  readonly marks: NodeMarks;
  readonly #avoidedChannels = new Map<bigint, Millis>();
  readonly #avoidedNodes = new Map<NodeKey, Millis>();

  /** @param graph tells capacities; nothing is learnt about channels that it does not know */
  constructor(graph: ChannelGraph, options: KnowledgeOptions = DEFAULT_KNOWLEDGE) {
    this.graph = graph;
    this.options = options;
    this.bounds = new LiquidityBounds(options.halfLives);
    this.marks = new NodeMarks(options.nodeHalfLifeMs);
  }

  /** The hop carried its amount, which then came back or is still on its way: there is at least that much. */
  passed(hop: HopUse, now: Millis): void {
    this.#slot(hop)?.atLeast(hop.direction, numberOf(hop.amountMsat), now);
  }

  /**
   * The hop could not carry its amount. Release the failing part's reservation first: what else of ours is in flight there
   * is added, because it took its share of the liquidity before.
   */
  failed(hop: HopUse, now: Millis): void {
    const slot = this.#slot(hop);
    slot?.atMost(hop.direction, numberOf(hop.amountMsat) - 1 + slot.inFlight(hop.direction), now);
  }

  /** The hop's amount has settled: the liquidity is on the other side now. */
  settled(hop: HopUse, now: Millis): void {
    this.#slot(hop)?.moved(hop.direction, numberOf(hop.amountMsat), now);
  }

  /** Counts a part as in flight on each of the hops. Exactly one {@link release} has to follow when the part ends. */
  reserve(hops: readonly HopUse[]): void {
    for (const hop of hops) this.#slot(hop)?.reserve(hop.direction, numberOf(hop.amountMsat));
  }

  release(hops: readonly HopUse[]): void {
    for (const hop of hops) this.#slot(hop)?.reserve(hop.direction, -numberOf(hop.amountMsat));
  }

  /** Trust in the node falls: routes through it count as e^-weight times as likely to work, fading with a half-life. */
  markNode(node: NodeId, weight: number, now: Millis): void {
    this.marks.add(toHex(node), weight, now);
  }

  /** The node forwarded as it should. */
  easeNode(node: NodeId, now: Millis): void {
    this.marks.ease(toHex(node), now);
  }

  /** Keeps every plan off one direction of a channel until then. */
  avoidChannel(hop: DirectedChannel, until: Millis): void {
    later(this.#avoidedChannels, directed(hop), until);
  }

  /** Keeps every plan off a node until then. */
  avoidNode(node: NodeId, until: Millis): void {
    this.avoidNodeByKey(toHex(node), until);
  }

  avoidNodeByKey(node: NodeKey, until: Millis): void {
    later(this.#avoidedNodes, node, until);
  }

  avoidedChannels(): Avoidance<DirectedChannel>[] {
    return [...this.#avoidedChannels].map(([key, until]) => ({
      what: { scid: key >> 1n, direction: Number(key & 1n) as Direction },
      until,
    }));
  }

  avoidedNodes(): Avoidance<NodeKey>[] {
    return [...this.#avoidedNodes].map(([what, until]) => ({ what, until }));
  }

  /** What one direction can carry as far as is known; undefined if nothing is. */
  range(hop: DirectedChannel, now: Millis): LiquidityRange | undefined {
    return this.bounds.get(hop.scid)?.range(hop.direction, now);
  }

  /** Probability that the hop's amount passes on top of what is in flight there. Undefined for unknown channels. */
  probability(hop: HopUse, now: Millis): number | undefined {
    const known = this.range(hop, now);
    const capacity = this.graph.capacityOf(hop.scid);
    const { endWeight } = this.options;
    const amount = numberOf(hop.amountMsat);
    if (known) {
      const lo = Math.max(known.lo, known.inFlight);
      return passProbability(known.capacity, lo, known.hi, amount + known.inFlight, endWeight);
    }
    if (capacity === undefined) return undefined;
    return passProbability(Number(capacity), 0, Number(capacity), amount, endWeight);
  }

  /** Forgets what has faded. Call it now and then; nothing depends on it. */
  prune(now: Millis): void {
    this.bounds.prune(now);
    this.marks.prune(now);
    for (const [key, until] of this.#avoidedChannels) if (until <= now) this.#avoidedChannels.delete(key);
    for (const [key, until] of this.#avoidedNodes) if (until <= now) this.#avoidedNodes.delete(key);
  }

  #slot({ scid, kind = 'public' }: HopUse): Slot | undefined {
    if (kind !== 'public') return undefined;
    const capacity = this.graph.capacityOf(scid);
    // A channel closed while a part was in flight keeps its slot, so that the reservation can end.
    return capacity === undefined ? this.bounds.get(scid) : this.bounds.slotFor(scid, Number(capacity));
  }
}

function later<K>(map: Map<K, Millis>, key: K, until: Millis): void {
  const before = map.get(key);
  if (before === undefined || before < until) map.set(key, until);
}
