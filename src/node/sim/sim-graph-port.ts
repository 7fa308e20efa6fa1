/** The graph port of a simulated node: the announced channels of its network, as gossip brings them. */
import type { GraphHandlers, GraphNews, GraphPort } from '../../send/graph/port.js';
import type { SimNetwork } from './network.js';
import type { NodeWatcher, SimNode } from './node.js';
import { draw, type Range } from './types.js';

/** From a change to its being told by this node, ms: news spread slowly. */
const GOSSIP_MS: Range = [200, 2_000];
/** Entries handed over in one piece. */
const PIECE = 1000;

export class SimGraphPort implements GraphPort {
  readonly #network: SimNetwork;
  readonly #node: SimNode;

  constructor(network: SimNetwork, node: SimNode) {
    this.#network = network;
    this.#node = node;
  }

  async follow(handlers: GraphHandlers): Promise<{ close(): void }> {
    const { name, online, watchers } = this.#node;
    if (!online) throw new Error(`${name} cannot be reached: start it`);
    const { clock, random, gossip } = this.#network;
    const chance = random.fork(`gossip to ${name}`);
    let isOpen = true;
    let lastAt = clock.now();
    /** In order, not before what was told before. */
    const tell = (delay: number, task: () => void): void => {
      lastAt = Math.max(lastAt, clock.now() + delay);
      clock.after(lastAt - clock.now(), () => {
        if (isOpen) task();
      });
    };
    const { graph, stop } = gossip.follow((news) => tell(draw(chance, GOSSIP_MS), () => handlers.onNews(news)));
    const close = (): void => {
      isOpen = false;
      stop();
      watchers.delete(watcher);
    };
    const watcher: NodeWatcher = {
      power: (isUp) => {
        if (isUp || !isOpen) return;
        close();
        handlers.onClosed(`${name} has died`);
      },
    };
    watchers.add(watcher);
    for (const piece of pieces(graph)) tell(0, () => handlers.onNews(piece));
    tell(0, () => handlers.onLoaded());
    return { close };
  }
}

function pieces(news: readonly GraphNews[]): readonly (readonly GraphNews[])[] {
  const count = Math.ceil(news.length / PIECE);
  return Array.from({ length: count }, (_, i) => news.slice(i * PIECE, (i + 1) * PIECE));
}
