import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  askListWebhooks,
  askProtocols,
  askRemoveWebhook,
  askSetWebhook,
  encodeError,
  encodeRequest,
  encodeResult,
} from '../../../src/offline/wake/index.js';
import { openStore, StoreUnavailable } from '../../../src/store/index.js';
import { toHex, utf8, utf8Text } from '../../../src/wire/bytes.js';
import { wallClock } from '../../../src/receive/clock.js';
import { CLIENT, LSP_ID } from '../../offline/wake/support.js';
import { cleanUp, type CleanUps, lsp } from './support.js';

const cleanUps: CleanUps = [];
afterEach(() => cleanUp(cleanUps));

const HOOK = 'https://push.example/';
const nowhere = { post: () => Promise.resolve(200) };
const UNREADABLE = /^\{"jsonrpc":"2.0","id":null,"error":\{"code":-32700,/;

describe('an LSP asked over peer messages', () => {
  it('lists its protocols', async () => {
    expect(await (await lsp(cleanUps, nowhere)).ask(askProtocols())).toEqual({ protocols: [5] });
    const other = await lsp(cleanUps, { ...nowhere, otherProtocols: [1, 2] });
    expect(await other.ask(askProtocols())).toEqual({ protocols: [1, 2, 5] });
  });

  it('sets, lists and removes webhooks', async () => {
    const { ask } = await lsp(cleanUps, nowhere);
    expect(await ask(askSetWebhook('a', HOOK))).toEqual({ num_webhooks: 1, max_webhooks: 10, no_change: false });
    expect(await ask(askSetWebhook('a', HOOK))).toEqual({ num_webhooks: 1, max_webhooks: 10, no_change: true });
    expect(await ask(askListWebhooks())).toEqual({ app_names: ['a'], max_webhooks: 10 });
    expect(await ask(askListWebhooks(), `02${'1'.repeat(64)}`)).toEqual({ app_names: [], max_webhooks: 10 });
    expect(await ask(askRemoveWebhook('b'))).toBe(1010);
    expect(await ask(askRemoveWebhook('a'))).toEqual({});
    expect(await ask(askListWebhooks())).toEqual({ app_names: [], max_webhooks: 10 });
  });

  it('has it in the store before it answers', async () => {
    const { service, store } = await lsp(cleanUps, nowhere);
    const request = encodeRequest({ id: '1', ...askSetWebhook('a', HOOK) });
    const transactWake = store.wakes.transactWake.bind(store.wakes);
    let isStored = false;
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    vi.spyOn(store.wakes, 'transactWake').mockImplementation(async (...args) => {
      await gate;
      const value = await transactWake(...args);
      isStored = true;
      return value;
    });
    const answered = service.onMessage(CLIENT, request).then(() => isStored);
    release();
    expect(await answered).toBe(true);
  });

  it('refuses clients that are none', async () => {
    const world = await lsp(cleanUps, nowhere);
    world.activity = 'none';
    expect(await world.ask(askSetWebhook('a', HOOK))).toBe(1003);
    expect(await world.ask(askListWebhooks())).toEqual({ app_names: [], max_webhooks: 10 });
  });

  it.each([
    'https://127.0.0.1/',
    'https://localhost/',
    'https://localhost./',
    'https://x.localhost/',
    'https://[::1]/',
    'https://0/',
    'https://10.1.2.3/',
    'https://172.16.0.1/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://[::ffff:10.0.0.1]/',
    'https://[fd00::1]/',
    'https://[64:ff9b::7f00:1]/',
  ])('takes no address inside its network: %s', async (url) => {
    const { ask } = await lsp(cleanUps, { ...nowhere, allowLoopback: false });
    expect(await ask(askSetWebhook('a', url))).toBe(501);
    expect(await ask(askListWebhooks())).toMatchObject({ app_names: [] });
  });

  it('takes http for this machine only, and only if it may', async () => {
    const open = await lsp(cleanUps, { ...nowhere, allowLoopback: true });
    for (const url of ['http://127.0.0.1:9/', 'http://localhost:9/', 'http://[::1]:9/', 'https://localhost/'])
      expect(await open.ask(askSetWebhook('a', url)), url).toMatchObject({ num_webhooks: 1 });
    for (const url of ['http://10.0.0.1/', 'http://push.example/', 'http://127.0.0.2/'])
      expect(await open.ask(askSetWebhook('a', url)), url).toBe(502);
    expect(await open.ask(askSetWebhook('a', 'https://10.0.0.1/'))).toBe(501);
    const closed = await lsp(cleanUps, { ...nowhere, allowLoopback: false });
    expect(await closed.ask(askSetWebhook('a', 'http://127.0.0.1:9/'))).toBe(502);
  });

  it('answers what it cannot read with a parse error', async () => {
    const { service } = await lsp(cleanUps, nowhere);
    for (const payload of [
      new Uint8Array(0),
      utf8('{'),
      utf8('[]'),
      utf8('{}{}'),
      utf8('{"jsonrpc":"2.0","id":5,"method":"lsps5.list_webhooks"}'),
      utf8('['.repeat(10_000)),
      Uint8Array.of(0x7b, 0x80, 0x7d),
      new Uint8Array(65_533).fill(0x20),
      encodeRequest({ id: 'x'.repeat(20_000), ...askListWebhooks() }),
    ]) {
      const answer = await service.onMessage(CLIENT, payload);
      expect(utf8Text(answer!)).toMatch(UNREADABLE);
    }
  });

  it('answers no answers, so that two LSPs do not talk for ever', async () => {
    const { service } = await lsp(cleanUps, nowhere);
    for (const payload of [
      encodeResult('1', {}),
      encodeError(null, { code: -32700, message: 'Parse error' }),
      encodeError('1', { code: 1, message: '' }),
      utf8('{"jsonrpc":"2.0","method":"lsps5.payment_incoming","params":{}}'),
    ])
      expect(await service.onMessage(CLIENT, payload)).toBeUndefined();
  });

  it('answers wrong kinds and deep nesting', async () => {
    const { ask } = await lsp(cleanUps, nowhere);
    let deep: unknown = 1;
    for (let i = 0; i < 1_000; i++) deep = [deep];
    for (const params of [{ app_name: deep, webhook: HOOK }, { app_name: 'a', webhook: deep }, { deep }, {}])
      expect(await ask({ method: 'lsps5.set_webhook', params })).toBe(-32602);
    expect(await ask({ method: 'lsps5.nothing', params: {} })).toBe(-32601);
  });

  it('outlives ten thousand registrations of one client', async () => {
    const { ask, service, store } = await lsp(cleanUps, nowhere);
    const transact = vi.spyOn(store.wakes, 'transactWake');
    const answers = new Map<unknown, number>();
    for (let i = 0; i < 10_000; i++) {
      const answer = await ask(askSetWebhook(`app ${i}`, `${HOOK}${i}`));
      const kind = typeof answer === 'number' ? answer : 'set';
      answers.set(kind, (answers.get(kind) ?? 0) + 1);
    }
    expect([...answers.keys()].sort()).toEqual([1002, 503, 'set']);
    expect(answers.get('set')).toBe(10);
    expect((await service.client(CLIENT)).webhooks).toHaveLength(10);
    // What is over the limit costs the database nothing.
    expect(transact.mock.calls.length).toBeLessThan(200);
    expect(await ask(askSetWebhook('a', HOOK), `02${'1'.repeat(64)}`)).toMatchObject({ num_webhooks: 1 });
  });

  it('calls no more URLs than two a minute for a client that changes them all the time', async () => {
    let now = 0;
    const { ask } = await lsp(cleanUps, { ...nowhere, clock: { ...wallClock, now: () => (now += 1_000) } });
    const answers: unknown[] = [];
    for (let i = 0; i < 120; i++) answers.push(await ask(askSetWebhook('a', `${HOOK}${i}`)));
    const refused = answers.filter((answer) => answer === 1002).length;
    expect(answers.slice(0, 20)).not.toContain(1002);
    expect(120 - refused).toBeLessThanOrEqual(20 + 4);
    expect(await ask(askListWebhooks())).toMatchObject({ app_names: ['a'] });
  });

  it('says so when its database is away, and throws only to its own', async () => {
    const { ask, service, store, logged } = await lsp(cleanUps, nowhere);
    const away = new StoreUnavailable('switched off', 'not_committed');
    vi.spyOn(store.wakes, 'transactWake').mockRejectedValue(away);
    expect(await ask(askSetWebhook('a', HOOK))).toBe(1000);
    await service.onConnected(CLIENT);
    await service.onDisconnected(CLIENT);
    await expect(service.notify(CLIENT, 'lsps5.payment_incoming', {})).rejects.toBe(away);
    expect(logged()).toContain('could not be recorded');
  });
});

describe('an LSP that looks through its webhooks', () => {
  it('forgets those of clients that are gone, and no others', async () => {
    let past = 50 * 86_400_000;
    const clock = { now: () => Date.now() - past };
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true, clock });
    cleanUps.push(() => store.close());
    const here = `02${'1'.repeat(64)}`;
    const { ask, service } = await lsp(cleanUps, {
      ...nowhere,
      store,
      hasActivity: (client) => (client === here || past > 0 ? 'channel' : 'none'),
    });
    for (const client of [CLIENT, here]) await ask(askSetWebhook('a', HOOK), client);
    past = 0;
    // The first look finds it without a channel: a week more.
    await service.review();
    expect((await service.client(CLIENT)).webhooks).toHaveLength(1);
    past = -8 * 86_400_000;
    await service.review();
    expect((await service.client(CLIENT)).webhooks).toEqual([]);
    expect((await service.client(here)).webhooks).toHaveLength(1);
    expect(await store.wakes.wakeClientsToReview(toHex(LSP_ID), (await store.now()) - 86_400_000, 10)).toEqual([]);
  });
});
