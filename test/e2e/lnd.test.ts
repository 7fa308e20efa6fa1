import { describe, expect, it, type TestContext } from 'vitest';
import { databaseFor, type EngineName, World } from './harness.js';
import { killRound, strikeRound } from './killing.js';
import { Trouble } from './trouble.js';

const ROUNDS = 3;
const PAYERS = 3;
const CUSTOMERS = 4;
const LEASE_TTL_SECONDS = 2;

async function runTrouble(engine: EngineName, { onTestFinished }: TestContext): Promise<void> {
  const database = await databaseFor(engine);
  if (!database) return; // said aloud by whoever looked for the server
  const world = await World.open({
    members: 'lnd',
    leaseTtlSeconds: LEASE_TTL_SECONDS,
    ...(database.url !== undefined && { databaseUrl: database.url, daemons: 2 }),
  });
  onTestFinished(async () => {
    await world.close();
    await database.drop();
  });
  const trouble = new Trouble(world);
  world.shop.open(CUSTOMERS);
  world.errands.open(PAYERS);
  trouble.start();
  for (let round = 0; round < ROUNDS; round++) {
    if (engine === 'sqlite') await killRound(world, round);
    else await strikeRound(world, LEASE_TTL_SECONDS);
  }
  await trouble.stop();
  const { violations, payments, paid } = await world.judge();
  expect(violations, `seed ${world.seed}`).toEqual([]);
  expect(payments).toBeGreaterThan(0);
  expect(paid).toBeGreaterThan(0);
}

describe.concurrent('daemons over LNDs in trouble, killed under load', () => {
  it('lose nothing on SQLite', { timeout: 300_000 }, (context) => runTrouble('sqlite', context));

  it('lose nothing on PostgreSQL', { timeout: 300_000 }, (context) => runTrouble('postgres', context));
});
