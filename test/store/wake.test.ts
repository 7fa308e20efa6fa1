import { describe, expect, it } from 'vitest';
import { WAKE_LIMITS } from '../../src/offline/wake/lsps5/limits.js';
import type { WakeNotification } from '../../src/offline/wake/lsps5/notifications.js';
import { type Activity, NO_CLIENT, type WakeClient, type WakeEvent } from '../../src/offline/wake/lsps5/state.js';
import { stepWake } from '../../src/offline/wake/lsps5/step.js';
import type { ClaimedCall, WakeKey } from '../../src/offline/wake/store-port.js';
import { MIGRATIONS, migrate } from '../../src/store/migrations.js';
import { openEngine, Store } from '../../src/store/store.js';
import { ENGINES, freshDatabase } from './engines.js';

const NODE = `02${'a'.repeat(64)}`;
const clientOf = (n: number): string => `03${n.toString(16).padStart(64, '0')}`;
const CLIENT = clientOf(1);
const KEY: WakeKey = { nodeId: NODE, client: CLIENT };
const PAYMENT: WakeNotification = { method: 'lsps5.payment_incoming', params: {} };
const LEASE = 60_000;

interface StepOptions {
  readonly key?: WakeKey;
  readonly activity?: Activity;
  /** Added to the database's clock. */
  readonly later?: number;
  readonly cooldownMs?: number;
}

function step(store: Store, event: WakeEvent, options: StepOptions = {}) {
  const { key = KEY, activity = 'channel', later = 0, cooldownMs = 0 } = options;
  return store.wakes.transactWake(key, { countStrangers: activity !== 'channel' }, ({ now, client, strangers }) => {
    const limits = { ...WAKE_LIMITS, cooldownMs, maxStrangers: 3 };
    const given = { now: now + later, activity, strangers, limits, isConnected: false };
    const { client: after, reply } = stepWake(client, event, given);
    return { client: after, value: reply };
  });
}

const set = (store: Store, appName = 'app', options: StepOptions = {}, url = `https://${appName}.example/`) =>
  step(store, { type: 'set', appName, url }, options);
const notify = (store: Store, notification: WakeNotification = PAYMENT, options: StepOptions = {}) =>
  step(store, { type: 'notify', notification }, options);
const claim = (store: Store, limit = 10, lease = LEASE): Promise<readonly ClaimedCall[]> =>
  store.wakes.claimCalls(NODE, limit, lease);
const namesOf = (calls: readonly ClaimedCall[]): string[] =>
  calls.map(({ appName, notification }) => `${appName} ${notification.method}`).sort();

/** A client with these webhooks that were told of their registration. */
async function registered(store: Store, ...appNames: string[]): Promise<void> {
  for (const appName of appNames) await set(store, appName);
  for (const call of await claim(store)) await store.wakes.recordCall(call, { type: 'over' });
}

describe.each(ENGINES)('clients that are woken on $name', (engine) => {
  const test = freshDatabase(engine);
  const read = (key = KEY): Promise<WakeClient> => test.store.wakes.readWakeClient(key);

  it('are kept with all that is known of them, over a restart', async () => {
    expect(await read()).toBe(NO_CLIENT);
    await set(test.store, 'a');
    await set(test.store, 'b\u{1f600}', { activity: 'purchase' });
    await notify(test.store, { method: 'lsps5.expiry_soon', params: { timeout: 900_000 } });
    await step(test.store, { type: 'disconnected' });
    const before = await read();
    expect(before.webhooks.map(({ appName, url }) => [appName, url])).toEqual([
      ['a', 'https://a.example/'],
      ['b\u{1f600}', 'https://b\u{1f600}.example/'],
    ]);
    expect(before.owed).toHaveLength(4);
    expect(before.owed).toContainEqual(
      expect.objectContaining({ notification: { method: 'lsps5.expiry_soon', params: { timeout: 900_000 } } }),
    );
    expect(before.strangerSince).toEqual(expect.any(Number));
    expect(before.connectedAt).toEqual(expect.any(Number));
    await test.store.close();
    const store = await test.database.open();
    expect(await store.wakes.readWakeClient(KEY)).toEqual(before);
    await step(store, { type: 'remove', appName: 'a' });
    await step(store, { type: 'connected' });
    const after = await store.wakes.readWakeClient(KEY);
    expect(after.owed.map(({ appName, notification }) => [appName, notification.method])).toEqual([
      ['b\u{1f600}', 'lsps5.webhook_registered'],
    ]);
    await step(store, { type: 'remove', appName: 'b\u{1f600}' });
    expect(await store.wakes.readWakeClient(KEY)).toBe(NO_CLIENT);
    expect(await store.wakes.wakeClients(NODE, 10)).toEqual([]);
  });

  it('have their place in a database of before', async () => {
    const database = await engine.create();
    const old = await openEngine({ url: database.url });
    await migrate(old, MIGRATIONS.slice(0, 2));
    await expect(set(new Store(old))).rejects.toThrow('wake_client');
    await old.close();
    const store = await database.open();
    expect((await set(store)).type).toBe('answer');
    await database.drop();
  });

  it('are those of one node each', async () => {
    const other = { nodeId: `02${'b'.repeat(64)}`, client: CLIENT };
    await set(test.store, 'a');
    await set(test.store, 'a', { key: other }, 'https://other.example/');
    expect((await read(other)).webhooks[0]!.url).toBe('https://other.example/');
    expect((await read()).webhooks[0]!.url).toBe('https://a.example/');
    expect(namesOf(await claim(test.store))).toEqual(['a lsps5.webhook_registered']);
    expect((await test.store.wakes.claimCalls(other.nodeId, 10, LEASE)).map(({ url }) => url)).toEqual([
      'https://other.example/',
    ]);
  });

  it('are ten webhooks each, though all are set at once', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, i) => set(test.store, `app ${i}`)));
    expect((await read()).webhooks).toHaveLength(10);
  });

  it('without a channel are counted', async () => {
    const activity = 'purchase';
    const options = (n: number) => ({ key: { nodeId: NODE, client: clientOf(n) }, activity }) as const;
    for (let n = 1; n <= 3; n++) expect((await set(test.store, 'a', options(n))).type).toBe('answer');
    expect((await set(test.store, 'a', options(4))).type).toBe('refused');
    expect((await set(test.store, 'a', { ...options(5), activity: 'channel' })).type).toBe('answer');
    await step(test.store, { type: 'review' }, { ...options(1), activity: 'channel' });
    expect((await set(test.store, 'a', options(4))).type).toBe('answer');
  });

  it('are listed page by page, and for review the longest waiting first', async () => {
    for (let n = 1; n <= 5; n++) await set(test.store, 'a', { key: { nodeId: NODE, client: clientOf(n) } });
    const { wakes } = test.store;
    const first = await wakes.wakeClients(NODE, 3);
    expect(first).toEqual([1, 2, 3].map(clientOf));
    expect(await wakes.wakeClients(NODE, 3, first.at(-1))).toEqual([4, 5].map(clientOf));
    for (const [n, later] of [
      [2, 5_000_000],
      [4, 1_000_000],
    ] as const)
      await step(test.store, { type: 'review' }, { key: { nodeId: NODE, client: clientOf(n) }, later });
    const waiting = await wakes.wakeClientsToReview(NODE, (await wakes.now()) + 2_000_000, 10);
    expect(waiting.at(-1)).toBe(clientOf(4));
    expect([...waiting].sort()).toEqual([1, 3, 4, 5].map(clientOf));
    expect(await wakes.wakeClientsToReview(NODE, 0, 10)).toEqual([]);
  });

  it('are forgotten with their calls when their time is over', async () => {
    await set(test.store, 'a');
    const later = 40 * 86_400_000;
    await step(test.store, { type: 'review' }, { activity: 'none' });
    await step(test.store, { type: 'review' }, { activity: 'none', later });
    expect(await read()).toBe(NO_CLIENT);
    expect(await claim(test.store)).toEqual([]);
  });

  describe('get calls', () => {
    it('claimed once, with the URL of now', async () => {
      await set(test.store, 'a');
      const [call] = await claim(test.store);
      expect(call).toMatchObject({
        key: KEY,
        appName: 'a',
        url: 'https://a.example/',
        notification: { method: 'lsps5.webhook_registered', params: {} },
        attempts: 0,
      });
      expect(await claim(test.store)).toEqual([]);
      await test.store.wakes.recordCall(call!, { type: 'over' });
      expect((await read()).owed).toEqual([]);
    });

    it('claimed by one of many, however they race', async () => {
      const stores = [test.store, engine.shared ? await test.database.open() : test.store];
      for (let n = 1; n <= 20; n++) await set(test.store, 'a', { key: { nodeId: NODE, client: clientOf(n) } });
      const claimed = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => claim(stores[i % 2]!, 7)));
      const rest = await claim(test.store, 100);
      const clients = [...claimed.flat(), ...rest].map(({ key }) => key.client);
      expect(clients).toHaveLength(20);
      expect(new Set(clients).size).toBe(20);
    });

    it('again after a crash, when the claim ends', async () => {
      await set(test.store, 'a');
      const [first] = await claim(test.store, 10, 0);
      const [second] = await claim(test.store);
      expect(second).toMatchObject({ appName: 'a', attempts: 0, claim: first!.claim + 1 });
      // Who came back too late decides nothing.
      await test.store.wakes.recordCall(first!, { type: 'over' });
      await test.store.wakes.recordCall(first!, { type: 'failed', status: 'late', dueAt: 0 });
      expect((await read()).owed).toHaveLength(1);
      expect(await claim(test.store)).toEqual([]);
      await test.store.wakes.recordCall(second!, { type: 'over' });
      expect((await read()).owed).toEqual([]);
    });

    it('again after failures, which are counted, unlike turns', async () => {
      await set(test.store, 'a');
      const { wakes } = test.store;
      for (const attempts of [0, 1, 2]) {
        const [call] = await claim(test.store);
        expect(call!.attempts).toBe(attempts);
        await wakes.recordCall(call!, { type: 'put_off', dueAt: 0 });
        const [again] = await claim(test.store);
        expect(again!.attempts).toBe(attempts);
        await wakes.recordCall(again!, { type: 'failed', status: 'x'.repeat(10_000), dueAt: 0 });
      }
      const [call] = await claim(test.store);
      await wakes.recordCall(call!, { type: 'failed', status: '', dueAt: (await wakes.now()) + 60_000 });
      expect(await claim(test.store)).toEqual([]);
    });

    it('behind the word of a registration, for that webhook only', async () => {
      await registered(test.store, 'b');
      await set(test.store, 'a');
      await notify(test.store);
      const calls = await claim(test.store);
      expect(namesOf(calls)).toEqual(['a lsps5.webhook_registered', 'b lsps5.payment_incoming']);
      expect(await claim(test.store)).toEqual([]);
      await test.store.wakes.recordCall(
        calls.find(({ appName }) => appName === 'a')!,
        { type: 'over' },
      );
      expect(namesOf(await claim(test.store))).toEqual(['a lsps5.payment_incoming']);
    });

    it('not before they are due, nor when they are stale', async () => {
      await registered(test.store, 'a');
      const cooldownMs = 60_000;
      await notify(test.store, PAYMENT, { cooldownMs });
      for (const call of await claim(test.store)) await test.store.wakes.recordCall(call, { type: 'over' });
      expect(await notify(test.store, PAYMENT, { cooldownMs })).toMatchObject({ type: 'owed' });
      expect((await read()).owed).toHaveLength(1);
      expect(await claim(test.store)).toEqual([]);
      expect(await test.store.wakes.dropStaleCalls()).toBe(0);
      await step(test.store, { type: 'connected' });
      await notify(test.store, PAYMENT, { later: -3_600_000 });
      expect((await read()).owed).toHaveLength(1);
      expect(await claim(test.store)).toEqual([]);
      expect(await test.store.wakes.dropStaleCalls()).toBe(1);
      expect((await read()).owed).toEqual([]);
    });

    it('once more if what they say changed while they were made', async () => {
      await registered(test.store, 'a');
      const soon = (timeout: number): WakeNotification => ({ method: 'lsps5.expiry_soon', params: { timeout } });
      await notify(test.store, soon(900));
      const [first] = await claim(test.store, 10, 0);
      await notify(test.store, soon(800));
      await test.store.wakes.recordCall(first!, { type: 'over' });
      const [second] = await claim(test.store);
      expect(second!.notification).toEqual(soon(800));
      // What says the same needs no second call.
      await notify(test.store, soon(850), { later: 200 * 60_000 });
      await test.store.wakes.recordCall(second!, { type: 'over' });
      expect((await read()).owed).toEqual([]);
    });

    it('to the new URL if it changed while they were made', async () => {
      await set(test.store, 'a');
      const [first] = await claim(test.store);
      await set(test.store, 'a', {}, 'https://new.example/');
      await test.store.wakes.recordCall(first!, { type: 'over' });
      const [second] = await claim(test.store);
      expect(second!.url).toBe('https://new.example/');
    });

    it('no more when the webhook is removed or the client is here', async () => {
      await registered(test.store, 'a', 'b');
      await notify(test.store);
      const calls = await claim(test.store);
      expect(calls).toHaveLength(2);
      await step(test.store, { type: 'remove', appName: 'a' });
      await step(test.store, { type: 'connected' });
      for (const call of calls) await test.store.wakes.recordCall(call, { type: 'failed', status: '', dueAt: 0 });
      expect(await claim(test.store)).toEqual([]);
      expect((await read()).owed).toEqual([]);
    });
  });
});
