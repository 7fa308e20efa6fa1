/**
 * Min-cost flow from all own nodes to the payee by successive shortest paths with potentials, over piecewise linear prices.
 *
 * One search from the own nodes gives every node its distance as potential; each augmentation is then a search from the
 * payee backward by reduced prices. Own channels cost nothing and the payee's last channels are where a flow gets dear, so
 * this direction explores little more than the path it finds. For prices that never fall along an arc the flow is of least
 * price among all flows of its size (an optimum of the linear program), up to rounding of doubles.
 */
import { type Arena, NodeState } from './arena.js';
import { NodeHeap } from './heap.js';
import { type FlowPrices, LinearCosts } from './linear-cost.js';

export interface FlowTerms extends FlowPrices {
  readonly sink: number;
  /** Most paths to augment along. */
  readonly maxAugmentations: number;
}

export interface Flow {
  /** What reaches the payee. */
  readonly amount: number;
  /** Flow per arc, none of them 0. */
  readonly arcs: ReadonlyMap<number, number>;
  /** By the piecewise linear prices. */
  readonly price: number;
}

const NOTHING: Flow = { amount: 0, arcs: new Map(), price: 0 };
const SETTLED = 3;
const MILLION = 1_000_000;

export class MinCostFlow {
  readonly #costs = new LinearCosts();
  #potential = new Float64Array(0);
  #distance = new Float64Array(0);
  /** The step by which the way from a node to the payee begins: an arc, or ~arc against an arc's flow. */
  #step = new Int32Array(0);
  #state = new Uint8Array(0);
  #heap = new NodeHeap(0);
  #settled: number[] = [];
  #flowOf = new Float64Array(0);
  readonly #flowing = new Set<number>();
  /** Arcs with flow by the node they start from. */
  readonly #flowOutOf = new Map<number, number[]>();
  #nearest = Infinity;
  #firstArc = -1;
  #arena!: Arena;
  #terms!: FlowTerms;

  /** @param former flows of an earlier round to linearise around */
  solve(arena: Arena, terms: FlowTerms, former: ReadonlyMap<number, number> = new Map()): Flow {
    this.#arena = arena;
    this.#terms = terms;
    this.#costs.start(arena, terms, former);
    this.#makeRoom();
    if (!this.#findPotentials()) return NOTHING;
    let amount = 0;
    let price = 0;
    for (let round = 0; round < terms.maxAugmentations && amount < terms.amount; round++) {
      if (!this.#search()) break;
      const pushed = this.#augment(terms.amount - amount);
      amount += pushed.amount;
      price += pushed.price;
    }
    const arcs = new Map([...this.#flowing].map((arc) => [arc, this.#flowOf[arc]!]));
    return { amount, arcs, price };
  }

  #makeRoom(): void {
    const { nodes, halves, local } = this.#arena;
    for (const arc of this.#flowing) this.#flowOf[arc] = 0;
    this.#flowing.clear();
    this.#flowOutOf.clear();
    const arcs = halves + local.count;
    if (this.#flowOf.length < arcs) this.#flowOf = new Float64Array(2 * arcs);
    if (this.#potential.length >= nodes) return;
    const length = 2 * nodes;
    this.#potential = new Float64Array(length);
    this.#distance = new Float64Array(length);
    this.#step = new Int32Array(length);
    this.#state = new Uint8Array(length);
    this.#heap = new NodeHeap(length);
  }

  #resetSearch(): void {
    const { nodes, state } = this.#arena;
    this.#distance.fill(Infinity, 0, nodes);
    this.#state.set(state.subarray(0, nodes));
  }

  /**
   * Distances from the own nodes, as far as they matter: once no node further away can be on the payee's way, they are capped
   * at the distance reached. False if the payee is out of reach.
   */
  #findPotentials(): boolean {
    const arena = this.#arena;
    const { sink } = this.#terms;
    const { local } = arena;
    this.#resetSearch();
    const distance = this.#distance;
    const heap = this.#heap;
    for (const [i, arc] of local.all().entries()) {
      if (arc.kind === 'own') this.#reachForward(0, arc.to, arena.halves + i);
    }
    const lastStep = this.#leastInto(sink);
    let reached = 0;
    while (heap.size > 0) {
      reached = heap.least;
      if (reached + lastStep >= distance[sink]!) break;
      const node = heap.pop();
      this.#state[node] = SETTLED;
      if (node < arena.graphNodes) this.#relaxForward(node);
      for (let i = local.headOut[node]!; i >= 0; i = local.nextOut[i]!) {
        this.#reachForward(distance[node]!, local.get(i).to, arena.halves + i);
      }
    }
    heap.clear();
    if (distance[sink] === Infinity) return false;
    for (let node = 0; node < arena.nodes; node++) {
      this.#potential[node] = arena.state[node] === NodeState.own ? 0 : Math.min(distance[node]!, reached);
    }
    this.#potential[sink] = distance[sink]!;
    return true;
  }

  /** The lowest price on any arc into the node. */
  #leastInto(node: number): number {
    const arena = this.#arena;
    const { rows, max } = arena.columns;
    let least = Infinity;
    const consider = (arc: number): void => {
      const piece = this.#costs.pieceFor(arc, 0);
      if (piece >= 0) least = Math.min(least, this.#costs.slope(piece));
    };
    if (node < arena.graphNodes) {
      const first = rows.start[node]!;
      for (const half of rows.pool.subarray(first, first + rows.count[node]!)) if (max[half]! >= 0) consider(half);
    }
    for (let i = arena.local.headIn[node]!; i >= 0; i = arena.local.nextIn[i]!) consider(arena.halves + i);
    return least;
  }

  #relaxForward(node: number): void {
    const { from, rows, ppm, max } = this.#arena.columns;
    const { headOut } = this.#arena.local;
    const { feeWeight, sink } = this.#terms;
    const here = this.#distance[node]!;
    const end = rows.start[node]! + rows.count[node]!;
    for (let k = rows.start[node]!; k < end; k++) {
      const into = rows.pool[k]!;
      const next = from[into]!;
      const out = into ^ 1;
      if (max[out]! < 0 || here + (feeWeight * ppm[out]!) / MILLION >= this.#distance[next]!) continue;
      // A node with this one channel leads nowhere.
      if (rows.count[next] === 1 && next !== sink && headOut[next]! < 0) continue;
      this.#reachForward(here, next, out);
    }
  }

  #reachForward(here: number, next: number, arc: number): void {
    if (this.#state[next] !== NodeState.usable) return;
    const piece = this.#costs.pieceFor(arc, 0);
    if (piece < 0) return;
    const total = here + this.#costs.slope(piece);
    if (total >= this.#distance[next]!) return;
    this.#distance[next] = total;
    this.#heap.push(next, total);
  }

  /** Shortest way from an own node to the payee in the residual network; then moves the potentials. */
  #search(): boolean {
    const arena = this.#arena;
    const { local } = arena;
    const { sink } = this.#terms;
    this.#resetSearch();
    this.#settled = [];
    this.#nearest = Infinity;
    const heap = this.#heap;
    this.#distance[sink] = 0;
    heap.push(sink, 0);
    while (heap.size > 0 && heap.least < this.#nearest) {
      const node = heap.pop();
      this.#settled.push(node);
      this.#state[node] = SETTLED;
      if (node < arena.graphNodes) this.#relaxBackward(node);
      for (let i = local.headIn[node]!; i >= 0; i = local.nextIn[i]!) {
        const { from, kind } = local.get(i);
        if (kind === 'own') this.#reachOwn(node, arena.halves + i);
        else this.#reach(node, from, arena.halves + i);
      }
      for (const arc of this.#flowOutOf.get(node) ?? []) this.#reachAgainst(node, arc);
    }
    heap.clear();
    if (this.#nearest === Infinity) return false;
    for (const node of this.#settled) this.#potential[node]! += this.#nearest - this.#distance[node]!;
    return true;
  }

  #relaxBackward(node: number): void {
    const { from, rows, ppm, max } = this.#arena.columns;
    const { headIn } = this.#arena.local;
    const { feeWeight } = this.#terms;
    const distance = this.#distance;
    const potential = this.#potential;
    const start = distance[node]! - potential[node]!;
    const end = rows.start[node]! + rows.count[node]!;
    for (let k = rows.start[node]!; k < end; k++) {
      const half = rows.pool[k]!;
      const next = from[half]!;
      if (max[half]! < 0 || start + potential[next]! + (feeWeight * ppm[half]!) / MILLION >= distance[next]!) continue;
      if (rows.count[next] === 1 && headIn[next]! < 0) continue;
      this.#reach(node, next, half);
    }
  }

  #reach(node: number, next: number, arc: number): void {
    if (this.#state[next] !== NodeState.usable) return;
    const piece = this.#costs.pieceFor(arc, this.#flowOf[arc]!);
    if (piece >= 0) this.#improve(node, next, arc, this.#costs.slope(piece));
  }

  #reachAgainst(node: number, arc: number): void {
    const next = this.#arena.to(arc);
    if (this.#state[next] !== NodeState.usable) return;
    this.#improve(node, next, ~arc, -this.#costs.slope(this.#costs.pieceOf(arc, this.#flowOf[arc]!)));
  }

  #reachOwn(node: number, arc: number): void {
    const piece = this.#costs.pieceFor(arc, this.#flowOf[arc]!);
    if (piece < 0) return;
    const total = this.#distance[node]! + Math.max(0, this.#costs.slope(piece) - this.#potential[node]!);
    if (total >= this.#nearest) return;
    this.#nearest = total;
    this.#firstArc = arc;
  }

  #improve(node: number, next: number, step: number, price: number): void {
    // Never negative but for rounding.
    const reduced = Math.max(0, price + this.#potential[next]! - this.#potential[node]!);
    const total = this.#distance[node]! + reduced;
    if (total >= this.#distance[next]!) return;
    this.#distance[next] = total;
    this.#step[next] = step;
    this.#heap.push(next, total);
  }

  #augment(most: number): { amount: number; price: number } {
    const arena = this.#arena;
    const costs = this.#costs;
    const steps = [this.#firstArc];
    for (let node = arena.to(this.#firstArc); node !== this.#terms.sink;) {
      const step = this.#step[node]!;
      steps.push(step);
      node = step >= 0 ? arena.to(step) : arena.from(~step);
    }
    let amount = most;
    let price = 0;
    for (const step of steps) {
      const arc = step >= 0 ? step : ~step;
      const flow = this.#flowOf[arc]!;
      const piece = step >= 0 ? costs.pieceFor(arc, flow) : costs.pieceOf(arc, flow);
      amount = Math.min(amount, step >= 0 ? costs.end(piece) - flow : flow - costs.startOf(arc, piece));
      price += step >= 0 ? costs.slope(piece) : -costs.slope(piece);
    }
    for (const step of steps) this.#add(step, amount);
    return { amount, price: price * amount };
  }

  #add(step: number, amount: number): void {
    const arc = step >= 0 ? step : ~step;
    const before = this.#flowOf[arc]!;
    const after = before + (step >= 0 ? amount : -amount);
    this.#flowOf[arc] = after;
    const from = this.#arena.from(arc);
    if (this.#arena.state[from] === NodeState.own) {
      if (after > 0) this.#flowing.add(arc);
      return;
    }
    const out = this.#flowOutOf.get(from) ?? [];
    if (before === 0) {
      this.#flowOutOf.set(from, [...out, arc]);
      this.#flowing.add(arc);
    } else if (after === 0) {
      this.#flowOutOf.set(
        from,
        out.filter((other) => other !== arc),
      );
      this.#flowing.delete(arc);
    }
  }
}
