/** Whether the true balances let an amount through, by any number of parts: what no sender can beat. */
import type { ChannelGraph } from '../../src/send/index.js';

const MOST_AUGMENTATIONS = 400;

export class MaxFlow {
  readonly #graph: ChannelGraph;
  readonly #via: Int32Array;
  readonly #queue: Int32Array;

  constructor(graph: ChannelGraph) {
    this.#graph = graph;
    this.#via = new Int32Array(graph.nodeCount);
    this.#queue = new Int32Array(graph.nodeCount);
  }

  carries(spendable: Float64Array, payers: readonly number[], payee: number, amount: number): boolean {
    const { max } = this.#graph.columns();
    const flow = new Map<number, number>();
    const room = (half: number): number => {
      const flows = flow.get(half) ?? 0;
      const against = flow.get(half ^ 1) ?? 0;
      return against + (max[half]! < 0 ? 0 : spendable[half]! - flows);
    };
    if (!this.#endsCarry(spendable, payers, payee, amount)) return false;
    let missing = amount;
    for (let round = 0; round < MOST_AUGMENTATIONS && missing > 0; round++) {
      // Narrow paths only when there are no wide ones.
      const width = round === 0 ? missing : 1;
      const path =
        this.#path(payers, payee, room, width) ?? (width > 1 ? this.#path(payers, payee, room, 1) : undefined);
      if (!path) return false;
      const pushed = Math.min(missing, ...path.map(room));
      for (const half of path) {
        const against = flow.get(half ^ 1) ?? 0;
        const undone = Math.min(against, pushed);
        if (undone > 0) flow.set(half ^ 1, against - undone);
        flow.set(half, (flow.get(half) ?? 0) + pushed - undone);
      }
      missing -= pushed;
    }
    return missing <= 0;
  }

  /** What leaves the payers and what comes in at the payee, without a search. */
  #endsCarry(spendable: Float64Array, payers: readonly number[], payee: number, amount: number): boolean {
    const { rows, max } = this.#graph.columns();
    let [out, into] = [0, 0];
    const halvesInto = (node: number): Int32Array =>
      rows.pool.subarray(rows.start[node], rows.start[node]! + rows.count[node]!);
    for (const payer of payers) {
      for (const half of halvesInto(payer)) if (max[half ^ 1]! >= 0) out += spendable[half ^ 1]!;
    }
    for (const half of halvesInto(payee)) if (max[half]! >= 0) into += spendable[half]!;
    return out >= amount && into >= amount;
  }

  /** By fewest channels, from the payee backward. */
  #path(payers: readonly number[], payee: number, room: (half: number) => number, width: number): number[] | undefined {
    const { from, rows } = this.#graph.columns();
    const via = this.#via.fill(-1);
    const queue = this.#queue;
    let [head, tail] = [0, 0];
    queue[tail++] = payee;
    via[payee] = -2;
    while (head < tail) {
      const node = queue[head++]!;
      const end = rows.start[node]! + rows.count[node]!;
      for (let k = rows.start[node]!; k < end; k++) {
        const half = rows.pool[k]!;
        const next = from[half]!;
        if (via[next] !== -1 || room(half) < width) continue;
        via[next] = half;
        if (payers.includes(next)) return this.#trace(next, payee);
        queue[tail++] = next;
      }
    }
    return undefined;
  }

  #trace(start: number, payee: number): number[] {
    const { from } = this.#graph.columns();
    const path: number[] = [];
    for (let node = start; node !== payee; node = from[path.at(-1)! ^ 1]!) path.push(this.#via[node]!);
    return path;
  }
}
