/** The public graph as an LND knows it: loaded, then followed. See `send/graph/port.ts` for what is promised. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GraphHandlers, GraphNews, GraphPort } from '../../../send/graph/port.js';
import { toHex } from '../../../wire/bytes.js';
import type { Millis, ShortChannelId, UnixSeconds } from '../../../wire/units.js';
import { LndClient, type LndEndpoint, type OpenStream } from '../client.js';
import type { LndError } from '../errors.js';
import { nodeIdOf } from '../info.js';
import { describeGraph, subscribeChannelGraph, type TopologyUpdate } from '../rpc/graph.js';
import { getInfo } from '../rpc/node.js';
import { edgesOf } from './edge-reader.js';
import { directionOf, newsOfEdge, newsOfUpdate } from './news.js';

/** LND reads its whole database for it. */
const LOAD_MS: Millis = 180_000;
/** LND may answer with a graph that it has described up to a minute before (`caches.rpc-graph-cache-duration`). */
const AGE_MS: Millis = 75_000;
/** Channels that are handed over in one turn: a few milliseconds of work. */
const BATCH = 100;

export interface LndGraphOptions {
  /** After the load the graph is loaded once more, ms: what changed between LND's description and our subscription is in it. */
  readonly ageMs?: Millis;
  /** Wall clock; default: the machine's. */
  readonly now?: () => Millis;
}

export class LndGraphPort implements GraphPort {
  readonly #endpoint: LndEndpoint;
  readonly #options: LndGraphOptions;
  readonly #open = new Set<Following>();

  constructor(endpoint: LndEndpoint, options: LndGraphOptions = {}) {
    this.#endpoint = endpoint;
    this.#options = options;
  }

  /** Resolves when LND has answered; the pieces follow. */
  async follow(handlers: GraphHandlers): Promise<{ close(): void }> {
    const following = new Following(this.#endpoint, handlers, this.#options, () => this.#open.delete(following));
    this.#open.add(following);
    await following.start();
    return following;
  }

  /** Ends what is open; `onClosed` is not called. */
  close(): void {
    for (const following of this.#open) following.close();
  }
}

/** One follower. A connection of its own: a graph that comes keeps no other answer waiting. */
class Following {
  readonly #client: LndClient;
  readonly #handlers: GraphHandlers;
  readonly #now: () => Millis;
  readonly #ageMs: Millis;
  readonly #onOver: () => void;
  #stream: OpenStream | undefined;
  /** Hex. Channels of the node itself that were not in the graph are private. */
  #ownId = '';
  /** What the last load named. */
  #named = new Set<ShortChannelId>();
  /** Changes that came while there is no graph yet to apply them to. */
  #early: TopologyUpdate[] | undefined = [];
  /** Dates that were told or given, where they are ahead of the clock or may be met again. */
  readonly #dates = new Map<bigint, UnixSeconds>();
  #timer: NodeJS.Timeout | undefined;
  #isStarted = false;
  #isOver = false;

  constructor(endpoint: LndEndpoint, handlers: GraphHandlers, options: LndGraphOptions, onOver: () => void) {
    this.#client = new LndClient(endpoint);
    this.#handlers = handlers;
    this.#now = options.now ?? Date.now;
    this.#ageMs = options.ageMs ?? AGE_MS;
    this.#onOver = onOver;
  }

  async start(): Promise<void> {
    try {
      this.#ownId = toHex(nodeIdOf(await this.#client.call(getInfo, {}), this.#client.address));
      const lost = new Promise<never>((_, reject) => {
        this.#subscribe(reject);
      });
      const graph = await Promise.race([this.#describe(), lost]);
      lost.catch(() => undefined);
      this.#isStarted = true;
      void this.#load(graph, true);
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  close(): void {
    this.#end();
  }

  #describe(): Promise<Uint8Array> {
    return this.#client.fetch(describeGraph, {}, LOAD_MS);
  }

  #subscribe(onLost: (error: LndError) => void): void {
    this.#stream = this.#client.listen(
      subscribeChannelGraph,
      {},
      {
        onMessage: (update) => {
          if (this.#early) this.#early.push(update);
          else this.#tell(update);
        },
        onEnd: (error) => {
          if (this.#isStarted) this.#lose(error);
          else onLost(error);
        },
      },
    );
  }

  /** Piece by piece, with room for other work between. */
  async #load(graph: Uint8Array, isFirst: boolean): Promise<void> {
    const named = new Set<ShortChannelId>();
    try {
      let batch: GraphNews[] = [];
      let count = 0;
      for (const edge of edgesOf(graph)) {
        named.add(edge.channelId);
        batch.push(...newsOfEdge(edge));
        if (++count % BATCH > 0) continue;
        this.#hand(batch);
        batch = [];
        await nextTurn();
        if (this.#isOver) return;
      }
      this.#hand(batch);
    } catch (error) {
      this.#lose(error);
      return;
    }
    const gone = [...this.#named].filter((scid) => !named.has(scid));
    this.#named = named;
    if (isFirst) {
      this.#handlers.onLoaded();
      this.#timer = setTimeout(() => void this.#loadAgain(), this.#ageMs).unref();
    } else {
      this.#hand(gone.map((scid) => ({ kind: 'closed', scid })));
    }
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const update of early) this.#tell(update);
  }

  async #loadAgain(): Promise<void> {
    this.#early = [];
    try {
      await this.#load(await this.#describe(), false);
    } catch (error) {
      this.#lose(error);
    }
  }

  #tell({ channelUpdates, closedChans }: TopologyUpdate): void {
    const news: GraphNews[] = [];
    for (const update of channelUpdates) {
      const { chanId, advertisingNode, connectingNode } = update;
      const isOwn = advertisingNode === this.#ownId || connectingNode === this.#ownId;
      if (isOwn && !this.#named.has(chanId)) continue;
      const one = newsOfUpdate(update, this.#dateOf(2n * chanId + BigInt(directionOf(update))));
      if (one) news.push(one);
    }
    for (const { chanId } of closedChans) {
      this.#named.delete(chanId);
      news.push({ kind: 'closed', scid: chanId });
    }
    this.#hand(news);
  }

  /** LND tells changes in their order and without their dates; a later one has to have a later date to be believed. */
  #dateOf(direction: bigint): UnixSeconds {
    const date = Math.max(Math.floor(this.#now() / 1000), (this.#dates.get(direction) ?? 0) + 1);
    this.#dates.set(direction, date);
    return date;
  }

  #hand(news: readonly GraphNews[]): void {
    if (this.#isOver || news.length === 0) return;
    const soon = Math.floor(this.#now() / 1000);
    for (const one of news) {
      if (one.kind !== 'policy' || one.update.timestamp <= soon) continue;
      const { scid, direction, timestamp } = one.update;
      this.#dates.set(2n * scid + BigInt(direction), timestamp);
    }
    this.#handlers.onNews(news);
  }

  #lose(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#handlers.onClosed(error instanceof Error ? error.message : String(error));
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#client.close();
    this.#onOver();
  }
}
