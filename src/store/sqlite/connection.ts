/** One SQLite connection, synchronous: opened safely, with a statement cache, executing batches. Runs in the worker or in process. */
import { closeSync, openSync, realpathSync } from 'node:fs';
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import type { SqlRow, SqlValue } from '../columns.js';
import { SqliteFailure } from './failure.js';

export interface SqliteStatement {
  readonly sql: string;
  /** Parameter rows: the statement runs once for each. Absent: once, without parameters. */
  readonly rows?: readonly SqlRow[];
  /** Ask for column names with the result. */
  readonly named?: boolean;
  /** Rows that all runs together must change; otherwise the batch fails. */
  readonly expectChanges?: number;
}

/** Statements run in order until one fails. */
export interface SqliteBatch {
  /** Before anything else, end a transaction that may be open, without its changes. */
  readonly rollbackFirst?: boolean;
  readonly statements: readonly SqliteStatement[];
  /** After a failure, end the open transaction before reporting it. */
  readonly rollbackOnFailure: boolean;
}

export interface SqliteResult {
  readonly rows: SqlValue[][];
  readonly columns: readonly string[] | undefined;
  readonly changes: number;
}

export interface SqliteOptions {
  /** File path or `:memory:`. */
  readonly path: string;
  /** Pages the file may grow to; for tests of a full disk. */
  readonly maxPages?: number;
}

type Statement = ReturnType<DatabaseSyncInstance['prepare']>;

interface CachedStatement {
  readonly statement: Statement;
  /** Empty if the statement returns nothing. */
  readonly columns: readonly string[];
}

/** Above what the store's own statements need; Kysely adds one text per list length. */
const CACHED_STATEMENTS = 400;
const BUSY_TIMEOUT_MS = 5_000;
const SYNCHRONOUS_FULL = 2n;
/** A batch of payments touches pages all over the indexes: with a small cache they are read and written again and again. */
const CACHE_KIB = 65_536;
/** Pages written often go from the log to the file once per checkpoint. */
const CHECKPOINT_PAGES = 8_000;

export class SqliteConnection {
  readonly #db: DatabaseSyncInstance;
  readonly #lock: DatabaseSyncInstance | undefined;
  readonly #cache = new Map<string, CachedStatement>();

  /** @throws {SqliteFailure} if the file cannot be opened, another process writes to it, or it cannot be made durable. */
  constructor({ path, maxPages }: SqliteOptions) {
    const inMemory = path === ':memory:';
    try {
      this.#lock = inMemory ? undefined : lockForWriting(path);
      this.#db = new DatabaseSync(path, { readBigInts: true, returnArrays: true, timeout: BUSY_TIMEOUT_MS });
    } catch (thrown) {
      this.#lock?.close();
      throw SqliteFailure.from(thrown);
    }
    try {
      this.#configure(inMemory, maxPages);
    } catch (thrown) {
      this.close();
      throw SqliteFailure.from(thrown);
    }
  }

  /** @throws {SqliteFailure} of the first statement that failed. */
  execute({ rollbackFirst, statements, rollbackOnFailure }: SqliteBatch): SqliteResult[] {
    let current: SqliteStatement | undefined;
    try {
      if (rollbackFirst === true) this.#rollback();
      return statements.map((statement) => {
        current = statement;
        return this.#run(statement);
      });
    } catch (thrown) {
      const failure = SqliteFailure.from(thrown, current?.sql === 'commit');
      if (rollbackOnFailure) this.#rollback();
      throw failure;
    }
  }

  close(): void {
    this.#cache.clear();
    this.#db.close();
    this.#lock?.close();
  }

  #run({ sql, rows, named, expectChanges }: SqliteStatement): SqliteResult {
    const { statement, columns } = this.#prepare(sql);
    let collected: SqlValue[][] = [];
    let changes = 0;
    for (const row of rows ?? [[]]) {
      if (columns.length === 0) changes += changesOf(statement.run(...row));
      else {
        const found = statement.all(...row) as SqlValue[][];
        if (collected.length === 0) collected = found;
        else collected.push(...found);
      }
    }
    if (expectChanges !== undefined && changes !== expectChanges) {
      throw new SqliteFailure('guard', `${expectChanges} rows should have changed, but ${changes} could: ${sql}`);
    }
    return { rows: collected, columns: named === true ? columns : undefined, changes };
  }

  #prepare(sql: string): CachedStatement {
    const known = this.#cache.get(sql);
    if (known !== undefined) return known;
    const statement = this.#db.prepare(sql);
    const prepared = { statement, columns: statement.columns().map((column) => column.name) };
    if (this.#cache.size >= CACHED_STATEMENTS) {
      const oldest = this.#cache.keys().next();
      if (oldest.done !== true) this.#cache.delete(oldest.value);
    }
    this.#cache.set(sql, prepared);
    return prepared;
  }

  #rollback(): void {
    // After a full disk or an I/O error SQLite has already rolled back.
    if (this.#db.isTransaction) this.#db.exec('rollback');
  }

  #configure(inMemory: boolean, maxPages: number | undefined): void {
    this.#db.exec('pragma foreign_keys = on');
    if (maxPages !== undefined) this.#db.exec(`pragma max_page_count = ${maxPages}`);
    if (inMemory) return;
    this.#db.exec(`pragma cache_size = -${CACHE_KIB}; pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    // FULL makes each commit reach the disk before it is acknowledged; the library's own default in WAL mode does not.
    this.#db.exec('pragma synchronous = full');
    const mode = this.#pragma('journal_mode = wal');
    const synchronous = this.#pragma('synchronous');
    const foreignKeys = this.#pragma('foreign_keys');
    if (mode !== 'wal' || synchronous !== SYNCHRONOUS_FULL || foreignKeys !== 1n) {
      throw new SqliteFailure(
        'unsafe',
        'the database file cannot be used with a write-ahead log and full synchronisation',
      );
    }
  }

  #pragma(text: string): unknown {
    return (this.#db.prepare(`pragma ${text}`).all() as SqlValue[][])[0]?.[0];
  }
}

/** With bigint reading switched on, the library counts in bigint whatever its types say. */
function changesOf({ changes }: { readonly changes: number | bigint }): number {
  return Number(changes);
}

/**
 * Takes the right to write for the life of this connection. The lock is an open transaction on a small database beside
 * the file: the operating system drops it with the process, however that ends, and readers (backups) stay possible.
 */
function lockForWriting(path: string): DatabaseSyncInstance {
  // The file holds preimages: nobody but its owner may read it.
  closeSync(openSync(path, 'a', 0o600));
  const lockPath = `${realpathSync(path)}.lock`;
  closeSync(openSync(lockPath, 'a', 0o600));
  const lock = new DatabaseSync(lockPath, { timeout: 0 });
  try {
    lock.exec('begin exclusive');
  } catch (thrown) {
    lock.close();
    throw SqliteFailure.from(thrown);
  }
  return lock;
}
