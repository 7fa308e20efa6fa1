/**
 * Backward search where a way costs what its hops add up to plus the price of an attempt divided by the chance of the whole
 * way: not a sum over hops, so not one for {@link Dijkstra}. LND and Eclair both search like this.
 */
import type { ChannelGraph } from '../../src/send/index.js';
import { feeFor } from '../../src/send/fees.js';
import { NodeHeap } from '../../src/send/plan/heap.js';
import type { Hop, OwnChannel } from './rival.js';

/** Where the way stands at one of its nodes, seen from the payee. */
export interface Standing {
  readonly node: number;
  /** What has to come into the node. */
  readonly amount: number;
  readonly weight: number;
  readonly chance: number;
  readonly blocks: number;
  readonly hops: number;
}

export interface ProbableTerms {
  readonly payee: number;
  readonly amount: number;
  readonly own: readonly OwnChannel[];
  /** Most blocks before the payee's own. */
  readonly maxBlocks: number;
  readonly maxHops: number;
  readonly maxFee: number;
  readonly leastChance: number;
  /** Ways below this chance are left out; the price of an attempt, in msat. */
  readonly attemptPrice: number;
  /** Parallel channels of a pair count as one: the dearest terms, travelled over the largest channel. */
  readonly unify: boolean;
  /** What a hop adds to the weight: `amount` travels over it, `received` comes into its start. */
  weight(half: number, amount: number, received: number, fee: number, blocks: number): number;
  /** Chance that `amount` gets over the half; 0 leaves it out. */
  chance(half: number, amount: number, isOwn: boolean): number;
  /** Starts in the middle of a way instead of at the payee. */
  readonly start?: Standing;
}

export interface Found {
  readonly hops: readonly Hop[];
  /** Weight and price of attempts. */
  readonly cost: number;
}

const DONE = 1;

export class ProbableSearch {
  readonly #graph: ChannelGraph;
  /** Halves into each node, those of the same start together. */
  readonly #first: Int32Array;
  readonly #halves: Int32Array;
  readonly #cost: Float64Array;
  readonly #weight: Float64Array;
  readonly #chance: Float64Array;
  readonly #amount: Float64Array;
  readonly #blocks: Int32Array;
  readonly #hops: Uint8Array;
  readonly #via: Int32Array;
  readonly #state: Uint8Array;
  readonly #heap: NodeHeap;
  #ownRoom = new Map<number, number>();
  #payers = new Set<number>();
  #room = 0;
  #blocksOfGroup = 0;
  #feeOfGroup = 0;

  constructor(graph: ChannelGraph) {
    const nodes = graph.nodeCount;
    this.#graph = graph;
    const { from, rows } = graph.columns();
    this.#first = new Int32Array(nodes + 1);
    const halves: number[] = [];
    for (let node = 0; node < nodes; node++) {
      const start = rows.start[node]!;
      const into = [...rows.pool.subarray(start, start + rows.count[node]!)];
      into.sort((a, b) => from[a]! - from[b]! || a - b);
      halves.push(...into);
      this.#first[node + 1] = halves.length;
    }
    this.#halves = Int32Array.from(halves);
    this.#cost = new Float64Array(nodes);
    this.#weight = new Float64Array(nodes);
    this.#chance = new Float64Array(nodes);
    this.#amount = new Float64Array(nodes);
    this.#blocks = new Int32Array(nodes);
    this.#hops = new Uint8Array(nodes);
    this.#via = new Int32Array(nodes);
    this.#state = new Uint8Array(nodes);
    this.#heap = new NodeHeap(nodes);
  }

  /** The way from an own node to the start of the search. */
  find(terms: ProbableTerms): Found | undefined {
    const { from } = this.#graph.columns();
    const start: Standing = terms.start ?? {
      node: terms.payee,
      amount: terms.amount,
      weight: 0,
      chance: 1,
      blocks: 0,
      hops: 0,
    };
    this.#ownRoom = new Map(terms.own.map(({ half, spendable }) => [half, spendable]));
    this.#payers = new Set(terms.own.map(({ half }) => from[half]!));
    this.#cost.fill(Infinity);
    this.#state.fill(0);
    this.#cost[start.node] = 0;
    this.#amount[start.node] = start.amount;
    this.#weight[start.node] = start.weight;
    this.#chance[start.node] = start.chance;
    this.#blocks[start.node] = start.blocks;
    this.#hops[start.node] = start.hops;
    this.#heap.push(start.node, 0);
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
    return { hops: this.#trace(reached, start.node), cost: this.#cost[reached]! };
  }

  #relax(node: number, terms: ProbableTerms): void {
    const { from } = this.#graph.columns();
    const end = this.#first[node + 1]!;
    for (let k = this.#first[node]!; k < end;) {
      const next = from[this.#halves[k]!]!;
      let after = k + 1;
      while (terms.unify && after < end && from[this.#halves[after]!] === next) after++;
      if (this.#state[next] !== DONE) this.#consider(node, next, k, after, terms);
      k = after;
    }
  }

  #consider(node: number, next: number, start: number, end: number, terms: ProbableTerms): void {
    const isOwn = this.#payers.has(next);
    const amount = this.#amount[node]!;
    const half = this.#select(start, end, amount, isOwn);
    if (half < 0) return;
    const fee = this.#feeOfGroup;
    const received = amount + fee;
    if (received - terms.amount > terms.maxFee) return;
    const blocks = this.#blocks[node]! + this.#blocksOfGroup;
    if (blocks > terms.maxBlocks) return;
    const chance = this.#chance[node]! * terms.chance(half, amount, isOwn);
    if (chance < terms.leastChance || chance <= 0) return;
    const weight = this.#weight[node]! + terms.weight(half, amount, received, fee, this.#blocksOfGroup);
    const cost = weight + terms.attemptPrice / chance;
    if (!(cost < this.#cost[next]!)) return;
    this.#cost[next] = cost;
    this.#weight[next] = weight;
    this.#chance[next] = chance;
    this.#amount[next] = received;
    this.#blocks[next] = blocks;
    this.#hops[next] = this.#hops[node]! + 1;
    this.#via[next] = half;
    this.#heap.push(next, cost);
  }

  /** The half to travel over, of parallel ones; fee and blocks are the largest of those that fit. -1: none fits. */
  #select(start: number, end: number, amount: number, isOwn: boolean): number {
    const { base, ppm, cltv, min, max, capacity } = this.#graph.columns();
    let best = -1;
    this.#room = -1;
    this.#feeOfGroup = 0;
    this.#blocksOfGroup = 0;
    for (let k = start; k < end; k++) {
      const half = this.#halves[k]!;
      if (amount > max[half]! || amount < min[half]!) continue;
      const room = isOwn ? (this.#ownRoom.get(half) ?? -1) : capacity[half >> 1]!;
      if (room < amount) continue;
      if (room > this.#room) {
        best = half;
        this.#room = room;
      }
      if (isOwn) continue;
      this.#feeOfGroup = Math.max(this.#feeOfGroup, feeFor(base[half]!, ppm[half]!, amount));
      this.#blocksOfGroup = Math.max(this.#blocksOfGroup, cltv[half]!);
    }
    return best;
  }

  #trace(start: number, end: number): Hop[] {
    const { from } = this.#graph.columns();
    const hops: Hop[] = [];
    for (let node = start; node !== end;) {
      const half = this.#via[node]!;
      node = from[half ^ 1]!;
      hops.push({ half, amount: this.#amount[node]! });
    }
    return hops;
  }
}
