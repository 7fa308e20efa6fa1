import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import { type Hint, openStore, type Store, StoreMisconfigured, StoreUnavailable } from '../../src/store/index.js';
import { openEngine } from '../../src/store/store.js';
import { createDatabase, type PostgresServer, postgresUrl, startCluster } from '../support/postgres.js';
import { newHash, NODE, settledPart, settlingSet } from './rows.js';

const available = (await postgresUrl()) !== undefined;

function pay(store: Store, hash: string): Promise<void> {
  return store.transact([hash], (view) => {
    view.putAccount({ paymentHash: hash, terms: undefined, sets: [settlingSet(hash)], parts: [settledPart(hash)] });
  });
}

describe.runIf(available)('PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;

  beforeAll(async () => {
    database = await createDatabase((await postgresUrl())!);
  });
  afterAll(() => database.drop());

  it('tells other processes of decisions, and the own process once', async () => {
    const [ours, theirs] = [await openStore({ url: database.url }), await openStore({ url: database.url })];
    const heard: Record<'ours' | 'theirs', Hint[]> = { ours: [], theirs: [] };
    ours.onHint((hint) => heard.ours.push(hint));
    theirs.onHint((hint) => heard.theirs.push(hint));
    const unknown: Hint = { nodeIds: undefined, freed: undefined, events: true, payments: true };
    await expect.poll(() => heard).toEqual({ ours: [unknown], theirs: [unknown] });
    await pay(ours, newHash());
    const decided: Hint = { nodeIds: [NODE], freed: [], events: false, payments: false };
    await expect.poll(() => heard.theirs).toEqual([unknown, decided]);
    expect(heard.ours).toEqual([unknown, decided]);
    const ledger = new Ledger({ store: ours, owner: 'ours' });
    const taken = await ledger.acquireLease(NODE, 1, 60_000);
    if (taken.type !== 'owned') throw new Error('the lease is free');
    await ledger.renewLease(NODE, taken.lease.epoch, 2, taken.lease.expiresAt + 1);
    await ledger.endLease(NODE, taken.lease.epoch);
    const freed: Hint = { nodeIds: [], freed: [NODE], events: false, payments: false };
    await expect.poll(() => heard.theirs).toEqual([unknown, decided, freed]);
    await Promise.all([ours.close(), theirs.close()]);
  });

  it('commits to disk and locks by index, whatever the defaults of the database are', async () => {
    const own = await createDatabase((await postgresUrl())!);
    const name = new URL(own.url).pathname.slice(1);
    const admin = await openEngine({ url: own.url });
    await admin.query((db) => sql`alter database ${sql.id(name)} set synchronous_commit = off`.execute(db));
    await admin.close();
    const engine = await openEngine({ url: own.url });
    const read = async (setting: string): Promise<unknown> => {
      const query = sql<{ value: string }>`select current_setting(${setting}) as value`;
      return (await engine.query((db) => query.execute(db))).rows[0]?.value;
    };
    expect([await read('synchronous_commit'), await read('enable_seqscan')]).toEqual(['on', 'off']);
    await engine.close();
    await own.drop();
  });

  it('says what is wrong with an address', async () => {
    const url = new URL(database.url);
    url.pathname = '/no_such_database';
    await expect(openStore({ url: url.href })).rejects.toThrow(StoreMisconfigured);
    const nobody = openStore({ url: 'postgres://manifold:secret@127.0.0.1:1/x' });
    await expect(nobody).rejects.toThrow(StoreUnavailable);
    await expect(nobody).rejects.not.toThrow('secret');
  });
});

describe.runIf(available)('a PostgreSQL server that goes away', () => {
  let server: PostgresServer | undefined;
  let store: Store | undefined;

  beforeAll(async () => {
    server = await startCluster();
  });
  afterAll(async () => {
    await store?.close();
    await server?.control?.stop('immediate');
  });

  it.each(['fast', 'immediate'] as const)('(%s) makes calls fail as unavailable until it is back', async (mode) => {
    // Only a server named by the environment and no binaries here: nothing that a test may stop.
    if (server?.control === undefined) return;
    store ??= await openStore({ url: server.url });
    const hints: Hint[] = [];
    const stopListening = store.onHint((hint) => hints.push(hint));
    await expect.poll(() => hints.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(mode === 'fast' ? 1 : 0);
    const before = newHash();
    await pay(store, before);
    const acknowledged: string[] = [before];
    const busy = (async (running: Store) => {
      for (;;) {
        const hash = newHash();
        await pay(running, hash);
        acknowledged.push(hash);
      }
    })(store);
    const failure = expect(busy).rejects.toThrow(StoreUnavailable);
    await server.control.stop(mode);
    await failure;
    const refused = pay(store, newHash());
    await expect(refused).rejects.toThrow(StoreUnavailable);
    await expect(refused).rejects.toMatchObject({ code: 'store_unavailable', outcome: 'not_committed' });
    await expect(store.leases()).rejects.toThrow(StoreUnavailable);
    await expect(store.now()).rejects.toThrow(StoreUnavailable);
    await expect(store.readAccount(before)).rejects.toThrow(StoreUnavailable);

    hints.length = 0;
    await server.control.start();
    await pay(store, newHash());
    for (const hash of acknowledged) expect((await store.readAccount(hash)).sets).toHaveLength(1);
    // Listening starts again by itself.
    await expect.poll(() => hints.some((hint) => hint.nodeIds === undefined), { timeout: 15_000 }).toBe(true);
    stopListening();
  });
});
