/** Paying by the API over LND nodes: from both at once, and what LND cannot do. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeInvoice } from '../../src/bolt11/index.js';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { issueSimInvoice } from '../../src/node/sim/sim-invoice.js';
import { Feature } from '../../src/wire/features.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { type LndFolder, lndFolder } from '../cli/lnd.js';
import { call, makeWorld, ready, type Reply, until, type World } from './support.js';

interface Paid {
  readonly id: string;
  readonly state: string;
  readonly preimage: string;
  readonly parts: readonly { readonly from: { readonly name: string }; readonly state: string }[];
}

async function shop(): Promise<{ lnds: LndFolder; world: World; pay: (body: object) => Promise<Reply> }> {
  const lnds = await lndFolder();
  onTestFinished(() => lnds.close());
  const nodes = lnds.nodes.map(({ toml }) => toml).join('');
  const config = `network = "regtest"\n[cluster]\nseed_env = "SEED"\n[database]\nurl = "sqlite::memory:"\n${nodes}`;
  const world = await makeWorld({ config });
  onTestFinished(() => world.stop());
  await ready(world);
  const token = await world.token('admin');
  await until(() => {
    const status = world.parts.api.paying?.status();
    return status?.graph.loaded === true && status.nodes.every(({ reachable }) => reachable);
  });
  return { lnds, world, pay: (body) => call(world, 'POST', '/v1/payments', token, body) };
}

function invoiceOf({ world: { network } }: LndFolder, amountMsat: bigint, hold = false) {
  const secrets = { preimage: randomBytes(32), paymentSecret: randomBytes(32) };
  const now = Math.floor(Date.now() / 1000);
  return issueSimInvoice(network.node('payer'), { amountMsat, description: 'x', now, hold, ...secrets });
}

describe('paying over LND nodes', () => {
  it('sends more than either has from both, and proves it', async () => {
    const { lnds, pay } = await shop();
    const { bolt11, paymentHash } = invoiceOf(lnds, 8_000_000_000n);
    const { status, json } = await pay({ invoice: bolt11, wait_seconds: 15 });
    expect(status, JSON.stringify(json)).toBe(201);
    const paid = json as unknown as Paid;
    expect(paid.state, JSON.stringify(json)).toBe('succeeded');
    expect(toHex(sha256(fromHex(paid.preimage)))).toBe(toHex(paymentHash));
    const settled = paid.parts.filter(({ state }) => state === 'settled');
    expect([...new Set(settled.map(({ from }) => from.name))].sort()).toEqual(['alpha', 'beta']);
  });

  it('is found again when LND was restarted with the money out', async () => {
    const { lnds, world, pay } = await shop();
    const { bolt11, paymentHash } = invoiceOf(lnds, 30_000_000n, true);
    const { till } = lnds.world.network.node('payer');
    const begun = await pay({ invoice: bolt11, timeout_seconds: 600 });
    await until(() => till.isHeld(paymentHash));
    for (const { lnd } of lnds.nodes) {
      lnds.world.sim.crashNode(lnd.node.name);
      await lnd.ready;
      lnds.world.sim.restartNode(lnd.node.name);
      await lnd.ready;
    }
    till.settle(paymentHash);
    const token = await world.token('payments:read');
    const path = `/v1/payments/${String(begun.json['id'])}`;
    await until(async () => (await call(world, 'GET', path, token)).json['is_over'] === true, 40_000);
    expect((await call(world, 'GET', path, token)).json).toMatchObject({ state: 'succeeded' });
  });

  it('is refused before anything is sent where the payee wants its metadata back', async () => {
    const { pay } = await shop();
    const draft = {
      currency: 'bcrt' as const,
      amountMsat: 5_000n,
      timestamp: Math.floor(Date.now() / 1000),
      paymentHash: randomBytes(32),
      paymentSecret: randomBytes(32),
      paymentMetadata: Uint8Array.of(1),
      description: 'x',
      features: [Feature.varOnion, Feature.paymentSecret, Feature.paymentMetadata],
    };
    const invoice = unwrap(encodeInvoice(draft, randomBytes(32)));
    for (const more of [{}, { dry_run: true }])
      expect(await pay({ invoice, ...more })).toMatchObject({
        status: 422,
        json: { code: 'payment_metadata', detail: expect.stringContaining('alpha, beta') as unknown },
      });
  });
});
