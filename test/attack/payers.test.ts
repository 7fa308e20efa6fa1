import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { apiFlood } from './api-flood.js';
import { dust, malformedForEver } from './hostile-payers.js';
import { memoryOf, openForTest } from './world.js';

const ATTACK_MS = 8_000;
const LANES = 12;
const DUST_HTLCS = 1_200;
const FORWARD_TIMEOUT_MS = 20_000;
/** As operators have it: under this load a machine may be too busy for the short lease of the other tests. */
const LONG_LEASE_SECONDS = 10;
/** More than any of these attacks may cost a daemon. */
const MOST_GROWTH_MB = 200;

describe('hostile payers and clients, while honest people pay', () => {
  it('malformed payments are refused for ever, and harm nobody', { timeout: 240_000 }, async (context) => {
    const world = await openForTest(context);
    if (!world) return;
    world.shop.open(3);
    const attack = new AbortController();
    const attacking = malformedForEver(world, LANES, attack.signal);
    await sleep(ATTACK_MS);
    attack.abort();
    const { sent, settled } = await attacking;
    expect(sent).toBeGreaterThan(LANES);
    expect(settled).toBe(0);
    const { violations, payments } = await world.judge();
    expect(violations, `seed ${world.seed}`).toEqual([]);
    expect(payments).toBeGreaterThan(0);
  });

  it(
    'payments made of one-satoshi parts cost bounded memory, and forwards go on',
    { timeout: 300_000 },
    async (context) => {
      const world = await openForTest(context, { leaseTtlSeconds: LONG_LEASE_SECONDS });
      if (!world) return;
      const before = world.cluster.daemons.map(memoryOf);
      const { htlcs, refused, failures, forwards } = await dust(world, DUST_HTLCS, FORWARD_TIMEOUT_MS);
      expect([htlcs, refused]).toEqual([DUST_HTLCS, 0]);
      expect(forwards, JSON.stringify(failures)).not.toContain(undefined);
      world.cluster.daemons.forEach((daemon, i) => {
        const [was, is] = [before[i], memoryOf(daemon)];
        if (was !== undefined && is !== undefined) expect(is - was).toBeLessThan(MOST_GROWTH_MB);
      });
      world.shop.open(3);
      await sleep(2_000);
      const { violations } = await world.judge();
      // The payer of the dust is no customer of the shop.
      expect(
        violations.filter((text) => !text.includes('nobody paid it')),
        `seed ${world.seed}`,
      ).toEqual([]);
      expect(world.shop.purchases.length).toBeGreaterThan(0);
    },
  );

  it('a flood of requests delays parts, and loses none', { timeout: 240_000 }, async (context) => {
    const world = await openForTest(context);
    if (!world) return;
    world.shop.open(3);
    const { answered, unexpected } = await apiFlood(world, ATTACK_MS);
    expect(unexpected).toEqual([]);
    expect(answered).toBeGreaterThan(LANES);
    const { violations, payments } = await world.judge();
    expect(violations, `seed ${world.seed}`).toEqual([]);
    expect(payments).toBeGreaterThan(0);
  });
});
