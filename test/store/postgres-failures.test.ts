/** A database that fails over, goes silent, runs out of connections, or takes the answer to a commit with it. */
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { isRetryable } from '../../src/receive/ledger/store-port.js';
import { StoreContention } from '../../src/store/errors.js';
import { openStore, openStoreLate, StoreUnavailable, StoreWrongDatabase } from '../../src/store/index.js';
import { migrate } from '../../src/store/migrations.js';
import { PostgresEngine } from '../../src/store/postgres/engine.js';
import { isSuspect, toStoreError } from '../../src/store/postgres/errors.js';
import { DEFAULT_LIMITS, type PoolLimits } from '../../src/store/postgres/pool.js';
import { Store } from '../../src/store/store.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';
import { commitOf, lesson, newPreimage, order, sent } from './payment-steps.js';
import { lease, newHash, NODE, settledPart, settlingSet } from './rows.js';
import { Proxy } from './proxy.js';

const serverUrl = await postgresUrl();

function pay(store: Store, hash: string): Promise<void> {
  return store.transact([hash], (view) => {
    const before = view.account(hash);
    if (before.sets.length > 0) return; // said before
    view.putAccount({ ...before, sets: [settlingSet(hash)], parts: [settledPart(hash)] });
  });
}

async function openWith(url: string, limits: Partial<PoolLimits>): Promise<Store> {
  const engine = new PostgresEngine(url, { ...DEFAULT_LIMITS, ...limits });
  const store = new Store(engine);
  onTestFinished(() => store.close());
  await migrate(engine);
  return store;
}

async function open(url: string): Promise<Store> {
  const store = await openStore({ url });
  onTestFinished(() => store.close());
  return store;
}

async function administrate(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

const answer = (code: string): Error => Object.assign(new Error(`said ${code}`), { code, severity: 'ERROR' });

describe('answers of the server', () => {
  const LATER = [
    ...['25006', '57P01', '57P02', '57P03', '57P04', '57P05', '57014', '25P03'],
    ...['08000', '08001', '08003', '08004', '08006', '08007', '08P01'],
    ...['53100', '53200', '53300', '53400', '55P03', '55006', '58000', '58030', 'XX000', '0A000', '26000', '40003'],
  ];

  it.each([...LATER, '40001', '40P01'])('%s can be asked again later', (code) => {
    expect(isRetryable(toStoreError(answer(code), 'unknown'))).toBe(true);
  });

  it.each(['40001', '40P01'])('%s is contention, not an outage', (code) => {
    expect(toStoreError(answer(code), 'not_committed')).toBeInstanceOf(StoreContention);
  });

  it('22P02 and 42703 are bugs of ours, asked again in vain', () => {
    for (const code of ['22P02', '42703']) expect(isRetryable(toStoreError(answer(code), 'unknown'))).toBe(false);
  });

  it('tell connections that must not be used again from those that are well', () => {
    const suspect = ['25006', '57P01', '57P02', '57P03', '57P05', '08006', '25P03', '0A000', '26000'];
    expect(suspect.filter((code) => !isSuspect(answer(code)))).toEqual([]);
    expect(['40001', '40P01', '23505', '57014', '55P03', '53100'].filter((code) => isSuspect(answer(code)))).toEqual(
      [],
    );
    expect(isSuspect(new Error('Query read timeout'))).toBe(true);
    expect(isSuspect(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))).toBe(true);
    expect(isSuspect(new Error('timeout exceeded when trying to connect'))).toBe(false);
    expect(isSuspect(new Error('a ledger row disappeared from its account'))).toBe(false);
  });
});

describe.runIf(serverUrl !== undefined)('a PostgreSQL store', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let name: string;

  beforeAll(async () => {
    database = await createDatabase(serverUrl!);
    name = new URL(database.url).pathname.slice(1);
    await (await openStore({ url: database.url })).close();
  });
  beforeEach(() => administrate(database.url, `alter database ${name} reset all`));
  afterAll(() => database.drop());

  it('survives the end of all its connections', async () => {
    const store = await open(database.url);
    await Promise.all(Array.from({ length: 6 }, () => pay(store, newHash())));
    await administrate(
      serverUrl!,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`,
    );
    const hash = newHash();
    // One call may meet a connection that it did not know to be gone; none after it does.
    await pay(store, hash).catch((error: unknown) => {
      expect(error).toBeInstanceOf(StoreUnavailable);
    });
    await pay(store, hash);
    await Promise.all(Array.from({ length: 6 }, () => pay(store, newHash())));
    expect((await store.readAccount(hash)).sets).toHaveLength(1);
  });

  it('leaves a server that takes no writes any more, and finds it again', async () => {
    const store = await open(database.url);
    await pay(store, newHash());
    // What a managed fail-over does to the old primary: open connections stay, writes are refused.
    await administrate(
      database.url,
      `alter database ${name} set default_transaction_read_only = on`,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`,
    );
    const refused = pay(store, newHash()).catch(() => pay(store, newHash()));
    await expect(refused).rejects.toMatchObject({ code: 'store_unavailable', outcome: 'not_committed' });
    await expect(refused).rejects.toThrow('takes no writes');
    // No stale reads from it either.
    await expect(store.leases()).rejects.toThrow(StoreUnavailable);
    await administrate(
      database.url,
      'set default_transaction_read_only = off',
      `alter database ${name} reset default_transaction_read_only`,
    );
    await pay(store, newHash());
  });

  it('gives up a connection on which writes are refused', async () => {
    const engine = new PostgresEngine(database.url, { ...DEFAULT_LIMITS, connections: 1 });
    onTestFinished(() => engine.close());
    await engine.query((db) => sql`set session characteristics as transaction read only`.execute(db));
    const forget = () => engine.query((db) => db.deleteFrom('lease').execute());
    await expect(forget()).rejects.toMatchObject({ code: 'store_unavailable' });
    await forget();
  });

  it('notices a line that went silent, and pays for it once, not once per connection', async () => {
    const proxy = await Proxy.open(database.url);
    onTestFinished(() => proxy.close());
    const store = await openWith(proxy.url, { answerMs: 400, connections: 4 });
    await Promise.all(Array.from({ length: 8 }, () => pay(store, newHash())));
    proxy.blackHole();
    const before = proxy.opened;
    const hash = newHash();
    await expect(pay(store, hash)).rejects.toMatchObject({ code: 'store_unavailable' });
    await Promise.all([pay(store, hash), pay(store, newHash()), pay(store, newHash()), pay(store, newHash())]);
    expect((await store.readAccount(hash)).sets).toHaveLength(1);
    expect(proxy.opened).toBeGreaterThan(before);
  });

  it('hears hints again after its listening line went silent', async () => {
    const proxy = await Proxy.open(database.url);
    onTestFinished(() => proxy.close());
    const [store, other] = [await openWith(proxy.url, { answerMs: 500, probeMs: 1_000 }), await open(database.url)];
    const heard: unknown[] = [];
    store.onHint((hint) => heard.push(hint));
    await expect.poll(() => heard.length).toBe(1);
    proxy.blackHole();
    // The probe finds out and listens anew: whatever was missed is told as unknown.
    await expect.poll(() => heard.length, { timeout: 15_000, interval: 100 }).toBe(2);
    await pay(other, newHash());
    await expect.poll(() => heard.at(-1)).toMatchObject({ nodeIds: [NODE] });
  }, 20_000);

  it('says that the outcome is unknown where the answer to the commit was lost; asking again is safe', async () => {
    const proxy = await Proxy.open(database.url);
    onTestFinished(() => proxy.close());
    const store = await openWith(proxy.url, {});
    await pay(store, newHash());
    const hash = newHash();
    proxy.loseAnswerTo('commit');
    await expect(pay(store, hash)).rejects.toMatchObject({ code: 'store_unavailable', outcome: 'unknown' });
    await pay(store, hash);
    const { sets, parts } = await store.readAccount(hash);
    expect([sets.length, parts.length]).toEqual([1, 1]);
  });

  it('writes a step of a payment once though the answer to its commit was lost', async () => {
    const proxy = await Proxy.open(database.url);
    onTestFinished(() => proxy.close());
    const { payments, events } = await openWith(proxy.url, {});
    const { payment } = await payments.createPayment(order('a', newPreimage()), []);
    const [seq] = [(await payments.startingKnowledge()).seq];
    await events.sequence();
    const told = await events.latestSeq();
    const event = { type: 'sending.alarm', message: 'x' } as const;
    const step = commitOf(payment, sent(payment.state), { lessons: [lesson(1)], events: [event] });
    // With the end of the message: "read committed" is no commit.
    proxy.loseAnswerTo('commit\0');
    await expect(payments.commitStep(step)).rejects.toMatchObject({ code: 'store_unavailable', outcome: 'unknown' });
    expect(await payments.commitStep(step)).toBe('committed');
    expect(await payments.readPayment(payment.id)).toMatchObject({ version: 2 });
    expect(await payments.lessonsAfter(seq, 10)).toHaveLength(1);
    await events.sequence();
    expect(await events.latestSeq()).toBe(told + 1n);
  });

  it('is away while the server has no connection to spare', async () => {
    const role = `poor_${name}`;
    await administrate(
      database.url,
      `create role ${role} login password '${role}' connection limit 1`,
      `grant all on all tables in schema public to ${role}`,
    );
    const url = new URL(database.url);
    url.username = role;
    url.password = role;
    onTestFinished(() => administrate(database.url, `drop owned by ${role}`, `drop role ${role}`));
    const engine = new PostgresEngine(url.href);
    const holder = new pg.Client({ connectionString: url.href });
    await holder.connect();
    const store = new Store(engine);
    await expect(pay(store, newHash())).rejects.toMatchObject({ code: 'store_unavailable', outcome: 'not_committed' });
    await holder.end();
    await expect
      .poll(() =>
        pay(store, newHash()).then(
          () => 'paid',
          () => 'refused',
        ),
      )
      .toBe('paid');
    await store.close();
  });

  it('keeps the ledger going while everything else holds all connections it may have', async () => {
    const engine = new PostgresEngine(database.url, { ...DEFAULT_LIMITS, connections: 2, connectMs: 300 });
    const store = new Store(engine);
    onTestFinished(() => store.close());
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const hogs = [1, 2].map(() =>
      engine.transaction(async (db) => {
        await db.selectFrom('meta').selectAll().execute();
        await held;
      }),
    );
    await expect(store.meta.get('x')).rejects.toThrow(StoreUnavailable);
    await pay(store, newHash());
    await store.now();
    release();
    await Promise.all(hogs);
    expect(await store.meta.get('x')).toBeUndefined();
  });

  it('ends a statement that waits for a lock somebody never gives back', async () => {
    const store = await openWith(database.url, { statementMs: 300 });
    const hash = newHash();
    await store.transact([], (view) => {
      view.putLease(lease({ nodeId: `02${'cd'.repeat(32)}` }));
    });
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    await holder.query('begin');
    await holder.query('lock table htlc_set in access exclusive mode');
    await expect(pay(store, hash)).rejects.toMatchObject({ code: 'store_unavailable', outcome: 'not_committed' });
    await holder.query('rollback');
    await holder.end();
    await pay(store, hash);
  });

  it('gives up after a bounded number of collisions', async () => {
    const store = await open(database.url);
    await administrate(
      database.url,
      `create function collide() returns trigger language plpgsql as
        $$ begin raise exception 'collision' using errcode = '40001'; end $$`,
      'create trigger collide before insert or update on lease for each row execute function collide()',
    );
    let runs = 0;
    const colliding = store.transact([], (view) => {
      runs += 1;
      view.putLease(lease({ nodeId: `02${'ce'.repeat(32)}` }));
    });
    await expect(colliding).rejects.toThrow(StoreContention);
    expect(runs).toBe(60);
    await administrate(database.url, 'drop function collide cascade');
  }, 20_000);

  it('opens before its database can be reached, and works as soon as it can', async () => {
    const own = await createDatabase(serverUrl!);
    onTestFinished(() => own.drop());
    const proxy = await Proxy.open(own.url);
    const { url } = proxy;
    await proxy.close();
    const refused: Error[] = [];
    let prepared = 0;
    const store = await openStoreLate({
      url,
      prepare: async (inner) => {
        prepared += 1;
        await inner.meta.checkFingerprint('ours');
      },
      onRefused: (error) => refused.push(error),
    });
    onTestFinished(() => store.close());
    await expect(store.leases()).rejects.toThrow(StoreUnavailable);
    await expect(pay(store, newHash())).rejects.toThrow(StoreUnavailable);
    expect(prepared).toBe(0);
    const back = await Proxy.open(own.url, Number(new URL(url).port));
    onTestFinished(() => back.close());
    await Promise.all([pay(store, newHash()), store.now(), store.leases()]);
    expect([prepared, refused]).toEqual([1, []]);
  });

  it('lets nothing pass to the database of another cluster, and says so', async () => {
    const own = await createDatabase(serverUrl!);
    onTestFinished(() => own.drop());
    const theirs = await openStore({ url: own.url });
    await theirs.meta.checkFingerprint('theirs');
    const refused: Error[] = [];
    const ours = await openStoreLate({
      url: own.url,
      prepare: (inner) => inner.meta.checkFingerprint('ours'),
      onRefused: (error) => refused.push(error),
    });
    for (let i = 0; i < 2; i++) await expect(pay(ours, newHash())).rejects.toThrow(StoreWrongDatabase);
    expect(refused).toEqual([expect.any(StoreWrongDatabase)]);
    await Promise.all([ours.close(), theirs.close()]);
  });
});
