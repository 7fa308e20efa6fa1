/**
 * A ledger store in memory for deterministic tests: one thread, only promise reactions, no timers. It keeps the same rules
 * as the database schema, so that code which breaks one fails here as it would there.
 */
import {
  type Account,
  type DecidedPart,
  type HtlcSet,
  type InvoiceTerms,
  type Lease,
  type LedgerEvent,
  type Part,
  type PartKey,
  partKeyText,
} from '../../src/receive/ledger/types.js';
import type { LedgerReader, LedgerStore, LedgerView } from '../../src/receive/ledger/store-port.js';
import type { BlockHeight, Millis } from '../../src/wire/units.js';

/** The database is away, or took the answer to a commit with it. */
export class FakeStoreAway extends Error {
  readonly retryable = true;
}

/** What the schema refuses. */
export class FakeStoreConflict extends Error {}

export interface FakeLedgerStoreOptions {
  /** The database's clock. */
  readonly now: () => Millis;
  /** False: take every row as it comes, as a schema without constraints would. Default true. */
  readonly constraints?: boolean;
}

const EMPTY = (paymentHash: string): Account => ({ paymentHash, terms: undefined, sets: [], parts: [] });

export class FakeLedgerStore implements LedgerStore, LedgerReader {
  readonly accounts = new Map<string, Account>();
  readonly leaseRows = new Map<string, Lease>();
  readonly events: LedgerEvent[] = [];
  /** Transactions that were committed. */
  commits = 0;
  /** Payment hashes of each transaction, in order of commitment. */
  readonly batches: (readonly string[])[] = [];
  readonly #now: () => Millis;
  readonly #constraints: boolean;
  readonly #hashOfPart = new Map<string, string>();
  #gate: Promise<unknown> | undefined;
  #failBefore = 0;
  #failAfter = 0;
  #runTwice = 0;

  constructor({ now, constraints = true }: FakeLedgerStoreOptions) {
    this.#now = now;
    this.#constraints = constraints;
  }

  /** Every call waits until the promise is settled. */
  stall(until: Promise<unknown>): void {
    this.#gate = until;
    const open = (): void => {
      if (this.#gate === until) this.#gate = undefined;
    };
    until.then(open, open);
  }

  /** The next transactions are rejected and change nothing. */
  failBeforeCommit(count = 1): void {
    this.#failBefore += count;
  }

  /** The next transactions are committed, but their callers are told that the database was lost. */
  failAfterCommit(count = 1): void {
    this.#failAfter += count;
  }

  /** The bodies of the next transactions run once more than needed, as after a serialization failure. */
  contend(count = 1): void {
    this.#runTwice += count;
  }

  putTerms(terms: InvoiceTerms): void {
    this.accounts.set(terms.paymentHash, { ...this.account(terms.paymentHash), terms });
  }

  account(paymentHash: string): Account {
    return this.accounts.get(paymentHash) ?? EMPTY(paymentHash);
  }

  async transact<T>(paymentHashes: readonly string[], body: (view: LedgerView) => T): Promise<T> {
    await this.#reached();
    if (this.#failBefore > 0) {
      this.#failBefore -= 1;
      throw new FakeStoreAway('the database was lost before the commit');
    }
    if (this.#runTwice > 0) {
      this.#runTwice -= 1;
      body(new WorkingCopy(this, paymentHashes, this.#now()));
    }
    const view = new WorkingCopy(this, paymentHashes, this.#now());
    const value = body(view);
    this.#commit(view);
    this.batches.push(paymentHashes);
    if (this.#failAfter > 0) {
      this.#failAfter -= 1;
      throw new FakeStoreAway('the database was lost after the commit');
    }
    return value;
  }

  async now(): Promise<Millis> {
    await this.#reached();
    return this.#now();
  }

  async leases(): Promise<readonly Lease[]> {
    await this.#reached();
    return [...this.leaseRows.values()];
  }

  async unfinishedParts(
    nodeId: string,
  ): Promise<readonly { readonly key: PartKey; readonly paymentHash: string; readonly onlyRefused: boolean }[]> {
    await this.#reached();
    return this.#parts(({ key, final }) => key.nodeId === nodeId && final === 'none').map(
      ({ key, paymentHash, setId }) => ({ key, paymentHash, onlyRefused: setId === undefined }),
    );
  }

  async prune(decidedBefore: Millis): Promise<void> {
    await this.#reached();
    for (const [hash, account] of this.accounts) {
      const isOld = (decidedAt: Millis | undefined): boolean => decidedAt !== undefined && decidedAt < decidedBefore;
      const parts = account.parts.filter(
        ({ decision, final, decidedAt }) => !(decision.type === 'fail' && final === 'failed' && isOld(decidedAt)),
      );
      const sets = account.sets.filter(
        ({ id, state, decidedAt }) =>
          !(state === 'failed' && isOld(decidedAt) && !parts.some(({ setId }) => setId === id)),
      );
      this.accounts.set(hash, { ...account, parts, sets });
    }
  }

  async decidedParts(nodeId: string): Promise<readonly DecidedPart[]> {
    await this.#reached();
    return this.#parts(
      ({ key, final, decision }) => key.nodeId === nodeId && final === 'none' && decision.type !== 'none',
    ).map((part) => this.#decided(part));
  }

  async dueHashes(now: Millis, deadlineBelow: BlockHeight, limit: number): Promise<readonly string[]> {
    await this.#reached();
    const due = [...this.accounts.values()].filter(({ sets, parts }) =>
      sets.some(
        ({ id, state, reviewAt }) =>
          state === 'open' &&
          (reviewAt <= now ||
            parts.some(
              ({ setId, decision, deadline }) => setId === id && decision.type === 'none' && deadline <= deadlineBelow,
            )),
      ),
    );
    return due.slice(0, limit).map(({ paymentHash }) => paymentHash);
  }

  async overdueParts(decidedBefore: Millis, deadlineBelow: BlockHeight): Promise<readonly DecidedPart[]> {
    await this.#reached();
    return this.#parts(
      ({ decision, final, deadline, decidedAt }) =>
        decision.type === 'settle' && final === 'none' && (decidedAt! < decidedBefore || deadline <= deadlineBelow),
    ).map((part) => this.#decided(part));
  }

  async readAccount(paymentHash: string): Promise<Account> {
    await this.#reached();
    return this.account(paymentHash);
  }

  async settledSets(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<readonly HtlcSet[]> {
    await this.#reached();
    return [...this.accounts.values()]
      .flatMap(({ sets }) => sets)
      .filter(({ state, decidedAt }) => (state === 'settling' || state === 'settled') && decidedAt! < before)
      .sort((a, b) => b.decidedAt! - a.decidedAt!)
      .slice(0, limit);
  }

  async terms(paymentHash: string): Promise<InvoiceTerms | undefined> {
    await this.#reached();
    return this.account(paymentHash).terms;
  }

  async #reached(): Promise<void> {
    do await this.#gate;
    while (this.#gate);
  }

  #parts(wanted: (part: Part) => boolean): Part[] {
    return [...this.accounts.values()].flatMap(({ parts }) => parts.filter(wanted));
  }

  #decided({ key, paymentHash, decision, setId }: Part): DecidedPart {
    const set = this.account(paymentHash).sets.find(({ id }) => id === setId);
    return { key, paymentHash, decision, preimage: decision.type === 'settle' ? set?.preimage : undefined };
  }

  #commit(view: WorkingCopy): void {
    if (this.#constraints) {
      for (const account of view.accounts.values()) this.#checkAccount(account);
      for (const lease of view.leases.values()) this.#checkLease(lease);
    }
    for (const [hash, account] of view.accounts) {
      this.accounts.set(hash, account);
      for (const { key } of account.parts) this.#hashOfPart.set(partKeyText(key), hash);
    }
    for (const [nodeId, lease] of view.leases) this.leaseRows.set(nodeId, lease);
    this.events.push(...view.events);
    this.commits += 1;
  }

  #checkAccount(after: Account): void {
    const before = this.account(after.paymentHash);
    if (after === before) return;
    for (const part of after.parts) {
      const owner = this.#hashOfPart.get(partKeyText(part.key));
      if (owner !== undefined && owner !== after.paymentHash) conflict('a part belongs to two payment hashes');
    }
    for (const old of before.parts) {
      const now = after.parts.find(({ key }) => partKeyText(key) === partKeyText(old.key));
      if (!now) return conflict('a part disappeared');
      if (old.decision.type !== 'none' && now.decision !== old.decision) conflict('a decision changed');
      if (old.final !== 'none' && now.final !== old.final) conflict('a final result changed');
    }
    for (const old of before.sets) {
      const now = after.sets.find(({ id }) => id === old.id);
      if (!now) return conflict('a set disappeared');
      if (old.state !== 'open' && now.state === 'open') conflict('a decided set was opened again');
    }
    const committed = after.sets.filter(({ state }) => state === 'settling' || state === 'settled');
    if (committed.length > 1) conflict('two sets of one payment hash are committed');
  }

  #checkLease(lease: Lease): void {
    const before = this.leaseRows.get(lease.nodeId);
    if (before && lease.epoch < before.epoch) conflict('a lease epoch fell');
  }
}

function conflict(message: string): never {
  throw new FakeStoreConflict(message);
}

class WorkingCopy implements LedgerView {
  readonly now: Millis;
  readonly leases: Map<string, Lease>;
  readonly accounts: Map<string, Account>;
  readonly events: LedgerEvent[] = [];

  constructor(store: FakeLedgerStore, paymentHashes: readonly string[], now: Millis) {
    this.now = now;
    this.leases = new Map(store.leaseRows);
    this.accounts = new Map(paymentHashes.map((hash) => [hash, store.account(hash)]));
  }

  account(paymentHash: string): Account {
    const account = this.accounts.get(paymentHash);
    if (!account) throw new Error('the transaction was not opened for this payment hash');
    return account;
  }

  putAccount(account: Account): void {
    this.account(account.paymentHash);
    this.accounts.set(account.paymentHash, account);
  }

  putLease(lease: Lease): void {
    this.leases.set(lease.nodeId, lease);
  }

  emit(event: LedgerEvent): void {
    this.events.push(event);
  }
}
