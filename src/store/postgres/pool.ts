/** Connections to PostgreSQL with the settings that the ledger relies on. */
import pg from 'pg';
import { StoreUnavailable } from '../errors.js';
import { isSuspect } from './errors.js';

/** Bounds every wait, so that a hung server shows as unavailable instead of as silence. */
export interface PoolLimits {
  /** For a connection to be made, or to become free. */
  readonly connectMs: number;
  /** For a statement, told to the server. */
  readonly statementMs: number;
  /** For an answer: above the server's own limit, so that it is only reached where server or network say nothing at all. */
  readonly answerMs: number;
  readonly connections: number;
  /** How often a listener makes sure that the server is still there: silence looks the same as a dead line. */
  readonly probeMs: number;
}

export const DEFAULT_LIMITS: PoolLimits = {
  connectMs: 5_000,
  statementMs: 10_000,
  answerMs: 12_000,
  connections: 6,
  probeMs: 15_000,
};
/** A connection that carries nothing is probed from then on: listeners notice a dead server without asking it anything. */
const KEEPALIVE_MS = 10_000;

/**
 * - A commit must be on disk when it is acknowledged, also where the server's default says otherwise.
 * - Without sequential scans a serializable transaction locks the index entries it read, not whole tables; a small table
 *   would otherwise make every transaction conflict with every other.
 */
const sessionSettings = ({ statementMs }: PoolLimits): string => `
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local');
  set enable_seqscan = off;
  set statement_timeout = ${statementMs};
  set idle_in_transaction_session_timeout = ${statementMs}`;
const READ_ONLY = "select current_setting('transaction_read_only') as read_only";

/** 64-bit integers as bigint, for our connections only: the driver's registry is shared with the whole process. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => {
    if (oid === pg.types.builtins.INT8 && format !== 'binary') return BigInt;
    return pg.types.getTypeParser(oid, format) as (value: string) => unknown;
  },
};

export function clientConfig(url: string, { connectMs, answerMs }: PoolLimits): pg.ClientConfig {
  return {
    connectionString: url,
    types,
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    application_name: 'manifold',
  };
}

/**
 * A pool whose connections fail together: after one of them was lost, timed out or turned out to lead to a server that
 * takes no writes, those that were made before it are not used again. Else each would have to time out by itself, and a
 * server that lost its role in a fail-over would be asked for ever.
 */
export class Connections {
  readonly #pool: pg.Pool;
  readonly #generations = new WeakMap<pg.ClientBase, number>();
  #generation = 0;

  constructor(url: string, limits: PoolLimits) {
    const config = {
      ...clientConfig(url, limits),
      max: limits.connections,
      // Sends the statements of a transaction's reading (and of its writing) in one go.
      pipeline: true,
      // The pool waits for it, and passes its failure on, though its type does not say so.
      onConnect: (client: pg.ClientBase) => this.#prepare(client, limits),
    };
    this.#pool = new pg.Pool(config);
    this.#pool.on('connect', (client) => {
      // The statement under way fails with the same error; unheard, the event would end the process.
      client.on('error', () => undefined);
    });
    // An idle connection that breaks is replaced at the next use.
    this.#pool.on('error', () => undefined);
  }

  /** Before the connection's first use. @throws {StoreUnavailable} if the server takes no writes. */
  async #prepare(client: pg.ClientBase, limits: PoolLimits): Promise<void> {
    this.#generations.set(client, this.#generation);
    const [, { rows }] = await Promise.all([
      client.query(sessionSettings(limits)),
      client.query<{ read_only: string }>(READ_ONLY),
    ]);
    if (rows[0]?.read_only === 'on') {
      throw new StoreUnavailable(
        'the database server takes no writes',
        'not_committed',
        undefined,
        'The address leads to a standby, or to a server that lost its role in a fail-over: direct it to the primary.',
      );
    }
  }

  async connect(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await this.#pool.connect();
      if (this.#generations.get(client) === this.#generation) return client;
      client.release(true);
    }
  }

  async run<Row extends pg.QueryResultRow>(
    statement: pg.QueryConfig | string,
    values?: readonly unknown[],
  ): Promise<Row[]> {
    const client = await this.connect();
    let isSound = true;
    try {
      return (await client.query<Row>(statement, values && [...values])).rows;
    } catch (thrown) {
      isSound = !isSuspect(thrown);
      this.failed(thrown);
      throw thrown;
    } finally {
      client.release(!isSound);
    }
  }

  /** To be told of every error that comes from the database. */
  failed(thrown: unknown): void {
    if (isSuspect(thrown)) this.#generation += 1;
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}
