/** The working copy that a ledger body reads and changes, and the difference it leaves behind. */
import type { LedgerView } from '../receive/ledger/store-port.js';
import type { Account, HtlcSet, InvoiceTerms, Lease, LedgerEvent, Part } from '../receive/ledger/types.js';
import { partKeyText } from '../receive/ledger/types.js';
import type { Millis } from '../wire/units.js';
import { compareParts, compareSets, type LedgerChanges, type LedgerRows, type Upserts } from './ledger-rows.js';

/** Accounts of `paymentHashes` put together from their rows. */
export function accountsOf(
  paymentHashes: readonly string[],
  rows: Pick<LedgerRows, 'terms' | 'sets' | 'parts'>,
): Map<string, Account> {
  const drafts = new Map<string, { terms: InvoiceTerms | undefined; sets: HtlcSet[]; parts: Part[] }>();
  for (const hash of paymentHashes) drafts.set(hash, { terms: undefined, sets: [], parts: [] });
  for (const terms of rows.terms) drafts.get(terms.paymentHash)!.terms = terms;
  for (const set of rows.sets) drafts.get(set.paymentHash)!.sets.push(set);
  for (const part of rows.parts) drafts.get(part.paymentHash)!.parts.push(part);
  const accounts = new Map<string, Account>();
  for (const [paymentHash, { terms, sets, parts }] of drafts) {
    if (sets.length > 1) sets.sort(compareSets);
    if (parts.length > 1) parts.sort(compareParts);
    accounts.set(paymentHash, { paymentHash, terms, sets, parts });
  }
  return accounts;
}

export class WorkingView implements LedgerView {
  readonly now: Millis;
  readonly leases: ReadonlyMap<string, Lease>;
  readonly #loadedLeases: ReadonlyMap<string, Lease>;
  readonly #leases: Map<string, Lease>;
  readonly #loaded: ReadonlyMap<string, Account>;
  readonly #accounts: Map<string, Account>;
  readonly #events: LedgerEvent[] = [];

  constructor(paymentHashes: readonly string[], rows: LedgerRows) {
    this.now = rows.now;
    this.#loadedLeases = new Map(rows.leases.map((lease) => [lease.nodeId, lease]));
    this.#leases = new Map(this.#loadedLeases);
    this.leases = this.#leases;
    this.#loaded = accountsOf(paymentHashes, rows);
    this.#accounts = new Map(this.#loaded);
  }

  account(paymentHash: string): Account {
    const account = this.#accounts.get(paymentHash);
    if (account === undefined) throw new Error('the transaction was not opened for this payment hash');
    return account;
  }

  putAccount(account: Account): void {
    this.account(account.paymentHash);
    this.#accounts.set(account.paymentHash, account);
  }

  putLease(lease: Lease): void {
    this.#leases.set(lease.nodeId, lease);
  }

  emit(event: LedgerEvent): void {
    this.#events.push(event);
  }

  /** Rows that are not the loaded objects. @throws if a loaded row is missing: the ledger forgets nothing. */
  changes(): LedgerChanges {
    const terms = newUpserts<InvoiceTerms>();
    const sets = newUpserts<HtlcSet>();
    const parts = newUpserts<Part>();
    for (const [hash, account] of this.#accounts) {
      const loaded = this.#loaded.get(hash)!;
      if (account === loaded) continue;
      compare(loaded.sets, account.sets, (set) => set.id, sets);
      compare(loaded.parts, account.parts, (part) => partKeyText(part.key), parts);
      compare(single(loaded.terms), single(account.terms), () => hash, terms);
    }
    const leases = newUpserts<Lease>();
    compare([...this.#loadedLeases.values()], [...this.#leases.values()], (lease) => lease.nodeId, leases);
    return { now: this.now, leases, terms, sets, parts, events: this.#events };
  }
}

/** Nodes whose owners have something to answer after these changes. */
export function decidedNodes({ parts }: LedgerChanges): readonly string[] {
  const nodes = new Set<string>();
  for (const rows of [parts.insert, parts.update]) {
    for (const part of rows) if (part.decision.type !== 'none') nodes.add(part.key.nodeId);
  }
  return [...nodes];
}

/** Nodes that anybody may take now. */
export function freedNodes({ now, leases }: LedgerChanges): readonly string[] {
  return leases.update.filter(({ expiresAt }) => expiresAt <= now).map(({ nodeId }) => nodeId);
}

function newUpserts<Row>(): { insert: Row[]; update: Row[] } & Upserts<Row> {
  return { insert: [], update: [] };
}

function single<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value];
}

function compare<Row>(
  loaded: readonly Row[],
  current: readonly Row[],
  keyOf: (row: Row) => string,
  into: { insert: Row[]; update: Row[] },
): void {
  if (loaded === current) return;
  if (loaded.length === 0) {
    // The usual case: first part of a new payment.
    into.insert.push(...current);
    return;
  }
  const missing = new Map(loaded.map((row) => [keyOf(row), row]));
  for (const row of current) {
    const key = keyOf(row);
    const before = missing.get(key);
    if (before === undefined) into.insert.push(row);
    else if (before !== row) into.update.push(row);
    missing.delete(key);
  }
  if (missing.size > 0) throw new Error('a ledger row disappeared from its account');
}
