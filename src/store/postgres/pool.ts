/** Connections to PostgreSQL with the settings that the ledger relies on. */
import pg from 'pg';

/** Bounds every wait, so that a hung server shows as unavailable instead of as silence. */
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
/** Above the server's limit: only for a server or network that does not answer at all. */
const ANSWER_TIMEOUT_MS = 20_000;
const MAX_CONNECTIONS = 10;

/**
 * - A commit must be on disk when it is acknowledged, also where the server's default says otherwise.
 * - Without sequential scans a serializable transaction locks the index entries it read, not whole tables; a small table
 *   would otherwise make every transaction conflict with every other.
 */
const SESSION_SETTINGS = `
  select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local');
  set enable_seqscan = off;
  set statement_timeout = ${STATEMENT_TIMEOUT_MS};
  set idle_in_transaction_session_timeout = ${STATEMENT_TIMEOUT_MS}`;

/** 64-bit integers as bigint, for our connections only: the driver's registry is shared with the whole process. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => {
    if (oid === pg.types.builtins.INT8 && format !== 'binary') return BigInt;
    return pg.types.getTypeParser(oid, format) as (value: string) => unknown;
  },
};

export function clientConfig(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    types,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'manifold',
  };
}

export function openPool(url: string): pg.Pool {
  // Pipelining sends the statements of a transaction's reading (and of its writing) in one go.
  const pool = new pg.Pool({ ...clientConfig(url), max: MAX_CONNECTIONS, pipeline: true });
  pool.on('connect', (client) => {
    // The statement under way fails with the same error; unheard, the event would end the process.
    client.on('error', () => undefined);
    // Goes out before the first statement of whoever asked for the connection. Without it the connection must not be used.
    client.query(SESSION_SETTINGS).catch(() => {
      if (client instanceof pg.Client) void client.end();
    });
  });
  // An idle connection that breaks is replaced at the next use.
  pool.on('error', () => undefined);
  return pool;
}
