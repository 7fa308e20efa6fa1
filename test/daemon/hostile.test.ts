/** Whatever a client sends: an answer below 500 with a proper problem document, and the daemon goes on. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, makeWorld, ready, type World } from './support.js';

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

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** Values near what the API takes, and far from it. */
const value = fc.oneof(
  fc.constantFrom(
    '1000',
    '0',
    '-1',
    '2100000000000000000',
    '1e3',
    '00'.repeat(32),
    'ff'.repeat(32),
    '',
    null,
    true,
    0,
    -1,
    1e308,
    65_535,
    3_600,
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 4 }),
);
const FIELDS = [
  'amount_msat',
  'description',
  'description_hash',
  'expiry_seconds',
  'reference',
  'metadata',
  'hold',
  'hold_seconds',
  'payment_hash',
  'preimage',
  'min_final_cltv',
  'name',
  'scopes',
  'url',
  'event_types',
  'input',
  'invoice',
  'parts',
  'node_id',
  'phantom_scid',
  'channels',
  'ldk',
  '__proto__',
  'constructor',
];
/** What each operation takes: random names alone would hardly ever get past the schema. */
const TAKEN: Readonly<Record<string, Readonly<Record<string, fc.Arbitrary<unknown>>>>> = {
  '/v1/invoices': {
    amount_msat: fc.constantFrom('1000', '2000000', '1', '2100000000000000000'),
    description: fc.string({ maxLength: 30 }),
    expiry_seconds: fc.constantFrom(1, 3_600, 31_536_000),
    hold: fc.boolean(),
    metadata: fc.jsonValue({ maxDepth: 3 }),
    preimage: fc.constantFrom('00'.repeat(32), 'ab'.repeat(32)),
    min_final_cltv: fc.constantFrom(1, 18, 80, 65_535),
  },
  '/v1/decode': { input: fc.string() },
  '/v1/tokens': { name: fc.string({ minLength: 1 }), scopes: fc.constant(['events:read']) },
  '/v1/webhooks': { url: fc.constantFrom('https://example.com/', 'http://10.0.0.1/', 'x') },
  '/v1/hints': {
    node_id: fc.constant(`02${'11'.repeat(32)}`),
    phantom_scid: fc.constant('5'),
    channels: fc.jsonValue(),
  },
  '/v1/invoices/{id}/settle': { preimage: fc.constant('00'.repeat(32)) },
};
const fitting = fc
  .constantFrom(...Object.keys(TAKEN))
  .chain((at) =>
    fc
      .record(TAKEN[at]!, { requiredKeys: [] })
      .map((fields) => ({ method: 'POST', at: at.replace('{id}', '00'.repeat(32)), text: JSON.stringify(fields) })),
  );

const body = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 6 }).map((fields) => JSON.stringify(fields)),
  },
  { weight: 1, arbitrary: fc.jsonValue().map((json) => JSON.stringify(json)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);
const segment = fc.oneof(
  fc.constantFrom('settle', 'cancel', '00'.repeat(32), 'lnbcrt1', '..', '%ff', '%00', '%2F', 'tok_1', 'wh_1'),
  fc.string({ maxLength: 12 }).map(encodeURIComponent),
);
const path = (known: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...known), fc.array(segment, { maxLength: 3 }), fc.string({ maxLength: 20 }))
    .map(([base, more, query]) => {
      let filled = base;
      for (const part of more) filled = filled.replace(/\{\w+\}/, part);
      return `${filled.replace(/\{\w+\}/g, 'x')}${query === '' ? '' : `?${query.replace(/[#\s]/g, '')}`}`;
    });

async function document(): Promise<string[]> {
  const { json } = await call(world, 'GET', '/v1/openapi.json');
  // Paying takes its time; everything else is asked as it comes.
  return Object.keys(json['paths'] as object).filter((one) => one !== '/v1/sim/pay');
}

describe('random requests', () => {
  it('never fail with 500, and every refusal is a problem document', async () => {
    const known = [...(await document()), '/', '/v1', '/v1/invoices/{id}/settle/x', '/metrics', '/healthz'];
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fitting, fc.record({ method: fc.constantFrom(...METHODS), at: path(known), text: body })),
        fc.boolean(),
        async ({ method, at, text }, keyed) => {
          const carries = method !== 'GET' && method !== 'HEAD';
          const response = await world.app.request(`http://localhost${at}`, {
            method,
            headers: {
              authorization: `Bearer ${admin}`,
              'content-type': 'application/json',
              ...(keyed && { 'idempotency-key': 'k' + String(at.length) }),
            },
            ...(carries && { body: text }),
          });
          statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
          const answer = await response.text();
          expect(
            response.status === 503 || response.status < 500,
            `${method} ${at} ${text} → ${response.status} ${answer}`,
          ).toBe(true);
          if (
            response.status >= 400 &&
            method !== 'HEAD' &&
            response.headers.get('content-type') !== 'application/json'
          ) {
            const problem = JSON.parse(answer) as Record<string, unknown>;
            expect(problem['status']).toBe(response.status);
            expect(problem['code']).toMatch(/^[a-z0-9_]+$/);
            expect(String(problem['detail']).length).toBeGreaterThan(10);
          }
        },
      ),
      { numRuns: 1_500 },
    );
    // The run must have reached both good and refused requests to mean anything.
    for (const status of [200, 201, 400, 404, 405, 422]) expect([...statuses.keys()]).toContain(status);
    expect(world.logged()).not.toContain('this is a bug');
  });

  it('with headers of any kind are answered', async () => {
    const header = fc.string({ maxLength: 60 }).map((text) => text.replace(/[^\x20-\x7e]/g, '').trim());
    await fc.assert(
      fc.asyncProperty(header, header, header, header, async (authorization, key, type, last) => {
        const response = await world.app.request('/v1/invoices', {
          method: 'POST',
          headers: {
            authorization: authorization === '' ? `Bearer ${admin}` : authorization,
            'idempotency-key': key,
            'content-type': type,
            'last-event-id': last,
          },
          body: '{}',
        });
        expect(response.status).toBeLessThan(500);
      }),
      { numRuns: 200 },
    );
  });
});

describe('numbers in metadata that would come back as others', () => {
  it('are refused rather than changed', async () => {
    for (const number of ['1e400', '-1e400', '9007199254740993', '1e300'])
      for (const metadata of [number, `{"a":[${number}]}`]) {
        const reply = await call(world, 'POST', '/v1/invoices', admin, `{"metadata":${metadata}}`);
        expect(reply, metadata).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
        expect(JSON.stringify(reply.json)).toContain('send them as strings');
      }
    const kept = [9_007_199_254_740_991, -1, 0.25, 1e-7];
    expect(await call(world, 'POST', '/v1/invoices', admin, { metadata: kept })).toMatchObject({
      status: 201,
      json: { metadata: kept },
    });
  });
});
