import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openStore, StoreMisconfigured, StoreSchemaTooNew } from '../../src/store/index.js';
import type { Engine } from '../../src/store/engine.js';
import { HTLC_SET, LEASE, type LedgerTable, PART } from '../../src/store/ledger-rows.js';
import { type Migration, MIGRATIONS, migrate } from '../../src/store/migrations.js';
import { openEngine, Store } from '../../src/store/store.js';
import { ENGINES } from './engines.js';
import { order } from './payment-steps.js';
import { lease, newHash, settledPart, settlingSet } from './rows.js';

const LATER: Migration = {
  name: 'later',
  up: async (db) => {
    await sql`create table later (x text)`.execute(db);
    await sql`insert into later values ('once')`.execute(db);
  },
};

/** Columns that the first version did not have. */
const LATER_COLUMNS: readonly string[] = ['offer'];

async function insertAsOf1<Row>(engine: Engine, table: LedgerTable<Row>, row: Row): Promise<void> {
  const values = table.toRow(row, 0);
  const there = table.columns.flatMap(([name], i) =>
    LATER_COLUMNS.includes(name) ? [] : [{ name, value: values[i] }],
  );
  const names = sql.join(there.map(({ name }) => sql.ref(name)));
  const columns = sql.join(there.map(({ value }) => sql`${value}`));
  await engine.query((db) => sql`insert into ${sql.table(table.name)} (${names}) values (${columns})`.execute(db));
}

describe.each(ENGINES)('migrations on $name', (engine) => {
  it('bring an empty database up to date and leave a current one alone', async () => {
    const database = await engine.create();
    const first = await database.open();
    await first.transact([], (view) => {
      view.putLease(lease());
    });
    await first.close();
    const second = await database.open();
    expect(await second.leases()).toEqual([lease()]);
    await database.drop();
  });

  it('take a database of version 1 with all it holds to today', async () => {
    const database = await engine.create();
    const hash = newHash();
    const old = await openEngine({ url: database.url });
    await migrate(old, MIGRATIONS.slice(0, 1));
    await insertAsOf1(old, HTLC_SET, settlingSet(hash));
    const part = settledPart(hash);
    await insertAsOf1(old, PART, part);
    await insertAsOf1(old, LEASE, lease());
    const body = JSON.stringify({ type: 'invoice.canceled', paymentHash: hash });
    await old.query((db) =>
      db.insertInto('event').values({ type: 'invoice.canceled', payment_hash: hash, created_at: 7, body }).execute(),
    );
    const before = new Store(old);
    await before.events.sequence();
    await expect(before.payments.listOutgoing(1)).rejects.toThrow('payment');
    const told = await before.events.read(0n, 10);
    expect(told).toHaveLength(1);
    await before.close();
    const store = await database.open();
    expect(await store.leases()).toEqual([lease()]);
    expect(await store.readAccount(hash)).toMatchObject({ sets: [settlingSet(hash)], parts: [part] });
    expect(await store.events.read(0n, 10)).toEqual(told);
    expect(await store.payments.startingKnowledge()).toEqual({ snapshot: undefined, seq: 0n, reserved: [] });
    const { kind, payment } = await store.payments.createPayment(order('a'), []);
    expect(kind).toBe('created');
    expect(await store.payments.listOutgoing(10)).toEqual([payment]);
    await database.drop();
  });

  it('refuse a schema of the future with a sentence that says what to do', async () => {
    const database = await engine.create();
    const newer = await openEngine({ url: database.url });
    await migrate(newer, [...MIGRATIONS, LATER]);
    await newer.close();
    const refused = database.open();
    await expect(refused).rejects.toThrow(StoreSchemaTooNew);
    await expect(refused).rejects.toMatchObject({
      code: 'store_schema_too_new',
      message: `the database has schema version ${MIGRATIONS.length + 1}, but this program knows only up to ${MIGRATIONS.length}`,
    });
    await database.drop();
  });

  it('leave nothing of a step that fails, and go on from there', async () => {
    const database = await engine.create();
    const broken: Migration = {
      name: 'broken',
      up: async (db) => {
        await LATER.up(db, 'sqlite');
        throw new Error('half way');
      },
    };
    const program = await openEngine({ url: database.url });
    await expect(migrate(program, [...MIGRATIONS, broken])).rejects.toThrow('half way');
    await migrate(program, [...MIGRATIONS, LATER]);
    await migrate(program, [...MIGRATIONS, LATER]);
    const { rows } = await program.query((db) => sql`select x from later`.execute(db));
    expect(rows).toEqual([{ x: 'once' }]);
    await program.close();
    await database.drop();
  });

  if (engine.shared)
    it('run once when several processes start together', async () => {
      const database = await engine.create();
      const programs = await Promise.all(Array.from({ length: 5 }, () => openEngine({ url: database.url })));
      await Promise.all(programs.map((program) => migrate(program, [...MIGRATIONS, LATER])));
      const { rows } = await programs[0]!.query((db) => sql`select x from later`.execute(db));
      expect(rows).toEqual([{ x: 'once' }]);
      await Promise.all(programs.map((program) => program.close()));
      await database.drop();
    });
});

describe('database addresses', () => {
  it.each(['', 'mysql://root:secret@host/db', 'sqlite:', '/just/a/path'])(
    'refuses %j without repeating it',
    async (url) => {
      const refused = openStore({ url });
      await expect(refused).rejects.toThrow(StoreMisconfigured);
      await expect(refused).rejects.not.toThrow('secret');
    },
  );

  it.each([true, false])('says what is wrong with a file that cannot be used (in process: %s)', async (inProcess) => {
    await expect(openStore({ url: 'sqlite:/nonexistent/folder/x.db', inProcess })).rejects.toMatchObject({
      code: 'store_misconfigured',
      nextStep: expect.stringContaining('path exists') as string,
    });
  });
});
