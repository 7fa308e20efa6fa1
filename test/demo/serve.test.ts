/** The demonstration's cluster behind the HTTP API, in real time. */
import { afterEach, describe, expect, it } from 'vitest';
import { RealClock } from '../../src/demo/real-clock.js';
import { serveWorld, type Serving } from '../../src/demo/serve.js';
import { DemoWorld, MEMBERS } from '../../src/demo/world.js';

const opened: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function openWorld(): Promise<DemoWorld> {
  const clock = new RealClock();
  opened.push(() => clock.stop());
  const world = await DemoWorld.create({ seed: 'served', clock, leaseTtlMs: 1_000 });
  opened.push(() => world.close());
  return world;
}

async function serve(world: DemoWorld, port = 0): Promise<Serving> {
  const serving = await serveWorld(world, port);
  opened.push(() => serving.stop());
  return serving;
}

let keys = 0;

async function ask({ url, token }: Serving, path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(url + path, {
    method: body ? 'POST' : 'GET',
    headers: {
      authorization: `Bearer ${token}`,
      connection: 'close',
      ...(body && { 'content-type': 'application/json', 'idempotency-key': `key-${keys++}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(response.ok, `${path}: ${response.status}`).toBe(true);
  return (await response.json()) as Record<string, unknown>;
}

describe('the served cluster', () => {
  it('makes invoices, has them paid by its payers, and lists the payment', async () => {
    const api = await serve(await openWorld());
    expect(api.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { bolt11, payment_hash } = await ask(api, '/v1/invoices', { amount_msat: '21000000', description: 'coffee' });
    const paid = await ask(api, '/v1/sim/pay', { invoice: bolt11, parts: 3 });
    expect(paid).toMatchObject({ outcome: 'settled', payment_hash, total_msat: '21000000' });
    expect(paid['parts']).toHaveLength(3);
    const { receipts: payments } = await ask(api, '/v1/receipts');
    expect(payments).toMatchObject([{ payment_hash, amount_msat: '21000000' }]);
  });

  it('pays somebody outside from the nodes of the cluster', async () => {
    const api = await serve(await openWorld());
    const { bolt11, payment_hash } = await ask(api, '/v1/sim/invoices', {
      amount_msat: '7000000',
      description: 'beans',
    });
    const { id } = await ask(api, '/v1/payments', { invoice: bolt11 });
    let payment = await ask(api, `/v1/payments/${String(id)}`);
    for (let i = 0; i < 200 && payment['state'] !== 'succeeded'; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      payment = await ask(api, `/v1/payments/${String(id)}`);
    }
    expect(payment).toMatchObject({ state: 'succeeded', payment_hash, amount_msat: '7000000' });
  });

  it('follows the world to a new process', async () => {
    const world = await openWorld();
    const api = await serve(world);
    world.process.kill();
    await world.startProcess();
    await world.untilServed(MEMBERS);
    const { bolt11 } = await ask(api, '/v1/invoices', { amount_msat: '5000000', description: 'tea' });
    expect(await ask(api, '/v1/sim/pay', { invoice: bolt11 })).toMatchObject({ outcome: 'settled' });
  });

  it('lets nobody in without the token', async () => {
    const { url } = await serve(await openWorld());
    const response = await fetch(`${url}/v1/receipts`, { headers: { connection: 'close' } });
    expect(response.status).toBe(401);
  });

  it('takes another port where the one wanted is taken', async () => {
    const first = await serve(await openWorld());
    const second = await serve(await openWorld(), Number(new URL(first.url).port));
    expect(second.url).not.toBe(first.url);
    expect(await ask(second, '/v1/nodes')).toMatchObject({ nodes: MEMBERS.map((name) => ({ name, state: 'live' })) });
  });

  it('stops at once, also while a payment is waited for', async () => {
    const world = await openWorld();
    const serving = await serveWorld(world, 0);
    const { bolt11 } = await ask(serving, '/v1/invoices', { amount_msat: '5000000', description: 'tea', hold: true });
    const waiting = ask(serving, '/v1/sim/pay', { invoice: bolt11, wait_ms: 15_000 });
    await world.until(
      () => world.process.receiver.status().some(({ heldHtlcs }) => heldHtlcs > 0),
      'a part being held',
    );
    const startedAt = performance.now();
    await serving.stop();
    expect(performance.now() - startedAt).toBeLessThan(700);
    expect(await waiting).toMatchObject({ outcome: 'pending' });
  });
});
