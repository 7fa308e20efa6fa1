/** The durable store: the ledger and everything else that has to outlive the process, on SQLite or PostgreSQL. */
import type { Clock } from '../receive/clock.js';
import type { Millis } from '../wire/units.js';
import type { DocumentKind } from '../offline/documents.js';
import type { EngineKind } from './columns.js';
import { type BodyReader, DocumentsOfKind, purgeDocuments } from './documents.js';
import type { Engine, Hint } from './engine.js';
import { StoreMisconfigured } from './errors.js';
import { Events } from './events.js';
import { Idempotency } from './idempotency.js';
import { InternalHtlcs } from './internal-htlcs.js';
import { Invoices } from './invoices.js';
import { LateEngine } from './late-engine.js';
import { Ledger } from './ledger.js';
import { Mailbox } from './mailbox.js';
import { Meta } from './meta.js';
import { migrate } from './migrations.js';
import { Offers } from './offers.js';
import { Payments } from './payments.js';
import { PostgresEngine } from './postgres/engine.js';
import { purgeSenders } from './senders.js';
import { SqliteEngine } from './sqlite/engine.js';
import { Tokens } from './tokens.js';
import { Wakes } from './wake.js';
import { Webhooks } from './webhooks.js';

export interface StoreOptions {
  /** `sqlite:/path/file.db`, `sqlite::memory:` or `postgres://user@host/database`. */
  readonly url: string;
  /** Time of a SQLite database; PostgreSQL has its own, shared by all daemons. */
  readonly clock?: Pick<Clock, 'now'>;
  /** SQLite without its thread: only microtasks between call and result. For deterministic simulation. */
  readonly inProcess?: boolean;
  /** SQLite: pages the file may grow to. For tests of a full disk. */
  readonly maxPages?: number;
}

/** Every method rejects with a `StoreError` when the database fails; anything else thrown is a bug. */
export class Store extends Ledger {
  readonly #engine: Engine;
  readonly events: Events;
  readonly invoices: Invoices;
  readonly tokens: Tokens;
  readonly idempotency: Idempotency;
  readonly webhooks: Webhooks;
  readonly meta: Meta;
  readonly payments: Payments;
  readonly internalHtlcs: InternalHtlcs;
  readonly wakes: Wakes;
  readonly offers: Offers;
  readonly mailbox: Mailbox;

  constructor(engine: Engine) {
    super(engine);
    this.#engine = engine;
    this.events = new Events(engine);
    this.invoices = new Invoices(engine);
    this.tokens = new Tokens(engine);
    this.idempotency = new Idempotency(engine);
    this.webhooks = new Webhooks(engine);
    this.meta = new Meta(engine);
    this.payments = new Payments(engine);
    this.internalHtlcs = new InternalHtlcs(engine);
    this.wakes = new Wakes(engine);
    this.offers = new Offers(engine);
    this.mailbox = new Mailbox(engine);
  }

  /** Machines kept as documents. @param read checks what was read and makes a body of it; default: takes it as it is */
  documents<Body>(kind: DocumentKind, read?: BodyReader<Body>): DocumentsOfKind<Body> {
    return new DocumentsOfKind(this.#engine, kind, read);
  }

  get soleWriter(): boolean {
    return this.#engine.soleWriter;
  }

  get kind(): EngineKind {
    return this.#engine.kind;
  }

  /**
   * Forgets what was told before this time: events, webhook deliveries that were made, lessons that are in the knowledge
   * snapshot, processes that are long gone. What an enabled webhook is still owed stays. Payments, invoices and the ledger
   * are not touched. In small steps, safe to run beside everything else and in several processes.
   */
  async purge(before: Millis): Promise<{ readonly events: number; readonly deliveries: number }> {
    await this.payments.purgeLessons(before);
    await purgeSenders(this.#engine, before);
    await purgeDocuments(this.#engine, before);
    const deliveries = await this.webhooks.purge(before);
    return { events: await this.events.purge(before), deliveries };
  }

  /**
   * Calls `listener` after commits that wrote decisions, events or payments of ours, of this process at once and of others soon. A hint may
   * be lost, doubled or late: poll as well. Returns a function that stops it.
   */
  onHint(listener: (hint: Hint) => void): () => void {
    return this.#engine.onHint(listener);
  }

  /** Waits for the transaction that is under way. */
  close(): Promise<void> {
    return this.#engine.close();
  }
}

/**
 * Opens the database and brings its schema up to date.
 * @throws {StoreMisconfigured} if the address or the file cannot be used.
 * @throws {StoreBusy} if another process writes to the SQLite file.
 * @throws {StoreSchemaTooNew} if a newer program wrote it.
 * @throws {StoreUnavailable} if the server cannot be reached.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const engine = await openEngine(options);
  try {
    await migrate(engine);
  } catch (thrown) {
    await engine.close();
    throw thrown;
  }
  return new Store(engine);
}

export interface LateStoreOptions extends StoreOptions {
  /** Runs once, after the schema is up to date and before any other call is let through. */
  readonly prepare?: (store: Store) => Promise<void>;
  /** The database was reached and must not be used: it belongs to another cluster or a newer program. */
  readonly onRefused: (error: Error) => void;
}

/**
 * Like {@link openStore} for a process that has to run before its database does: a PostgreSQL server that cannot be reached
 * does not keep it from opening. Calls reject as unavailable until the server is there and prepared.
 * @throws what `openStore` throws, for SQLite.
 */
export async function openStoreLate({ prepare, onRefused, ...options }: LateStoreOptions): Promise<Store> {
  const engine = await openEngine(options);
  const late = new LateEngine(
    engine,
    async () => {
      await migrate(engine);
      await prepare?.(new Store(engine));
    },
    onRefused,
  );
  if (engine.kind === 'sqlite') {
    try {
      await late.ready();
    } catch (thrown) {
      await engine.close();
      throw thrown;
    }
  }
  return new Store(late);
}

/** The engine alone, without migrations. */
export async function openEngine({ url, clock, inProcess = false, maxPages }: StoreOptions): Promise<Engine> {
  if (/^postgres(ql)?:\/\//.test(url)) return new PostgresEngine(url);
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(url)?.[1];
  if (path === undefined) {
    // The address may hold a password: name its scheme only.
    throw new StoreMisconfigured(
      `the database address has an unknown form: ${/^[a-z+]*:/.exec(url)?.[0] ?? 'no scheme'}`,
      'Use sqlite:/path/to/file.db or postgres://user@host/database.',
    );
  }
  return SqliteEngine.open({
    path,
    now: () => clock?.now() ?? Date.now(),
    inProcess,
    ...(maxPages === undefined ? {} : { maxPages }),
  });
}
