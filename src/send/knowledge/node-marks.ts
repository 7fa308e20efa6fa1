/**
 * Marks against nodes: each is a price in lost trust that fades with a half-life. A mark of weight w multiplies the success
 * probability of every route through the node by e^-w. Contradictory or prohibited answers add to it, amounts that went
 * through take half of it away; nobody is banned on one message.
 */
import type { NodeKey } from '../graph/channel-graph.js';
import type { Millis } from '../../wire/units.js';

export interface NodeMark {
  readonly node: NodeKey;
  readonly weight: number;
  readonly at: Millis;
}

/** Below this a mark is forgotten. */
const NEGLIGIBLE = 1e-3;
/** More than this cannot be told from a ban. */
const MOST = 20;

export class NodeMarks {
  readonly #halfLifeMs: Millis;
  readonly #marks = new Map<NodeKey, NodeMark>();

  constructor(halfLifeMs: Millis) {
    this.#halfLifeMs = halfLifeMs;
  }

  weight(node: NodeKey, now: Millis): number {
    const mark = this.#marks.get(node);
    if (!mark) return 0;
    return mark.weight * 0.5 ** (Math.max(0, now - mark.at) / this.#halfLifeMs);
  }

  add(node: NodeKey, weight: number, now: Millis): void {
    this.set({ node, weight: Math.min(MOST, this.weight(node, now) + weight), at: now });
  }

  /** The node did its work: half of what stands against it goes. */
  ease(node: NodeKey, now: Millis): void {
    const weight = this.weight(node, now);
    if (weight > 0) this.set({ node, weight: weight / 2, at: now });
  }

  set(mark: NodeMark): void {
    if (mark.weight < NEGLIGIBLE) this.#marks.delete(mark.node);
    else this.#marks.set(mark.node, mark);
  }

  all(): IterableIterator<NodeMark> {
    return this.#marks.values();
  }

  prune(now: Millis): void {
    for (const [node, { at }] of this.#marks) {
      const weight = this.weight(node, now);
      if (weight < NEGLIGIBLE) this.#marks.delete(node);
      else this.#marks.set(node, { node, weight, at: Math.max(now, at) });
    }
  }
}
