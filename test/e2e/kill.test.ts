import { describe, expect, it, type TestContext } from 'vitest';
import { databaseFor, type EngineName, World } from './harness.js';
import { killRound } from './killing.js';

const ROUNDS = 5;
const PAYERS = 3;
const CUSTOMERS = 6;

/** Runs to the end, closed whatever happens. */
async function runKilling(engine: EngineName, { onTestFinished }: TestContext): Promise<void> {
  const database = await databaseFor(engine);
  if (!database) return; // said aloud by whoever looked for the server
  const world = await World.open(database.url === undefined ? {} : { databaseUrl: database.url });
  onTestFinished(async () => {
    await world.close();
    await database.drop();
  });
  world.shop.open(CUSTOMERS);
  world.errands.open(PAYERS);
  for (let round = 0; round < ROUNDS; round++) await killRound(world, round);
  const { violations, purchases, payments, paid } = await world.judge();
  expect(violations).toEqual([]);
  expect(purchases).toBeGreaterThan(CUSTOMERS);
  expect(payments).toBeGreaterThan(0);
  expect(paid).toBeGreaterThan(0);
  expect(world.kills).toBeGreaterThan(ROUNDS);
}

describe.concurrent('kill -9 of the daemon under load', () => {
  it('loses nothing on SQLite', { timeout: 240_000 }, (context) => runKilling('sqlite', context));

  it('loses nothing on PostgreSQL', { timeout: 240_000 }, (context) => runKilling('postgres', context));
});
