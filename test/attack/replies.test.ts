import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/node/sim/random.js';
import { Meddler } from './meddler.js';
import { openForTest } from './world.js';

const ATTACK_MS = 8_000;

describe('replies that LND gets twice, again or in another order', () => {
  it('cost streams, and no payment', { timeout: 300_000 }, async (context) => {
    const chance = new Random('replies');
    const meddler = new Meddler(() => chance.fraction());
    context.onTestFinished(() => meddler.close());
    const world = await openForTest(context, { detour: (nodes) => meddler.detour(nodes) });
    if (!world) return;
    world.shop.open(3);
    Object.assign(meddler.meddling, { twice: 0.3, again: 0.1, later: 0.3 });
    await sleep(ATTACK_MS);
    Object.assign(meddler.meddling, { twice: 0, again: 0, later: 0 });
    const { violations, payments } = await world.judge();
    expect(violations, `seed ${world.seed}`).toEqual([]);
    expect(payments).toBeGreaterThan(0);
    expect(meddler.forged).toBeGreaterThan(0);
    const { streams } = await world.order({ verb: 'status', node: 'alpha' });
    expect(streams).toBeGreaterThan(1);
  });
});
