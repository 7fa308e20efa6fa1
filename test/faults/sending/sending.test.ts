import { describe, expect, it } from 'vitest';
import { PLANTED_SENDING } from './planted.js';
import { runSending, type SendingEmphasis, type SendingOptions } from './run.js';
import { openSqlitePayments } from './sqlite-store.js';

describe('fault schedules of sending', () => {
  it('pay nothing twice and tell no untruth in 200 worlds', { timeout: 180_000 }, async () => {
    const totals = { succeeded: 0, failed: 0, parts: 0, takenOver: 0, mostOut: 0 };
    for (let seed = 1; seed <= 200; seed++) {
      const result = await runSending(seed);
      expect(result.violations, `seed ${seed}`).toEqual([]);
      totals.succeeded += result.succeeded;
      totals.failed += result.failed;
      totals.parts += result.parts;
      totals.takenOver += result.takenOver;
      totals.mostOut = Math.max(totals.mostOut, result.mostOut);
    }
    // Positive control: the worlds are neither all well nor all lost, and much goes wrong while parts are out.
    expect(totals.succeeded).toBeGreaterThan(100);
    expect(totals.failed).toBeGreaterThan(50);
    expect(totals.parts).toBeGreaterThan(500);
    expect(totals.takenOver).toBeGreaterThan(50);
    expect(totals.mostOut).toBeGreaterThan(4);
  });

  it.each(['processes frozen', 'processes killed', 'nodes away'] satisfies SendingEmphasis[])(
    'nor in 40 worlds with many %s',
    { timeout: 120_000 },
    async (emphasis) => {
      for (let seed = 1; seed <= 40; seed++)
        expect((await runSending(seed, { emphasis })).violations, `seed ${seed}`).toEqual([]);
    },
  );

  it('are the same for the same seed, step by step', async () => {
    for (const seed of [3, 14, 15]) {
      const first = await runSending(seed, { keepTrace: true });
      const second = await runSending(seed, { keepTrace: true });
      expect(second.trace).toEqual(first.trace);
      expect(second.traceHash).toBe(first.traceHash);
      expect(first.trace.length).toBeGreaterThan(30);
    }
    expect((await runSending(4)).traceHash).not.toBe((await runSending(5)).traceHash);
  });

  it('hold over SQLite', { timeout: 120_000 }, async () => {
    let succeeded = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const result = await runSending(seed, { wiring: { openStore: openSqlitePayments } });
      expect(result.violations, `seed ${seed}`).toEqual([]);
      succeeded += result.succeeded;
    }
    expect(succeeded).toBeGreaterThan(5);
  });
});

const SEEDS = 120;

describe('planted bugs of sending are caught', () => {
  it.each(Object.entries(PLANTED_SENDING))('%s', { timeout: 180_000 }, async (_, { wiring, caughtBy, emphasis }) => {
    const more: SendingOptions = emphasis ? { emphasis } : {};
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violations } = await runSending(seed, { wiring, ...more });
      if (!violations.some(({ rule }) => caughtBy.includes(rule))) continue;
      // The same world without the bug is sound.
      expect((await runSending(seed, more)).violations).toEqual([]);
      return;
    }
    expect.fail(`not caught in ${SEEDS} seeds`);
  });
});
