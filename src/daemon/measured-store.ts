/** The ledger's store with a look at how long its transactions take. */
import type { LedgerStore, LedgerView } from '../receive/ledger/store-port.js';
import type { Metrics } from './metrics.js';

/** Passes every call on; `transact` is timed. */
export function measuredStore<S extends LedgerStore>(
  store: S,
  metrics: Pick<Metrics, 'committed' | 'ledgerFailed'>,
  now: () => number,
): S {
  const transact = async <T>(paymentHashes: readonly string[], body: (view: LedgerView) => T): Promise<T> => {
    const startedAt = now();
    try {
      const value = await store.transact(paymentHashes, body);
      const endedAt = now();
      metrics.committed(paymentHashes.length, endedAt - startedAt, endedAt);
      return value;
    } catch (error) {
      const { code } = Object(error) as { code?: unknown };
      metrics.ledgerFailed(typeof code === 'string' ? code : 'other', now());
      throw error;
    }
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'transact') return transact;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
