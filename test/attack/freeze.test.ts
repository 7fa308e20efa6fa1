import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { freezeOwner } from './freezing.js';
import { openForTest } from './world.js';

/** Ten leases, and longer than LND waits for an answer to its pings. */
const FROZEN_MS = 20_000;

describe('an owner that stands still and goes on', () => {
  it('finds its payments settled by another daemon, and does no harm', { timeout: 300_000 }, async (context) => {
    const world = await openForTest(context);
    if (!world) return;
    world.shop.open(3);
    await sleep(1_000);
    const { halfPaid } = await freezeOwner(world, FROZEN_MS);
    expect(halfPaid).toBe('settled settled');
    await sleep(3_000);
    const { violations, payments } = await world.judge();
    expect(violations, `seed ${world.seed}`).toEqual([]);
    expect(payments).toBeGreaterThan(0);
  });
});
