/**
 * How the store fails. Each class has a stable code and one sentence on what the operator can do. A rejected call never
 * loses what an earlier call had acknowledged.
 */

export type CommitOutcome = 'not_committed' | 'unknown';

export abstract class StoreError extends Error {
  /** Stable, never reused for another meaning. */
  abstract readonly code: string;
  /** What the operator can do. */
  abstract readonly nextStep: string;
  /** The same call may succeed later, as it stands. */
  readonly retryable: boolean = false;

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** The database cannot be reached or does not answer in time. Calls work again as soon as it is back. */
export class StoreUnavailable extends StoreError {
  override readonly name = 'StoreUnavailable';
  override readonly retryable = true;
  readonly code = 'store_unavailable';
  readonly nextStep: string;
  /** `unknown`: the connection went away while a commit was under way. */
  readonly outcome: CommitOutcome;

  constructor(message: string, outcome: CommitOutcome, cause?: unknown, nextStep?: string) {
    super(message, cause);
    this.outcome = outcome;
    this.nextStep =
      nextStep ?? 'Check that the database is running and reachable; the store reconnects by itself when it is back.';
  }
}

/** A second process has the database open for writing. */
export class StoreBusy extends StoreError {
  override readonly name = 'StoreBusy';
  override readonly retryable = true;
  readonly code = 'store_busy';
  readonly nextStep =
    'Stop the other daemon that uses this database file, or give this one a file of its own. Several daemons on one database need PostgreSQL.';
}

/** No space for the write. Nothing of it is stored; earlier commits stand and reading goes on. */
export class StoreDiskFull extends StoreError {
  override readonly name = 'StoreDiskFull';
  override readonly retryable = true;
  readonly code = 'store_disk_full';
  readonly nextStep = 'Free space on the disk of the database; the next write succeeds without a restart.';
}

/** The database was written by a newer version of the program. */
export class StoreSchemaTooNew extends StoreError {
  override readonly name = 'StoreSchemaTooNew';
  readonly code = 'store_schema_too_new';
  readonly nextStep =
    'Start the newer version of Manifold that wrote this database, or restore a backup from before the upgrade.';
}

/** The database belongs to another cluster. */
export class StoreWrongDatabase extends StoreError {
  override readonly name = 'StoreWrongDatabase';
  readonly code = 'store_wrong_database';
  readonly nextStep =
    'Check the seed file and the database address in the configuration: this database holds the ledger of a cluster with another seed.';
}

/**
 * A write would break a rule of the schema: a decision changed, a second set of a hash committed, a lease epoch fell.
 * The transaction was rolled back. This is a bug of the caller, never a state of the world.
 */
export class StoreConflict extends StoreError {
  override readonly name = 'StoreConflict';
  /** Asking again changes nothing: the database refuses these rows. */
  readonly refusesRows = true;
  readonly code = 'store_conflict';
  readonly nextStep = 'Nothing was written. Report this as a bug, with the log around it.';
}

/** A row cannot be read: it was changed by hand, or the disk lost part of it. */
export class StoreDamaged extends StoreError {
  override readonly name = 'StoreDamaged';
  readonly code = 'store_damaged';
  readonly nextStep =
    'Restore the row named in the message from a backup, and check the disk; whatever it describes stands still until then.';
}

/** Transactions of other processes kept winning. Asking again is safe. */
export class StoreContention extends StoreError {
  override readonly name = 'StoreContention';
  override readonly retryable = true;
  readonly code = 'store_contention';
  readonly nextStep = 'Try again; if it persists, look for a process that holds transactions open on the database.';
}

/** The address or the server's settings cannot be used. */
export class StoreMisconfigured extends StoreError {
  override readonly name = 'StoreMisconfigured';
  override readonly retryable = true;
  readonly code = 'store_misconfigured';
  readonly nextStep: string;

  constructor(message: string, nextStep: string, cause?: unknown) {
    super(message, cause);
    this.nextStep = nextStep;
  }
}
