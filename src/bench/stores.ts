/** The databases a benchmark runs on, each fresh and on disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerStore } from '../receive/ledger/store-port.js';
import { openStore } from '../store/index.js';
import { WithoutStorage } from './without-storage.js';

export interface BenchStore {
  readonly name: 'SQLite' | 'PostgreSQL' | 'without storage';
  readonly store: LedgerStore;
  close(): Promise<void>;
}

export async function sqliteStore(): Promise<BenchStore> {
  const folder = await mkdtemp(join(tmpdir(), 'manifold-bench-'));
  const store = await openStore({ url: `sqlite:${join(folder, 'bench.db')}` });
  return {
    name: 'SQLite',
    store,
    close: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Undefined where no server is named by MANIFOLD_TEST_POSTGRES. Use a database made for this: it is written to. */
export async function postgresStore(): Promise<BenchStore | undefined> {
  const url = process.env['MANIFOLD_TEST_POSTGRES'];
  if (!url) return undefined;
  const store = await openStore({ url });
  return { name: 'PostgreSQL', store, close: () => store.close() };
}

export function withoutStorage(): BenchStore {
  return { name: 'without storage', store: new WithoutStorage(), close: async () => undefined };
}
