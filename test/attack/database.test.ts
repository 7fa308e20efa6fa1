import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import pg from 'pg';
import { forwardThroughMember } from '../e2e/forwards.js';
import { until } from '../e2e/harness.js';
import { createDatabase, startCluster } from '../support/postgres.js';
import { allServed, openForTest } from './world.js';

const FORWARD_TIMEOUT_MS = 20_000;
/** Longer than a lease. */
const STUCK_MS = 6_000;

/** Server processes that are at work for a daemon now, inside a transaction. */
async function workingBackends(observer: pg.Client): Promise<number[]> {
  const { rows } = await observer.query<{ pid: number }>(
    "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null and (state = 'active' or state like 'idle in transaction%')",
  );
  return rows.map(({ pid }) => pid);
}

describe.concurrent('PostgreSQL in the middle of a commit', () => {
  it('stops at once and comes back, again and again', { timeout: 300_000 }, async (context) => {
    const server = await startCluster();
    const { control } = server ?? {};
    if (!server || !control) return; // said aloud where the shared server is looked for
    context.onTestFinished(() => control.stop('immediate'));
    const { url } = await createDatabase(server.url);
    const world = await openForTest(context, { databaseUrl: url });
    if (!world) return;
    world.shop.open(4);
    for (let i = 0; i < 3; i++) {
      await sleep(500 + world.random() * 1_500);
      await control.stop('immediate');
      await sleep(world.random() * 2_500);
      await control.start();
    }
    await allServed(world);
    const { violations, payments } = await world.judge();
    expect(violations, `seed ${world.seed}`).toEqual([]);
    expect(payments).toBeGreaterThan(0);
  });

  it('has processes that stand still with their locks', { timeout: 300_000 }, async (context) => {
    const server = await startCluster();
    const { control } = server ?? {};
    if (!server || !control) return;
    context.onTestFinished(() => control.stop('immediate'));
    const { url } = await createDatabase(server.url);
    const world = await openForTest(context, { databaseUrl: url });
    if (!world) return;
    const observer = new pg.Client({ connectionString: url });
    observer.on('error', () => undefined);
    await observer.connect();
    const stopped = new Set<number>();
    const goOn = (): void => {
      for (const pid of stopped) process.kill(pid, 'SIGCONT');
      stopped.clear();
    };
    context.onTestFinished(async () => {
      goOn();
      await observer.end();
    });
    world.shop.open(4);
    for (let i = 0; i < 2; i++) {
      const isCaught = async (): Promise<boolean> => {
        for (const pid of await workingBackends(observer)) {
          process.kill(pid, 'SIGSTOP');
          stopped.add(pid);
        }
        return stopped.size > 0;
      };
      expect(await until(isCaught, 20_000)).toBe(true);
      expect(await forwardThroughMember(world, 2, FORWARD_TIMEOUT_MS)).not.toContain(undefined);
      await sleep(STUCK_MS);
      goOn();
      await sleep(2_000);
    }
    await allServed(world);
    const { violations, payments } = await world.judge();
    expect(violations, `seed ${world.seed}`).toEqual([]);
    expect(payments).toBeGreaterThan(0);
  });
});
