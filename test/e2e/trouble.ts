/** What goes wrong with nodes and between them while daemons work: one thing after the other at each place, all of it healed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RemoteFault } from '../../src/node/sim/remote-wire.js';
import type { ControlOrder } from '../fake-lnd/control.js';
import type { World } from './harness.js';
import { MEMBERS } from './network.js';

/** Both ends of channels without which a member can still be paid. */
const LINKS = [
  ['north', 'alpha'],
  ['south', 'alpha'],
  ['north', 'beta'],
  ['south', 'beta'],
  ['carol', 'north'],
  ['dave', 'south'],
  ['north', 'south'],
] as const;
/** Blocks mined in one run at most: HTLCs that are held all the time must not come near their expiry. */
const MOST_BLOCKS = 20;
/** Longer than LND and the daemon take to notice that a connection is dead, by their pings. */
const DEAD_MS = 18_000;

type Act = (duration: (least: number, most: number) => Promise<void>) => Promise<void>;

export class Trouble {
  readonly counts = new Map<string, number>();
  readonly #world: World;
  readonly #stop = new AbortController();
  #blocks = 0;
  #running: Promise<unknown> = Promise.resolve();

  constructor(world: World) {
    this.#world = world;
  }

  /** @param pauseMs between one trouble and the next at the same place, on average */
  start(pauseMs = 1_200): void {
    const lanes = [...MEMBERS.map((node) => () => this.#nodeTrouble(node)), () => this.#networkTrouble()];
    this.#running = Promise.all(lanes.map((draw) => this.#lane(draw, pauseMs)));
    this.#running.catch(() => undefined); // heard of in the end
  }

  /** Resolves when all is healed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    // A node that one lane took down may have been told to start by nobody.
    for (const node of MEMBERS) await this.#inject({ fault: 'restart-node', node });
  }

  async #lane(draw: () => readonly [name: string, act: Act], pauseMs: number): Promise<void> {
    const { random } = this.#world;
    while (!this.#isOver()) {
      await this.#wait(pauseMs * 2 * random());
      if (this.#isOver()) return;
      const [name, act] = draw();
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      await act((least, most) => this.#wait(least + random() * (most - least)));
    }
  }

  #isOver(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Cut short when the trouble is to end. */
  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  #nodeTrouble(node: string): readonly [string, Act] {
    const faults = (changes: Extract<ControlOrder, { verb: 'faults' }>['faults']): Promise<void> =>
      this.#order({ verb: 'faults', node, faults: changes });
    const hole = (least: number, most: number): Act => {
      return async (wait) => {
        await this.#order({ verb: 'black-hole', node, on: true });
        await wait(least, most);
        await this.#order({ verb: 'black-hole', node, on: false });
      };
    };
    const kinds: readonly (readonly [weight: number, name: string, act: Act])[] = [
      [4, 'streams dropped', () => this.#order({ verb: 'cut', node })],
      [3, 'stream frozen', hole(500, 4_000)],
      [1, 'black hole', hole(DEAD_MS, 1.5 * DEAD_MS)],
      [3, 'LND restarted', () => this.#order({ verb: 'restart', node })],
      [
        2,
        'node down',
        async (wait) => {
          await this.#inject({ fault: 'crash-node', node });
          await wait(500, 3_000);
          await this.#inject({ fault: 'restart-node', node });
        },
      ],
      [
        3,
        'offers duplicated',
        async (wait) => {
          await faults({ offerCopies: 2 });
          await wait(1_000, 4_000);
          await faults({ offerCopies: 1 });
        },
      ],
      [
        3,
        'finals lost',
        async (wait) => {
          await faults({ loseFinals: true });
          await wait(1_000, 4_000);
          await faults({ loseFinals: false });
        },
      ],
      [
        2,
        'answers slow',
        async (wait) => {
          await faults({ slowMs: 400 });
          await wait(1_000, 3_000);
          await faults({ slowMs: 0 });
        },
      ],
      [
        1,
        'node behind',
        async (wait) => {
          await this.#inject({ fault: 'lag-height', node, blocks: 1 });
          await wait(500, 2_000);
          await this.#inject({ fault: 'lag-height', node, blocks: 0 });
        },
      ],
    ];
    return this.#draw(kinds);
  }

  #networkTrouble(): readonly [string, Act] {
    const nodes = [...LINKS[Math.floor(this.#world.random() * LINKS.length)]!] as [string, string];
    return this.#draw([
      [
        4,
        'link cut',
        async (wait) => {
          await this.#inject({ fault: 'cut-link', nodes });
          await wait(200, 3_000);
          await this.#inject({ fault: 'heal-link', nodes });
        },
      ],
      [2, 'block mined', () => this.#mine()],
      [
        1,
        'all LNDs restarted',
        async () => {
          await Promise.all(MEMBERS.map((node) => this.#order({ verb: 'restart', node })));
        },
      ],
    ]);
  }

  async #mine(): Promise<void> {
    if (this.#blocks >= MOST_BLOCKS) return;
    this.#blocks += 1;
    await this.#inject({ fault: 'mine-blocks', blocks: 1 });
  }

  #draw(kinds: readonly (readonly [weight: number, name: string, act: Act])[]): readonly [string, Act] {
    let rest = this.#world.random() * kinds.reduce((sum, [weight]) => sum + weight, 0);
    const [, name, act] = kinds.find(([weight]) => (rest -= weight) < 0) ?? kinds[0]!;
    return [name, act];
  }

  #inject(fault: RemoteFault): Promise<void> {
    return this.#world.admin.inject(fault);
  }

  async #order(wish: ControlOrder): Promise<void> {
    await this.#world.order(wish);
  }
}
