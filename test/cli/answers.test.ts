/** What the command line makes of answers that a real daemon gives only at certain moments. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inProcess, launch, type Outcome } from './support.js';
import { until } from '../daemon/support.js';

const HASH = 'ab'.repeat(32);
const HELD = { payment_hash: HASH, state: 'accepted', hold: true, held_msat: '5000', parts: [] };

let folder = '';
let answers: Record<string, { status: number; body: unknown }> = {};
let asked = 0;
const server: Server = createServer((request, response) => {
  asked += 1;
  const { status, body } = answers[`${request.method ?? ''} ${request.url?.split('?')[0] ?? ''}`] ?? {
    status: 404,
    body: { code: 'not_found', detail: 'nothing here' },
  };
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-answers-'));
  await writeFile(join(folder, 'admin.token'), `mft_${'0'.repeat(64)}\n`);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

const environment = (): Record<string, string> => ({
  MANIFOLD_API: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  MANIFOLD_CONFIG: join(folder, 'manifold.toml'),
});
const manifold = (...args: string[]): Promise<Outcome> => inProcess(args, environment());

describe('the command line', () => {
  it('says when a settlement happens that a node holds up', async () => {
    const body = { ...HELD, settle_requested: true };
    answers = { [`POST /v1/invoices/${HASH}/settle`]: { status: 200, body } };
    expect((await manifold('invoice', 'settle', HASH)).stdout).toMatch(
      /Settlement requested; it happens when every node/,
    );
    const told = await manifold('invoice', 'settle', HASH, '--json');
    expect(JSON.parse(told.stdout)).toEqual(body);
  });

  it('says what to do about a payment that waits', async () => {
    const record = { payment_hash: HASH, outcome: 'pending', paid_msat: '0', parts: [] };
    answers = {
      'POST /v1/sim/pay': { status: 200, body: record },
      [`GET /v1/invoices/${HASH}`]: { status: 200, body: HELD },
    };
    expect((await manifold('sim', 'pay', 'lnbc1x')).stdout).toContain(`manifold invoice settle ${HASH}`);
    answers[`GET /v1/invoices/${HASH}`]!.body = { ...HELD, hold: false };
    expect((await manifold('sim', 'pay', 'lnbc1x')).stdout).toContain(`manifold invoice show ${HASH}`);
  });

  it('says how to get a token that works', async () => {
    answers = { 'GET /v1/nodes': { status: 401, body: { code: 'token_invalid', detail: 'x' } } };
    expect((await manifold('nodes')).stderr).toMatch(/admin\.token .*restart the daemon/);
    const given = await inProcess(['nodes'], { ...environment(), MANIFOLD_TOKEN: 'mft_revoked_token_00' });
    expect(given.stderr).toMatch(/MANIFOLD_TOKEN .*unset it/);
  });

  it('counts a request that the daemon cannot read as wrong usage', async () => {
    const errors = [{ field: 'reference', message: 'must have at most 200 characters' }];
    const body = { code: 'invalid_request', detail: 'the body is not as it must be: see errors', errors };
    answers = { 'POST /v1/invoices': { status: 400, body } };
    const { code, stderr } = await manifold('invoice', 'create', '--amount', '1sat', '--reference', 'x'.repeat(300));
    expect([code, stderr]).toEqual([2, expect.stringMatching(/reference: must have at most 200 characters/)]);
  });

  it('says once in JSON that a webhook was not taken', async () => {
    answers = { 'POST /v1/webhooks/wh_1/ping': { status: 200, body: { delivered: false, status: 500 } } };
    const { code, stdout, stderr } = await manifold('webhook', 'ping', 'wh_1', '--json');
    expect([code, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toEqual({ delivered: false, status: 500 });
  });

  it('goes on following events while a daemon starts again', async () => {
    const body = { code: 'starting', detail: 'the daemon is starting; ask again in a second' };
    answers = { 'GET /v1/events': { status: 503, body } };
    asked = 0;
    const following = launch(['events', '--follow', '--after', '0'], environment());
    await until(() => asked >= 2);
    expect(following.text().code).toBe(null);
    following.child.kill('SIGTERM');
    await following.done;
  });
});
