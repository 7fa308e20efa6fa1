/** What the ledger needs of a database. Implemented in `store/`. */
import type { BlockHeight, Millis } from '../../wire/units.js';
import type { Account, DecidedPart, HtlcSet, InvoiceTerms, Lease, LedgerEvent, PartKey } from './types.js';

/** The database is away, full or too contended: the same call may succeed later. */
export function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error && error.retryable === true;
}

/** The database refuses these very rows, today and for ever. */
export function refusesRows(error: unknown): boolean {
  return error instanceof Error && 'refusesRows' in error && error.refusesRows === true;
}

/** The rows that one transaction read, and what it will write. */
export interface LedgerView {
  /** The database's clock, read in this transaction. */
  readonly now: Millis;
  /** Leases of all nodes, by node id. */
  readonly leases: ReadonlyMap<string, Lease>;
  /** The account of one of the hashes the transaction was opened for. */
  account(paymentHash: string): Account;
  /** Replaces an account; rows that are not the objects that were loaded are written. */
  putAccount(account: Account): void;
  putLease(lease: Lease): void;
  /** Appends to the outbox in this transaction. */
  emit(event: LedgerEvent): void;
}

export interface LedgerHint {
  /** Nodes for which decisions were made; undefined: any. */
  readonly nodeIds: readonly string[] | undefined;
  /** Nodes whose streams were given back; undefined: any. */
  readonly freed?: readonly string[] | undefined;
}

export interface LedgerStore {
  /** No other process can write: a lease of another owner is that of a process that is dead. */
  readonly soleWriter?: boolean;

  /** Calls back when something may have changed, by whatever process. May be lost. */
  onHint?(listener: (hint: LedgerHint) => void): () => void;

  /**
   * Runs `body` inside one serializable transaction over the accounts of `paymentHashes` and all leases.
   *
   * `body` is pure and synchronous and may run several times: after a serialization failure everything is read again. The
   * promise resolves with the last run's value after the commit is durable. It rejects when the database is lost; then the
   * commit may or may not have happened, and asking again is safe because commands are idempotent.
   */
  transact<T>(paymentHashes: readonly string[], body: (view: LedgerView) => T): Promise<T>;

  /** The database's clock. */
  now(): Promise<Millis>;

  leases(): Promise<readonly Lease[]>;

  /** Parts of a node that are not final: what a new owner must be ready to answer. */
  unfinishedParts(nodeId: string): Promise<readonly { readonly key: PartKey; readonly paymentHash: string }[]>;

  /**
   * Forgets failed parts that are irrevocably gone, and failed sets without parts, decided before `decidedBefore`: no HTLC
   * can ask about them any more, and anybody with an invoice can make many of them.
   */
  prune(decidedBefore: Millis): Promise<void>;

  /** Decided, not final parts of a node: what its owner has to answer if it has not yet. */
  decidedParts(nodeId: string): Promise<readonly DecidedPart[]>;

  /** Hashes with an open set that needs a look: review time reached, or a part's deadline at or below `deadlineBelow`. */
  dueHashes(now: Millis, deadlineBelow: BlockHeight, limit: number): Promise<readonly string[]>;

  /**
   * Settle-decided parts that are not final although they were decided before `decidedBefore`, or their deadline is at or
   * below `deadlineBelow`: candidates for an alarm.
   */
  overdueParts(decidedBefore: Millis, deadlineBelow: BlockHeight): Promise<readonly DecidedPart[]>;
}

/** For readers: one payment hash as it stands now, outside any transaction. */
export interface LedgerReader {
  readAccount(paymentHash: string): Promise<Account>;
  settledSets(limit: number, before?: Millis): Promise<readonly HtlcSet[]>;
  terms(paymentHash: string): Promise<InvoiceTerms | undefined>;
}
