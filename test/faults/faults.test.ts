import { describe, expect, it } from 'vitest';
import { PLANTED } from './planted.js';
import { type Emphasis, runSeed } from './run.js';
import { openSqliteStore } from './sqlite-store.js';

describe('fault schedules', () => {
  it('break no rule about money in 150 worlds', { timeout: 180_000 }, async () => {
    let settled = 0;
    let failed = 0;
    for (let seed = 1; seed <= 150; seed++) {
      const result = await runSeed(seed);
      expect(result.violations, `seed ${seed}`).toEqual([]);
      settled += result.settledInvoices;
      failed += result.failedPayments;
    }
    // Positive control: the worlds are neither all well nor all lost.
    expect(settled).toBeGreaterThan(150);
    expect(failed).toBeGreaterThan(150);
  });

  it('are the same for the same seed, step by step', async () => {
    for (const seed of [3, 14, 15]) {
      const [first, second] = [await runSeed(seed, { keepTrace: true }), await runSeed(seed, { keepTrace: true })];
      expect(second.trace).toEqual(first.trace);
      expect(second.traceHash).toBe(first.traceHash);
      expect(first.trace.length).toBeGreaterThan(50);
    }
    expect((await runSeed(4)).traceHash).not.toBe((await runSeed(5)).traceHash);
  });

  it('give the same over SQLite as over the store of the tests', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const [fake, sqlite] = [await runSeed(seed), await runSeed(seed, { wiring: { openStore: openSqliteStore } })];
      expect(sqlite.violations).toEqual([]);
      expect(sqlite.settledInvoices).toBe(fake.settledInvoices);
    }
  });

  it('a node lost after the commitment is an alarm, and the rest is settled', { timeout: 120_000 }, async () => {
    let losses = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const result = await runSeed(seed, { emphasis: 'nodes lost at commitment' });
      expect(result.violations, `seed ${seed}`).toEqual([]);
      losses += result.losses;
    }
    expect(losses).toBeGreaterThan(0);
  });
});

const SEEDS = 120;

describe('planted bugs are caught', () => {
  it.each(Object.entries(PLANTED))('%s', { timeout: 180_000 }, async (_, { wiring, caughtBy, emphasis }) => {
    const more: { emphasis?: Emphasis } = emphasis ? { emphasis } : {};
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violations } = await runSeed(seed, { wiring, ...more });
      if (!violations.some(({ rule }) => caughtBy.includes(rule))) continue;
      // The same world without the bug is sound.
      expect((await runSeed(seed, more)).violations).toEqual([]);
      return;
    }
    expect.fail(`not caught in ${SEEDS} seeds`);
  });
});
