/** Kysely over a {@link SqliteClient}. */
import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { SqlValue } from '../columns.js';
import type { SqliteClient } from './client.js';
import type { Gate } from './gate.js';

export class SqliteClientDialect implements Dialect {
  readonly #client: SqliteClient;
  readonly #gate: Gate;

  constructor(client: SqliteClient, gate: Gate) {
    this.#client = client;
    this.#gate = gate;
  }

  createAdapter(): DialectAdapter {
    return new SqliteAdapter();
  }

  createDriver(): Driver {
    return new ClientDriver(this.#client, this.#gate);
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }
}

class ClientConnection implements DatabaseConnection {
  readonly #client: SqliteClient;
  readonly leave: () => void;

  constructor(client: SqliteClient, leave: () => void) {
    this.#client = client;
    this.leave = leave;
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const [result] = await this.#client.execute({
      statements: [{ sql, rows: [parameters.map(toSqlValue)], named: true }],
      rollbackOnFailure: false,
    });
    const { columns, rows, changes } = result!;
    if (columns!.length === 0) return { rows: [], numAffectedRows: BigInt(changes) };
    const objects = rows.map((row) => Object.fromEntries(row.map((value, i) => [columns![i]!, value])) as Row);
    return { rows: objects };
  }

  streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('the SQLite store does not stream');
  }
}

class ClientDriver implements Driver {
  readonly #client: SqliteClient;
  readonly #gate: Gate;

  constructor(client: SqliteClient, gate: Gate) {
    this.#client = client;
    this.#gate = gate;
  }

  async init(): Promise<void> {
    // The client is open already.
  }

  async acquireConnection(): Promise<ClientConnection> {
    return new ClientConnection(this.#client, await this.#gate.enter());
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(): Promise<void> {
    // Not a plain statement: SQLite may have rolled back by itself, for example when the disk was full.
    await this.#client.execute({ rollbackFirst: true, statements: [], rollbackOnFailure: false });
  }

  async releaseConnection(connection: ClientConnection): Promise<void> {
    connection.leave();
  }

  async destroy(): Promise<void> {
    // The engine closes the client.
  }
}

export function toSqlValue(value: unknown): SqlValue {
  if (value === null || typeof value === 'string' || typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  throw new TypeError(`a value of type ${typeof value} cannot be stored`);
}
