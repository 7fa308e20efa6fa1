import { afterEach, describe, expect, it } from 'vitest';
import { wakePoster } from '../../../src/daemon/wake/target.js';
import { askRemoveWebhook, askSetWebhook, signMessage } from '../../../src/offline/wake/index.js';
import { openStore } from '../../../src/store/index.js';
import { CLIENT, LSP_KEY, OTHER_KEY } from '../../offline/wake/support.js';
import { cleanUp, type CleanUps, type Endpoint, endpoint, type Lsp, lsp } from './support.js';

const cleanUps: CleanUps = [];
afterEach(() => cleanUp(cleanUps));

const REGISTERED = 'lsps5.webhook_registered';
const PAYMENT = 'lsps5.payment_incoming';
const WAIT = { timeout: 15_000, interval: 10 };
const signal = new AbortController().signal;

async function sleeping(answer?: Parameters<typeof endpoint>[1], options?: Parameters<typeof lsp>[1]) {
  const hook = await endpoint(cleanUps, answer);
  const world = await lsp(cleanUps, options);
  await world.ask(askSetWebhook('app', hook.url));
  return { hook, ...world };
}

const arrived = (hook: Endpoint, ...calls: string[]): Promise<void> =>
  expect.poll(() => hook.calls, WAIT).toEqual(calls);
const owes = ({ service }: Pick<Lsp, 'service'>, count: number): Promise<void> =>
  expect.poll(async () => (await service.client(CLIENT)).owed.length, WAIT).toBe(count);

describe('a sleeping client', () => {
  it('is told of its registration, then woken, by calls that only its LSP can make', async () => {
    const { hook, ...world } = await sleeping();
    expect(await world.service.notify(CLIENT, PAYMENT, {})).toMatchObject({ type: 'owed' });
    await arrived(hook, REGISTERED, PAYMENT);
    await owes(world, 0);
    const [first, second] = hook.raw;
    expect(first!.body).toBe('{"jsonrpc":"2.0","method":"lsps5.webhook_registered","params":{}}');
    expect(second!.method).toBe('POST');
    expect(second!.headers['content-type']).toBe('application/json');
    expect(second!.headers['x-lsps5-timestamp']).toMatch(/\+00:00$/);
    expect(world.outcomes).toEqual(['delivered', 'delivered']);
    expect(world.logged()).not.toContain('s3cret');
  });

  it('is told heights', async () => {
    const { hook, service } = await sleeping();
    await service.notify(CLIENT, 'lsps5.expiry_soon', { timeout: 900_000 });
    await arrived(hook, REGISTERED, 'lsps5.expiry_soon');
    await service.onDisconnected(CLIENT);
    await service.notify(CLIENT, 'manifold.settlement_pending', { deadline: 900_001 });
    await arrived(hook, REGISTERED, 'lsps5.expiry_soon', 'manifold.settlement_pending');
    expect(hook.raw.map(({ body }) => (JSON.parse(body) as { params: unknown }).params)).toEqual([
      {},
      { timeout: 900_000 },
      { deadline: 900_001 },
    ]);
  });

  it('is woken by all its webhooks, unless one was removed', async () => {
    const { hook, ask, service } = await sleeping();
    const [other, removed] = [await endpoint(cleanUps), await endpoint(cleanUps)];
    await ask(askSetWebhook('other', other.url));
    await ask(askSetWebhook('removed', removed.url));
    await arrived(removed, REGISTERED);
    await ask(askRemoveWebhook('removed'));
    await service.notify(CLIENT, PAYMENT, {});
    await arrived(hook, REGISTERED, PAYMENT);
    await arrived(other, REGISTERED, PAYMENT);
    expect(removed.calls).toEqual([REGISTERED]);
  });

  it('is not called while it is here, but for its registration', async () => {
    const hook = await endpoint(cleanUps);
    const world = await lsp(cleanUps);
    world.connected.add(CLIENT);
    await world.ask(askSetWebhook('app', hook.url));
    expect(await world.service.notify(CLIENT, PAYMENT, {})).toEqual({ type: 'connected' });
    await arrived(hook, REGISTERED);
    await owes(world, 0);
  });

  it('that comes before it is called is not called any more', async () => {
    // Another process took the notification, and knows nothing of the connection.
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    cleanUps.push(() => store.close());
    const { hook, ...world } = await sleeping(undefined, { store });
    await arrived(hook, REGISTERED);
    await owes(world, 0);
    const away = await lsp(cleanUps, { store, pollMs: 3_600_000 });
    await away.service.close();
    world.connected.add(CLIENT);
    await away.service.notify(CLIENT, PAYMENT, {});
    await owes(world, 0);
    expect(world.outcomes).toEqual(['delivered', 'dropped']);
    expect(hook.calls).toEqual([REGISTERED]);
  });

  it('keeps its minute: what comes in between waits, and is dropped when it comes', async () => {
    const { hook, ...world } = await sleeping();
    await world.service.notify(CLIENT, PAYMENT, {});
    await arrived(hook, REGISTERED, PAYMENT);
    await owes(world, 0);
    const reply = await world.service.notify(CLIENT, 'lsps5.onion_message_incoming', {});
    if (reply.type !== 'owed') throw new Error(reply.type);
    expect(reply.dueAt).toBeGreaterThan((await world.store.now()) + 30_000);
    await world.service.onConnected(CLIENT);
    await owes(world, 0);
    await world.service.onDisconnected(CLIENT);
    expect(hook.calls).toEqual([REGISTERED, PAYMENT]);
  });

  it('of which nothing is known is not called', async () => {
    const { service } = await lsp(cleanUps);
    expect(await service.notify(CLIENT, PAYMENT, {})).toEqual({ type: 'no_webhook' });
  });
});

describe('endpoints that fail', () => {
  it('are called again, signed anew, and redirects lead nowhere', async () => {
    const answers = [500, 'cut', 302, 404, 200] as const;
    const { hook, ...world } = await sleeping((nth) => answers[nth - 1] ?? 200);
    await arrived(hook, ...answers.map(() => REGISTERED));
    await owes(world, 0);
    expect(new Set(hook.raw.map(({ headers }) => headers['x-lsps5-signature'])).size).toBe(5);
    expect(new Set(hook.raw.map(({ body }) => body)).size).toBe(1);
    expect(world.outcomes).toEqual(['failed', 'failed', 'failed', 'failed', 'delivered']);
    expect(world.logged()).toContain('answered 302');
    expect(world.logged()).not.toContain('s3cret');
  });

  it('that are gone are not called again for the same thing', async () => {
    const { hook, ...world } = await sleeping((nth) => (nth === 1 ? 410 : 200));
    await owes(world, 0);
    expect(hook.calls).toEqual([REGISTERED]);
    await world.service.notify(CLIENT, PAYMENT, {});
    await arrived(hook, REGISTERED, PAYMENT);
  });

  it.each(['hang', 'drip'] as const)(
    'that never come to an end (%s) cost their time, and their turn comes again',
    async (way) => {
      const post = wakePoster(true, 100);
      const { hook, ...world } = await sleeping((nth) => (nth === 1 ? way : 200), { post });
      await arrived(hook, REGISTERED, REGISTERED);
      await owes(world, 0);
      expect(world.outcomes).toEqual(['failed', 'delivered']);
    },
  );

  it('that flood us with their answer have taken the call, and are cut off', async () => {
    const { hook, ...world } = await sleeping(() => 'flood');
    await arrived(hook, REGISTERED);
    await owes(world, 0);
    expect(world.outcomes).toEqual(['delivered']);
  });

  it('do not keep others waiting', async () => {
    const world = await lsp(cleanUps);
    const [silent, quick] = [await endpoint(cleanUps, () => 'hang'), await endpoint(cleanUps)];
    for (let i = 0; i < 10; i++) await world.ask(askSetWebhook(`app ${i}`, `${silent.url}${i}`));
    const other = `02${'1'.repeat(64)}`;
    await world.ask(askSetWebhook('a', quick.url), other);
    await arrived(quick, REGISTERED);
    await expect.poll(() => silent.calls.length, WAIT).toBe(2);
    expect(world.outcomes).toContain('deferred');
    expect(silent.calls).toHaveLength(2);
  });

  it('hear a lie from whoever has another key', async () => {
    const { hook } = await sleeping(undefined, { sign: (message) => signMessage(message, OTHER_KEY) });
    await arrived(hook, 'wrong_key');
  });
});

describe('an LSP', () => {
  it('whose node does not sign tries again', async () => {
    let failures = 2;
    const { hook, ...world } = await sleeping(undefined, {
      sign: (message) => {
        if (failures-- > 0) return Promise.reject(new Error('the node is away'));
        return Promise.resolve(signMessage(message, LSP_KEY));
      },
    });
    await arrived(hook, REGISTERED);
    expect(world.outcomes.slice(0, 2)).toEqual(['failed', 'failed']);
    expect(world.logged()).toContain('the node is away');
  });

  it('that is stopped in the middle makes its calls after the next start', async () => {
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    cleanUps.push(() => store.close());
    let isUp = false;
    const { hook, ...first } = await sleeping(() => (isUp ? 200 : 'hang'), { store });
    await arrived(hook, REGISTERED);
    await first.service.notify(CLIENT, PAYMENT, {});
    await first.service.close();
    expect(first.outcomes).toEqual([]);
    isUp = true;
    const second = await lsp(cleanUps, { store });
    await arrived(hook, REGISTERED, REGISTERED, PAYMENT);
    await owes(second, 0);
  });

  it('of several processes makes each call once', async () => {
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    cleanUps.push(() => store.close());
    const worlds: Lsp[] = [];
    for (let i = 0; i < 3; i++) worlds.push(await lsp(cleanUps, { store, pollMs: 5 }));
    const hooks: Endpoint[] = [];
    for (let i = 0; i < 12; i++) {
      const hook = await endpoint(cleanUps);
      hooks.push(hook);
      const client = `02${i.toString(16).padStart(64, '0')}`;
      await worlds[i % 3]!.ask(askSetWebhook('a', hook.url), client);
      await worlds[(i + 1) % 3]!.service.notify(client, PAYMENT, {});
    }
    for (const hook of hooks) await arrived(hook, REGISTERED, PAYMENT);
    await expect.poll(() => worlds.flatMap(({ outcomes }) => outcomes).length, WAIT).toBe(24);
    for (const hook of hooks) expect(hook.calls).toEqual([REGISTERED, PAYMENT]);
  });

  it('looks where names point each time, and calls nothing inside its network', async () => {
    const hook = await endpoint(cleanUps);
    const options = { headers: {}, body: '{}', signal };
    const inside = hook.url.replace('http://127.0.0.1', 'https://localhost');
    await expect(wakePoster(false)({ ...options, url: inside })).rejects.toThrow(/own network/);
    await expect(wakePoster(false)({ ...options, url: hook.url })).rejects.toThrow(/https/);
    await expect(wakePoster(true)({ ...options, url: 'http://10.0.0.1/' })).rejects.toThrow(/https/);
    await expect(wakePoster(true)({ ...options, url: 'https://10.0.0.1/' })).rejects.toThrow(/own network/);
    expect(hook.calls).toEqual([]);
    expect(await wakePoster(true)({ ...options, url: hook.url })).toBe(200);
  });
});
