/** Hints between processes over LISTEN/NOTIFY. Lost hints are fine: whoever listens polls as well. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Hint } from '../engine.js';
import { clientConfig, type PoolLimits } from './pool.js';

export const CHANNEL = 'manifold_decisions';
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;
/** The server refuses payloads of 8000 bytes and more. */
const MAX_PAYLOAD = 7_900;

export class Hints {
  readonly #url: string;
  readonly #limits: PoolLimits;
  readonly #notify: (payload: string) => Promise<unknown>;
  /** Tells our own notifications, already delivered in process, from those of others. */
  readonly #self = randomUUID();
  readonly #listeners = new Set<(hint: Hint) => void>();
  #client: pg.Client | undefined;
  #retry: NodeJS.Timeout | undefined;
  #probe: NodeJS.Timeout | undefined;
  #retryMs = FIRST_RETRY_MS;
  #closed = false;
  #waiting: Hint | undefined;
  #sending = false;

  constructor(url: string, limits: PoolLimits, notify: (payload: string) => Promise<unknown>) {
    this.#url = url;
    this.#limits = limits;
    this.#notify = notify;
  }

  /** Tells listeners here at once, and other processes soon: what comes while one message is on its way shares the next. */
  publish(hint: Hint): void {
    this.#tell(hint);
    this.#waiting = this.#waiting === undefined ? hint : merge(this.#waiting, hint);
    if (!this.#sending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#waiting !== undefined && !this.#closed) {
      const payload = encode(this.#self, this.#waiting);
      this.#waiting = undefined;
      await this.#notify(payload).catch(() => undefined);
    }
    this.#sending = false;
  }

  listen(listener: (hint: Hint) => void): () => void {
    this.#listeners.add(listener);
    if (this.#client === undefined && this.#retry === undefined) void this.#connect();
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#probe);
    this.#listeners.clear();
    await this.#client?.end().catch(() => undefined);
  }

  async #connect(): Promise<void> {
    this.#retry = undefined;
    const client = new pg.Client(clientConfig(this.#url, this.#limits));
    this.#client = client;
    client.on('notification', ({ payload }) => {
      const received = decode(payload ?? '');
      if (received.sender !== this.#self) this.#tell(received.hint);
    });
    client.on('error', () => undefined);
    client.on('end', () => {
      this.#reconnectLater(client);
    });
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      this.#retryMs = FIRST_RETRY_MS;
      // Whatever was sent while nobody listened is unknown.
      this.#tell({ nodeIds: undefined, freed: undefined, events: true, payments: true });
      this.#probeLater(client);
    } catch {
      await client.end().catch(() => undefined);
      this.#reconnectLater(client);
    }
  }

  #probeLater(client: pg.Client): void {
    clearTimeout(this.#probe);
    this.#probe = setTimeout(() => {
      if (this.#closed || this.#client !== client) return;
      client.query('select 1').then(
        () => this.#probeLater(client),
        () => {
          this.#reconnectLater(client);
          void client.end().catch(() => undefined);
        },
      );
    }, this.#limits.probeMs);
    this.#probe.unref();
  }

  #reconnectLater(client: pg.Client): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = undefined;
    this.#retry = setTimeout(() => void this.#connect(), this.#retryMs);
    this.#retry.unref();
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }

  #tell(hint: Hint): void {
    // A listener that throws is a bug of its own and must not turn a commit into a failure.
    for (const listener of this.#listeners) queueMicrotask(() => listener(hint));
  }
}

type Nodes = Hint['nodeIds'];

function merge(a: Hint, b: Hint): Hint {
  const both = (x: Nodes, y: Nodes): Nodes =>
    x === undefined || y === undefined ? undefined : [...new Set([...x, ...y])];
  return {
    nodeIds: both(a.nodeIds, b.nodeIds),
    freed: both(a.freed, b.freed),
    events: a.events || b.events,
    payments: a.payments || b.payments,
  };
}

/** `sender events(0|1) decided freed payments(0|1)`; decided and freed are comma lists, or * if too many or unknown */
function encode(sender: string, { nodeIds, freed, events, payments }: Hint): string {
  const flag = (value: boolean): string => (value ? '1' : '0');
  const list = (nodes: Nodes): string => nodes?.join(',') ?? '*';
  const of = (decided: string, given: string): string =>
    `${sender} ${flag(events)} ${decided} ${given} ${flag(payments)}`;
  const full = of(list(nodeIds), list(freed));
  return full.length <= MAX_PAYLOAD ? full : of('*', '*');
}

function decode(payload: string): { readonly sender: string; readonly hint: Hint } {
  const [sender = '', events, decided = '*', freed = '*', payments] = payload.split(' ');
  const nodes = (list: string): Nodes => (list === '*' ? undefined : list === '' ? [] : list.split(','));
  return {
    sender,
    hint: { nodeIds: nodes(decided), freed: nodes(freed), events: events !== '0', payments: payments !== '0' },
  };
}
