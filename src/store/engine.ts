/** What a database engine offers to the rest of the store. Implemented in `sqlite/` and `postgres/`. */
import type { Compilable, Kysely, Transaction } from 'kysely';
import type { Millis } from '../wire/units.js';
import type { EngineKind } from './columns.js';
import type { LedgerChanges, LedgerRows } from './ledger-rows.js';
import type { Tables } from './tables.js';

/**
 * Something in the database changed that another process may be waiting for. A hint only: it may be lost, doubled or
 * late, so whoever listens polls as well.
 */
export interface Hint {
  /** Nodes for which decisions were written; undefined if unknown, for example after a lost connection. */
  readonly nodeIds: readonly string[] | undefined;
  /** Nodes whose stream was given back; undefined if unknown. */
  readonly freed: readonly string[] | undefined;
  /** Events were written. */
  readonly events: boolean;
  /** Payments of ours, what they teach, or HTLCs of the internal node were written. */
  readonly payments: boolean;
}

/** A statement that has to change so many rows. */
export interface Write {
  readonly query: Compilable;
  readonly changes: number;
}

export interface Engine {
  readonly kind: EngineKind;
  /** No other process can write while this one has the database open. */
  readonly soleWriter: boolean;

  /** Runs statements that need no transaction. Errors come out as `StoreError`. */
  query<T>(body: (db: Kysely<Tables>) => Promise<T>): Promise<T>;

  /** Runs `body` in one serializable transaction; it may run several times. Errors come out as `StoreError`. */
  transaction<T>(body: (db: Transaction<Tables>) => Promise<T>): Promise<T>;

  /**
   * Runs statements in order in one transaction, in as few trips as the engine can. False if one of them did not change the
   * rows it has to, or breaks a rule of the schema: then nothing was written. What is read by them is as last committed, but
   * need not be of one moment.
   */
  writeAll(writes: (db: Kysely<Tables>) => readonly Write[]): Promise<boolean>;

  /** Reads what the ledger knows of the hashes, hands it to `step` and writes what that returns, in one transaction. */
  ledgerTransaction(paymentHashes: readonly string[], step: (rows: LedgerRows) => LedgerChanges): Promise<void>;

  /** The accounts of the hashes as last committed, leases left out. */
  readLedger(paymentHashes: readonly string[]): Promise<Omit<LedgerRows, 'now' | 'leases'>>;

  now(): Promise<Millis>;

  /** Tells listeners in this and, where the engine can, in other processes. Never rejects. */
  hint(hint: Hint): void;
  onHint(listener: (hint: Hint) => void): () => void;

  close(): Promise<void>;
}
