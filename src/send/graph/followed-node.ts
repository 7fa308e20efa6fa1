/** One node's gossip: followed for ever, again after every loss, with what it names kept apart for the reconciliation. */
import type { Millis, ShortChannelId } from '../../wire/units.js';
import type { GraphNews, GraphPort } from './port.js';

/** As in `run/ports.ts`: the wall clock in the daemon, virtual in tests. */
export interface GraphClock {
  now(): Millis;
  after(delay: Millis, task: () => void): () => void;
}

const FIRST_PAUSE_MS: Millis = 1000;
const LONGEST_PAUSE_MS: Millis = 60_000;
/** A connection that lasted this long was a good one. */
const GOOD_AFTER_MS: Millis = 60_000;

/** What came from one connection, in its order. */
export type FromNode =
  | { readonly kind: 'news'; readonly session: Session; readonly news: readonly GraphNews[] }
  | { readonly kind: 'loaded' | 'closed'; readonly session: Session };

/** One connection to a node. */
export interface Session {
  readonly node: FollowedNode;
  /** Channels that the node named on this connection. */
  readonly named: Set<ShortChannelId>;
  isOpen: boolean;
  /** To be closed as soon as it stands. */
  isGivenUp: boolean;
}

export interface FollowOptions {
  readonly name: string;
  readonly port: GraphPort;
  readonly clock: GraphClock;
  readonly onTrouble: (what: string, error: unknown) => void;
  /** Takes everything into a queue. False: there is no more room, and the connection has to be given up. */
  readonly sink: (from: FromNode) => boolean;
}

export class FollowedNode {
  /** Channels of this node's graph as of its last whole load, and since. */
  named: Set<ShortChannelId> = new Set();
  readonly #options: FollowOptions;
  #isStopped = false;
  #failures = 0;
  #cancelPause: () => void = () => undefined;
  #close: () => void = () => undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#follow();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelPause();
    this.#close();
  }

  async #follow(): Promise<void> {
    const { port, sink, clock } = this.#options;
    const session: Session = { node: this, named: new Set(), isOpen: true, isGivenUp: false };
    const begunAt = clock.now();
    const end = (why: string, error?: unknown): void => {
      if (!session.isOpen) return;
      session.isOpen = false;
      sink({ kind: 'closed', session });
      this.#again(why, error, clock.now() - begunAt);
    };
    const take = (from: FromNode): void => {
      if (!session.isOpen || this.#isStopped || sink(from)) return;
      this.#close();
      end('its gossip comes faster than it can be taken in');
    };
    let close = (): void => undefined;
    this.#close = () => {
      session.isGivenUp = true;
      close();
    };
    try {
      const connection = await port.follow({
        onNews: (news) => {
          take({ kind: 'news', session, news });
        },
        onLoaded: () => {
          take({ kind: 'loaded', session });
        },
        onClosed: (reason) => {
          end(reason);
        },
      });
      close = () => {
        connection.close();
      };
      if (session.isGivenUp) close();
    } catch (error) {
      end('it cannot be reached', error);
    }
  }

  #again(why: string, error: unknown, lasted: Millis): void {
    if (this.#isStopped) return;
    this.#failures = lasted >= GOOD_AFTER_MS ? 1 : this.#failures + 1;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 10));
    this.#options.onTrouble(
      `the channel graph of node ${this.#options.name} is not followed (${why}); trying again in ${pause} ms`,
      error,
    );
    this.#cancelPause = this.#options.clock.after(pause, () => {
      void this.#follow();
    });
  }
}
