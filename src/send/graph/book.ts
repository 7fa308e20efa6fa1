/** One channel graph out of the gossip of several nodes, kept up to date in slices that leave the event loop free. */
import type { Millis, ShortChannelId } from '../../wire/units.js';
import { ChannelGraph } from './channel-graph.js';
import { EarlyPolicies } from './early-policies.js';
import { FollowedNode, type FromNode, type GraphClock, type Session } from './followed-node.js';
import type { ChannelAnnouncement, PolicyUpdate } from './policy.js';
import type { GraphNews, GraphPort } from './port.js';

/** Some milliseconds of work. */
const SLICE = 500;
/** Channels and policies of several whole graphs. */
const MOST_QUEUED = 2_000_000;
const LONGEST_START_MS: Millis = 20_000;

export interface GraphBookOptions {
  readonly ports: readonly { readonly name: string; readonly port: GraphPort }[];
  readonly clock: GraphClock;
  readonly onTrouble: (what: string, error: unknown) => void;
  /** Channels may have come. */
  readonly onGrown?: () => void;
}

export class GraphBook {
  readonly graph = new ChannelGraph();
  readonly #options: GraphBookOptions;
  readonly #nodes: readonly FollowedNode[];
  readonly #early = new EarlyPolicies();
  #queue: FromNode[] = [];
  /** Position in the queue, and in the news of its first entry. */
  #next = 0;
  #offset = 0;
  #queued = 0;
  #cancelSlice: (() => void) | undefined;
  #isLoaded = false;
  #isStopped = false;
  readonly #ready: Promise<void>;
  #tellReady: () => void = () => undefined;
  #cancelReady: () => void = () => undefined;

  constructor(options: GraphBookOptions) {
    this.#options = options;
    this.#ready = new Promise((resolve) => {
      this.#tellReady = resolve;
    });
    const { clock, onTrouble } = options;
    const sink = (from: FromNode): boolean => this.#take(from);
    this.#nodes = options.ports.map(({ name, port }) => new FollowedNode({ name, port, clock, onTrouble, sink }));
  }

  /** Some node has handed its whole graph over. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Resolves when a graph is loaded, or none comes for so long that it is no use to wait for it. */
  whenReady(): Promise<void> {
    return this.#ready;
  }

  start(): void {
    if (this.#isStopped) return;
    for (const node of this.#nodes) node.start();
    if (this.#nodes.length === 0) this.#tellReady();
    this.#cancelReady = this.#options.clock.after(LONGEST_START_MS, this.#tellReady);
  }

  stop(): void {
    this.#isStopped = true;
    for (const node of this.#nodes) node.stop();
    this.#cancelSlice?.();
    this.#cancelReady();
    this.#tellReady();
    this.#queue = [];
  }

  #take(from: FromNode): boolean {
    if (this.#isStopped) return true;
    const size = from.kind === 'news' ? from.news.length : 1;
    if (this.#queued + size > MOST_QUEUED && from.kind === 'news') return false;
    this.#queued += size;
    this.#queue.push(from);
    this.#cancelSlice ??= this.#options.clock.after(0, this.#slice);
    return true;
  }

  readonly #slice = (): void => {
    this.#cancelSlice = undefined;
    const before = this.graph.structure;
    for (let left = SLICE; left > 0 && this.#next < this.#queue.length;) left -= this.#work(left);
    if (this.#next === this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    } else if (this.#next > 1000) {
      this.#queue.splice(0, this.#next);
      this.#next = 0;
    }
    if (this.#queue.length > 0) this.#cancelSlice = this.#options.clock.after(0, this.#slice);
    if (this.graph.structure === before) return;
    try {
      this.#options.onGrown?.();
    } catch (error) {
      this.#options.onTrouble(
        'the growth of the channel graph was not taken in, which is a bug: please report it',
        error,
      );
    }
  };

  /** @returns how much was done, at least 1 */
  #work(most: number): number {
    const from = this.#queue[this.#next]!;
    if (from.kind === 'news') {
      const count = Math.min(most, from.news.length - this.#offset);
      for (const news of from.news.slice(this.#offset, this.#offset + count)) this.#apply(from.session, news);
      this.#offset += count;
      this.#queued -= count;
      if (this.#offset >= from.news.length) this.#done();
      return Math.max(1, count);
    }
    this.#queued--;
    const done = from.kind === 'loaded' ? this.#loaded(from.session) : this.#closed(from.session);
    this.#done();
    return Math.max(1, done);
  }

  #done(): void {
    this.#next++;
    this.#offset = 0;
  }

  #apply(session: Session, news: GraphNews): void {
    try {
      switch (news.kind) {
        case 'channel': {
          this.#addChannel(session, news.channel);
          return;
        }
        case 'policy': {
          if (news.channel) this.#addChannel(session, news.channel);
          this.#update(session, news.update);
          return;
        }
        case 'closed': {
          this.graph.closeChannel(news.scid);
          session.named.delete(news.scid);
          for (const node of this.#nodes) node.named.delete(news.scid);
          return;
        }
      }
    } catch (error) {
      this.#options.onTrouble('a piece of gossip could not be read and is left out', error);
    }
  }

  #addChannel(session: Session, channel: ChannelAnnouncement): void {
    const change = this.graph.addChannel(channel);
    if (change === 'invalid') return;
    session.named.add(channel.scid);
    if (change !== 'applied') return;
    for (const update of this.#early.take(channel.scid, this.#options.clock.now())) this.#update(session, update);
  }

  #update(session: Session, update: PolicyUpdate): void {
    const now = this.#options.clock.now();
    const change = this.graph.applyUpdate(update, Math.floor(now / 1000));
    if (change === 'unknown_channel') this.#early.keep(update, now);
    else if (change === 'applied') session.named.add(update.scid);
  }

  /** What the node knew before and does not name any more is gone, unless another node still names it. */
  #loaded(session: Session): number {
    const { node } = session;
    const former = node.named;
    node.named = session.named;
    this.#isLoaded = true;
    this.#tellReady();
    for (const scid of former) if (!session.named.has(scid) && !this.#isNamed(scid)) this.graph.closeChannel(scid);
    return former.size;
  }

  /** What a connection named before it was whole is of use, and to be reconciled by the next one. */
  #closed({ node, named }: Session): number {
    if (node.named === named) return 1;
    for (const scid of named) node.named.add(scid);
    return named.size;
  }

  #isNamed(scid: ShortChannelId): boolean {
    return this.#nodes.some(({ named }) => named.has(scid));
  }
}
