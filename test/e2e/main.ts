/**
 * The kill test at length: `tsx test/e2e/main.ts --rounds 100 --engine sqlite|postgres [--customers 8] [--daemons 10]`.
 * With several daemons (PostgreSQL) the one that serves most members is killed, with one the same again and again.
 */
import { parseArgs } from 'node:util';
import { databaseFor, type EngineName, World } from './harness.js';
import { killOwner, killRound } from './killing.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    engine: { type: 'string', default: 'sqlite' },
    customers: { type: 'string', default: '8' },
    daemons: { type: 'string', default: '1' },
  },
});
const { engine } = values;
const [rounds, customers, daemons] = [Number(values.rounds), Number(values.customers), Number(values.daemons)];
const areNumbers = [rounds, customers, daemons].every((number) => Number.isSafeInteger(number) && number > 0);
if (!isEngine(engine) || !areNumbers || (engine === 'sqlite' && daemons > 1)) {
  process.stderr.write('usage: --rounds N --engine sqlite|postgres --customers N --daemons N (postgres only)\n');
  process.exit(2);
}
process.exitCode = await run(engine);

function isEngine(name: string): name is EngineName {
  return name === 'sqlite' || name === 'postgres';
}

async function run(name: EngineName): Promise<number> {
  const database = await databaseFor(name);
  if (!database) return 1;
  const startedAt = Date.now();
  const world = await World.open({ daemons, ...(database.url !== undefined && { databaseUrl: database.url }) });
  try {
    world.shop.open(customers);
    const takeovers: number[] = [];
    for (let round = 0; round < rounds; round++) {
      if (daemons > 1) takeovers.push(await killOwner(world));
      else await killRound(world, round);
      if (round % 10 === 9)
        progress(`${round + 1} rounds, ${world.kills} kills, ${world.shop.purchases.length} purchases`);
    }
    await world.shop.close();
    const { length: repeatedRequests } = world.shop.openRequests;
    await world.shop.repeatOpenRequests();
    const { violations, ...numbers } = await world.judge();
    for (const violation of violations) progress(`VIOLATION ${violation}`);
    const summary = {
      engine: name,
      daemons,
      rounds,
      kills: world.kills,
      repeatedRequests,
      ...numbers,
      ...(takeovers.length > 0 && { takeoverMs: { longest: Math.max(...takeovers), mean: mean(takeovers) } }),
      violations: violations.length,
      seconds: Math.round((Date.now() - startedAt) / 1000),
    };
    process.stdout.write(`${JSON.stringify(summary)}\n`);
    return violations.length === 0 ? 0 : 1;
  } finally {
    await world.close();
    await database.drop();
  }
}

function mean(numbers: readonly number[]): number {
  return Math.round(numbers.reduce((sum, number) => sum + number, 0) / numbers.length);
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
