/** Paying by the API, over the embedded network. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { call, makeWorld, ready, type Reply, until, type World } from './support.js';

let world: World;
let admin = '';
beforeAll(async () => {
  world = await makeWorld();
  await ready(world);
  admin = await world.token('admin');
  await until(() => world.parts.api.paying?.status()?.graph.loaded === true);
});
afterAll(async () => {
  await world.stop();
});

const post = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> =>
  call(world, 'POST', path, admin, body, headers);
const get = (path: string): Promise<Reply> => call(world, 'GET', path, admin);
const sha256 = (hex: string): string => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');

async function shopInvoice(amount: string): Promise<{ bolt11: string; payment_hash: string }> {
  const { status, json } = await post('/v1/sim/invoices', { amount_msat: amount, description: 'a book' });
  expect(status).toBe(201);
  return json as { bolt11: string; payment_hash: string };
}

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly parts: readonly { readonly from: { name: string }; readonly state: string; readonly amount_msat: string }[];
  readonly [field: string]: unknown;
}

describe('paying an invoice', () => {
  it('begins, is followed to its end, and shows proof, fee and paths', async () => {
    const { bolt11, payment_hash } = await shopInvoice('25000000');
    const begun = await post('/v1/payments', { invoice: bolt11, reference: 'book-1', wait_seconds: 15 });
    expect(begun.status, JSON.stringify(begun.json)).toBe(201);
    const paid = begun.json as unknown as Shown;
    expect(paid).toMatchObject({
      state: 'succeeded',
      payment_hash,
      kind: 'invoice',
      amount_msat: '25000000',
      description: 'a book',
      reference: 'book-1',
      bolt11,
    });
    expect(sha256(String(paid['preimage']))).toBe(payment_hash);
    expect(['alpha', 'beta', 'gamma']).toContain(paid.parts[0]!.from.name);
    for (const id of [paid.id, payment_hash, bolt11, `lightning:${bolt11.toUpperCase()}`])
      expect((await get(`/v1/payments/${encodeURIComponent(id)}`)).json['id']).toBe(paid.id);
    const { json: again } = await post('/v1/payments', { invoice: bolt11 });
    expect(again).toMatchObject({ status: 409, code: 'already_paid', payment_id: paid.id });
    const { json: list } = await get('/v1/payments?limit=100');
    const [listed] = (list['payments'] as Shown[]).filter(({ id }) => id === paid.id);
    expect(listed).toMatchObject({ state: 'succeeded', reference: 'book-1', attempts: paid.parts.length });
    expect(listed).not.toHaveProperty('parts');
  });

  it('uses several own nodes where one has not enough, and names them if only some may send', async () => {
    const { bolt11 } = await shopInvoice('9900000000');
    const dry = await post('/v1/payments', { invoice: bolt11, dry_run: true });
    expect(dry).toMatchObject({ status: 200, json: { dry_run: true, amount_msat: '9900000000' } });
    expect((await get(`/v1/payments/${String(dry.json['payment_hash'])}`)).json).toMatchObject({ code: 'not_found' });
    const { json } = await post('/v1/payments', { invoice: bolt11, from: ['beta', 'gamma'], wait_seconds: 15 });
    const paid = json as unknown as Shown;
    expect(paid, JSON.stringify(json)).toMatchObject({ state: 'succeeded', from: ['beta', 'gamma'] });
    const senders = new Set(paid.parts.map(({ from }) => from.name));
    expect([...senders].every((name) => name === 'beta' || name === 'gamma')).toBe(true);
    const settled = paid.parts.filter(({ state }) => state === 'settled');
    expect(settled.reduce((sum, { amount_msat }) => sum + BigInt(amount_msat), 0n)).toBe(9_900_000_000n);
  });

  it('says at once why it cannot work, and records nothing', async () => {
    const { bolt11, payment_hash } = await shopInvoice('900000000000');
    const refused = await post('/v1/payments', { invoice: bolt11 });
    expect(refused, JSON.stringify(refused.json)).toMatchObject({ status: 422 });
    expect(['own_balance', 'payee_inbound', 'network_capacity']).toContain(refused.json['code']);
    expect((await get(`/v1/payments/${payment_hash}`)).status).toBe(404);
  });

  it('tells of it by events', async () => {
    const { bolt11, payment_hash } = await shopInvoice('1000000');
    await post('/v1/payments', { invoice: bolt11, wait_seconds: 15 });
    await until(async () => {
      const { json } = await get('/v1/events?types=sending.started,sending.succeeded&limit=500');
      const ours = (json['events'] as { payment_hash?: string; type: string }[]).filter(
        (event) => event.payment_hash === payment_hash,
      );
      return ours.map(({ type }) => type).join() === 'sending.started,sending.succeeded';
    });
  });

  it('is done once for one Idempotency-Key', async () => {
    const { bolt11 } = await shopInvoice('2000000');
    const key = { 'idempotency-key': 'pay-once' };
    const first = await post('/v1/payments', { invoice: bolt11 }, key);
    const second = await post('/v1/payments', { invoice: bolt11 }, key);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.json['id']).toBe(first.json['id']);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
  });

  it('is followed by its version', async () => {
    const { bolt11 } = await shopInvoice('3000000');
    let shown = (await post('/v1/payments', { invoice: bolt11 })).json as unknown as Shown;
    const states = [shown.state];
    while (shown['is_over'] !== true) {
      const path = `/v1/payments/${shown.id}?after=${String(shown['version'])}&wait_seconds=10`;
      const next = (await get(path)).json as unknown as Shown;
      expect(Number(next['version'])).toBeGreaterThan(Number(shown['version']));
      shown = next;
      states.push(shown.state);
    }
    expect(states.at(-1)).toBe('succeeded');
    expect(states.length).toBeGreaterThan(1);
    expect((await post(`/v1/payments/${shown.id}/stop`)).json).toMatchObject({ status: 409, code: 'payment_over' });
  });
});

describe('an invoice of our own', () => {
  it('is paid inside the cluster, without fee, and counts as received', async () => {
    const { json: made } = await post('/v1/invoices', { amount_msat: '7000000', description: 'to ourselves' });
    const { json } = await post('/v1/payments', { invoice: made['bolt11'], wait_seconds: 15 });
    expect(json, JSON.stringify(json)).toMatchObject({ state: 'succeeded', fee_msat: '0' });
    await until(async () => (await get(`/v1/invoices/${String(made['payment_hash'])}`)).json['state'] === 'settled');
    const { json: receipts } = await get('/v1/receipts');
    expect(receipts['receipts']).toContainEqual(
      expect.objectContaining({ payment_hash: made['payment_hash'], amount_msat: '7000000' }),
    );
    const { json: nodes } = await get('/v1/nodes');
    expect((nodes['nodes'] as unknown[]).length).toBe(3);
    expect(nodes['elsewhere']).toEqual([]);
  });
});

describe('keysend and probes', () => {
  const payee = async (): Promise<string> => {
    const { bolt11 } = await shopInvoice('1000');
    const { json } = await post('/v1/payments', { invoice: bolt11, dry_run: true });
    return (json['payee'] as { node_id: string }).node_id;
  };

  it('pay a node that made no invoice', async () => {
    const destination = await payee();
    const keysend = { destination, custom_records: { '7629169': '74657374' } };
    const { status, json } = await post('/v1/payments', { keysend, amount_msat: '50000', wait_seconds: 15 });
    expect(status, JSON.stringify(json)).toBe(201);
    expect(json).toMatchObject({ kind: 'keysend', state: 'succeeded', payee: { node_id: destination } });
    expect(sha256(String(json['preimage']))).toBe(json['payment_hash']);
  });

  it('find how much gets through, by steps, and pay nothing', async () => {
    const destination = await payee();
    const before = (await get('/v1/nodes')).json['sending'];
    const { status, json } = await post('/v1/probes', {
      destination,
      amount_msat: '60000000000',
      precision_percent: 20,
    });
    expect(status, JSON.stringify(json)).toBe(200);
    expect(json['complete']).toBe(true);
    const arrived = BigInt(String(json['arrived_msat']));
    expect(arrived).toBeGreaterThan(1_000_000_000n);
    expect(BigInt(String(json['failed_msat']))).toBeGreaterThan(arrived);
    expect((json['steps'] as unknown[]).length).toBeGreaterThan(1);
    expect((before as { ready: boolean }).ready).toBe(true);
    expect(
      ((await get('/v1/payments?limit=100')).json['payments'] as Shown[]).filter(
        ({ amount_msat: sum }) => sum === String(arrived),
      ),
    ).toEqual([]);
  });

  it.each(['invoice', 'keysend'])(
    'pay once when a crash loses the answer and the request runs again: %s',
    async (kind) => {
      const { idempotency } = world.store;
      const body =
        kind === 'invoice'
          ? { invoice: (await shopInvoice('4000')).bolt11, reference: 'crash' }
          : { keysend: { destination: await payee() }, amount_msat: '4000' };
      const key = { 'idempotency-key': `lost-${kind}` };
      const lost = vi.spyOn(idempotency, 'finish').mockRejectedValueOnce(new Error('the process died here'));
      const first = await post('/v1/payments', body, key);
      const begin = idempotency.begin.bind(idempotency);
      const expired = vi.spyOn(idempotency, 'begin').mockImplementationOnce((request) => begin(request, -1));
      const second = await post('/v1/payments', body, key);
      expect([lost.mock.calls.length, expired.mock.calls.length]).toEqual([2, 1]);
      lost.mockRestore();
      expired.mockRestore();
      expect([first.status, second.status], JSON.stringify(second.json)).toEqual([201, 201]);
      expect(second.json['id']).toBe(first.json['id']);
    },
  );

  it('tell the steps of a probe as they come, if lines are asked for', async () => {
    const response = await world.app.request('/v1/probes', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${admin}`,
        'content-type': 'application/json',
        accept: 'application/x-ndjson',
      },
      body: JSON.stringify({ destination: await payee(), amount_msat: '1000000' }),
    });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = (await response.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ probe: { arrived_msat: '1000000', complete: true } });
    expect(lines.slice(0, -1).every(({ step }) => step !== undefined)).toBe(true);
    expect(lines.length).toBeGreaterThan(1);
  });
});

describe('what operators see', () => {
  it('has numbers of payments, parts and fees, and what can be sent', async () => {
    const text = await world.parts.api.metrics.registry.metrics();
    expect(text).toMatch(/manifold_payments_total\{outcome="succeeded"\} [1-9]/);
    expect(text).toMatch(/manifold_payment_parts_total\{outcome="settled"\} [1-9]/);
    expect(text).toMatch(/manifold_payments_sent_msat_total [1-9]/);
    expect(text).toMatch(/manifold_member_spendable_msat\{member="alpha"\} [1-9]/);
    expect(text).toMatch(/manifold_graph_loaded 1/);
    expect(text).not.toContain('internal');
    const { json } = await get('/v1/nodes');
    expect(json['sending']).toMatchObject({ ready: true, graph: { loaded: true }, in_flight_msat: '0' });
  });

  it('has no preimage in the log', async () => {
    const { json } = await get('/v1/payments?limit=100');
    const proofs = (json['payments'] as Shown[]).map(({ preimage }) => String(preimage));
    expect(proofs.length).toBeGreaterThan(3);
    for (const proof of proofs) expect(world.logged()).not.toContain(proof);
  });
});

describe('the end of the daemon', () => {
  it('lets nobody wait for news any longer', async () => {
    const { payments } = (await get('/v1/payments?limit=1')).json as { payments: [{ id: string }] };
    const { id } = payments[0];
    const version = (await get(`/v1/payments/${id}`)).json['version'] as number;
    const waiting = get(`/v1/payments/${id}?after=${version + 1000}&wait_seconds=15`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    world.parts.api.paying!.payments.endWaits();
    const late = new Promise<string>((resolve) => setTimeout(resolve, 10_000, 'late'));
    expect(await Promise.race([waiting.then(({ json }) => json), late])).toMatchObject({ id, version });
    expect((await get(`/v1/payments/${id}?after=${version + 1000}&wait_seconds=15`)).json).toMatchObject({ id });
  });
});
