import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, type TestContext } from 'vitest';
import { databaseFor, until, World } from './harness.js';
import { killOwner, ownerOfAll } from './killing.js';

const LEASE_TTL_SECONDS = 2;
/** What is left of the lease, the next look of those who wait, and the work of a busy machine. */
const TAKEOVER_MS = 5 * LEASE_TTL_SECONDS * 1_000;

async function openFleet(daemons: number, { onTestFinished }: TestContext): Promise<World | undefined> {
  const database = await databaseFor('postgres');
  if (database?.url === undefined) return undefined;
  const world = await World.open({ databaseUrl: database.url, daemons, leaseTtlSeconds: LEASE_TTL_SECONDS });
  onTestFinished(async () => {
    await world.close();
    await database.drop();
  });
  return world;
}

describe.concurrent('several daemons on one PostgreSQL database', () => {
  it('take over from one that is killed, within a few leases', async (context) => {
    const world = await openFleet(3, context);
    if (!world) return;
    world.shop.open(5);
    world.errands.open(2);
    for (let i = 0; i < 2; i++) expect(await killOwner(world)).toBeLessThan(TAKEOVER_MS);
    const { violations, payments, paid } = await world.judge();
    expect(violations).toEqual([]);
    expect(payments).toBeGreaterThan(0);
    expect(paid).toBeGreaterThan(0);
  }, 240_000);

  it('suffer no harm from one that was frozen for longer than its lease', async (context) => {
    const world = await openFleet(2, context);
    if (!world) return;
    world.shop.open(5);
    world.errands.open(2);
    for (const isNoticed of [true, false]) {
      const owner = await ownerOfAll(world);
      await sleep(500);
      owner.freeze();
      const paidBefore = world.shop.acknowledged.size;
      await sleep(1.5 * LEASE_TTL_SECONDS * 1_000);
      if (isNoticed) {
        // The nodes give its streams up, as they do when pings are not answered; then the other one can serve them.
        for (const node of ['alpha', 'beta', 'gamma']) await world.admin.inject({ fault: 'drop-stream', node });
        expect(await until(() => world.shop.acknowledged.size > paidBefore, 30_000)).toBe(true);
      }
      await sleep(1_000);
      owner.thaw();
    }
    await sleep(1_000);
    const { violations, payments, paid } = await world.judge();
    expect(violations).toEqual([]);
    expect(payments).toBeGreaterThan(0);
    expect(paid).toBeGreaterThan(0);
  }, 240_000);
});
