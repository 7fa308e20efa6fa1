import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeInvoice } from '../../src/bolt11/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { call, makeWorld, ready, type Reply, until, type World } from './support.js';

let world: World;
let admin = '';
beforeAll(async () => {
  world = await makeWorld();
  await ready(world);
  admin = await world.token('admin');
});
afterAll(async () => {
  await world.stop();
});

const post = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> =>
  call(world, 'POST', path, admin, body, headers);
const get = (path: string, token = admin): Promise<Reply> => call(world, 'GET', path, token);
const sha256 = (hex: string): string => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex');

async function create(fields: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { status, json } = await post('/v1/invoices', fields);
  expect(json, JSON.stringify(json)).toHaveProperty('bolt11');
  expect(status).toBe(201);
  return json;
}

describe('tokens and scopes', () => {
  it('refuses what has no token, a wrong one, a revoked one, or the wrong scope', async () => {
    const none = await call(world, 'GET', '/v1/invoices');
    expect(none).toMatchObject({ status: 401, json: { code: 'token_missing', status: 401, title: 'Unauthorized' } });
    expect(none.headers.get('content-type')).toBe('application/problem+json');
    expect(none.headers.get('www-authenticate')).toMatch(/^Bearer/);
    for (const token of ['x', 'mft_' + 'f'.repeat(64), `${admin}0`, ' ', 'a'.repeat(5_000)]) {
      expect(await get('/v1/invoices', token)).toMatchObject({ status: 401, json: { code: 'token_invalid' } });
    }
    const reader = await world.token('invoices:read');
    expect((await get('/v1/invoices', reader)).status).toBe(200);
    expect(await call(world, 'POST', '/v1/invoices', reader, {})).toMatchObject({
      status: 403,
      json: { code: 'scope_missing' },
    });
  });

  it('are created, listed and revoked, and never give more than the creator has', async () => {
    const limited = await world.token('tokens:write', 'invoices:read');
    expect(await call(world, 'POST', '/v1/tokens', limited, { name: 'x', scopes: ['admin'] })).toMatchObject({
      status: 403,
    });
    const made = await call(world, 'POST', '/v1/tokens', limited, { name: 'shop', scopes: ['invoices:read'] });
    expect(made.status).toBe(201);
    const { id, token } = made.json as { id: string; token: string };
    expect(token).toMatch(/^mft_[0-9a-f]{64}$/);
    expect((await get('/v1/invoices', token)).status).toBe(200);
    const listed = await get('/v1/tokens');
    expect(JSON.stringify(listed.json)).toContain(id);
    expect(JSON.stringify(listed.json)).not.toContain(token);
    expect((await call(world, 'DELETE', `/v1/tokens/${id}`, limited)).status).toBe(204);
    expect((await get('/v1/invoices', token)).status).toBe(401);
    expect((await call(world, 'DELETE', `/v1/tokens/${id}`, limited)).status).toBe(404);
    const [adminId] = ((await get('/v1/tokens')).json['tokens'] as { id: string; scopes: string[] }[])
      .filter(({ scopes }) => scopes.includes('admin'))
      .map((one) => one.id);
    expect((await call(world, 'DELETE', `/v1/tokens/${adminId!}`, limited)).status).toBe(403);
  });

  it('hold for every operation of the document', async () => {
    const { json } = await call(world, 'GET', '/v1/openapi.json');
    const paths = json['paths'] as Record<string, Record<string, { description: string }>>;
    const powerless = await world.token('metrics:read');
    let count = 0;
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { description }] of Object.entries(operations)) {
        const at = path.replace(/\{\w+\}/g, '00');
        expect(description).toMatch(/Scope: [a-z:]+\.$/);
        expect((await call(world, method.toUpperCase(), at)).status, `${method} ${path}`).toBe(401);
        expect((await call(world, method.toUpperCase(), at, powerless)).status, `${method} ${path}`).toBe(403);
        count += 1;
      }
    }
    expect(count).toBeGreaterThanOrEqual(20);
  });
});

describe('invoices', () => {
  it('are created, paid in parts over all members, shown and listed', async () => {
    const made = await create({
      amount_msat: '5000000',
      description: 'tea',
      reference: 'order-1',
      metadata: { cups: 2 },
    });
    const decoded = decodeInvoice(String(made['bolt11']));
    expect(decoded.ok && decoded.value.amountMsat).toBe(5_000_000n);
    expect(made).toMatchObject({ state: 'open', multi_part: true, enough_inbound: true, held_msat: '0', parts: [] });
    const paid = await post('/v1/sim/pay', { invoice: made['bolt11'], parts: 3 });
    expect(paid.json).toMatchObject({ outcome: 'settled', total_msat: '5000000' });
    expect(sha256(String(paid.json['preimage']))).toBe(made['payment_hash']);
    await until(async () => (await get(`/v1/invoices/${String(made['payment_hash'])}`)).json['state'] === 'settled');
    const { json: shown } = await get(`/v1/invoices/${String(made['payment_hash'])}`);
    expect(shown).toMatchObject({
      received_msat: '5000000',
      reference: 'order-1',
      metadata: { cups: 2 },
      preimage: paid.json['preimage'],
    });
    const parts = shown['parts'] as { node_id: string; amount_msat: string; state: string }[];
    expect(new Set(parts.map(({ node_id }) => node_id)).size).toBe(3);
    expect(parts.reduce((sum, { amount_msat }) => sum + BigInt(amount_msat), 0n)).toBe(5_000_000n);
    const { json: list } = await get('/v1/invoices?reference=order-1&state=settled');
    expect(list['invoices']).toEqual([shown]);
    const { json: receipts } = await get('/v1/receipts?limit=100');
    expect(receipts['receipts']).toContainEqual(
      expect.objectContaining({ payment_hash: made['payment_hash'], amount_msat: '5000000', reference: 'order-1' }),
    );
  });

  it('without anything to remember cost no row and are found by their text', async () => {
    const made = await create({ amount_msat: '1000' });
    const text = String(made['bolt11']);
    expect((await get(`/v1/invoices/${String(made['payment_hash'])}`)).status).toBe(404);
    for (const form of [text, text.toUpperCase(), `lightning:${text}`]) {
      expect(await get(`/v1/invoices/${form}`)).toMatchObject({
        status: 200,
        json: { state: 'open', amount_msat: '1000' },
      });
    }
    await post('/v1/sim/pay', { invoice: text });
    await until(async () => (await get(`/v1/invoices/${text}`)).json['state'] === 'settled');
    const { json: byHash } = await get(`/v1/invoices/${String(made['payment_hash'])}`);
    expect(byHash).toMatchObject({ received_msat: '1000' });
    expect(byHash).not.toHaveProperty('amount_msat');
    expect((await get(`/v1/invoices/${text}`)).json).toMatchObject({
      amount_msat: '1000',
      received_msat: '1000',
      created_at: expect.stringContaining(String(made['created_at']).slice(0, 19)) as unknown,
      expires_at: expect.stringContaining(String(made['expires_at']).slice(0, 19)) as unknown,
      bolt11: text,
    });
  });

  it('keep what their text says when a wish about them is all that is stored', async () => {
    const made = await create({ amount_msat: '4000', description: 'gone' });
    const [text, hash] = [String(made['bolt11']), String(made['payment_hash'])];
    const byHash = await post(`/v1/invoices/${hash}/cancel`);
    expect(byHash).toMatchObject({ status: 404, json: { code: 'not_found' } });
    expect((await get(`/v1/invoices/${hash}`)).status).toBe(404); // nothing was written
    expect(await post(`/v1/invoices/${text}/cancel`)).toMatchObject({
      status: 200,
      json: { state: 'canceled', bolt11: text },
    });
    // What is stored now is enough for the bare hash.
    expect(await post(`/v1/invoices/${hash.toUpperCase()}/cancel`)).toMatchObject({ status: 200 });
    expect((await get(`/v1/invoices/${String(made['bolt11'])}`)).json).toMatchObject({
      state: 'canceled',
      amount_msat: '4000',
      description: 'gone',
    });
  });

  it('below what the channels carry are refused with the least amount', async () => {
    expect(await post('/v1/invoices', { amount_msat: '1' })).toMatchObject({
      status: 422,
      json: { code: 'amount_too_small', detail: expect.stringMatching(/at least 1000 msat/) as unknown },
    });
    expect(await post('/v1/invoices', { amount_msat: '5000', hold_seconds: 60 })).toMatchObject({
      status: 422,
      json: { code: 'hold_seconds_without_hold' },
    });
  });

  it('of strangers are not shown as ours', async () => {
    const text =
      'lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql';
    expect(await get(`/v1/invoices/${text}`)).toMatchObject({ status: 404, json: { code: 'not_ours' } });
    expect(await get('/v1/invoices/nonsense')).toMatchObject({ status: 400, json: { code: 'not_an_invoice' } });
    expect(await post(`/v1/invoices/${text}/cancel`)).toMatchObject({ status: 404, json: { code: 'not_ours' } });
    for (const verb of ['settle', 'cancel'] as const) {
      const outcome = await world.parts.api.invoices[verb]('nonsense');
      expect(outcome).toMatchObject({ ok: false, error: { code: 'not_an_invoice' } });
    }
  });

  it('that hold are accepted, then settled or given back by the merchant', async () => {
    const first = await create({ amount_msat: '2000000', hold: true });
    const paying = post('/v1/sim/pay', { invoice: first['bolt11'], parts: 2 });
    const path = `/v1/invoices/${String(first['payment_hash'])}`;
    expect(await post(`${path}/settle`)).toMatchObject({ status: 409, json: { code: 'not_accepted' } });
    await until(async () => (await get(path)).json['state'] === 'accepted');
    expect((await get(path)).json).toMatchObject({ held_msat: '2000000' });
    expect((await get('/v1/invoices?state=accepted')).json['invoices']).toHaveLength(1);
    expect((await post(`${path}/settle`)).status).toBe(200);
    expect((await paying).json).toMatchObject({ outcome: 'settled' });

    const second = await create({ amount_msat: '2000000', hold: true });
    const failing = post('/v1/sim/pay', { invoice: second['bolt11'] });
    const other = `/v1/invoices/${String(second['payment_hash'])}`;
    await until(async () => (await get(other)).json['state'] === 'accepted');
    expect((await post(`${other}/cancel`, {})).json).toMatchObject({ state: 'canceled' });
    expect((await failing).json).toMatchObject({ outcome: 'failed' });
    expect(await post(`${other}/settle`)).toMatchObject({ status: 409 });
    expect(await post(`${path}/cancel`)).toMatchObject({ status: 409, json: { code: 'already_settled' } });
  });

  it('may have a hash of their own, settled with its preimage only', async () => {
    const preimage = '42'.repeat(32);
    const made = await create({ amount_msat: '3000000', payment_hash: sha256(preimage) });
    expect(made).toMatchObject({ hold: true, payment_hash: sha256(preimage) });
    expect(await post('/v1/invoices', { amount_msat: '1000', payment_hash: sha256(preimage) })).toMatchObject({
      status: 409,
      json: { code: 'duplicate_hash' },
    });
    const paying = post('/v1/sim/pay', { invoice: made['bolt11'] });
    const path = `/v1/invoices/${String(made['payment_hash'])}`;
    await until(async () => (await get(path)).json['state'] === 'accepted');
    expect(await post(`${path}/settle`)).toMatchObject({ status: 422, json: { code: 'preimage_missing' } });
    expect(await post(`${path}/settle`, { preimage: '43'.repeat(32) })).toMatchObject({
      status: 422,
      json: { code: 'wrong_preimage' },
    });
    expect((await post(`${path}/settle`, { preimage })).status).toBe(200);
    expect((await paying).json).toMatchObject({ outcome: 'settled', preimage });
    expect(world.logged()).not.toContain(preimage);
  });

  it('are listed page by page, each once', async () => {
    for (let i = 0; i < 5; i++) await create({ amount_msat: '1000', reference: 'paged' });
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const { json } = await get(`/v1/invoices?reference=paged&limit=2${cursor}`);
      seen.push(...(json['invoices'] as { payment_hash: string }[]).map(({ payment_hash }) => payment_hash));
      cursor = typeof json['next_cursor'] === 'string' ? `&cursor=${json['next_cursor']}` : '';
    } while (cursor !== '');
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);
    const foreign = Buffer.from(JSON.stringify([1, 'set'])).toString('base64url');
    for (const bad of ['xx', foreign])
      expect(await get(`/v1/invoices?cursor=${bad}`)).toMatchObject({ status: 400, json: { code: 'bad_cursor' } });
  });

  it('are listed with plain ones that were paid, in one order, page by page', async () => {
    const plain = await create({ amount_msat: '6000' });
    await post('/v1/sim/pay', { invoice: plain['bolt11'] });
    await until(async () => (await get(`/v1/invoices/${String(plain['bolt11'])}`)).json['state'] === 'settled');
    const stored = await create({ amount_msat: '6000', reference: 'after it' });
    const hashes = async (query: string, limit: number): Promise<unknown[]> => {
      const found: unknown[] = [];
      let cursor = '';
      do {
        const { json, status } = await get(`/v1/invoices?limit=${limit}${query}${cursor}`);
        expect(status).toBe(200);
        found.push(...(json['invoices'] as { payment_hash: string }[]).map(({ payment_hash }) => payment_hash));
        cursor = typeof json['next_cursor'] === 'string' ? `&cursor=${json['next_cursor']}` : '';
      } while (cursor !== '');
      return found;
    };
    const all = await hashes('', 100);
    expect(all.slice(0, 2)).toEqual([stored['payment_hash'], plain['payment_hash']]);
    expect(new Set(all).size).toBe(all.length);
    for (const limit of [1, 2, 3]) expect(await hashes('', limit)).toEqual(all);
    const settled = await hashes('&state=settled', 2);
    expect(settled).toContain(plain['payment_hash']);
    expect(settled).not.toContain(stored['payment_hash']);
    const { json: receipts } = await get('/v1/receipts?limit=100');
    const paid = (receipts['receipts'] as { payment_hash: string; state: string }[]).filter(
      ({ state }) => state === 'settled',
    );
    expect(new Set(settled)).toEqual(new Set(paid.map(({ payment_hash }) => payment_hash)));
    expect(await hashes('&reference=after%20it', 1)).toEqual([stored['payment_hash']]);
    expect(await hashes('&state=open', 100)).not.toContain(plain['payment_hash']);
  });
});

describe('idempotency keys', () => {
  it('give the first answer again, to the same caller and request only', async () => {
    const body = { amount_msat: '7000', reference: 'once' };
    const first = await post('/v1/invoices', body, { 'idempotency-key': 'k1' });
    const second = await post('/v1/invoices', body, { 'idempotency-key': 'k1' });
    expect(second.json).toEqual(first.json);
    expect(second.status).toBe(201);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect((await get('/v1/invoices?reference=once')).json['invoices']).toHaveLength(1);
    expect(await post('/v1/invoices', { ...body, amount_msat: '7001' }, { 'idempotency-key': 'k1' })).toMatchObject({
      status: 422,
      json: { code: 'idempotency_key_reused' },
    });
    expect(await post('/v1/decode', { input: 'x' }, { 'idempotency-key': 'k1' })).toMatchObject({ status: 422 });
    const other = await call(world, 'POST', '/v1/invoices', await world.token('admin'), body, {
      'idempotency-key': 'k1',
    });
    expect(other.json['payment_hash']).not.toBe(first.json['payment_hash']);
  });

  it('let one of many simultaneous requests run', async () => {
    const replies = await Promise.all(
      Array.from({ length: 8 }, () =>
        post('/v1/invoices', { amount_msat: '1000', reference: 'race' }, { 'idempotency-key': 'k2' }),
      ),
    );
    for (const { status, json, headers } of replies) {
      expect([201, 409]).toContain(status);
      if (status === 409) expect([json['code'], headers.get('retry-after')]).toEqual(['request_in_progress', '1']);
    }
    expect((await get('/v1/invoices?reference=race')).json['invoices']).toHaveLength(1);
    expect(
      (await post('/v1/invoices', { amount_msat: '1000', reference: 'race' }, { 'idempotency-key': 'k2' })).status,
    ).toBe(201);
  });

  it.each([
    ['a drawn secret', 'interrupted', {}],
    ["the merchant's own preimage", 'interrupted-own', { preimage: '5a'.repeat(32) }],
  ])(
    'make one invoice when a crash loses the answer and the request runs again, with %s',
    async (_, reference, more) => {
      const { idempotency } = world.store;
      const body = { amount_msat: '4000', reference, ...more };
      const lost = vi.spyOn(idempotency, 'finish').mockRejectedValueOnce(new Error('the process died here'));
      const first = await post('/v1/invoices', body, { 'idempotency-key': reference });
      const begin = idempotency.begin.bind(idempotency);
      const expired = vi.spyOn(idempotency, 'begin').mockImplementationOnce((request) => begin(request, -1));
      const second = await post('/v1/invoices', body, { 'idempotency-key': reference });
      expect([lost.mock.calls.length, expired.mock.calls.length]).toEqual([2, 1]);
      expect([first.status, second.status]).toEqual([201, 201]);
      expect(second.json['payment_hash']).toBe(first.json['payment_hash']);
      expect((await get(`/v1/invoices?reference=${reference}`)).json['invoices']).toHaveLength(1);
      lost.mockRestore();
      expired.mockRestore();
    },
  );

  it('repeat refusals too, and give secrets again without storing them', async () => {
    const path = `/v1/invoices/${'00'.repeat(32)}/settle`;
    const [one, two] = [
      await post(path, {}, { 'idempotency-key': 'k3' }),
      await post(path, {}, { 'idempotency-key': 'k3' }),
    ];
    expect(one.status).toBe(409);
    expect(two.json).toEqual(one.json);
    const request = { name: 'again', scopes: ['events:read'] };
    const [first, second] = [
      await post('/v1/tokens', request, { 'idempotency-key': 'k4' }),
      await post('/v1/tokens', request, { 'idempotency-key': 'k4' }),
    ];
    expect(first.json['token']).toMatch(/^mft_/);
    expect(second.json).toEqual(first.json);
    const route = 'POST /v1/tokens';
    const requestHash = createHash('sha256').update(JSON.stringify(request)).digest('hex');
    const [adminId] = await world.store.tokens
      .list()
      .then((all) => all.filter(({ scopes }) => scopes.includes('admin')).map(({ id }) => id));
    const kept = await world.store.idempotency.begin({ tokenId: adminId!, key: 'k4', route, requestHash });
    expect(kept).toMatchObject({ type: 'done', statusCode: 201 });
    expect(JSON.stringify(kept)).not.toContain(String(first.json['token']));
    for (const key of ['', 'a b', 'x'.repeat(256)]) {
      expect(await post('/v1/invoices', {}, { 'idempotency-key': key })).toMatchObject({
        status: 400,
        json: { code: 'bad_idempotency_key' },
      });
    }
  });
});

describe('bad requests', () => {
  const cases: [string, string | undefined, number, string][] = [
    ['no JSON', '{"amount_msat":', 400, 'malformed_json'],
    ['no object', '[]', 400, 'invalid_request'],
    ['null', 'null', 400, 'invalid_request'],
    ['a number for an amount', '{"amount_msat":1000}', 400, 'invalid_request'],
    ['a negative amount', '{"amount_msat":"-1"}', 400, 'invalid_request'],
    ['zero', '{"amount_msat":"0"}', 400, 'invalid_request'],
    ['more than all bitcoin', '{"amount_msat":"2100000000000000001"}', 400, 'invalid_request'],
    ['an unknown field', '{"amount":"1"}', 400, 'invalid_request'],
    ['__proto__', '{"__proto__":{"hold":true}}', 400, 'invalid_request'],
    ['NUL', '{"description":"a\\u0000b"}', 400, 'invalid_request'],
    ['half a surrogate pair', '{"reference":"\\ud800"}', 400, 'invalid_request'],
    ['deep metadata', `{"metadata":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, 400, 'invalid_request'],
    ['two descriptions', `{"description":"a","description_hash":"${'00'.repeat(32)}"}`, 422, 'two_descriptions'],
    ['a description too long for an invoice', `{"description":"${'ü'.repeat(600)}"}`, 422, 'description_too_long'],
    ['an impossible final CLTV', '{"min_final_cltv":1}', 422, 'min_final_cltv_too_short'],
  ];
  it.each(cases)('%s', async (_name, body, status, code) => {
    const reply = await post('/v1/invoices', body);
    expect(reply.json['detail']).toEqual(expect.any(String));
    expect([reply.status, reply.json['code']]).toEqual([status, code]);
  });

  it('name the fields that are wrong', async () => {
    const { json } = await post('/v1/invoices', { amount_msat: 'x', expiry_seconds: 0 });
    expect((json['errors'] as { field: string }[]).map(({ field }) => field).sort()).toEqual([
      'amount_msat',
      'expiry_seconds',
    ]);
  });

  it('say in plain words what is wrong', async () => {
    const { json } = await post('/v1/invoices', { amount: '5', amount_msat: 5, hold: 1, expiry_seconds: 0 });
    expect(json['errors']).toEqual([
      { field: 'amount_msat', message: 'must be a text in quotes' },
      { field: 'expiry_seconds', message: 'must be at least 1' },
      { field: 'hold', message: 'must be true or false' },
      { field: 'amount', message: 'is unknown here; did you mean amount_msat?' },
    ]);
    expect((await post('/v1/tokens', { name: 'x', scopes: ['nodes'] })).json['errors']).toEqual([
      { field: 'scopes.0', message: expect.stringMatching(/^must be "invoices:read" or/) as unknown },
    ]);
    expect((await post('/v1/decode', {})).json['errors']).toEqual([{ field: 'input', message: 'is missing' }]);
    expect((await post('/v1/invoices')).json['detail']).toMatch(/send a JSON object/);
  });

  it('are bounded in size, however they come', async () => {
    const huge = JSON.stringify({ description: 'x'.repeat(70_000) });
    expect(await post('/v1/invoices', huge)).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 4_096;
        controller.enqueue(new Uint8Array(4_096).fill(32));
      },
    });
    const init = { method: 'POST', headers: { authorization: `Bearer ${admin}` }, body: endless, duplex: 'half' };
    const response = await world.app.request('/v1/invoices', init as RequestInit);
    expect(response.status).toBe(413);
    expect(sent).toBeLessThan(200_000);
  });

  it('get problems for other types, bytes, routes, methods and queries', async () => {
    expect((await post('/v1/invoices', '{}', { 'content-type': 'text/xml' })).status).toBe(415);
    const bytes = await world.app.request('/v1/invoices', {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}` },
      body: Uint8Array.of(0x22, 0xff, 0x22),
    });
    expect([bytes.status, ((await bytes.json()) as { code: string }).code]).toEqual([400, 'malformed_json']);
    expect(await get('/v1/nothing')).toMatchObject({ status: 404, json: { code: 'no_such_route' } });
    const wrong = await call(world, 'PATCH', '/v1/invoices', admin);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, GET']);
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'limit=1&limit=2',
      'other=1',
      'state=weird',
      'reference=',
    ]) {
      expect((await get(`/v1/invoices?${query}`)).status, query).toBe(400);
    }
    expect((await get('/v1/nodes?x=1')).status).toBe(400);
  });
});

describe('cluster', () => {
  it('shows members, decodes, and exchanges hints with LDK programs', async () => {
    const { json } = await get('/v1/nodes');
    expect(json['nodes']).toHaveLength(3);
    expect((json['nodes'] as object[])[0]).toMatchObject({ name: 'alpha', kind: 'sim', state: 'live', held_htlcs: 0 });
    const { json: exported } = await get('/v1/hints');
    const [own] = exported['hints'] as { node_id: string; channels: object[] }[];
    expect(exported['hints']).toHaveLength(3);
    expect(await post('/v1/hints', own)).toMatchObject({ status: 409, json: { code: 'own_member' } });
    const strange = { ...own!, node_id: '02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619' };
    expect(await post('/v1/hints', strange)).toMatchObject({
      status: 200,
      json: { node_id: strange.node_id, phantom_scids: 1 },
    });
    expect((await get('/v1/nodes')).json['imported']).toHaveLength(1);
    expect((await create({ amount_msat: '1000' }))['multi_part']).toBeTypeOf('boolean');
    await world.parts.hints.load();
    expect(world.parts.hints.members.map(({ nodeId }) => toHex(nodeId))).toEqual([strange.node_id]);
    expect((await call(world, 'DELETE', `/v1/hints/${strange.node_id}`, admin)).status).toBe(204);
    expect((await call(world, 'DELETE', `/v1/hints/${strange.node_id}`, admin)).status).toBe(404);
    expect((await post('/v1/hints', { ldk: 'zz' })).status).toBe(422);
    expect((await post('/v1/hints', { ldk: '00' })).status).toBe(422);
    const decoded = await post('/v1/decode', { input: 'lnbc1' });
    expect(decoded.json).toMatchObject({ valid: false, error: { code: 'bech32_too_short' } });
  });

  it('is ready with a live member and a store, and tells its metrics to those who may see them', async () => {
    expect(await call(world, 'GET', '/healthz')).toMatchObject({ status: 200, json: { status: 'ok' } });
    expect(await call(world, 'GET', '/readyz')).toMatchObject({ status: 200 });
    expect((await world.app.request('/metrics')).status).toBe(401);
    const token = await world.token('metrics:read');
    const metrics = await (
      await world.app.request('/metrics', { headers: { authorization: `Bearer ${token}` } })
    ).text();
    expect(metrics).toMatch(/manifold_htlcs_answered_total\{action="settle",reason="settled"\} [1-9]/);
    expect(metrics).toMatch(/manifold_member_state\{member="alpha",state="live"\} 1/);
    expect(metrics).toMatch(/manifold_ledger_commit_seconds_count [1-9]/);
    expect(metrics).toMatch(/nodejs_eventloop_lag_seconds/);
    const asleep = await makeWorld({ start: false });
    expect(await call(asleep, 'GET', '/readyz')).toMatchObject({ status: 503, json: { status: 'not_ready' } });
    await asleep.stop();
  });
});
