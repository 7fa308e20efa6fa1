/** The ledger's store without a database: what the same work costs when nothing is kept. For comparison only. */
import type { LedgerStore, LedgerView } from '../receive/ledger/store-port.js';
import type { Account, Lease } from '../receive/ledger/types.js';

export class WithoutStorage implements LedgerStore {
  readonly #accounts = new Map<string, Account>();
  readonly #leases = new Map<string, Lease>();

  async transact<T>(_paymentHashes: readonly string[], body: (view: LedgerView) => T): Promise<T> {
    const empty = (paymentHash: string): Account => ({ paymentHash, terms: undefined, sets: [], parts: [] });
    return body({
      now: Date.now(),
      leases: this.#leases,
      account: (paymentHash) => this.#accounts.get(paymentHash) ?? empty(paymentHash),
      putAccount: (account) => this.#accounts.set(account.paymentHash, account),
      putLease: (lease) => this.#leases.set(lease.nodeId, lease),
      emit: () => undefined,
    });
  }

  async now(): Promise<number> {
    return Date.now();
  }

  async leases(): Promise<readonly Lease[]> {
    return [...this.#leases.values()];
  }

  async unfinishedParts(): Promise<readonly never[]> {
    return [];
  }

  async prune(): Promise<void> {
    this.#accounts.clear();
  }

  async decidedParts(): Promise<readonly never[]> {
    return [];
  }

  async dueHashes(): Promise<readonly never[]> {
    return [];
  }

  async overdueParts(): Promise<readonly never[]> {
    return [];
  }
}
