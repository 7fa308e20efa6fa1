/** Brings a database to the schema of this program: an ordered list, each step in one transaction, never edited once released. */
import { type Kysely, sql } from 'kysely';
import { columnTypes, type EngineKind } from './columns.js';
import type { Engine } from './engine.js';
import { StoreConflict, StoreSchemaTooNew } from './errors.js';
import { initialSchema } from './migration-0001.js';
import { payingSchema } from './migration-0002.js';
import { wakingSchema } from './migration-0003.js';
import { offerSchema } from './migration-0004.js';
import { documentSchema } from './migration-0005.js';
import { mailboxSchema } from './migration-0006.js';
import type { Tables } from './tables.js';

export interface Migration {
  readonly name: string;
  up(db: Kysely<Tables>, kind: EngineKind): Promise<void>;
}

/** Position + 1 is the version. */
export const MIGRATIONS: readonly Migration[] = [
  { name: 'initial', up: initialSchema },
  { name: 'paying', up: payingSchema },
  { name: 'waking', up: wakingSchema },
  { name: 'offers', up: offerSchema },
  { name: 'documents', up: documentSchema },
  { name: 'mailbox', up: mailboxSchema },
];

const CREATE_ATTEMPTS = 5;

/**
 * Applies what is missing of `migrations`. Safe when several processes start at once: whoever inserts a version's row first
 * applies it, the others wait for that row and then see it.
 * @throws {StoreSchemaTooNew} if a newer program wrote the database.
 */
export async function migrate(engine: Engine, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  await createVersionTable(engine);
  for (;;) {
    const version = await currentVersion(engine);
    if (version > migrations.length) {
      throw new StoreSchemaTooNew(
        `the database has schema version ${version}, but this program knows only up to ${migrations.length}`,
      );
    }
    const next = migrations[version];
    if (next === undefined) return;
    await engine.transaction(async (db) => {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('schema_version')
        .values({ version: version + 1, name: next.name, applied_at: await engineNow(engine, db) })
        .onConflict((conflict) => conflict.column('version').doNothing())
        .executeTakeFirstOrThrow();
      if (numInsertedOrUpdatedRows === 1n) await next.up(db, engine.kind);
    });
  }
}

async function currentVersion(engine: Engine): Promise<number> {
  const { version } = await engine.query((db) =>
    db
      .selectFrom('schema_version')
      .select(({ fn }) => fn.max<bigint | null>('version').as('version'))
      .executeTakeFirstOrThrow(),
  );
  return Number(version ?? 0n);
}

async function createVersionTable(engine: Engine): Promise<void> {
  const { int, text, tableOptions } = columnTypes(engine.kind);
  const ddl = `create table if not exists schema_version (
    version ${int} primary key, name ${text} not null, applied_at ${int} not null) ${tableOptions}`;
  for (let attempt = 1; ; attempt++) {
    try {
      await engine.query((db) => sql.raw(ddl).execute(db));
      return;
    } catch (thrown) {
      // Two processes that create a table at once collide in the server's catalogue in spite of IF NOT EXISTS.
      if (!(thrown instanceof StoreConflict) || attempt >= CREATE_ATTEMPTS) throw thrown;
    }
  }
}

async function engineNow(engine: Engine, db: Kysely<Tables>): Promise<number> {
  // SQLite's time comes from the program; asking for it takes no turn at the connection this transaction holds.
  if (engine.kind === 'sqlite') return engine.now();
  const { rows } = await sql<{ now: bigint }>`select floor(extract(epoch from now()) * 1000)::int8 as now`.execute(db);
  return Number(rows[0]!.now);
}
