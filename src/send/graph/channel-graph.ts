/**
 * The public channel graph in columns. A channel has an index i and two halves h = 2i + d, d being the direction; a half's
 * policy is that of the node it starts from. All columns hold millisatoshi, blocks and indexes as plain numbers.
 */
import { fromHex, isHexOf, toHex } from '../../wire/bytes.js';
import type { Msat, NodeId, ShortChannelId, UnixSeconds } from '../../wire/units.js';
import { MAX_PLANNED_MSAT } from '../fees.js';
import {
  type ChannelAnnouncement,
  type Direction,
  type GraphChange,
  isPossiblePolicy,
  MAX_CLOCK_AHEAD_SECONDS,
  type Policy,
  type PolicyUpdate,
} from './policy.js';
import { grown, Rows } from './rows.js';

/** Compressed public key in lower-case hex: how nodes are named inside. */
export type NodeKey = string;

const DISABLED = -1;
const NODE_KEY_BYTES = 33;

const clamped = (amount: Msat): number => (amount > BigInt(MAX_PLANNED_MSAT) ? MAX_PLANNED_MSAT : Number(amount));

export interface GraphSize {
  readonly nodes: number;
  readonly channels: number;
}

/** Typed arrays that searches read. Replaced when the graph grows: fetch them anew for every plan. */
export interface GraphColumns {
  /** Per half: the node it starts from. The end of half h is `from[h ^ 1]`. */
  readonly from: Int32Array;
  readonly base: Float64Array;
  readonly ppm: Float64Array;
  readonly cltv: Int32Array;
  readonly min: Float64Array;
  /** -1 where the half is disabled, so that no amount fits. */
  readonly max: Float64Array;
  /** Per channel. */
  readonly capacity: Float64Array;
  /** Rows of halves into a node, of channels with at least one direction enabled. */
  readonly rows: Pick<Rows, 'pool' | 'start' | 'count'>;
}

export class ChannelGraph {
  #keys: NodeKey[] = [];
  readonly #nodes = new Map<NodeKey, number>();
  /** Per channel index; undefined where the slot is free. */
  #scids: (ShortChannelId | undefined)[] = [];
  readonly #channels = new Map<ShortChannelId, number>();
  readonly #free: number[] = [];
  #from: Int32Array;
  #base: Float64Array;
  #ppm: Float64Array;
  #cltv: Int32Array;
  #min: Float64Array;
  #max: Float64Array;
  #timestamp: Float64Array;
  #capacity: Float64Array;
  readonly #rows: Rows;
  #structure = 0;

  /** @param expected sizes to make room for; the graph grows beyond them */
  constructor(expected: GraphSize = { nodes: 64, channels: 64 }) {
    const halves = 2 * Math.max(1, expected.channels);
    this.#from = new Int32Array(halves);
    this.#base = new Float64Array(halves);
    this.#ppm = new Float64Array(halves);
    this.#cltv = new Int32Array(halves);
    this.#min = new Float64Array(halves);
    this.#max = new Float64Array(halves).fill(DISABLED);
    this.#timestamp = new Float64Array(halves);
    this.#capacity = new Float64Array(halves / 2);
    this.#rows = new Rows(Math.max(1, expected.nodes), halves);
  }

  get nodeCount(): number {
    return this.#keys.length;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** Halves have indexes below this. */
  get halfCount(): number {
    return 2 * this.#scids.length;
  }

  /** Changes whenever a channel comes or goes, so that users know when their own indexes are out of date. */
  get structure(): number {
    return this.#structure;
  }

  columns(): GraphColumns {
    return {
      from: this.#from,
      base: this.#base,
      ppm: this.#ppm,
      cltv: this.#cltv,
      min: this.#min,
      max: this.#max,
      capacity: this.#capacity,
      rows: this.#rows,
    };
  }

  nodeIndex(key: NodeKey): number | undefined {
    return this.#nodes.get(key);
  }

  nodeKey(index: number): NodeKey {
    return this.#keys[index]!;
  }

  nodeId(index: number): NodeId {
    return fromHex(this.#keys[index]!);
  }

  channelIndex(scid: ShortChannelId): number | undefined {
    return this.#channels.get(scid);
  }

  scidOfChannel(index: number): ShortChannelId {
    const scid = this.#scids[index];
    if (scid === undefined) throw new RangeError(`channel index ${index} is free`);
    return scid;
  }

  capacityOf(scid: ShortChannelId): Msat | undefined {
    const index = this.#channels.get(scid);
    return index === undefined ? undefined : BigInt(this.#capacity[index]!);
  }

  /** The policy of one direction; undefined if the channel is unknown or the direction is disabled. */
  policy(scid: ShortChannelId, direction: Direction): Policy | undefined {
    const index = this.#channels.get(scid);
    if (index === undefined) return undefined;
    const half = 2 * index + direction;
    if (this.#max[half]! < 0) return undefined;
    return {
      feeBaseMsat: this.#base[half]!,
      feePpm: this.#ppm[half]!,
      cltvDelta: this.#cltv[half]!,
      htlcMinimumMsat: BigInt(this.#min[half]!),
      htlcMaximumMsat: BigInt(this.#max[half]!),
    };
  }

  /**
   * Adds a channel; both directions stay disabled until their update comes. `known` if the id is taken, `invalid` for a
   * channel of a node with itself, nodes in the wrong order, or no node ids.
   */
  addChannel(channel: ChannelAnnouncement): GraphChange {
    const key1 = toHex(channel.node1);
    const key2 = toHex(channel.node2);
    return this.addChannelByKeys(channel.scid, key1, key2, clamped(channel.capacityMsat));
  }

  /** As {@link addChannel} for loaders that hold hex keys and plain numbers. */
  addChannelByKeys(scid: ShortChannelId, key1: NodeKey, key2: NodeKey, capacity: number): GraphChange {
    if (this.#channels.has(scid)) return 'known';
    if (!isHexOf(key1, NODE_KEY_BYTES) || !isHexOf(key2, NODE_KEY_BYTES) || key1 >= key2) return 'invalid';
    if (!(capacity >= 0)) return 'invalid';
    const node1 = this.#nodeFor(key1);
    const node2 = this.#nodeFor(key2);
    const index = this.#free.pop() ?? this.#newSlot();
    this.#scids[index] = scid;
    this.#channels.set(scid, index);
    this.#capacity[index] = Math.min(capacity, MAX_PLANNED_MSAT);
    for (const [half, from] of [
      [2 * index, node1],
      [2 * index + 1, node2],
    ] as const) {
      this.#from[half] = from;
      this.#max[half] = DISABLED;
      this.#timestamp[half] = -1;
    }
    this.#structure++;
    return 'applied';
  }

  /** Takes a channel out, as its funding was spent. */
  closeChannel(scid: ShortChannelId): GraphChange {
    const index = this.#channels.get(scid);
    if (index === undefined) return 'unknown_channel';
    for (const half of [2 * index, 2 * index + 1]) {
      this.#max[half] = DISABLED;
      this.#rows.remove(this.#from[half ^ 1]!, half);
    }
    this.#channels.delete(scid);
    this.#scids[index] = undefined;
    this.#free.push(index);
    this.#structure++;
    return 'applied';
  }

  /**
   * Takes in a channel_update. The caller has checked its signature. `stale` unless it is newer than the one before
   * (BOLT 7), `future` if dated too far ahead of `now`.
   */
  applyUpdate(update: PolicyUpdate, now: UnixSeconds): GraphChange {
    const { policy, timestamp } = update;
    const index = this.#channels.get(update.scid);
    if (index === undefined) return 'unknown_channel';
    if (!(timestamp >= 0) || (policy && !isPossiblePolicy(policy))) return 'invalid';
    if (timestamp > now + MAX_CLOCK_AHEAD_SECONDS) return 'future';
    const half = 2 * index + update.direction;
    if (timestamp <= this.#timestamp[half]!) return 'stale';
    this.#timestamp[half] = timestamp;
    if (policy) {
      const { feeBaseMsat, feePpm, cltvDelta } = policy;
      const max = clamped(policy.htlcMaximumMsat);
      this.#setHalf(half, feeBaseMsat, feePpm, cltvDelta, clamped(policy.htlcMinimumMsat), max);
    } else this.#disableHalf(half);
    return 'applied';
  }

  /** Sets a policy that has no date, from a snapshot: any dated update replaces it. */
  setPolicy(scid: ShortChannelId, direction: Direction, policy: Policy): GraphChange {
    const index = this.#channels.get(scid);
    if (index === undefined) return 'unknown_channel';
    if (!isPossiblePolicy(policy)) return 'invalid';
    const max = clamped(policy.htlcMaximumMsat);
    const { feeBaseMsat, feePpm, cltvDelta } = policy;
    this.#setHalf(2 * index + direction, feeBaseMsat, feePpm, cltvDelta, clamped(policy.htlcMinimumMsat), max);
    return 'applied';
  }

  #setHalf(half: number, base: number, ppm: number, cltv: number, min: number, max: number): void {
    this.#base[half] = base;
    this.#ppm[half] = ppm;
    this.#cltv[half] = cltv;
    this.#min[half] = min;
    this.#max[half] = max;
    if (this.#rows.has(half)) return;
    this.#rows.add(this.#from[half ^ 1]!, half);
    this.#rows.add(this.#from[half]!, half ^ 1);
  }

  #disableHalf(half: number): void {
    this.#max[half] = DISABLED;
    if (this.#max[half ^ 1]! >= 0) return;
    this.#rows.remove(this.#from[half ^ 1]!, half);
    this.#rows.remove(this.#from[half]!, half ^ 1);
  }

  #nodeFor(key: NodeKey): number {
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const index = this.#keys.length;
    this.#keys.push(key);
    this.#nodes.set(key, index);
    if (index >= this.#rows.start.length) this.#rows.resize(2 * index + 1, this.#from.length);
    return index;
  }

  #newSlot(): number {
    const index = this.#scids.length;
    this.#scids.push(undefined);
    if (2 * index + 2 > this.#from.length) this.#growHalves(4 * index + 2);
    return index;
  }

  #growHalves(halves: number): void {
    this.#from = grown(this.#from, halves, 0);
    this.#base = grown(this.#base, halves, 0);
    this.#ppm = grown(this.#ppm, halves, 0);
    this.#cltv = grown(this.#cltv, halves, 0);
    this.#min = grown(this.#min, halves, 0);
    this.#max = grown(this.#max, halves, DISABLED);
    this.#timestamp = grown(this.#timestamp, halves, -1);
    this.#capacity = grown(this.#capacity, halves / 2, 0);
    this.#rows.resize(this.#rows.start.length, halves);
  }
}
