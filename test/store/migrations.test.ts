import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { openStore, StoreMisconfigured, StoreSchemaTooNew } from '../../src/store/index.js';
import { type Migration, MIGRATIONS, migrate } from '../../src/store/migrations.js';
import { openEngine } from '../../src/store/store.js';
import { ENGINES } from './engines.js';
import { lease } from './rows.js';

const LATER: Migration = {
  name: 'later',
  up: async (db) => {
    await sql`create table later (x text)`.execute(db);
    await sql`insert into later values ('once')`.execute(db);
  },
};

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
