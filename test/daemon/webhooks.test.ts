import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isInnerAddress, refusedTarget } from '../../src/daemon/webhooks/target.js';
import { postTo } from '../../src/daemon/webhooks/post.js';
import { signWebhook, secretText } from '../../src/daemon/webhooks/signature.js';
import { openStore, type Store } from '../../src/store/index.js';
import { call, CONFIG, makeWorld, ready, until, type World } from './support.js';

const OPEN = `${CONFIG}[webhooks]\nallow_private = true\n`;

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const task of cleanUp.splice(0).reverse()) await task();
});

/** An endpoint that answers as it is told: a status, `hang`, or `cut`. */
async function receiver(
  answer: (nth: number) => number | 'hang' | 'cut',
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const status = answer(received.push({ headers: request.headers, body }));
      if (status === 'cut') request.socket.destroy();
      else if (status !== 'hang') response.writeHead(status, { location: '/elsewhere' }).end('x'.repeat(100_000));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

async function open(store?: Store): Promise<World & { admin: string }> {
  const world = await makeWorld({ config: OPEN, ...(store && { store }) });
  cleanUp.push(() => world.stop());
  await ready(world);
  return Object.assign(world, { admin: await world.token('admin') });
}

async function pay(world: World, admin: string): Promise<string> {
  const { json } = await call(world, 'POST', '/v1/invoices', admin, { amount_msat: '10000' });
  await call(world, 'POST', '/v1/sim/pay', admin, { invoice: json['bolt11'] });
  return String(json['payment_hash']);
}

/** As the receiving side of the specification says, from the text of the secret. */
function isSigned({ headers, body }: Received, secret: string): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  return headers['webhook-signature'] === `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}

describe('webhooks', () => {
  it('deliver events, signed so that the receiver can check them', async () => {
    const endpoint = await receiver(() => 204);
    const world = await open();
    const made = await call(world, 'POST', '/v1/webhooks', world.admin, { url: endpoint.url });
    expect(made.status).toBe(201);
    const secret = String(made.json['secret']);
    expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
    const hash = await pay(world, world.admin);
    await until(() => endpoint.received.length >= 2);
    const bodies = endpoint.received.map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(new Set(bodies.map(({ type }) => type))).toEqual(new Set(['invoice.settled', 'invoice.final']));
    expect(bodies.every((body) => body['payment_hash'] === hash)).toBe(true);
    for (const one of endpoint.received) {
      expect(isSigned(one, secret)).toBe(true);
      expect(isSigned({ ...one, body: `${one.body} ` }, secret)).toBe(false);
      expect(Math.abs(Number(one.headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60);
      expect(one.headers['webhook-id']).toBe(`evt_${(JSON.parse(one.body) as { id: string }).id}`);
    }
    const listed = await call(world, 'GET', '/v1/webhooks', world.admin);
    expect(JSON.stringify(listed.json)).not.toContain('whsec');
    expect(inspect(await world.store.webhooks.list(), { depth: 9 })).not.toContain(secret.slice(6, 20));
    expect(world.logged()).not.toContain(secret.slice(6));
    const ping = await call(world, 'POST', `/v1/webhooks/${String(made.json['id'])}/ping`, world.admin);
    expect(ping.json).toEqual({ delivered: true, status: 204 });
    expect(isSigned(endpoint.received.at(-1)!, secret)).toBe(true);
    expect((await call(world, 'DELETE', `/v1/webhooks/${String(made.json['id'])}`, world.admin)).status).toBe(204);
  });

  it('sign as the published example of Standard Webhooks', () => {
    const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const signed = signWebhook(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, '{"test": 2432232314}');
    expect(signed['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
    expect(secretText(secret)).toBe('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
  });

  it('are tried again after errors and silence, in the same words, until they are taken', async () => {
    const endpoint = await receiver((nth) => (nth === 1 ? 500 : nth === 2 ? 'cut' : nth === 3 ? 302 : 200));
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    cleanUp.push(() => store.close());
    const world = await open(store);
    await call(world, 'POST', '/v1/webhooks', world.admin, { url: endpoint.url, event_types: ['invoice.settled'] });
    // What is recorded decides what is due: an attempt is over only when the store has it.
    const recorded = vi.spyOn(world.store.webhooks, 'record');
    const outcomes = async (): Promise<string[]> => {
      await Promise.all(recorded.mock.results.map(({ value }) => value as unknown));
      return recorded.mock.calls.filter(([, , { status }]) => status !== 'hurried').map(([, , { type }]) => type);
    };
    await pay(world, world.admin);
    for (let attempt = 1; attempt <= 3; attempt++) {
      await until(async () => (await outcomes()).filter((type) => type === 'retry').length >= attempt);
      await hurry(world);
    }
    await until(async () => (await outcomes()).at(-1) === 'done');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(endpoint.received).toHaveLength(4);
    expect(new Set(endpoint.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(endpoint.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });

  it('are delivered after a restart if the last run did not get to it', async () => {
    const store = await openStore({ url: 'sqlite::memory:', inProcess: true });
    cleanUp.push(() => store.close());
    let isUp = false;
    const endpoint = await receiver(() => (isUp ? 200 : 503));
    const first = await open(store);
    const made = await call(first, 'POST', '/v1/webhooks', first.admin, {
      url: endpoint.url,
      event_types: ['invoice.settled'],
    });
    await pay(first, first.admin);
    await until(() => first.logged().includes('a webhook was not delivered'));
    await first.stop();
    cleanUp.pop();
    isUp = true;
    const second = await open(store);
    await hurry(second);
    await until(() => endpoint.received.length >= 2);
    expect(isSigned(endpoint.received.at(-1)!, String(made.json['secret']))).toBe(true);
  });

  it('do not wait for each other: a silent endpoint holds nobody up', async () => {
    const [silent, quick] = [await receiver(() => 'hang'), await receiver(() => 200)];
    const world = await open();
    for (const { url } of [silent, quick]) await call(world, 'POST', '/v1/webhooks', world.admin, { url });
    for (let i = 0; i < 12; i++) await pay(world, world.admin);
    await until(() => quick.received.length >= 24);
    expect(silent.received.length).toBeLessThanOrEqual(4);
  });

  it('are switched off by 410 Gone and on again by hand', async () => {
    const endpoint = await receiver(() => 410);
    const world = await open();
    const { json } = await call(world, 'POST', '/v1/webhooks', world.admin, {
      url: endpoint.url,
      event_types: ['invoice.settled'],
    });
    await pay(world, world.admin);
    await until(async () => (await world.store.webhooks.list())[0]?.enabled === false);
    expect((await call(world, 'POST', `/v1/webhooks/${String(json['id'])}/enable`, world.admin)).json).toMatchObject({
      enabled: true,
    });
    expect((await world.store.webhooks.list())[0]?.enabled).toBe(true);
  });
});

/** Makes everything that waits for its time due now. */
async function hurry(world: World): Promise<void> {
  const { webhooks } = world.store;
  for (const { id } of await webhooks.list()) {
    const latest = await world.store.events.latestSeq();
    for (let seq = 1n; seq <= latest; seq++)
      await webhooks.record(id, seq, { type: 'retry', status: 'hurried', nextAttemptAt: 0 });
  }
  world.parts.api.retryWebhooks!();
}

describe('targets of webhooks', () => {
  it('are outside unless the operator says otherwise', async () => {
    const world = await makeWorld({ start: false });
    cleanUp.push(() => world.stop());
    const admin = await world.token('admin');
    for (const url of [
      'http://127.0.0.1/',
      'http://localhost:1/',
      'http://localhost./',
      'http://a.localhost./',
      'http://127.0.0.1./',
      'http://[::1]/',
      'http://10.1.2.3/',
      'http://169.254.169.254/latest/meta-data',
      'http://2130706433/',
      'http://0x7f.1/',
      'http://[::ffff:10.0.0.1]/',
      'ftp://example.com/',
      'file:///etc/passwd',
      'https://user:pw@example.com/',
      'nonsense',
      `https://example.com/${'x'.repeat(2_100)}`,
    ]) {
      const reply = await call(world, 'POST', '/v1/webhooks', admin, { url });
      expect([400, 422], url).toContain(reply.status);
    }
    expect((await call(world, 'POST', '/v1/webhooks', admin, { url: 'https://example.com/hook' })).status).toBe(201);
  });

  it('are checked again when a name is looked up', async () => {
    const endpoint = await receiver(() => 200);
    const url = endpoint.url.replace('127.0.0.1', 'localhost');
    const options = { headers: {}, body: '{}', timeoutMs: 2_000 };
    await expect(postTo({ ...options, url, allowPrivate: false })).rejects.toThrow(/own network/);
    await expect(postTo({ ...options, url: 'http://name.invalid/', allowPrivate: false })).rejects.toThrow();
    expect(await postTo({ ...options, url: endpoint.url, allowPrivate: true })).toBe(200);
    expect(endpoint.received).toHaveLength(1);
  });

  it('that never answer cost their time and no more', async () => {
    const endpoint = await receiver(() => 'hang');
    await expect(
      postTo({ url: endpoint.url, headers: {}, body: '{}', timeoutMs: 100, allowPrivate: true }),
    ).rejects.toThrow();
  });

  it('know inner addresses in all their forms', () => {
    for (const inner of [
      '127.0.0.1',
      '10.0.0.1',
      '172.31.0.1',
      '192.168.1.1',
      '100.64.0.1',
      '169.254.1.1',
      '0.0.0.0',
      '255.255.255.255',
      '::1',
      '::',
      'fe80::1',
      'fd00::1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '64:ff9b::7f00:1',
      '::ffff:0:127.0.0.1',
      '::ffff:0:8.8.8.8',
      '100::1',
      '2001:db8::1',
      '192.0.2.1',
      '192.88.99.1',
      '198.51.100.1',
      '203.0.113.1',
      'x',
    ]) {
      expect(isInnerAddress(inner), inner).toBe(true);
    }
    for (const outer of [
      '1.1.1.1',
      '172.32.0.1',
      '192.0.3.1',
      '2606:4700:4700::1111',
      '2001:db9::1',
      '100:0:0:1::1',
      '::ffff:1.1.1.1',
    ])
      expect(isInnerAddress(outer), outer).toBe(false);
    for (const url of ['http://example.com', 'http://example.com./'])
      expect(refusedTarget(url, false), url).toBeUndefined();
    expect(refusedTarget('http://localhost./', false)).toMatch(/own network/);
  });
});
