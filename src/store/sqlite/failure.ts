/** What went wrong in SQLite, in a form that crosses a thread boundary, and what that means for the store. */
import { StoreBusy, StoreConflict, StoreDiskFull, StoreMisconfigured, StoreUnavailable } from '../errors.js';

export type FailureKind = 'guard' | 'constraint' | 'busy' | 'full' | 'io' | 'open' | 'unsafe' | 'bug';

export interface FailureMessage {
  readonly kind: FailureKind;
  readonly message: string;
  /** The statement that failed was the commit. */
  readonly committing: boolean;
}

/** SQLite's primary result codes. */
const KIND_OF_RESULT: ReadonlyMap<number, FailureKind> = new Map([
  [5, 'busy'],
  [6, 'busy'],
  [8, 'open'],
  [10, 'io'],
  [11, 'io'],
  [13, 'full'],
  [14, 'open'],
  [19, 'constraint'],
  [26, 'open'],
]);

export class SqliteFailure extends Error {
  override readonly name = 'SqliteFailure';
  readonly kind: FailureKind;
  readonly committing: boolean;

  constructor(kind: FailureKind, message: string, committing = false, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.committing = committing;
  }

  static from(thrown: unknown, committing = false): SqliteFailure {
    if (thrown instanceof SqliteFailure) return thrown;
    const { errcode, code } = thrown as { errcode?: unknown; code?: unknown };
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (typeof errcode === 'number') {
      // Extended result codes keep the primary one in the low byte.
      return new SqliteFailure(KIND_OF_RESULT.get(errcode & 0xff) ?? 'bug', message, committing, thrown);
    }
    if (code === 'ENOSPC') return new SqliteFailure('full', message, committing, thrown);
    const isSystemError = typeof (thrown as { syscall?: unknown }).syscall === 'string';
    return new SqliteFailure(isSystemError ? 'open' : 'bug', message, committing, thrown);
  }

  toMessage(): FailureMessage {
    return { kind: this.kind, message: this.message, committing: this.committing };
  }
}

/** The store's error for a failure; failures that only a bug can cause keep their own message. */
export function storeErrorOf({ kind, message, committing }: FailureMessage): Error {
  switch (kind) {
    case 'guard':
    case 'constraint':
      return new StoreConflict(`the write breaks a rule of the ledger: ${message}`);
    case 'busy':
      return new StoreBusy(`another process uses the database file: ${message}`);
    case 'full':
      return new StoreDiskFull(`no space for the write: ${message}`);
    case 'io':
      return new StoreUnavailable(
        `the disk failed: ${message}`,
        committing ? 'unknown' : 'not_committed',
        undefined,
        'Check the disk and its file system, then restart; the database file recovers when it is opened.',
      );
    case 'open':
    case 'unsafe':
      return new StoreMisconfigured(
        `the database file cannot be used: ${message}`,
        'Check that the path exists on a local disk, is writable, and is a SQLite database.',
      );
    case 'bug':
      return new Error(message);
  }
}
