/**
 * LDK's search for one path (shared reference, §4): backward, for as much of a value as each channel lets through, cheapest
 * in fees and penalties per msat that arrives.
 */
import type { ChannelGraph } from '../../src/send/index.js';
import { feeFor } from '../../src/send/fees.js';
import { NodeHeap } from '../../src/send/plan/heap.js';

export interface PathTerms {
  readonly payee: number;
  /** What to look for, and the least that a path has to carry of it. */
  readonly value: number;
  readonly leastValue: number;
  readonly maxFee: number;
  readonly maxBlocks: number;
  readonly maxHops: number;
  /** Own halves with their balances. */
  readonly ownRoom: ReadonlyMap<number, number>;
  /** Share of a channel that may be used. */
  readonly saturation: number;
  /** Taken by paths found before. */
  readonly used: ReadonlyMap<number, number>;
  readonly failedChannels: ReadonlySet<number>;
  penalty(half: number, amount: number, used: number): number;
}

export interface FoundPath {
  readonly halves: readonly number[];
  readonly value: number;
  /** Fees and penalties per msat. */
  readonly price: number;
}

const DONE = 1;

export class LdkSearch {
  readonly #graph: ChannelGraph;
  readonly #price: Float64Array;
  readonly #value: Float64Array;
  readonly #fee: Float64Array;
  readonly #penalty: Float64Array;
  readonly #blocks: Int32Array;
  readonly #hops: Uint8Array;
  readonly #via: Int32Array;
  readonly #state: Uint8Array;
  readonly #heap: NodeHeap;
  #payers = new Set<number>();

  constructor(graph: ChannelGraph) {
    const nodes = graph.nodeCount;
    this.#graph = graph;
    this.#price = new Float64Array(nodes);
    this.#value = new Float64Array(nodes);
    this.#fee = new Float64Array(nodes);
    this.#penalty = new Float64Array(nodes);
    this.#blocks = new Int32Array(nodes);
    this.#hops = new Uint8Array(nodes);
    this.#via = new Int32Array(nodes);
    this.#state = new Uint8Array(nodes);
    this.#heap = new NodeHeap(nodes);
  }

  find(terms: PathTerms): FoundPath | undefined {
    const { from } = this.#graph.columns();
    const { payee } = terms;
    this.#payers = new Set([...terms.ownRoom.keys()].map((half) => from[half]!));
    this.#price.fill(Infinity);
    this.#state.fill(0);
    this.#price[payee] = 0;
    this.#value[payee] = terms.value;
    this.#fee[payee] = 0;
    this.#penalty[payee] = 0;
    this.#blocks[payee] = 0;
    this.#hops[payee] = 0;
    this.#heap.push(payee, 0);
    let reached = -1;
    while (this.#heap.size > 0) {
      const node = this.#heap.pop();
      if (this.#payers.has(node)) {
        reached = node;
        break;
      }
      this.#state[node] = DONE;
      if (this.#hops[node]! < terms.maxHops) this.#relax(node, terms);
    }
    this.#heap.clear();
    if (reached < 0) return undefined;
    const value = this.#value[reached]!;
    const price = this.#price[reached]!;
    return { halves: this.#trace(reached, payee), value, price };
  }

  #relax(node: number, terms: PathTerms): void {
    const { from, base, ppm, cltv, min, max, rows } = this.#graph.columns();
    const start = rows.start[node]!;
    const end = start + rows.count[node]!;
    const feeAfter = this.#fee[node]!;
    for (let k = start; k < end; k++) {
      const half = rows.pool[k]!;
      const next = from[half]!;
      if (this.#state[next] === DONE || max[half]! < 0 || terms.failedChannels.has(half >> 1)) continue;
      const isOwn = this.#payers.has(next);
      const used = terms.used.get(half) ?? 0;
      const value = Math.min(this.#value[node]!, this.#room(half, isOwn, terms) - used - feeAfter);
      if (!(value >= terms.leastValue)) continue;
      const amount = value + feeAfter;
      if (amount < min[half]!) continue;
      const blocks = this.#blocks[node]! + (isOwn ? 0 : cltv[half]!);
      if (blocks > terms.maxBlocks) continue;
      const fee = feeAfter + (isOwn ? 0 : feeFor(base[half]!, ppm[half]!, amount));
      if (fee > terms.maxFee) continue;
      const penalty = this.#penalty[node]! + (isOwn ? 0 : terms.penalty(half, amount, used));
      const price = (fee + penalty) / value;
      if (!(price < this.#price[next]!)) continue;
      this.#price[next] = price;
      this.#value[next] = value;
      this.#fee[next] = fee;
      this.#penalty[next] = penalty;
      this.#blocks[next] = blocks;
      this.#hops[next] = this.#hops[node]! + 1;
      this.#via[next] = half;
      this.#heap.push(next, price);
    }
  }

  #room(half: number, isOwn: boolean, terms: PathTerms): number {
    const { max, capacity } = this.#graph.columns();
    const room = isOwn ? (terms.ownRoom.get(half) ?? 0) : Math.floor(capacity[half >> 1]! * terms.saturation);
    return Math.min(room, max[half]!);
  }

  #trace(start: number, payee: number): number[] {
    const { from } = this.#graph.columns();
    const halves: number[] = [];
    for (let node = start; node !== payee;) {
      const half = this.#via[node]!;
      halves.push(half);
      node = from[half ^ 1]!;
    }
    return halves;
  }
}
