/** One open stream between a simulated node and whoever intercepts its HTLCs. */
import type { HtlcAnswer, HtlcKey, InterceptSession } from '../../receive/node-port.js';
import type { BlockHeight, Millis } from '../../wire/units.js';
import type { SimInterceptHandlers } from './holding.js';
import { Link } from './link.js';
import type { World } from './types.js';

/** The node's end of the stream. */
export interface SessionHost {
  height(): BlockHeight;
  /** A text that names the HTLC if the node holds it. */
  holds(key: HtlcKey): string | undefined;
  apply(key: HtlcKey, answer: HtlcAnswer): void;
  /** An answer that the stream took with it. */
  lost(key: HtlcKey, answer: HtlcAnswer): void;
  ended(): void;
}

const NODE = 0;
const CLIENT = 1;

interface Waiting {
  readonly resolve: (height: BlockHeight) => void;
  readonly reject: (reason: Error) => void;
}

export class SimSession implements InterceptSession {
  readonly handlers: SimInterceptHandlers;
  /** HTLCs answered on this session whose answer may still be on its way. */
  readonly answered = new Set<string>();
  readonly #world: World;
  readonly #host: SessionHost;
  readonly #pipe: Link;
  readonly #onTheWay = new Set<{ readonly key: HtlcKey; readonly answer: HtlcAnswer }>();
  readonly #heartbeats: Waiting[] = [];
  #open = true;
  #frozenUntil: Millis = 0;
  #cancelThaw: (() => void) | undefined;

  constructor(world: World, handlers: SimInterceptHandlers, host: SessionHost) {
    this.#world = world;
    this.handlers = handlers;
    this.#host = host;
    this.#pipe = new Link(world, world.timing.streamMs);
    this.#pipe.setUp(true);
  }

  /** It brings something over now. */
  get isLive(): boolean {
    return this.#open && this.#pipe.up;
  }

  /** Runs `deliver`, which calls a handler, when the stream has brought it over. */
  toClient(deliver: () => void): void {
    if (!this.#open) return;
    this.#pipe.send(NODE, () => {
      this.#world.clock.stir?.();
      deliver();
    });
  }

  readonly answer = (key: HtlcKey, answer: HtlcAnswer): 'sent' | 'unknown' | 'closed' => {
    if (!this.#open) return 'closed';
    const held = this.#host.holds(key);
    if (held === undefined || this.answered.has(held)) return 'unknown';
    this.answered.add(held);
    const entry = { key, answer };
    this.#onTheWay.add(entry);
    this.#pipe.send(CLIENT, () => {
      this.#onTheWay.delete(entry);
      this.#host.apply(key, answer);
    });
    return 'sent';
  };

  readonly heartbeat = (): Promise<BlockHeight> => {
    if (!this.#open) return Promise.reject(new Error('the session is closed'));
    if (this.#pipe.up) return Promise.resolve(this.#host.height());
    return new Promise((resolve, reject) => this.#heartbeats.push({ resolve, reject }));
  };

  readonly close = (): void => this.end('closed by us');

  /** Nothing passes for a while, in neither direction; nobody is told. A shorter freeze does not end a longer one. */
  freeze(duration: Millis): void {
    if (!this.#open) return;
    const { clock } = this.#world;
    this.#frozenUntil = Math.max(this.#frozenUntil, clock.now() + duration);
    this.#cancelThaw?.();
    this.#pipe.setUp(false);
    this.#cancelThaw = clock.after(this.#frozenUntil - clock.now(), () => this.#thaw());
  }

  #thaw(): void {
    this.#cancelThaw = undefined;
    if (!this.#open) return;
    this.#pipe.setUp(true);
    for (const waiting of this.#heartbeats.splice(0)) waiting.resolve(this.#host.height());
  }

  /** Ends the stream behind the answers that are on their way. */
  endInOrder(reason: string): void {
    this.#pipe.send(CLIENT, () => {
      this.end(reason);
    });
  }

  /** Ends the stream; what is on its way is lost. */
  end(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#cancelThaw?.();
    this.#pipe.setUp(false);
    for (const { key, answer } of this.#onTheWay) this.#host.lost(key, answer);
    this.#onTheWay.clear();
    this.#host.ended();
    this.#world.clock.stir?.();
    for (const waiting of this.#heartbeats.splice(0)) waiting.reject(new Error(reason));
    this.handlers.onClosed(reason);
  }
}
