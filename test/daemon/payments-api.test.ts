/** What the API of payments refuses, by which code, and what it makes of the sender's answers. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeInvoice, encodeInvoice, type InvoiceDraft } from '../../src/bolt11/index.js';
import { ec } from '../../src/crypto/index.js';
import { type RefusalCode, type StopCode, type StopReason, termsOfInvoice } from '../../src/send/index.js';
import { Feature } from '../../src/wire/features.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { serveApi } from '../../src/daemon/http/server.js';
import { fitSender } from '../../src/daemon/paying/fit-sender.js';
import { fitForMetadata } from '../../src/daemon/paying/metadata.js';
import type { Network } from '../../src/receive/node-port.js';
import type { SendPort } from '../../src/send/run/ports.js';
import type { PayOrder } from '../../src/send/run/types.js';
import { FakeSender } from './fake-sender.js';
import { call, CONFIG, makeWorld, type Reply, until, type World } from './support.js';

let world: World;
let admin = '';
let sender: FakeSender;
beforeAll(async () => {
  sender = new FakeSender();
  world = await makeWorld({ newSender: () => sender });
  admin = await world.token('admin');
  await until(() => world.parts.api.paying?.status() !== undefined);
});
afterAll(async () => {
  await world.stop();
});
beforeEach(() => {
  sender.refusal = undefined;
  sender.exists = undefined;
  sender.graphLoaded = true;
  sender.reachable = true;
  sender.orders.length = 0;
  sender.probes.length = 0;
});

const post = (path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> =>
  call(world, 'POST', path, admin, body, headers);

const SECRET = new Uint8Array(32).fill(3);
const PAYEE = toHex(ec.publicKey(SECRET));

function invoice(changes: Partial<InvoiceDraft> = {}): string {
  const { amountMsat = 1_000_000n, ...others } = changes;
  const written = encodeInvoice(
    {
      currency: 'bcrt',
      timestamp: Math.floor(Date.now() / 1000),
      paymentHash: new Uint8Array(32).fill(1),
      paymentSecret: new Uint8Array(32).fill(2),
      description: 'x',
      features: [Feature.varOnion, Feature.paymentSecret],
      ...(amountMsat > 0n && { amountMsat }),
      ...others,
    },
    SECRET,
  );
  if (!written.ok) throw new Error(written.error.message);
  return written.value;
}

describe('an order', () => {
  const keysend = { destination: PAYEE };

  it.each<readonly [string, Record<string, unknown>, string]>([
    ['nothing to pay', {}, 'invoice'],
    ['two things to pay', { invoice: 'lnbc1', keysend }, 'invoice'],
    ['an unknown field', { invoice: 'lnbc1', max_fees_msat: '1' }, 'max_fees_msat'],
    ['a number for an amount', { keysend, amount_msat: 5 }, 'amount_msat'],
    ['an amount of zero', { keysend, amount_msat: '0' }, 'amount_msat'],
    ['a negative fee', { invoice: 'lnbc1', max_fee_msat: '-1' }, 'max_fee_msat'],
    ['two limits of the fee', { invoice: 'lnbc1', max_fee_msat: '1', max_fee_percent: 1 }, 'max_fee_percent'],
    ['more than all in fees', { invoice: 'lnbc1', max_fee_percent: 101 }, 'max_fee_percent'],
    ['a fee in words', { invoice: 'lnbc1', max_fee_percent: '1 %' }, 'max_fee_percent'],
    ['no part at all', { invoice: 'lnbc1', max_parts: 0 }, 'max_parts'],
    ['half a part', { invoice: 'lnbc1', max_parts: 1.5 }, 'max_parts'],
    ['too many parts', { invoice: 'lnbc1', max_parts: 484 }, 'max_parts'],
    ['no blocks', { invoice: 'lnbc1', max_blocks: 0 }, 'max_blocks'],
    ['more blocks than nodes take', { invoice: 'lnbc1', max_blocks: 2_017 }, 'max_blocks'],
    ['no time', { invoice: 'lnbc1', timeout_seconds: 0 }, 'timeout_seconds'],
    ['a week', { invoice: 'lnbc1', timeout_seconds: 604_800 }, 'timeout_seconds'],
    ['from nobody', { invoice: 'lnbc1', from: [] }, 'from'],
    ['a long wait', { invoice: 'lnbc1', wait_seconds: 60 }, 'wait_seconds'],
    ['a destination that is no key', { keysend: { destination: '04'.repeat(33) } }, 'keysend.destination'],
    ['a record that is no hex', { keysend: { ...keysend, custom_records: { 70000: 'x' } } }, 'keysend.custom_records'],
    ['a record without a type', { keysend: { ...keysend, custom_records: { a: '00' } } }, 'keysend.custom_records'],
  ])('of %s is refused by the field', async (_what, body, field) => {
    const { status, json } = await post('/v1/payments', body);
    expect([status, json['code']], JSON.stringify(json)).toEqual([400, 'invalid_request']);
    const fields = (json['errors'] as { field: string; message: string }[]).map((one) => one.field);
    expect(
      fields.some((one) => one.startsWith(field)),
      fields.join(),
    ).toBe(true);
    expect(sender.orders).toEqual([]);
  });

  it.each<readonly [string, () => Record<string, unknown>, string, string]>([
    ['no invoice', () => ({ invoice: 'hello' }), 'bech32_no_separator', 'invoice'],
    ['an offer', () => ({ invoice: 'lno1qqq' }), 'unsupported_type', 'invoice'],
    ['a Lightning address', () => ({ invoice: 'alice@shop.example' }), 'unsupported_type', 'invoice'],
    ['an invoice of another network', () => ({ invoice: invoice({ currency: 'bc' }) }), 'wrong_network', 'invoice'],
    ['an expired one', () => ({ invoice: invoice({ timestamp: 1_600_000_000 }) }), 'invoice_expired', 'invoice'],
    ['no amount anywhere', () => ({ invoice: invoice({ amountMsat: 0n }) }), 'amount_missing', 'amount_msat'],
    ['another amount', () => ({ invoice: invoice(), amount_msat: '5' }), 'amount_given_twice', 'amount_msat'],
    [
      'fewer blocks than the payee asks for',
      () => ({ invoice: invoice(), max_blocks: 1 }),
      'final_expiry_too_far',
      'max_blocks',
    ],
    ['an unknown node', () => ({ invoice: invoice(), from: ['alpha', 'delta'] }), 'unknown_node', 'from'],
    ['a keysend without amount', () => ({ keysend }), 'amount_missing', 'amount_msat'],
    [
      'a keysend to a point that is none',
      () => ({ keysend: { destination: `02${'ff'.repeat(32)}` }, amount_msat: '1' }),
      'bad_destination',
      'keysend.destination',
    ],
    [
      'a record of the protocol',
      () => ({ keysend: { ...keysend, custom_records: { 8: '00' } }, amount_msat: '1' }),
      'bad_record',
      'keysend.custom_records',
    ],
    [
      'records as long as the onion',
      () => ({ keysend: { ...keysend, custom_records: { 70000: '00'.repeat(1300) } }, amount_msat: '1' }),
      'records_too_large',
      'keysend.custom_records',
    ],
  ])('for %s is refused by its code', async (_what, body, code, field) => {
    const { status, json } = await post('/v1/payments', body());
    expect([status, json['code']], JSON.stringify(json)).toEqual([422, code]);
    expect(json['errors']).toEqual([{ field, message: json['detail'] }]);
    expect(String(json['detail']).length).toBeGreaterThan(20);
    expect(sender.orders).toEqual([]);
  });

  it('reaches the sender with all its limits', async () => {
    const { status, json } = await post('/v1/payments', {
      invoice: invoice({ amountMsat: 0n }),
      amount_msat: '2000000',
      max_fee_percent: 0.25,
      max_parts: 3,
      max_blocks: 300,
      timeout_seconds: 9,
      from: ['beta', 'beta'],
      reference: 'r',
    });
    expect(status).toBe(201);
    const [{ terms, request }] = sender.orders as [FakeSender['orders'][number]];
    expect(terms).toMatchObject({ amountMsat: 2_000_000n, budgetMsat: 5_000n, maxParts: 3, maxBlocks: 300 });
    expect(terms.deadline - terms.startedAt).toBe(9_000);
    expect(request).toMatchObject({ kind: 'invoice', from: ['beta'], reference: 'r', description: 'x' });
    expect(json).toMatchObject({ state: 'in_flight', version: 1, driven_by: 'fake', from: ['beta'] });
  });

  it('takes what the configuration says where it says nothing, and a fee of nothing if asked', async () => {
    const fake = new FakeSender();
    const send = '[send]\nmax_fee_percent = 2.5\nmax_parts = 4\ntimeout_seconds = 30\n';
    const other = await makeWorld({ config: CONFIG.replace('[[nodes]]', `${send}[[nodes]]`), newSender: () => fake });
    try {
      await until(() => other.parts.api.paying?.status() !== undefined);
      const token = await other.token('payments:write');
      await call(other, 'POST', '/v1/payments', token, { invoice: invoice() });
      await call(other, 'POST', '/v1/payments', token, { invoice: invoice(), max_fee_msat: '0' });
      await call(other, 'POST', '/v1/payments', token, { invoice: invoice({ amountMsat: 1_000n }) });
      const budgets = fake.orders.map(({ terms }) => [terms.budgetMsat, terms.maxParts]);
      expect(budgets).toEqual([
        [25_000n, 4],
        [0n, 4],
        [5_000n, 4],
      ]);
    } finally {
      await other.stop();
    }
  });
});

describe('what payments have taught', () => {
  it('is exported to whoever may read payments', async () => {
    const reader = await world.token('payments:read');
    const { status, json } = await call(world, 'GET', '/v1/knowledge', reader);
    expect(status).toBe(200);
    expect(json).toEqual(await sender.exportKnowledge());
    const other = await world.token('invoices:read');
    expect((await call(world, 'GET', '/v1/knowledge', other)).status).toBe(403);
  });
});

describe("the sender's refusals", () => {
  const refused = async (reason: StopReason, body: Record<string, unknown> = {}): Promise<Reply> => {
    sender.refusal = reason;
    return post('/v1/payments', { invoice: invoice(), ...body });
  };

  it.each<StopCode>([
    'deadline',
    'attempts',
    'bad_plan',
    'payee_refused',
    'payee_offline',
    'payee_node',
    'payee_waits',
    'paths_used_up',
    'own_balance',
    'bad_request',
    'asked',
  ])('%s is told by this code', async (code) => {
    for (const body of [{}, { dry_run: true }])
      expect(await refused({ code, message: 'why and what to do' }, body)).toMatchObject({
        status: 422,
        json: { code, detail: 'why and what to do' },
      });
  });

  it.each<readonly [RefusalCode, Record<string, bigint | number>, Record<string, string>]>([
    ['own_balance', { spendableMsat: 5n }, { spendable_msat: '5' }],
    ['payee_inbound', { receivableMsat: 6n }, { receivable_msat: '6' }],
    ['below_minimum', { leastMsat: 7n }, { least_msat: '7' }],
    ['unreachable', {}, {}],
    ['network_capacity', { mostMsat: 8n }, { most_msat: '8' }],
    ['too_many_parts', { mostMsat: 9n }, { most_msat: '9' }],
    ['budget', { leastFeeMsat: 10n }, { least_fee_msat: '10' }],
    ['too_many_blocks', { leastBlocks: 11 }, { least_blocks: '11' }],
    ['payee_is_source', {}, {}],
  ])('without a plan for %s it is told with its amounts', async (code, amounts, members) => {
    const refusal = { kind: 'refusal', code, message: 'm', ...amounts } as NonNullable<StopReason['refusal']>;
    const reply = await refused({ code: 'no_plan', message: 'm', refusal });
    expect(reply).toMatchObject({ status: 422, json: { code, detail: 'm', ...members } });
  });

  it('are kept for the Idempotency-Key with all they said', async () => {
    sender.refusal = {
      code: 'no_plan',
      message: 'm',
      refusal: { kind: 'refusal', code: 'budget', message: 'm', leastFeeMsat: 10n },
    };
    const key = { 'idempotency-key': 'refused-once' };
    const request = { invoice: invoice() };
    const first = await post('/v1/payments', request, key);
    const second = await post('/v1/payments', request, key);
    expect(second.json).toEqual(first.json);
    expect(second.json['least_fee_msat']).toBe('10');
    expect(sender.orders).toHaveLength(1);
  });

  it('are for later while the graph loads or no node can be reached', async () => {
    sender.graphLoaded = false;
    const refusal = { kind: 'refusal', code: 'unreachable', message: 'no way' } as const;
    const loading = await refused({ code: 'no_plan', message: 'no way', refusal });
    expect(loading).toMatchObject({ status: 503, json: { code: 'graph_loading' } });
    expect(loading.headers.get('retry-after')).toBe('3');
    sender.graphLoaded = true;
    sender.reachable = false;
    const balance = { kind: 'refusal', code: 'own_balance', message: 'm', spendableMsat: 0n } as const;
    const away = await refused({ code: 'no_plan', message: 'm', refusal: balance }, { from: ['beta'] });
    expect(away).toMatchObject({ status: 503, json: { code: 'nodes_away' } });
    expect(away.json['detail']).toContain('beta');
  });

  it('name the payment that is there already', async () => {
    await post('/v1/payments', { invoice: invoice(), reference: 'first' });
    const [payment] = [...sender.payments.values()].slice(-1);
    sender.exists = payment;
    const twice = await post('/v1/payments', { invoice: invoice() });
    expect(twice).toMatchObject({ status: 409, json: { code: 'already_under_way', payment_id: payment!.id } });
    expect(twice.json['detail']).toContain('first');
    sender.exists = { ...payment!, state: { ...payment!.state, phase: 'succeeded' } };
    expect((await post('/v1/payments', { invoice: invoice() })).json['code']).toBe('already_paid');
  });
});

describe('a keysend that is sent again without a key', () => {
  it('has another hash each time', async () => {
    const body = { keysend: { destination: PAYEE }, amount_msat: '1000' };
    await post('/v1/payments', body);
    await post('/v1/payments', body);
    const hashes = sender.orders.map(({ terms }) => toHex(terms.paymentHash));
    expect(new Set(hashes).size).toBe(2);
    expect(sender.orders[0]!.terms).toMatchObject({ maxParts: 1, supportsMpp: false });
  });
});

describe('probes', () => {
  it.each<readonly [string, Record<string, unknown>, number, string]>([
    ['nobody', {}, 400, 'invalid_request'],
    ['two', { destination: PAYEE, invoice: 'lnbc1' }, 400, 'invalid_request'],
    ['a day', { destination: PAYEE, timeout_seconds: 86_400 }, 400, 'invalid_request'],
    ['no precision', { destination: PAYEE, precision_percent: 0 }, 400, 'invalid_request'],
    ['no invoice', { invoice: 'hello' }, 422, 'bech32_no_separator'],
    ['an unknown node', { destination: PAYEE, from: ['delta'] }, 422, 'unknown_node'],
  ])('of %s are refused', async (_what, body, status, code) => {
    expect(await post('/v1/probes', body)).toMatchObject({ status, json: { code } });
    expect(sender.probes).toEqual([]);
  });

  const step = { amountMsat: 8n, outcome: 'arrived' as const, parts: 1, feeMsat: 1n, words: 'w' };

  it('end when their time is over, with what they found by then', async () => {
    sender.probing = (onStep, signal) =>
      new Promise((_resolve, reject) => {
        onStep(step);
        onStep({ ...step, amountMsat: 16n, outcome: 'did_not' });
        signal.addEventListener('abort', () => {
          reject(new Error('aborted'));
        });
      });
    const { status, json } = await post('/v1/probes', { destination: PAYEE, timeout_seconds: 1 });
    expect(status).toBe(200);
    expect(json).toMatchObject({ complete: false, arrived_msat: '8', failed_msat: '16', fee_msat: '1' });
  });

  it('end when their client goes away, and are few at a time', async () => {
    let aborted = 0;
    sender.probing = (_onStep, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted += 1;
          resolve({ arrivedMsat: 0n, steps: [step] });
        });
      });
    const clients = Array.from({ length: 4 }, () => new AbortController());
    const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ destination: PAYEE });
    const asked = clients.map(({ signal }) =>
      Promise.resolve(world.app.request('/v1/probes', { method: 'POST', headers, body, signal })),
    );
    await until(() => sender.probes.length === 4);
    expect(await post('/v1/probes', { destination: PAYEE })).toMatchObject({
      status: 503,
      json: { code: 'too_many_probes' },
    });
    for (const client of clients) client.abort();
    await Promise.all(asked);
    expect(aborted).toBe(4);
    sender.probing = async () => ({ arrivedMsat: 8n, feeMsat: 1n, steps: [step] });
    expect((await post('/v1/probes', { destination: PAYEE })).json).toMatchObject({
      arrived_msat: '8',
      complete: true,
    });
  });
});

describe('a node that is another one than configured', () => {
  const balances = { nodeId: ec.publicKey(SECRET), height: 1, channels: [] };
  const port = (network: Network): Parameters<typeof fitSender>[0] => ({
    name: 'alice',
    info: async () => ({ nodeId: balances.nodeId, network, alias: 'a', version: '1', height: 1, synced: true }),
  });
  const send: SendPort = {
    balances: async () => balances,
    send: async () => ({ kind: 'failed', failure: { kind: 'local', reason: 'node_refuses' } }),
    lookUp: async () => ({ kind: 'unavailable' }),
  };

  it('pays nothing', async () => {
    const fit = fitSender(port('regtest'), send, { network: 'regtest', nodeId: PAYEE });
    await expect(fit.balances()).resolves.toBe(balances);
    const stranger = fitSender(port('regtest'), send, { network: 'regtest', nodeId: `02${'00'.repeat(32)}` });
    await expect(stranger.balances()).rejects.toThrow(/node alice is [0-9a-f]{66}, not 02/);
    const elsewhere = fitSender(port('bitcoin'), send, { network: 'regtest' });
    await expect(elsewhere.balances()).rejects.toThrow(/alice is on bitcoin, not on regtest/);
  });
});

describe('over a socket', () => {
  it.each(['application/json', 'application/x-ndjson'])(
    'a client that goes away ends its probe (%s)',
    async (accept) => {
      const server = await serveApi(world.app, '127.0.0.1', 0);
      let isAborted = false;
      sender.probing = (onStep, signal) =>
        new Promise((resolve) => {
          onStep({ amountMsat: 8n, outcome: 'arrived', parts: 1, feeMsat: 1n, words: 'w' });
          signal.addEventListener('abort', () => {
            isAborted = true;
            resolve({ arrivedMsat: 0n, steps: [] });
          });
        });
      const client = new AbortController();
      const asked = fetch(`${server.url}/v1/probes`, {
        method: 'POST',
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json', accept },
        body: JSON.stringify({ destination: PAYEE }),
        signal: client.signal,
      })
        .then((response) => response.text())
        .catch(() => 'gone');
      await until(() => sender.probes.length === 1);
      client.abort();
      expect(await asked).toBe('gone');
      await until(() => isAborted);
      await server.close();
    },
  );
});

describe('who may', () => {
  it('read and pay is told by the scopes', async () => {
    const reader = await world.token('payments:read');
    expect((await call(world, 'GET', '/v1/payments', reader)).status).toBe(200);
    expect(await call(world, 'POST', '/v1/payments', reader, {})).toMatchObject({ json: { code: 'scope_missing' } });
    expect(await call(world, 'POST', '/v1/probes', reader, {})).toMatchObject({ json: { code: 'scope_missing' } });
    const merchant = await world.token('invoices:read', 'invoices:write');
    expect((await call(world, 'GET', '/v1/receipts', merchant)).status).toBe(200);
    expect(await call(world, 'GET', '/v1/payments', merchant)).toMatchObject({ json: { code: 'scope_missing' } });
  });
});

describe('a daemon that does not pay', () => {
  it('says so, and shows what was paid before', async () => {
    const config = CONFIG.replace('[[nodes]]', '[send]\nenabled = false\n[[nodes]]');
    const off = await makeWorld({ config, start: false });
    try {
      const token = await off.token('admin');
      for (const path of ['/v1/payments', '/v1/probes'])
        expect(
          await call(off, 'POST', path, token, path === '/v1/probes' ? { destination: PAYEE } : { invoice: invoice() }),
        ).toMatchObject({
          status: 409,
          json: { code: 'sending_off' },
        });
      expect((await call(off, 'GET', '/v1/payments', token)).json).toEqual({ payments: [] });
      expect((await call(off, 'GET', '/v1/nodes', token)).json['sending']).toEqual({ ready: false });
    } finally {
      await off.stop();
    }
  });

  it('yet, for its database is away, begins when that is back', async () => {
    const late = new FakeSender();
    late.startFailures = 1;
    const waiting = await makeWorld({ newSender: () => late });
    try {
      const token = await waiting.token('admin');
      const reply = await call(waiting, 'POST', '/v1/payments', token, { invoice: invoice() });
      expect(reply).toMatchObject({ status: 503, json: { code: 'sending_starting' } });
      await until(() => waiting.parts.api.paying?.status() !== undefined);
      expect((await call(waiting, 'POST', '/v1/payments', token, { invoice: invoice() })).status).toBe(201);
      expect(late.stops).toBe(1);
    } finally {
      await waiting.stop();
    }
    expect(late.stops).toBe(2);
  });
});

describe('an invoice with payment metadata', () => {
  const withMetadata = (): PayOrder => {
    const features = [Feature.varOnion, Feature.paymentSecret, Feature.paymentMetadata];
    const read = unwrap(decodeInvoice(invoice({ paymentMetadata: Uint8Array.of(1, 2), features })));
    const context = { now: Date.now(), currency: 'bcrt' as const, ownNodeIds: [] };
    return { request: { kind: 'invoice' }, terms: unwrap(termsOfInvoice(read, {}, context)) };
  };
  const nodes = { names: ['sim', 'lnd', 'lnd-2'], namesWithoutMetadata: ['lnd', 'lnd-2'] };

  it('is paid by those own nodes alone that hand it over', () => {
    const fit = unwrap(fitForMetadata(withMetadata(), nodes));
    expect(fit.request.from).toEqual(['sim']);
    const order = withMetadata();
    expect(unwrap(fitForMetadata(order, { names: ['sim'] }))).toBe(order);
  });

  it('is refused in words if none does', () => {
    const order = withMetadata();
    const asked = { ...order, request: { ...order.request, from: ['lnd-2'] } };
    const refused = fitForMetadata(asked, nodes);
    expect(refused.ok ? undefined : refused.error).toMatchObject({
      code: 'payment_metadata',
      field: 'from',
      message: expect.stringMatching(/LND \(lnd-2\).*without metadata$/) as unknown,
    });
  });
});
