/** Every store test runs on each of these. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { openStore, type Store, type StoreOptions } from '../../src/store/index.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';

export interface TestDatabase {
  readonly url: string;
  /** Opens the database; closed by `drop` if it is not before. */
  open(options?: Partial<StoreOptions>): Promise<Store>;
  drop(): Promise<void>;
}

export interface TestEngine {
  readonly name: string;
  /** Several stores may write to one database. */
  readonly shared: boolean;
  /** A new empty database. */
  create(): Promise<TestDatabase>;
}

function database(url: string, defaults: Partial<StoreOptions>, remove: () => Promise<void> | void): TestDatabase {
  const stores: Store[] = [];
  return {
    url,
    async open(options) {
      const store = await openStore({ url, ...defaults, ...options });
      stores.push(store);
      return store;
    },
    async drop() {
      await Promise.all(stores.map((store) => store.close()));
      await remove();
    },
  };
}

function sqliteFile(): { readonly url: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'manifold-store-'));
  return {
    url: `sqlite:${join(folder, 'test.db')}`,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const sqlite = (name: string, inProcess: boolean): TestEngine => ({
  name,
  shared: false,
  create: async () => {
    const { url, remove } = sqliteFile();
    return database(url, { inProcess }, remove);
  },
});

const postgres = (serverUrl: string): TestEngine => ({
  name: 'PostgreSQL',
  shared: true,
  create: async () => {
    const { url, drop } = await createDatabase(serverUrl);
    return database(url, {}, drop);
  },
});

const serverUrl = await postgresUrl();

export const ENGINES: readonly TestEngine[] = [
  sqlite('SQLite', false),
  sqlite('SQLite in process', true),
  ...(serverUrl === undefined ? [] : [postgres(serverUrl)]),
];

/** A fresh database for each test of the enclosing `describe`. */
export function freshDatabase(engine: TestEngine): { readonly database: TestDatabase; readonly store: Store } {
  let current: { database: TestDatabase; store: Store } | undefined;
  let created: TestDatabase | undefined;
  beforeEach(async () => {
    created = await engine.create();
    current = { database: created, store: await created.open() };
  });
  afterEach(async () => {
    current = undefined;
    // Also when opening it failed.
    await created?.drop();
    created = undefined;
  });
  const get = (): { database: TestDatabase; store: Store } => {
    if (current === undefined) throw new Error('a fresh database exists inside tests only');
    return current;
  };
  return {
    get database() {
      return get().database;
    },
    get store() {
      return get().store;
    },
  };
}
