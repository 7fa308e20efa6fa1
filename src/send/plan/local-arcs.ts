/**
 * Arcs that exist for one plan only, beside the graph: own channels, the payee's hints, private policies. In columns like
 * the graph's, listed by both of their ends.
 */
import type { BlindedPath } from '../../onion/index.js';
import type { ShortChannelId } from '../../wire/units.js';
import type { Direction } from '../graph/policy.js';
import { grown } from '../graph/rows.js';

export interface LocalArc {
  readonly from: number;
  readonly to: number;
  readonly scid: ShortChannelId;
  readonly direction: Direction;
  readonly kind: 'own' | 'public' | 'hint';
  readonly hint?: { readonly hint: number; readonly hop: number };
  readonly blindedPath?: BlindedPath;
  /** Channels that it counts as among those of a route. */
  readonly countsAs: number;
  readonly base: number;
  readonly ppm: number;
  readonly cltv: number;
  readonly min: number;
  readonly max: number;
  readonly capacity: number;
  readonly lo: number;
  readonly hi: number;
  readonly used: number;
  /** Own channels: parts that fit, and a price in ppm. */
  readonly slots: number;
  readonly bias: number;
}

const NONE = -1;

export class LocalArcs {
  #arcs: LocalArc[] = [];
  /** Amount used, in flight and planned, per arc. */
  used: number[] = [];
  /** Slots left, per arc. */
  slots: number[] = [];
  /** First local arc into or out of a node, -1 if none, and the next of the same node. */
  headIn: Int32Array = new Int32Array(0);
  headOut: Int32Array = new Int32Array(0);
  nextIn: number[] = [];
  nextOut: number[] = [];

  get count(): number {
    return this.#arcs.length;
  }

  /** Forgets all arcs and makes room for so many nodes. */
  reset(nodes: number): void {
    for (const { from, to } of this.#arcs) {
      this.headIn[to] = NONE;
      this.headOut[from] = NONE;
    }
    this.roomFor(nodes);
    this.#arcs = [];
    this.used = [];
    this.slots = [];
    this.nextIn = [];
    this.nextOut = [];
  }

  roomFor(nodes: number): void {
    if (this.headIn.length >= nodes) return;
    this.headIn = grown(this.headIn, 2 * nodes, NONE);
    this.headOut = grown(this.headOut, 2 * nodes, NONE);
  }

  add(arc: LocalArc): void {
    const index = this.#arcs.length;
    this.#arcs.push(arc);
    this.used.push(arc.used);
    this.slots.push(arc.slots);
    this.nextIn.push(this.headIn[arc.to]!);
    this.nextOut.push(this.headOut[arc.from]!);
    this.headIn[arc.to] = index;
    this.headOut[arc.from] = index;
  }

  get(index: number): LocalArc {
    return this.#arcs[index]!;
  }

  all(): readonly LocalArc[] {
    return this.#arcs;
  }
}
