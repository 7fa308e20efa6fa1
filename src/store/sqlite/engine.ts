/** SQLite: the embedded default. One file, one writing process, one connection whose transactions run one after the other. */
import { Kysely, type Transaction } from 'kysely';
import type { Millis } from '../../wire/units.js';
import { type SqlRow, toJson } from '../columns.js';
import type { Engine, Hint, Write } from '../engine.js';
import { StoreConflict } from '../errors.js';
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
  type Upserts,
} from '../ledger-rows.js';
import { LATEST_PARTS, LATEST_SETS, LIVE_PARTS, LIVE_SETS, selectSql, sqliteSql } from '../ledger-sql.js';
import type { Tables } from '../tables.js';
import { InProcessClient, type SqliteClient, WorkerClient } from './client.js';
import type { SqliteOptions, SqliteResult, SqliteStatement } from './connection.js';
import { SqliteClientDialect, toSqlValue } from './dialect.js';
import { Gate } from './gate.js';

export interface SqliteEngineOptions extends SqliteOptions {
  readonly now: () => Millis;
  readonly inProcess: boolean;
}

// A list of any length is one parameter, so the statement is prepared once.
const IN_LIST = 'payment_hash in (select value from json_each(?))';
const SELECT_LEASES = selectSql(LEASE, 'true');
const SELECT_TERMS = selectSql(TERMS, IN_LIST);
/** For a step: what can still matter. */
const SELECT_LIVE = [
  selectSql(HTLC_SET, `${IN_LIST} and ${LIVE_SETS}`),
  selectSql(PART, `${IN_LIST} and ${LIVE_PARTS}`),
];
/** For a reader: the latest, which is all of it unless somebody spams the hash. */
const SELECT_ALL = [selectSql(HTLC_SET, `${IN_LIST} ${LATEST_SETS}`), selectSql(PART, `${IN_LIST} ${LATEST_PARTS}`)];
const INSERT_EVENT = sqliteSql.insert('event', EVENT_COLUMNS);

export class SqliteEngine implements Engine {
  readonly kind = 'sqlite';
  readonly soleWriter: boolean;
  readonly #client: SqliteClient;
  readonly #gate: Gate;
  readonly #db: Kysely<Tables>;
  readonly #now: () => Millis;
  readonly #listeners = new Set<(hint: Hint) => void>();

  private constructor(client: SqliteClient, now: () => Millis, soleWriter: boolean) {
    this.#client = client;
    this.soleWriter = soleWriter;
    this.#now = now;
    this.#gate = new Gate();
    this.#db = new Kysely<Tables>({ dialect: new SqliteClientDialect(client, this.#gate) });
  }

  static async open({ now, inProcess, ...options }: SqliteEngineOptions): Promise<SqliteEngine> {
    const client = inProcess ? new InProcessClient(options) : await WorkerClient.open(options);
    // In process several ledgers share one connection, as several processes would share a server.
    return new SqliteEngine(client, now, !inProcess);
  }

  query<T>(body: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    return body(this.#db);
  }

  transaction<T>(body: (db: Transaction<Tables>) => Promise<T>): Promise<T> {
    return this.#db.transaction().execute(body);
  }

  async writeAll(writes: (db: Kysely<Tables>) => readonly Write[]): Promise<boolean> {
    const statements = writes(this.#db).map(({ query, changes }): SqliteStatement => {
      const { sql, parameters } = query.compile();
      return { sql, rows: [parameters.map(toSqlValue)], expectChanges: changes };
    });
    const leave = await this.#gate.enter();
    try {
      const all = [{ sql: 'begin immediate' }, ...statements, { sql: 'commit' }];
      await this.#client.execute({ statements: all, rollbackOnFailure: true });
      return true;
    } catch (thrown) {
      if (thrown instanceof StoreConflict) return false;
      throw thrown;
    } finally {
      leave();
    }
  }

  async ledgerTransaction(paymentHashes: readonly string[], step: (rows: LedgerRows) => LedgerChanges): Promise<void> {
    const leave = await this.#gate.enter();
    try {
      const [, leases, ...account] = await this.#client.execute({
        statements: [
          { sql: 'begin immediate' },
          { sql: SELECT_LEASES },
          ...accountStatements(paymentHashes, SELECT_LIVE),
        ],
        rollbackOnFailure: true,
      });
      let writes: SqliteStatement[];
      try {
        const rows = { now: this.#now(), leases: leases!.rows.map(LEASE.fromRow), ...accountRows(account) };
        writes = writeStatements(step(rows));
      } catch (thrown) {
        await this.#client.execute({ rollbackFirst: true, statements: [], rollbackOnFailure: false });
        throw thrown;
      }
      await this.#client.execute({ statements: [...writes, { sql: 'commit' }], rollbackOnFailure: true });
    } finally {
      leave();
    }
  }

  async readLedger(paymentHashes: readonly string[]): Promise<Omit<LedgerRows, 'now' | 'leases'>> {
    const leave = await this.#gate.enter();
    try {
      const statements = accountStatements(paymentHashes, SELECT_ALL);
      return accountRows(await this.#client.execute({ statements, rollbackOnFailure: false }));
    } finally {
      leave();
    }
  }

  async now(): Promise<Millis> {
    return this.#now();
  }

  hint(hint: Hint): void {
    // A listener that throws is a bug of its own and must not turn a commit into a failure.
    for (const listener of this.#listeners) queueMicrotask(() => listener(hint));
  }

  onHint(listener: (hint: Hint) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async close(): Promise<void> {
    // After the transaction that is under way.
    const leave = await this.#gate.enter();
    try {
      this.#listeners.clear();
      await this.#client.close();
    } finally {
      leave();
    }
  }
}

function accountStatements(paymentHashes: readonly string[], selects: readonly string[]): SqliteStatement[] {
  const rows: SqlRow[] = [[toJson(paymentHashes)]];
  return [{ sql: SELECT_TERMS, rows }, ...selects.map((sql) => ({ sql, rows }))];
}

function accountRows([terms, sets, parts]: readonly SqliteResult[]): Omit<LedgerRows, 'now' | 'leases'> {
  return {
    terms: terms!.rows.map(TERMS.fromRow),
    sets: sets!.rows.map(HTLC_SET.fromRow),
    parts: parts!.rows.map(PART.fromRow),
  };
}

function writeStatements(changes: LedgerChanges): SqliteStatement[] {
  const { now } = changes;
  const statements = [
    ...upsertStatements(LEASE, changes.leases, now),
    ...upsertStatements(TERMS, changes.terms, now),
    ...upsertStatements(HTLC_SET, changes.sets, now),
    ...upsertStatements(PART, changes.parts, now),
  ];
  if (changes.events.length > 0) {
    statements.push({ sql: INSERT_EVENT, rows: changes.events.map((event) => eventToRow(event, now)) });
  }
  return statements;
}

const STATEMENTS_OF = new Map(
  [LEASE, TERMS, HTLC_SET, PART].map((table: LedgerTable<unknown>) => [
    table.name,
    { insert: sqliteSql.insert(table.name, table.columns), update: sqliteSql.update(table) },
  ]),
);

function upsertStatements<Row>(table: LedgerTable<Row>, changes: Upserts<Row>, now: Millis): SqliteStatement[] {
  const { insert, update } = STATEMENTS_OF.get(table.name)!;
  const statements: SqliteStatement[] = [];
  const add = (sql: string, values: readonly Row[]): void => {
    if (values.length === 0) return;
    statements.push({ sql, rows: values.map((value) => table.toRow(value, now)), expectChanges: values.length });
  };
  // Updates first: a set that fails makes room for another one of the same hash in the same transaction.
  add(update, changes.update);
  add(insert, changes.insert);
  return statements;
}
