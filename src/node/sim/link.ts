/**
 * A connection, between two neighbours or between a node and its interceptor: an ordered pipe in each direction. What is sent while it is down, or was on its way
 * when it went down, is sent when it comes up: neighbours retransmit what they have signed (BOLT 2).
 */
import { draw, opposite, quietly, type Range, type Side, type World } from './types.js';

interface Direction {
  readonly queue: (() => void)[];
  cancels: (() => void)[];
}

export class Link {
  readonly #world: World;
  readonly #latency: Range;
  readonly #directions: readonly [Direction, Direction] = [
    { queue: [], cancels: [] },
    { queue: [], cancels: [] },
  ];
  #up = false;

  constructor(world: World, latency: Range) {
    this.#world = world;
    this.#latency = latency;
  }

  get up(): boolean {
    return this.#up;
  }

  /** Delivers after the link's latency, behind everything sent before from this side. */
  send(from: Side, deliver: () => void): void {
    const direction = this.#directions[from];
    direction.queue.push(deliver);
    if (this.#up) this.#schedule(direction);
  }

  setUp(up: boolean): void {
    if (up === this.#up) return;
    this.#up = up;
    for (const side of [0, opposite(0)] as const) {
      const direction = this.#directions[side];
      for (const cancel of direction.cancels) cancel();
      direction.cancels = [];
      if (up) direction.queue.forEach(() => this.#schedule(direction));
    }
  }

  #schedule(direction: Direction): void {
    const { clock, random } = this.#world;
    const cancel = quietly(clock, draw(random, this.#latency), () => {
      direction.cancels.splice(direction.cancels.indexOf(cancel), 1);
      direction.queue.shift()?.();
    });
    direction.cancels.push(cancel);
  }
}
