/** The database stops, fills up, comes back: nothing is lost, nothing ends, and clients are told to wait. */
import { afterEach, describe, expect, it } from 'vitest';
import { call, makeWorld, ready, until, type World } from './support.js';

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

describe('a database that is away', () => {
  it('means 503 with Retry-After for requests, and payments go on when it is back', async () => {
    world = await makeWorld();
    await ready(world);
    const admin = await world.token('admin');
    const { json: invoice } = await call(world, 'POST', '/v1/invoices', admin, { amount_msat: '9000' });
    world.setAway(true);
    for (const [method, path, body] of [
      ['GET', '/v1/invoices'],
      ['POST', '/v1/invoices', {}],
      ['GET', '/v1/events'],
      ['POST', '/v1/tokens', { name: 'x', scopes: ['admin'] }],
    ] as const) {
      const reply = await call(world, method, path, admin, body);
      expect(reply).toMatchObject({ status: 503, json: { code: 'store_unavailable' } });
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(await call(world, 'GET', '/readyz')).toMatchObject({
      status: 503,
      json: { reasons: ['the database does not answer'] },
    });
    expect((await call(world, 'GET', '/healthz')).status).toBe(200);
    // A payer pays meanwhile: his HTLCs are held and decided later.
    const { embedded } = world.parts.api;
    const paying = embedded!.pay({ invoice: String(invoice['bolt11']), parts: 2, waitMs: 14_000 });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    world.setAway(false);
    const paid = await paying;
    expect(paid.ok && paid.value.outcome).toBe('settled');
    await until(async () => (await call(world!, 'GET', '/readyz')).status === 200);
    const { json } = await call(world, 'GET', '/v1/events', admin);
    expect((json['events'] as { type: string }[]).map(({ type }) => type)).toContain('invoice.settled');
    expect(world.logged()).not.toContain('this is a bug');
  });

  it('gives an idempotency key back, so that the repeated request is carried out', async () => {
    world = await makeWorld();
    await ready(world);
    const admin = await world.token('admin');
    const headers = { 'idempotency-key': 'again' };
    world.setAway(true);
    expect((await call(world, 'POST', '/v1/invoices', admin, { reference: 'kept' }, headers)).status).toBe(503);
    world.setAway(false);
    expect((await call(world, 'POST', '/v1/invoices', admin, { reference: 'kept' }, headers)).status).toBe(201);
    expect((await call(world, 'GET', '/v1/invoices?reference=kept', admin)).json['invoices']).toHaveLength(1);
  });

  it('that is full refuses what needs a row and still reads', async () => {
    world = await makeWorld({ maxPages: 120 });
    await ready(world);
    const admin = await world.token('admin');
    const metadata = 'x'.repeat(8_000);
    let full;
    for (let i = 0; i < 200 && !full; i++) {
      const reply = await call(world, 'POST', '/v1/invoices', admin, { reference: `r${i}`, metadata });
      if (reply.status !== 201) full = reply;
    }
    expect(full).toMatchObject({ status: 503, json: { code: 'store_disk_full' } });
    expect((await call(world, 'GET', '/v1/invoices?limit=5', admin)).json['invoices']).toHaveLength(5);
    // A plain invoice costs no row.
    expect((await call(world, 'POST', '/v1/invoices', admin, { amount_msat: '1000' })).status).toBe(201);
  });
});
