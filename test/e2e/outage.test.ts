import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDatabase, startCluster } from '../support/postgres.js';
import { forwardThroughMember } from './forwards.js';
import { until, World } from './harness.js';

const OUTAGE_MS = 10_000;

describe('PostgreSQL stopped for ten seconds under load', () => {
  it('delays payments, loses none, and ordinary forwards do not notice', async () => {
    const server = await startCluster();
    const { control } = server ?? {};
    if (!server || !control) return; // said aloud where the shared server is looked for
    onTestFinished(() => control.stop('immediate'));
    const { url } = await createDatabase(server.url);
    const world = await World.open({ databaseUrl: url, daemons: 2 });
    onTestFinished(() => world.close());
    world.shop.open(6);
    await sleep(2_000);

    await control.stop('immediate');
    const stoppedAt = Date.now();
    await sleep(500);
    const daemon = world.cluster.any();
    const refused = await daemon.ask('POST', '/v1/invoices', { body: { amount_msat: '1000' } });
    expect([refused.status, refused.body['code']]).toEqual([503, 'store_unavailable']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const probe = await daemon.probe();
    expect([probe.status, JSON.stringify(probe.body)]).toEqual([503, expect.stringContaining('database')]);
    const forwards = await forwardThroughMember(world, 20, 5_000);
    expect(forwards.filter((took) => took === undefined)).toEqual([]);
    await sleep(Math.max(0, stoppedAt + OUTAGE_MS - Date.now()));
    expect(await until(() => world.cluster.refusals > 0, 60_000)).toBe(true);
    await control.start();
    await daemon.ready();
    await sleep(3_000);

    const { violations, payments } = await world.judge();
    expect(violations).toEqual([]);
    expect(payments).toBeGreaterThan(0);
  }, 180_000);
});
