/** The cheapest route for one amount by any price per hop: backward from the payee, so that the amounts are exact. */
import type { ChannelGraph } from '../../src/send/index.js';
import { feeFor } from '../../src/send/fees.js';
import { NodeHeap } from '../../src/send/plan/heap.js';
import type { Hop, OwnChannel } from './rival.js';

export interface RouteTerms {
  readonly payee: number;
  readonly amount: number;
  /** What own channels can still send. */
  readonly own: readonly OwnChannel[];
  /** Most blocks before the payee's own. */
  readonly maxBlocks: number;
  readonly maxHops: number;
  /** Price of sending `amount` over the half for `fee`; Infinity leaves it out. Own halves have no fee. */
  price(half: number, amount: number, fee: number): number;
}

const DONE = 1;

export class Dijkstra {
  readonly #graph: ChannelGraph;
  readonly #cost: Float64Array;
  readonly #amount: Float64Array;
  readonly #blocks: Int32Array;
  readonly #hops: Uint8Array;
  readonly #via: Int32Array;
  readonly #state: Uint8Array;
  readonly #heap: NodeHeap;

  constructor(graph: ChannelGraph) {
    const nodes = graph.nodeCount;
    this.#graph = graph;
    this.#cost = new Float64Array(nodes);
    this.#amount = new Float64Array(nodes);
    this.#blocks = new Int32Array(nodes);
    this.#hops = new Uint8Array(nodes);
    this.#via = new Int32Array(nodes);
    this.#state = new Uint8Array(nodes);
    this.#heap = new NodeHeap(nodes);
  }

  find(terms: RouteTerms): Hop[] | undefined {
    const { payee, amount, maxHops } = terms;
    const { from } = this.#graph.columns();
    const ownRoom = new Map(terms.own.map(({ half, spendable }) => [half, spendable]));
    const payers = new Set(terms.own.map(({ half }) => from[half]!));
    this.#cost.fill(Infinity);
    this.#state.fill(0);
    this.#cost[payee] = 0;
    this.#amount[payee] = amount;
    this.#blocks[payee] = 0;
    this.#hops[payee] = 0;
    this.#heap.push(payee, 0);
    let reached = -1;
    while (this.#heap.size > 0) {
      const node = this.#heap.pop();
      if (payers.has(node)) {
        reached = node;
        break;
      }
      this.#state[node] = DONE;
      if (this.#hops[node]! < maxHops) this.#relax(node, terms, ownRoom, payers);
    }
    this.#heap.clear();
    return reached < 0 ? undefined : this.#trace(reached, payee);
  }

  #relax(node: number, terms: RouteTerms, ownRoom: ReadonlyMap<number, number>, payers: ReadonlySet<number>): void {
    const { from, base, ppm, cltv, min, max, rows } = this.#graph.columns();
    const amount = this.#amount[node]!;
    const end = rows.start[node]! + rows.count[node]!;
    for (let k = rows.start[node]!; k < end; k++) {
      const half = rows.pool[k]!;
      const next = from[half]!;
      if (this.#state[next] === DONE || amount > max[half]! || amount < min[half]!) continue;
      const isOwn = payers.has(next);
      if (isOwn && !((ownRoom.get(half) ?? 0) >= amount)) continue;
      const fee = isOwn ? 0 : feeFor(base[half]!, ppm[half]!, amount);
      const blocks = this.#blocks[node]! + (isOwn ? 0 : cltv[half]!);
      if (blocks > terms.maxBlocks) continue;
      const total = this.#cost[node]! + terms.price(half, amount, fee);
      if (!(total < this.#cost[next]!)) continue;
      this.#cost[next] = total;
      this.#amount[next] = amount + fee;
      this.#blocks[next] = blocks;
      this.#hops[next] = this.#hops[node]! + 1;
      this.#via[next] = half;
      this.#heap.push(next, total);
    }
  }

  #trace(start: number, payee: number): Hop[] {
    const { from } = this.#graph.columns();
    const hops: Hop[] = [];
    for (let node = start; node !== payee;) {
      const half = this.#via[node]!;
      node = from[half ^ 1]!;
      hops.push({ half, amount: this.#amount[node]! });
    }
    return hops;
  }
}
