/**
 * The cheapest route for one amount: Dijkstra from the payee backward, so that the amount every channel carries, and with it
 * fee, risk, minimum and maximum, are exact. The search ends at the first own channel that cannot be improved on.
 *
 * One label per node: where a dearer way to a node would need less from the nodes before it, the difference (a fee on a fee
 * difference) is lost. Limits on blocks and channels are kept by dropping labels beyond them.
 */
import { feeFor, MAX_PLANNED_MSAT } from '../fees.js';
import { priorCdf, USABLE_SHARE } from '../knowledge/prior.js';
import { type Arena, NodeState } from './arena.js';
import { NodeHeap } from './heap.js';

export interface SearchTerms {
  /** What has to arrive. */
  readonly amount: number;
  readonly sink: number;
  readonly feeWeight: number;
  readonly riskMsat: number;
  readonly lockPerBlock: number;
  /** Price per block, whatever the amount: only to find out how few blocks are possible. */
  readonly blockWeight: number;
  /** Most blocks beyond the final delta. */
  readonly maxBlocks: number;
  readonly maxHops: number;
}

const SETTLED = 3;
const MILLION = 1_000_000;

export class RouteSearch {
  #cost = new Float64Array(0);
  #amount = new Float64Array(0);
  #blocks = new Int32Array(0);
  #hops = new Uint8Array(0);
  #via = new Int32Array(0);
  #state = new Uint8Array(0);
  #heap = new NodeHeap(0);
  #bestOwn = -1;
  #bestCost = Infinity;

  /** Arcs from the own channel to the payee; undefined if there is no route within the limits. */
  find(arena: Arena, terms: SearchTerms): number[] | undefined {
    this.#start(arena, terms);
    const heap = this.#heap;
    const hasLocal = arena.local.count > 0;
    while (heap.size > 0 && heap.least < this.#bestCost) {
      const node = heap.pop();
      this.#state[node] = SETTLED;
      if (this.#hops[node]! >= terms.maxHops) continue;
      if (node < arena.graphNodes) this.#relaxGraph(arena, terms, node);
      if (hasLocal && arena.local.headIn[node]! >= 0) this.#relaxLocal(arena, terms, node);
    }
    heap.clear();
    return this.#bestOwn < 0 ? undefined : this.#path(arena, terms.sink);
  }

  /** Cost of the route found last. */
  get cost(): number {
    return this.#bestCost;
  }

  #start(arena: Arena, { amount, sink }: SearchTerms): void {
    if (this.#cost.length < arena.nodes) {
      const length = 2 * arena.nodes;
      this.#cost = new Float64Array(length);
      this.#amount = new Float64Array(length);
      this.#blocks = new Int32Array(length);
      this.#hops = new Uint8Array(length);
      this.#via = new Int32Array(length);
      this.#state = new Uint8Array(length);
      this.#heap = new NodeHeap(length);
    }
    this.#cost.fill(Infinity, 0, arena.nodes);
    this.#state.set(arena.state.subarray(0, arena.nodes));
    this.#cost[sink] = 0;
    this.#amount[sink] = amount;
    this.#blocks[sink] = 0;
    this.#hops[sink] = 0;
    this.#bestOwn = -1;
    this.#bestCost = Infinity;
    this.#heap.push(sink, 0);
  }

  #relaxGraph(arena: Arena, terms: SearchTerms, node: number): void {
    const { feeWeight, riskMsat, lockPerBlock, blockWeight, maxBlocks } = terms;
    const { from, base, ppm, cltv, min, max, capacity, rows } = arena.columns;
    const { special, mark, endWeight } = arena;
    const headIn = arena.local.headIn;
    const { pool, count } = rows;
    const cost = this.#cost;
    const state = this.#state;
    const amount = this.#amount[node]!;
    const blocks = this.#blocks[node]!;
    const hops = this.#hops[node]! + 1;
    const costHere = this.#cost[node]!;
    const lock = amount * lockPerBlock + blockWeight;
    const end = rows.start[node]! + count[node]!;
    for (let k = rows.start[node]!; k < end; k++) {
      const half = pool[k]!;
      if (amount > max[half]! || amount < min[half]!) continue;
      const next = from[half]!;
      if (state[next] !== NodeState.usable) continue;
      const product = amount * ppm[half]!;
      const fee =
        product <= MAX_PLANNED_MSAT
          ? base[half]! + Math.floor(product / MILLION)
          : feeFor(base[half]!, ppm[half]!, amount);
      const delta = cltv[half]!;
      let total = costHere + fee * feeWeight + lock * delta;
      if (total >= cost[next]! || blocks + delta > maxBlocks) continue;
      // A node with this one channel leads nowhere.
      if (count[next] === 1 && headIn[next]! < 0) continue;
      const slot = special[half]!;
      if (slot < 0) {
        const share = amount / capacity[half >> 1]!;
        if (!(share <= USABLE_SHARE)) continue;
        total -= riskMsat * Math.log(1 - priorCdf(share, endWeight));
      } else {
        if (arena.used[slot]! + amount > arena.top[slot]!) continue;
        total += riskMsat * arena.risk(half, amount);
      }
      total += riskMsat * mark[next]!;
      if (total >= cost[next]!) continue;
      cost[next] = total;
      this.#amount[next] = amount + fee;
      this.#blocks[next] = blocks + delta;
      this.#hops[next] = hops;
      this.#via[next] = half;
      this.#heap.push(next, total);
    }
  }

  #relaxLocal(arena: Arena, terms: SearchTerms, node: number): void {
    const { local, halves } = arena;
    const amount = this.#amount[node]!;
    for (let index = local.headIn[node]!; index >= 0; index = local.nextIn[index]!) {
      const arc = local.get(index);
      if (amount > arc.max || amount < arc.min || local.slots[index]! < 1) continue;
      if (amount > arena.room(halves + index)) continue;
      if (arc.kind === 'own') this.#reachOwn(halves + index, node, (amount * arc.bias) / MILLION);
      else this.#relaxHint(arena, terms, node, halves + index);
    }
  }

  #reachOwn(arc: number, node: number, bias: number): void {
    const total = this.#cost[node]! + bias;
    if (total >= this.#bestCost) return;
    this.#bestCost = total;
    this.#bestOwn = arc;
  }

  #relaxHint(arena: Arena, terms: SearchTerms, node: number, index: number): void {
    const arc = arena.local.get(index - arena.halves);
    const next = arc.from;
    if (this.#state[next] !== NodeState.usable) return;
    const amount = this.#amount[node]!;
    const fee = feeFor(arc.base, arc.ppm, amount);
    const blocks = this.#blocks[node]! + arc.cltv;
    const hops = this.#hops[node]! + arc.countsAs;
    if (blocks > terms.maxBlocks || hops >= terms.maxHops) return;
    const lock = (amount * terms.lockPerBlock + terms.blockWeight) * arc.cltv;
    const risk = arena.risk(index, amount) + arena.mark[next]!;
    const total = this.#cost[node]! + fee * terms.feeWeight + lock + (risk > 0 ? terms.riskMsat * risk : 0);
    if (!(total < this.#cost[next]!)) return;
    this.#cost[next] = total;
    this.#amount[next] = amount + fee;
    this.#blocks[next] = blocks;
    this.#hops[next] = hops;
    this.#via[next] = index;
    this.#heap.push(next, total);
  }

  #path(arena: Arena, sink: number): number[] {
    const arcs = [this.#bestOwn];
    for (let node = arena.to(this.#bestOwn); node !== sink; node = arena.to(arcs.at(-1)!)) arcs.push(this.#via[node]!);
    return arcs;
  }
}
