/** Wallets that are served while they sleep, through the daemon and its API. */
import { onTestFinished, describe, expect, it } from 'vitest';
import { decodeRodPeerMessage, encodeRodPeerMessage, ROD_PEER_MESSAGE_TYPE } from '../../../src/messages/index.js';
import { askListWebhooks, askSetWebhook } from '../../../src/offline/wake/index.js';
import { decodeBlindedPath } from '../../../src/onion/index.js';
import { fromHex } from '../../../src/wire/bytes.js';
import { call, CONFIG, until } from '../support.js';
import { LSP_CONFIG, type LspWorld, makeLsp, wakeEndpoint, walletOf } from './api-world.js';

const WALLETS = '/v1/offline/wallets';

async function lsp(config = LSP_CONFIG) {
  const world = await makeLsp({ config });
  onTestFinished(async () => {
    await world.end();
    await world.store.close();
  });
  const token = await world.token('admin');
  const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    call(world, method, path, token, body, headers);
  const enrol = (name: string, more: object = {}) => ask('POST', WALLETS, { node_id: world.idOf(name), name, ...more });
  return { world, ask, enrol };
}

type Json = Record<string, unknown>;
const heldOf = (json: Json) => json['held'] as Json[];

async function sleeps(world: LspWorld, name: string): Promise<void> {
  world.faults.crashNode(name);
  const token = await world.token('nodes:read');
  await until(async () => (await call(world, 'GET', `${WALLETS}/${name}`, token)).json['state'] === 'asleep');
}

describe('wallets of an LSP', () => {
  it('are not served without a word in the configuration', async () => {
    const { world, ask, enrol } = await lsp(CONFIG);
    expect((await enrol('ann')).json['code']).toBe('offline_off');
    for (const path of [WALLETS, `${WALLETS}/1`, '/v1/offline/held'])
      expect(await ask('GET', path)).toMatchObject({ status: 409, json: { code: 'offline_off' } });
    expect(await world.parts.api.metrics.registry.metrics()).not.toContain('manifold_offline');
    // A payment to a wallet that is off fails at once.
    world.faults.crashNode('ann');
    const { outcome } = await world.pay('ann', 1_000_000n).done;
    expect(outcome).toBe('failed');
  });

  it('are enrolled, listed, changed and removed', async () => {
    const { world, ask, enrol } = await lsp();
    const key = { 'idempotency-key': 'one' };
    const made = await ask('POST', WALLETS, { node_id: world.idOf('ann'), name: 'ann', limits: { max_slots: 4 } }, key);
    expect(made).toMatchObject({ status: 201, json: { number: 1, name: 'ann', node_id: world.idOf('ann') } });
    expect(made.json['limits']).toMatchObject({ max_slots: 4, max_held: 3, max_held_msat: '1000000000' });
    for (const path of made.json['server_paths'] as string[]) expect(decodeBlindedPath(fromHex(path)).ok).toBe(true);
    expect(made.json['server_paths']).not.toHaveLength(0);
    // Whoever reads the database must not find what stands for the wallet.
    const again = await ask(
      'POST',
      WALLETS,
      { node_id: world.idOf('ann'), name: 'ann', limits: { max_slots: 4 } },
      key,
    );
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.json['server_paths']).not.toEqual(made.json['server_paths']);
    expect(await enrol('ann')).toMatchObject({ status: 409, json: { code: 'already_enrolled' } });
    expect(await enrol('alpha')).toMatchObject({ status: 409, json: { code: 'own_member' } });
    expect(await enrol('bob', { name: '17' })).toMatchObject({ status: 422, json: { code: 'bad_name' } });
    expect((await enrol('bob', { limits: { max_held: 0 } })).status).toBe(400);
    await enrol('bob', { name: 'bob/ö 1' });
    await until(async () => (await ask('GET', WALLETS)).json['asleep'] === 0);
    const page = await ask('GET', `${WALLETS}?limit=1`);
    expect(page.json).toMatchObject({
      wallets: [{ number: 1, state: 'awake', slots_used: 0, max_slots: 4, held: { count: 0, amount_msat: '0' } }],
      next_cursor: '1',
      enrolled: 2,
      asleep: 0,
    });
    const second = await ask('GET', `${WALLETS}?limit=5&cursor=1`);
    expect(second.json['wallets']).toMatchObject([{ number: 2 }]);
    expect(second.json['next_cursor']).toBeUndefined();
    expect((await ask('GET', `${WALLETS}?cursor=x`)).json['code']).toBe('bad_cursor');
    for (const name of ['2', world.idOf('bob'), encodeURIComponent('bob/ö 1')])
      expect((await ask('GET', `${WALLETS}/${name}`)).json).toMatchObject({ number: 2, held: [], slots: [] });
    const changed = await ask('POST', `${WALLETS}/2/limits`, { max_held_msat: '5000' });
    expect(changed.json['limits']).toMatchObject({ max_held: 3, max_held_msat: '5000' });
    const paths = await ask('POST', `${WALLETS}/2/paths`, { expires_at: 4_000_000_000 });
    expect(paths.json).toMatchObject({ number: 2 });
    expect(paths.json['rod_paths']).not.toHaveLength(0);
    expect((await ask('DELETE', `${WALLETS}/2`)).status).toBe(204);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/paths'],
    ] as const)
      expect((await ask(method, `${WALLETS}/2${path}`, method === 'POST' ? {} : undefined)).json['code']).toBe(
        'not_found',
      );
    expect((await enrol('bob')).json['number']).toBe(3);
  });

  it('are read by one scope and written by another', async () => {
    const { world } = await lsp();
    const [reader, writer] = [await world.token('nodes:read'), await world.token('offline:write')];
    const body = { node_id: world.idOf('ann'), name: 'ann' };
    expect((await call(world, 'POST', WALLETS, reader, body)).status).toBe(403);
    expect((await call(world, 'POST', WALLETS, writer, body)).status).toBe(201);
    expect((await call(world, 'GET', WALLETS, writer)).status).toBe(403);
    expect((await call(world, 'GET', `${WALLETS}/1`, reader)).json['server_paths']).toBeUndefined();
    expect((await call(world, 'POST', `${WALLETS}/1/paths`, reader, {})).status).toBe(403);
    expect((await call(world, 'DELETE', `${WALLETS}/1`, reader)).status).toBe(403);
  });

  it('have payments held while they sleep, are woken by calls that the node has signed, and get them', async () => {
    const { world, ask, enrol } = await lsp();
    const endpoint = await wakeEndpoint(world.network.node('alpha').nodeId);
    onTestFinished(() => endpoint.close());
    await enrol('ann');
    const wallet = await walletOf(world, 'ann');
    expect(await wallet.ask(askSetWebhook('app', endpoint.url))).toMatchObject({ num_webhooks: 1, no_change: false });
    expect(await wallet.ask(askListWebhooks())).toMatchObject({ app_names: ['app'] });
    await until(() => endpoint.calls.length === 1);
    expect((await ask('GET', `${WALLETS}/ann`)).json['webhooks']).toMatchObject([{ app_name: 'app' }]);
    await sleeps(world, 'ann');
    const payment = world.pay('ann', 2_000_000n);
    await until(async () => heldOf((await ask('GET', `${WALLETS}/ann`)).json).length === 1);
    const { json } = await ask('GET', `${WALLETS}/ann`);
    const [held] = heldOf(json);
    expect(held).toMatchObject({
      state: 'held',
      payee: { number: 1, name: 'ann' },
      node: 'alpha',
      forward_msat: '2000000',
    });
    expect(held).toMatchObject({ payment_hash: payment.paymentHash, waits_for: 'ann sleeps' });
    expect(held!['then']).toBe(
      `at block ${String(held!['until_block'])} it is failed back to the payer, in ${String(held!['blocks_left'])} blocks`,
    );
    const list = (await ask('GET', WALLETS)).json;
    expect(list).toMatchObject({ asleep: 1, held: { count: 1, amount_msat: held!['amount_msat'] } });
    expect(await ask('DELETE', `${WALLETS}/ann`)).toMatchObject({ status: 409, json: { code: 'htlcs_held' } });
    await until(() => endpoint.calls.includes('lsps5.payment_incoming'));
    expect(endpoint.calls).toEqual(['lsps5.webhook_registered', 'lsps5.payment_incoming']);
    const metrics = await world.parts.api.metrics.registry.metrics();
    for (const line of [
      'manifold_offline_wallets 1',
      'manifold_offline_held_htlcs 1',
      'manifold_offline_await_payee 1',
    ])
      expect(metrics).toContain(`\n${line}\n`);
    expect(metrics).toContain('manifold_offline_htlcs_total{what="held"} 1');
    world.faults.restartNode('ann');
    expect((await payment.done).outcome).toBe('settled');
    await until(async () => heldOf((await ask('GET', `${WALLETS}/ann`)).json).length === 0);
    expect(heldOf((await ask('GET', '/v1/offline/held?all=true')).json)).toMatchObject([
      { state: 'gone', end: 'settled' },
    ]);
    expect(heldOf((await ask('GET', '/v1/offline/held')).json)).toEqual([]);
    const told = async () =>
      (await ask('GET', '/v1/events?types=offline.held,offline.resumed,offline.ended')).json['events'];
    await until(async () => ((await told()) as Json[]).length === 3);
    const about = { held_id: held!['id'], payee: 1, amount_msat: held!['amount_msat'], node_id: world.idOf('alpha') };
    expect(await told()).toMatchObject([
      {
        type: 'offline.held',
        payment_hash: payment.paymentHash,
        data: { ...about, until_block: held!['until_block'] },
      },
      { type: 'offline.resumed', data: { ...about, outcome: 'awake' } },
      { type: 'offline.ended', data: { ...about, outcome: 'settled' } },
    ]);
  });

  it('are let go with what is held for them when the operator insists', async () => {
    const { world, ask, enrol } = await lsp();
    await enrol('ann');
    await sleeps(world, 'ann');
    const payment = world.pay('ann', 2_000_000n);
    await until(async () => heldOf((await ask('GET', '/v1/offline/held')).json).length === 1);
    expect((await ask('DELETE', `${WALLETS}/ann?force=true`)).status).toBe(204);
    expect((await payment.done).outcome).toBe('failed');
  });

  it('ask for rods by peer message, and strangers in vain', async () => {
    const { world, enrol } = await lsp();
    await enrol('ann');
    const request = encodeRodPeerMessage({
      name: 'rod_hold_request',
      rodId: new Uint8Array(32).fill(9),
      paymentHashes: [new Uint8Array(32).fill(8)],
      totalMsat: 1_000n,
      holdUntil: world.network.height + 100,
      parts: 1,
      notifyOnSettle: false,
    });
    for (const [name, status] of [
      ['ann', 'ok'],
      ['bob', 'unknown_client'],
    ] as const) {
      const wallet = await walletOf(world, name);
      await until(async () => {
        await wallet.send(ROD_PEER_MESSAGE_TYPE, request);
        await new Promise((resolve) => setTimeout(resolve, 50));
        return wallet.heard.length > 0;
      });
      const answer = decodeRodPeerMessage(wallet.heard[0]!.payload);
      expect(answer.ok && answer.value).toMatchObject({ name: 'rod_hold_response', status });
    }
  });

  it('are known to the next daemon, with what is held for them', async () => {
    const { world, ask, enrol } = await lsp();
    await enrol('ann');
    await sleeps(world, 'ann');
    const payment = world.pay('ann', 2_000_000n);
    await until(async () => heldOf((await ask('GET', '/v1/offline/held')).json).length === 1);
    await world.end();
    const next = await makeLsp({ after: world });
    onTestFinished(() => next.end());
    const token = await next.token('nodes:read');
    const show = async () => (await call(next, 'GET', `${WALLETS}/ann`, token)).json;
    await until(async () => heldOf(await show())[0]?.['until_block'] !== undefined);
    expect(await show()).toMatchObject({
      number: 1,
      state: 'asleep',
      held: [{ state: 'held', waits_for: 'ann sleeps' }],
    });
    expect(payment.record.outcome).toBe('pending');
    next.faults.restartNode('ann');
    expect((await payment.done).outcome).toBe('settled');
  });
});
