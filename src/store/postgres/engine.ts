/** PostgreSQL: for several daemons on one ledger. Serializable transactions, run again when they collide. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CompiledQuery, Kysely, PostgresDialect, type Transaction } from 'kysely';
import type pg from 'pg';
import type { Millis } from '../../wire/units.js';
import { intFromColumn, type SqlRow, type SqlValue } from '../columns.js';
import type { Engine, Hint, Write } from '../engine.js';
import { type CommitOutcome, StoreConflict, StoreContention } from '../errors.js';
import {
  EVENT_COLUMNS,
  eventToRow,
  HTLC_SET,
  LEASE,
  type LedgerChanges,
  type LedgerRows,
  type LedgerTable,
  PART,
  TERMS,
} from '../ledger-rows.js';
import { LATEST_PARTS, LATEST_SETS, LIVE_PARTS, LIVE_SETS, postgresSql, selectSql } from '../ledger-sql.js';
import type { Tables } from '../tables.js';
import { isSerializationFailure, isSuspect, isUniqueViolation, toStoreError } from './errors.js';
import { CHANNEL, Hints } from './listener.js';
import { Connections, DEFAULT_LIMITS, type PoolLimits } from './pool.js';

/** Collisions end when the others commit; the server lets at least one through each time. */
const MAX_ATTEMPTS = 60;
/** A violated key that is not a race stays violated. */
const MAX_UNIQUE_VIOLATIONS = 5;
const LONGEST_PAUSE_MS = 100;

const IN_LIST = 'payment_hash = any($1::text[])';
const NOW = { name: 'now', text: 'select floor(extract(epoch from clock_timestamp()) * 1000)::int8 as now' };
const SELECT_LEASES = { name: 'leases', text: selectSql(LEASE, 'true'), rowMode: 'array' as const };
const SELECT_TERMS = { name: 'terms', text: selectSql(TERMS, IN_LIST), rowMode: 'array' as const };
/** For a step: what can still matter. */
const SELECT_LIVE = {
  sets: { name: 'sets', text: selectSql(HTLC_SET, `${IN_LIST} and ${LIVE_SETS}`), rowMode: 'array' as const },
  parts: { name: 'parts', text: selectSql(PART, `${IN_LIST} and ${LIVE_PARTS}`), rowMode: 'array' as const },
};
/** For a reader: the latest, which is all of it unless somebody spams the hash. */
const SELECT_ALL = {
  sets: { name: 'all-sets', text: selectSql(HTLC_SET, `${IN_LIST} ${LATEST_SETS}`), rowMode: 'array' as const },
  parts: { name: 'all-parts', text: selectSql(PART, `${IN_LIST} ${LATEST_PARTS}`), rowMode: 'array' as const },
};
const INSERT_EVENTS = { name: 'event_insert', text: postgresSql.insert('event', EVENT_COLUMNS) };

export class PostgresEngine implements Engine {
  readonly kind = 'postgres';
  readonly soleWriter = false;
  /** Of the ledger alone: whatever else is asked of the database, leases are renewed and parts decided. */
  readonly #ledger: Connections;
  readonly #others: Connections;
  readonly #db: Kysely<Tables>;
  readonly #hints: Hints;
  #closing: Promise<void> | undefined;

  constructor(url: string, limits: PoolLimits = DEFAULT_LIMITS) {
    this.#ledger = new Connections(url, limits);
    const others = new Connections(url, limits);
    this.#others = others;
    const pool = { connect: () => others.connect(), end: () => others.end() };
    this.#db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
    this.#hints = new Hints(url, limits, (payload) => others.run('select pg_notify($1, $2)', [CHANNEL, payload]));
  }

  async query<T>(body: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    try {
      return await body(this.#db);
    } catch (thrown) {
      this.#others.failed(thrown);
      throw toStoreError(thrown, 'unknown');
    }
  }

  transaction<T>(body: (db: Transaction<Tables>) => Promise<T>): Promise<T> {
    return retrying(async () => {
      try {
        return await this.#db.transaction().setIsolationLevel('serializable').execute(body);
      } catch (thrown) {
        this.#others.failed(thrown);
        if (isSerializationFailure(thrown) || isUniqueViolation(thrown)) throw thrown;
        throw toStoreError(thrown, 'unknown');
      }
    });
  }

  async writeAll(writes: (db: Kysely<Tables>) => readonly Write[]): Promise<boolean> {
    const statements = writes(this.#db).map(({ query, changes }) => ({ ...query.compile(), changes }));
    try {
      return await retrying(() => this.#writeAttempt(statements));
    } catch (thrown) {
      if (thrown instanceof StoreConflict) return false;
      throw thrown;
    }
  }

  async #writeAttempt(statements: readonly (CompiledQuery & { readonly changes: number })[]): Promise<boolean> {
    const client = await connect(this.#others);
    let outcome: CommitOutcome = 'not_committed';
    let broken = false;
    try {
      const [, ...results] = await Promise.all([
        client.query('begin isolation level read committed'),
        ...statements.map(({ sql, parameters }) => client.query(sql, [...parameters])),
      ]);
      const isDone = statements.every(({ changes }, i) => results[i]!.rowCount === changes);
      if (isDone) outcome = 'unknown';
      const { command } = await client.query(isDone ? 'commit' : 'rollback');
      return isDone && command === 'COMMIT';
    } catch (thrown) {
      this.#others.failed(thrown);
      broken = await abandon(client, thrown);
      if (isSerializationFailure(thrown) || isUniqueViolation(thrown)) throw thrown;
      throw toStoreError(thrown, outcome);
    } finally {
      client.release(broken);
    }
  }

  ledgerTransaction(paymentHashes: readonly string[], step: (rows: LedgerRows) => LedgerChanges): Promise<void> {
    return retrying(() => this.#ledgerAttempt(paymentHashes, step));
  }

  async #ledgerAttempt(paymentHashes: readonly string[], step: (rows: LedgerRows) => LedgerChanges): Promise<void> {
    const client = await connect(this.#ledger);
    let outcome: CommitOutcome = 'not_committed';
    let broken = false;
    try {
      const [, now, leases, account] = await Promise.all([
        client.query('begin isolation level serializable'),
        client.query<{ now: bigint }>(NOW),
        client.query<SqlValue[]>(SELECT_LEASES),
        readAccounts(client, paymentHashes, SELECT_LIVE),
      ]);
      const changes = step({
        now: intFromColumn(now.rows[0]!.now),
        leases: leases.rows.map(LEASE.fromRow),
        ...account,
      });
      await Promise.all(writes(client, changes));
      outcome = 'unknown';
      const { command } = await client.query('commit');
      // The server answers the commit of a failed transaction with a friendly ROLLBACK.
      if (command !== 'COMMIT') throw new StoreConflict('the server rolled the transaction back');
    } catch (thrown) {
      this.#ledger.failed(thrown);
      broken = await abandon(client, thrown);
      if (isSerializationFailure(thrown) || isUniqueViolation(thrown)) throw thrown;
      throw toStoreError(thrown, outcome);
    } finally {
      client.release(broken);
    }
  }

  async readLedger(paymentHashes: readonly string[]): Promise<Omit<LedgerRows, 'now' | 'leases'>> {
    const client = await connect(this.#others);
    let broken = false;
    try {
      // One snapshot for the three tables.
      const [, account] = await Promise.all([
        client.query('begin isolation level repeatable read read only'),
        readAccounts(client, paymentHashes, SELECT_ALL),
        client.query('commit'),
      ]);
      return account;
    } catch (thrown) {
      this.#others.failed(thrown);
      broken = await abandon(client, thrown);
      throw toStoreError(thrown, 'not_committed');
    } finally {
      client.release(broken);
    }
  }

  async now(): Promise<Millis> {
    try {
      const [row] = await this.#ledger.run<{ now: bigint }>(NOW);
      return intFromColumn(row!.now);
    } catch (thrown) {
      this.#ledger.failed(thrown);
      throw toStoreError(thrown, 'not_committed');
    }
  }

  hint(hint: Hint): void {
    this.#hints.publish(hint);
  }

  onHint(listener: (hint: Hint) => void): () => void {
    return this.#hints.listen(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#hints
      .close()
      .then(() => Promise.all([this.#ledger.end(), this.#db.destroy()]))
      .then(() => undefined);
    return this.#closing;
  }
}

async function connect(connections: Connections): Promise<pg.PoolClient> {
  try {
    return await connections.connect();
  } catch (thrown) {
    throw toStoreError(thrown, 'not_committed');
  }
}

/** Ends a failed transaction. True if the connection must not be used again. */
async function abandon(client: pg.PoolClient, thrown: unknown): Promise<boolean> {
  if (isSuspect(thrown)) return true;
  try {
    await client.query('rollback');
    return false;
  } catch {
    return true;
  }
}

async function readAccounts(
  client: pg.PoolClient,
  paymentHashes: readonly string[],
  select: typeof SELECT_ALL,
): Promise<Omit<LedgerRows, 'now' | 'leases'>> {
  const values = [paymentHashes];
  const [terms, sets, parts] = await Promise.all([
    client.query<SqlValue[]>({ ...SELECT_TERMS, values }),
    client.query<SqlValue[]>({ ...select.sets, values }),
    client.query<SqlValue[]>({ ...select.parts, values }),
  ]);
  return {
    terms: terms.rows.map(TERMS.fromRow),
    sets: sets.rows.map(HTLC_SET.fromRow),
    parts: parts.rows.map(PART.fromRow),
  };
}

function writes(client: pg.PoolClient, changes: LedgerChanges): Promise<void>[] {
  const { now } = changes;
  const pending: Promise<void>[] = [];
  const add = <Row>(table: LedgerTable<Row>, kind: 'insert' | 'update', values: readonly Row[]): void => {
    if (values.length === 0) return;
    const text = kind === 'insert' ? postgresSql.insert(table.name, table.columns) : postgresSql.update(table);
    const rows = values.map((value) => table.toRow(value, now));
    pending.push(change(client, `${table.name}_${kind}`, text, rows));
  };
  // Updates first: a set that fails makes room for another one of the same hash in the same transaction.
  add(LEASE, 'update', changes.leases.update);
  add(LEASE, 'insert', changes.leases.insert);
  add(TERMS, 'update', changes.terms.update);
  add(TERMS, 'insert', changes.terms.insert);
  add(HTLC_SET, 'update', changes.sets.update);
  add(HTLC_SET, 'insert', changes.sets.insert);
  add(PART, 'update', changes.parts.update);
  add(PART, 'insert', changes.parts.insert);
  if (changes.events.length > 0) {
    const rows = changes.events.map((event) => eventToRow(event, now));
    pending.push(change(client, INSERT_EVENTS.name, INSERT_EVENTS.text, rows));
  }
  return pending;
}

async function change(client: pg.PoolClient, name: string, text: string, rows: readonly SqlRow[]): Promise<void> {
  const columns = rows[0]!.map((_, column) => rows.map((row) => row[column]));
  const { rowCount } = await client.query({ name, text, values: columns });
  if (rowCount !== rows.length) {
    throw new StoreConflict(`${rows.length} rows should have changed, but ${rowCount ?? 0} could: ${name}`);
  }
}

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  let uniqueViolations = 0;
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (thrown) {
      if (isUniqueViolation(thrown)) {
        if (++uniqueViolations >= MAX_UNIQUE_VIOLATIONS) throw toStoreError(thrown, 'not_committed');
      } else if (!isSerializationFailure(thrown)) throw thrown;
      if (attempts >= MAX_ATTEMPTS) {
        throw new StoreContention('other transactions on the same rows kept winning', thrown);
      }
    }
    // Chance keeps two processes from colliding again and again.
    await sleep(Math.random() * Math.min(LONGEST_PAUSE_MS, 2 ** Math.min(attempts, 10)));
  }
}
