/** The databases that the LND benchmark runs on, with their commits counted. */
import { openStore } from '../../src/store/index.js';
import { postgresStore, sqliteStore } from '../../src/bench/stores.js';
import type { LedgerStore } from '../../src/receive/ledger/store-port.js';
import type { ProxyOrder } from './delay-proxy.js';
import { OwnProcess } from './own-process.js';

export interface CountedStore {
  readonly name: string;
  readonly store: LedgerStore;
  /** Transactions of the ledger that were committed so far. */
  commits(): number;
  close(): Promise<void>;
}

const DELAY_MS = 2;
const POSTGRES_PORT = 5432;

function counted(name: string, store: LedgerStore, close: () => Promise<void>): CountedStore {
  let commits = 0;
  const counting = new Proxy(store, {
    get(target, property) {
      if (property === 'transact') {
        return async (...call: Parameters<LedgerStore['transact']>): Promise<unknown> => {
          const value = await target.transact(...call);
          commits++;
          return value;
        };
      }
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  return { name, store: counting, commits: () => commits, close };
}

export async function countedSqlite(): Promise<CountedStore> {
  const bench = await sqliteStore();
  return counted('SQLite', bench.store, () => bench.close());
}

/** Undefined where MANIFOLD_TEST_POSTGRES names no server. */
export async function countedPostgres(): Promise<CountedStore | undefined> {
  const bench = await postgresStore();
  return bench && counted('PostgreSQL', bench.store, () => bench.close());
}

/** The same server as if it were some way off. */
export async function distantPostgres(): Promise<CountedStore | undefined> {
  const named = process.env['MANIFOLD_TEST_POSTGRES'];
  if (!named) return undefined;
  const url = new URL(named);
  const proxy = new OwnProcess<ProxyOrder>('./delay-proxy.ts');
  const target = { host: url.hostname, port: Number(url.port || POSTGRES_PORT), delayMs: DELAY_MS };
  url.port = String(await proxy.ask<number>(target));
  url.hostname = '127.0.0.1';
  const store = await openStore({ url: url.href });
  return counted(`PostgreSQL ${DELAY_MS} ms away`, store, async () => {
    await store.close();
    proxy.close();
  });
}
