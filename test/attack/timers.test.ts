import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { until, type World } from '../e2e/harness.js';
import { newInvoice, openForTest, payOnce } from './world.js';

const AMOUNT_MSAT = 20_000_000n;
const MPP_TIMEOUT_MS = 60_000;
/** When the daemons go away: a limit that began anew would end so much later. */
const MPP_RESTART_MS = 35_000;
const HOLD_MS = 40_000;
const HOLD_RESTART_MS = 20_000;
/** How much too early an end may look: two processes look at one clock. */
const EARLY_MS = 1_500;

async function replaceOwners(world: World, afterMs: number): Promise<void> {
  await sleep(afterMs);
  // Both: the limits pass from one daemon to the other, and from a life of a daemon to its next.
  for (const daemon of world.cluster.daemons) {
    await world.kill(daemon);
    await sleep(1_000);
    daemon.start();
  }
}

describe.concurrent('time limits across restarts and takeovers', () => {
  it('of an incomplete payment goes on, and does not begin anew', { timeout: 300_000 }, async (context) => {
    const world = await openForTest(context);
    if (!world) return;
    const { bolt11 } = await newInvoice(world, { amount_msat: AMOUNT_MSAT.toString() });
    const half = { amountMsat: AMOUNT_MSAT / 2n, hint: 0 };
    const paying = payOnce(world, 'carol', { invoice: bolt11, parts: [half] });
    const replacing = replaceOwners(world, MPP_RESTART_MS);
    const { outcome, startedAt, endedAt, parts } = await paying;
    await replacing;
    const took = endedAt! - startedAt;
    expect([outcome, parts[0]!.attempts[0]!.failure?.name]).toEqual(['failed', 'mpp_timeout']);
    expect(took).toBeGreaterThan(MPP_TIMEOUT_MS - EARLY_MS);
    expect(took).toBeLessThan(MPP_RESTART_MS + MPP_TIMEOUT_MS);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('of a held payment goes on, and does not begin anew', { timeout: 300_000 }, async (context) => {
    const world = await openForTest(context);
    if (!world) return;
    const body = { amount_msat: AMOUNT_MSAT.toString(), hold: true, hold_seconds: HOLD_MS / 1_000 };
    const { bolt11, paymentHash } = await newInvoice(world, body);
    const paying = payOnce(world, 'carol', { invoice: bolt11 });
    const isAccepted = async (): Promise<boolean> => {
      const answer = await world.cluster.insist('GET', `/v1/invoices/${paymentHash}`, {}, 10_000);
      return answer?.body['state'] === 'accepted';
    };
    expect(await until(isAccepted, 20_000)).toBe(true);
    const acceptedAt = Date.now();
    const replacing = replaceOwners(world, HOLD_RESTART_MS);
    const { outcome, endedAt } = await paying;
    await replacing;
    const took = endedAt! - acceptedAt;
    expect(outcome).toBe('failed');
    expect(took).toBeGreaterThan(HOLD_MS - 2 * EARLY_MS);
    expect(took).toBeLessThan(HOLD_RESTART_MS + HOLD_MS);
    expect((await world.judge()).violations).toEqual([]);
  });
});
