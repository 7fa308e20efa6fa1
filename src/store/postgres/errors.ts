/** What went wrong in PostgreSQL, by SQLSTATE or system error code, and what that means for the store. */
import {
  type CommitOutcome,
  StoreConflict,
  StoreContention,
  StoreDiskFull,
  StoreError,
  StoreMisconfigured,
  StoreUnavailable,
} from '../errors.js';

/** The server gave up one of several transactions that cannot run side by side: run it again. */
const SERIALIZATION_FAILURES: ReadonlySet<string> = new Set(['40001', '40P01']);
/**
 * A race between first writers may surface as a violated unique key before the server notices that it could not have been
 * run one after the other.
 */
const UNIQUE_VIOLATION = '23505';

/** Besides class 08 (connection): shutdown, crash, starting up, too many connections, time-outs, a standby after fail-over. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '53300',
  '57014',
  '25P03',
  '25006',
  '55P03',
]);
const DISK_FULL: ReadonlySet<string> = new Set(['53100', 'ENOSPC']);
/** Two processes make the same table at once: the second finds its type (42710) or the table itself (42P07). */
const ALREADY_THERE: ReadonlySet<string> = new Set(['42710', '42P07']);
/** Wrong password, unknown role or database, not allowed. */
const MISCONFIGURED = /^(28|3D|42501)/;

export function isSerializationFailure(thrown: unknown): boolean {
  return SERIALIZATION_FAILURES.has(codeOf(thrown));
}

export function isUniqueViolation(thrown: unknown): boolean {
  return codeOf(thrown) === UNIQUE_VIOLATION;
}

function codeOf(thrown: unknown): string {
  const { code } = Object(thrown) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

/** True if the connection cannot be used any more. An answer of the server has a severity; everything else is the socket. */
function isConnectionLost(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return !isServerAnswer(thrown) || code.startsWith('57P') || code.startsWith('08') || code === '25P03';
}

function isServerAnswer(thrown: unknown): boolean {
  return typeof (Object(thrown) as { severity?: unknown }).severity === 'string';
}

/** Statements that the server knows no longer: after a change of the schema, or behind a pooler that swaps servers. */
const STALE_STATEMENT: ReadonlySet<string> = new Set(['0A000', '26000']);
const READ_ONLY = '25006';

/** True if connections made so far should not be used again: lost, silent, or leading to the wrong server. */
export function isSuspect(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const code = codeOf(thrown);
  if (code === READ_ONLY || STALE_STATEMENT.has(code)) return true;
  return isServerAnswer(thrown) ? isConnectionLost(thrown) : isFromDriver(thrown) && !isPoolExhausted(thrown);
}

/** All connections are in use: that says nothing about them. */
function isPoolExhausted({ message }: Error): boolean {
  return message.startsWith('timeout exceeded when trying to connect');
}

/** Errors thrown by the caller's own code pass unchanged. */
export function toStoreError(thrown: unknown, outcome: CommitOutcome): unknown {
  if (thrown instanceof StoreError || !(thrown instanceof Error)) return thrown;
  const code = codeOf(thrown);
  if (DISK_FULL.has(code))
    return new StoreDiskFull(`the database server has no space for the write: ${thrown.message}`, thrown);
  if (MISCONFIGURED.test(code)) {
    return new StoreMisconfigured(
      `the database server refuses us: ${thrown.message}`,
      'Check user, password, database name and rights in the database address.',
      thrown,
    );
  }
  if (isSerializationFailure(thrown)) {
    return new StoreContention(`the database server gave up one of several writes: ${thrown.message}`, thrown);
  }
  if (isServerAnswer(thrown)) {
    if (UNAVAILABLE.has(code) || code.startsWith('08')) {
      return new StoreUnavailable(`the database server cannot serve us now: ${thrown.message}`, outcome, thrown);
    }
    // Class 23: integrity constraints.
    if (code.startsWith('23') || ALREADY_THERE.has(code))
      return new StoreConflict(`the write breaks a rule of the ledger: ${thrown.message}`, thrown);
    // Classes 22 and 42: our own statement is wrong. Anything else is trouble of the server.
    if (/^(22|42)/.test(code)) return thrown;
    return new StoreUnavailable(`the database server is in trouble: ${thrown.message}`, outcome, thrown);
  }
  if (isFromDriver(thrown))
    return new StoreUnavailable(`the database cannot be reached: ${thrown.message}`, outcome, thrown);
  return thrown;
}

/** System errors have a code; those that the driver makes itself have a fixed text and nothing else to know them by. */
const DRIVER_TEXT =
  /^(Connection terminated|Connection ended|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered|was closed)|Cannot use a pool)/;

function isFromDriver(error: Error): boolean {
  return /^E[A-Z]+$/.test(codeOf(error)) || DRIVER_TEXT.test(error.message);
}
