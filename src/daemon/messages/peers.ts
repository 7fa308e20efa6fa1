/**
 * Direct messages of applications to and from the peers of our nodes: LSPS0 (37913), rods (44203). A node's are heard by the
 * process that serves it, and by no other: two would answer twice.
 */
import { type PeerMessage, type PeerMessagePort, TokenBuckets } from '../../messages/index.js';
import type { Clock } from '../../receive/clock.js';
import type { NodePort } from '../../receive/node-port.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis, NodeId } from '../../wire/units.js';
import type { Log } from '../log.js';

type Session = Awaited<ReturnType<PeerMessagePort['open']>>;

/** @param node as the operator calls the one that the peer is connected to. Must not throw or reject. */
export type PeerHandler = (message: PeerMessage, node: string) => void | Promise<void>;

export interface PeerMessagesOptions {
  readonly nodes: readonly Pick<NodePort, 'name' | 'peerMessages'>[];
  /** This process has the node's lease. */
  readonly isServedHere: (node: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly lookMs?: Millis;
}

interface Line {
  readonly name: string;
  readonly port: PeerMessagePort;
  session: Session | undefined;
  isOpening: boolean;
  /** The session that is being opened has ended already. */
  isOver: boolean;
  retryAt: Millis;
  waitMs: Millis;
}

const LOOK_MS: Millis = 500;
const RETRY_MS: Millis = 1_000;
const LONGEST_RETRY_MS: Millis = 60_000;
/** Of one peer. Wallets say little; what comes above it is dropped. */
const PER_PEER = { perSecond: 10, burst: 50 } as const;
const MOST_PEERS = 5_000;
const MOST_AT_ONCE = 256;

export class PeerMessages {
  readonly #options: PeerMessagesOptions;
  readonly #lines: readonly Line[];
  readonly #handlers = new Map<number, PeerHandler>();
  readonly #rates = new TokenBuckets(PER_PEER, MOST_PEERS);
  readonly #running = new Set<Promise<void>>();
  #cancel: (() => void) | undefined;
  #isStopped = true;
  #dropped = 0;

  constructor(options: PeerMessagesOptions) {
    this.#options = options;
    this.#lines = options.nodes.flatMap(({ name, peerMessages: port }) =>
      port ? [{ name, port, session: undefined, isOpening: false, isOver: false, retryAt: 0, waitMs: RETRY_MS }] : [],
    );
  }

  /** Messages that came too fast, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Before the start; one for each type. */
  handle(type: number, handler: PeerHandler): void {
    this.#handlers.set(type, handler);
  }

  /** By whichever node the peer is connected to. False if it is to none that is heard here. Never rejects. */
  async send(peer: NodeId, type: number, payload: Uint8Array, node?: string): Promise<boolean> {
    for (const { name, session } of this.#lines) {
      if (!session || (node !== undefined && name !== node)) continue;
      const outcome = await session.send({ peer, type, payload }).catch(() => 'refused' as const);
      if (outcome === 'sent') return true;
    }
    return false;
  }

  start(): void {
    this.#isStopped = false;
    this.#look();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    for (const line of this.#lines) this.#close(line);
    await Promise.all(this.#running);
  }

  #look(): void {
    if (this.#isStopped) return;
    const { clock, isServedHere, lookMs = LOOK_MS } = this.#options;
    for (const line of this.#lines) {
      if (!isServedHere(line.name)) this.#close(line);
      else if (!line.session && !line.isOpening && clock.now() >= line.retryAt) this.#run(this.#open(line));
    }
    this.#cancel = clock.after(lookMs, () => {
      this.#look();
    });
  }

  async #open(line: Line): Promise<void> {
    const { log, isServedHere } = this.#options;
    line.isOpening = true;
    line.isOver = false;
    const hasEnded = (): boolean => line.isOver;
    try {
      const session = await line.port.open({
        onMessage: (message) => {
          this.#take(message, line.name);
        },
        onClosed: (reason) => {
          line.isOver = true;
          if (line.session) log.debug({ node: line.name, reason }, 'peer messages of this node are not heard any more');
          line.session = undefined;
          this.#later(line);
        },
      });
      if (this.#isStopped || !isServedHere(line.name)) session.close();
      else if (!hasEnded()) {
        line.session = session;
        line.waitMs = RETRY_MS;
        log.debug({ node: line.name }, 'peer messages of this node are heard');
      }
    } catch (error) {
      log.debug({ node: line.name, err: error }, 'peer messages of this node cannot be heard yet');
      this.#later(line);
    } finally {
      line.isOpening = false;
    }
  }

  #later(line: Line): void {
    line.retryAt = this.#options.clock.now() + line.waitMs;
    line.waitMs = Math.min(line.waitMs * 2, LONGEST_RETRY_MS);
  }

  #close(line: Line): void {
    const { session } = line;
    line.session = undefined;
    session?.close();
  }

  #take(message: PeerMessage, node: string): void {
    const handler = this.#handlers.get(message.type);
    if (!handler || this.#isStopped) return;
    const mayAsk = this.#rates.take(toHex(message.peer), this.#options.clock.now());
    if (!mayAsk || this.#running.size >= MOST_AT_ONCE) this.#dropped += 1;
    else this.#run(Promise.resolve(handler(message, node)));
  }

  #run(work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'a message of a peer could not be handled: this is a bug');
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}
