/** The stream between a simulated node and a program that uses one of its message ports. */
import { Link } from './link.js';
import type { World } from './types.js';

const NODE = 0;
const CLIENT = 1;

export class ClientPipe {
  readonly #world: World;
  readonly #pipe: Link;
  readonly #closed: (reason: string) => void;
  readonly #waiting = new Set<() => void>();
  #open = true;

  /** @param closed told once, when the stream has ended */
  constructor(world: World, closed: (reason: string) => void) {
    this.#world = world;
    this.#closed = closed;
    this.#pipe = new Link(world, world.timing.streamMs);
    this.#pipe.setUp(true);
  }

  /** Runs `deliver`, which calls a handler, when the stream has brought it over. */
  toClient(deliver: () => void): void {
    if (!this.#open) return;
    this.#pipe.send(NODE, () => {
      this.#world.clock.stir?.();
      deliver();
    });
  }

  /**
   * Has the node do something and tells its answer.
   * @param lost what is told instead if the stream ends before
   */
  ask<T>(lost: T, task: (answer: (value: T) => void) => void): Promise<T> {
    if (!this.#open) return Promise.resolve(lost);
    return new Promise((resolve) => {
      const giveUp = (): void => resolve(lost);
      this.#waiting.add(giveUp);
      const answer = (value: T): void => {
        this.toClient(() => {
          this.#waiting.delete(giveUp);
          resolve(value);
        });
      };
      this.#pipe.send(CLIENT, () => task(answer));
    });
  }

  /** What is on its way is lost. */
  end(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pipe.setUp(false);
    this.#world.clock.stir?.();
    for (const giveUp of this.#waiting) giveUp();
    this.#waiting.clear();
    this.#closed(reason);
  }
}
