/**
 * The network as one plan sees it: the public graph, what is known about it now, and the arcs of this payment, in one space
 * of arc numbers (halves of the graph first, local arcs behind them) and node numbers (nodes of the graph first). Nothing of
 * the graph is copied; what differs from it for this plan is written into overlays and taken back when the plan is made.
 */
import { toHex } from '../../wire/bytes.js';
import type { ChannelGraph, GraphColumns, NodeKey } from '../graph/channel-graph.js';
import { priorCdf, usableAmount } from '../knowledge/prior.js';
import { type LocalArc, LocalArcs } from './local-arcs.js';

/** A number for which `special` holds bounds other than "nothing known". */
const ORDINARY = -1;

export const NodeState = { usable: 0, excluded: 1, own: 2 } as const;

export class Arena {
  readonly graph: ChannelGraph;
  columns: GraphColumns;
  halves = 0;
  graphNodes = 0;
  nodes = 0;
  endWeight = 0;
  readonly local = new LocalArcs();
  /** Per node: one of {@link NodeState}. */
  state = new Uint8Array(0);
  /** Per node: -ln of the trust in it. */
  mark = new Float64Array(0);
  /** Per half: index into the bounds below, or -1 where nothing is known. */
  special = new Int32Array(0);
  /** Bounds of the balance before own parts in flight, amounts in flight and planned, and the most that may be used. */
  lo: number[] = [];
  hi: number[] = [];
  used: number[] = [];
  top: number[] = [];
  #specialHalves: number[] = [];
  #touchedNodes: number[] = [];
  readonly #extra = new Map<NodeKey, number>();

  constructor(graph: ChannelGraph) {
    this.graph = graph;
    this.columns = graph.columns();
  }

  /** Starts a plan with the graph as it is and nothing else. */
  reset(endWeight: number): void {
    for (const half of this.#specialHalves) this.special[half] = ORDINARY;
    for (const node of this.#touchedNodes) {
      this.state[node] = NodeState.usable;
      this.mark[node] = 0;
    }
    this.#specialHalves = [];
    this.#touchedNodes = [];
    this.lo = [];
    this.hi = [];
    this.used = [];
    this.top = [];
    this.#extra.clear();
    this.endWeight = endWeight;
    this.columns = this.graph.columns();
    this.halves = this.graph.halfCount;
    this.graphNodes = this.graph.nodeCount;
    this.nodes = this.graphNodes;
    if (this.special.length < this.halves) this.special = new Int32Array(2 * this.halves).fill(ORDINARY);
    this.local.reset(this.nodes);
    this.#roomForNodes();
  }

  /** The number of a node; one that the graph does not know gets a number for this plan. */
  nodeFor(key: NodeKey): number {
    const known = this.graph.nodeIndex(key) ?? this.#extra.get(key);
    if (known !== undefined) return known;
    const node = this.nodes++;
    this.#extra.set(key, node);
    this.#roomForNodes();
    return node;
  }

  knownNode(key: NodeKey): number | undefined {
    return this.graph.nodeIndex(key) ?? this.#extra.get(key);
  }

  nodeKey(node: number): NodeKey {
    if (node < this.graphNodes) return this.graph.nodeKey(node);
    for (const [key, extra] of this.#extra) if (extra === node) return key;
    throw new RangeError(`no node has the number ${node}`);
  }

  setState(node: number, state: number): void {
    this.#touchedNodes.push(node);
    this.state[node] = state;
  }

  setMark(node: number, mark: number): void {
    this.#touchedNodes.push(node);
    this.mark[node] = mark;
  }

  /** Writes what is known about a half. */
  setBounds(half: number, lo: number, hi: number, inFlight: number): void {
    const slot = this.#specialSlot(half);
    this.lo[slot] = Math.max(lo, Math.min(inFlight, hi));
    this.hi[slot] = hi;
    this.used[slot] = inFlight;
    this.top[slot] = usableAmount(this.lo[slot], hi);
  }

  /** Takes a half out of this plan. */
  mask(half: number): void {
    const slot = this.#specialSlot(half);
    this.lo[slot] = -1;
    this.hi[slot] = -1;
    this.used[slot] = 0;
    this.top[slot] = -1;
  }

  addLocal(arc: LocalArc): void {
    this.local.add(arc);
  }

  isLocal(arc: number): boolean {
    return arc >= this.halves;
  }

  from(arc: number): number {
    return arc < this.halves ? this.columns.from[arc]! : this.local.get(arc - this.halves).from;
  }

  to(arc: number): number {
    return arc < this.halves ? this.columns.from[arc ^ 1]! : this.local.get(arc - this.halves).to;
  }

  base(arc: number): number {
    return arc < this.halves ? this.columns.base[arc]! : this.local.get(arc - this.halves).base;
  }

  ppm(arc: number): number {
    return arc < this.halves ? this.columns.ppm[arc]! : this.local.get(arc - this.halves).ppm;
  }

  cltv(arc: number): number {
    return arc < this.halves ? this.columns.cltv[arc]! : this.local.get(arc - this.halves).cltv;
  }

  /** Channels that the arc counts as. */
  countsAs(arc: number): number {
    return arc < this.halves ? 1 : this.local.get(arc - this.halves).countsAs;
  }

  min(arc: number): number {
    return arc < this.halves ? this.columns.min[arc]! : this.local.get(arc - this.halves).min;
  }

  /** Largest single HTLC; negative for a disabled half. */
  max(arc: number): number {
    return arc < this.halves ? this.columns.max[arc]! : this.local.get(arc - this.halves).max;
  }

  capacity(arc: number): number {
    return arc < this.halves ? this.columns.capacity[arc >> 1]! : this.local.get(arc - this.halves).capacity;
  }

  loOf(arc: number): number {
    if (arc >= this.halves) return this.local.get(arc - this.halves).lo;
    const slot = this.special[arc]!;
    return slot < 0 ? 0 : this.lo[slot]!;
  }

  hiOf(arc: number): number {
    if (arc >= this.halves) return this.local.get(arc - this.halves).hi;
    const slot = this.special[arc]!;
    return slot < 0 ? this.capacity(arc) : this.hi[slot]!;
  }

  usedOf(arc: number): number {
    if (arc >= this.halves) return this.local.used[arc - this.halves]!;
    const slot = this.special[arc]!;
    return slot < 0 ? 0 : this.used[slot]!;
  }

  /** Most that can be added to what is used, over any number of HTLCs. May be negative. */
  room(arc: number): number {
    return usableAmount(this.loOf(arc), this.hiOf(arc)) - this.usedOf(arc);
  }

  /** Adds to (or takes from) the amount planned on an arc, and one HTLC to its slots. */
  use(arc: number, amount: number): void {
    if (arc >= this.halves) {
      const index = arc - this.halves;
      this.local.used[index]! += amount;
      this.local.slots[index]! -= Math.sign(amount);
      return;
    }
    let slot = this.special[arc]!;
    if (slot < 0) {
      this.setBounds(arc, 0, this.capacity(arc), 0);
      slot = this.special[arc]!;
    }
    this.used[slot]! += amount;
  }

  slotsOf(arc: number): number {
    return arc < this.halves ? Infinity : this.local.slots[arc - this.halves]!;
  }

  /** -ln of the probability that `amount` passes, given that what is used now does. Infinity if it cannot. */
  risk(arc: number, amount: number): number {
    const used = this.usedOf(arc);
    return this.#riskBetween(arc, Math.max(this.loOf(arc), used), used + amount);
  }

  /** -ln of the probability that everything planned on the arc passes, given that what is in flight does. */
  riskOfUse(arc: number): number {
    return this.#riskBetween(arc, this.loOf(arc), this.usedOf(arc));
  }

  #riskBetween(arc: number, given: number, total: number): number {
    const hi = this.hiOf(arc);
    if (total <= given) return total <= hi ? 0 : Infinity;
    if (total >= hi) return Infinity;
    const capacity = this.capacity(arc);
    const most = priorCdf(hi / capacity, this.endWeight);
    const reached = priorCdf(total / capacity, this.endWeight);
    return -Math.log((most - reached) / (most - priorCdf(given / capacity, this.endWeight)));
  }

  #specialSlot(half: number): number {
    const known = this.special[half]!;
    if (known >= 0) return known;
    const slot = this.lo.length;
    this.special[half] = slot;
    this.#specialHalves.push(half);
    this.lo.push(0);
    this.hi.push(0);
    this.used.push(0);
    this.top.push(0);
    return slot;
  }

  #roomForNodes(): void {
    if (this.state.length >= this.nodes) return;
    const length = 2 * this.nodes;
    const state = new Uint8Array(length);
    state.set(this.state);
    const mark = new Float64Array(length);
    mark.set(this.mark);
    this.state = state;
    this.mark = mark;
    this.local.roomFor(length);
  }
}

/** The key under which an arena knows a node id. */
export const keyOf = (nodeId: Uint8Array): NodeKey => toHex(nodeId);
