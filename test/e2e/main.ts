/**
 * The kill test at length:
 * `tsx test/e2e/main.ts --rounds 100 --engine sqlite|postgres [--customers 8] [--payers 4] [--daemons 10] [--members lnd] [--seed S]`.
 * Customers pay the cluster; payers let the cluster pay others. With several daemons (PostgreSQL) the one that serves most
 * members is killed, with one the same again and again. Over fake LNDs (`--members lnd`) the nodes are in trouble meanwhile.
 * `--takeover 10` measures instead, so often each, how long payments wait after the owner was killed and after it was stopped.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { databaseFor, type EngineName, World, type WorldOptions } from './harness.js';
import { killOwner, killRound, strikeRound } from './killing.js';
import { measureTakeover } from './takeover.js';
import { Trouble } from './trouble.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    engine: { type: 'string', default: 'sqlite' },
    customers: { type: 'string', default: '8' },
    payers: { type: 'string', default: '4' },
    daemons: { type: 'string', default: '1' },
    members: { type: 'string', default: 'sim' },
    lease: { type: 'string' },
    takeover: { type: 'string', default: '0' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
  },
});
const { engine, members, seed } = values;
const [rounds, customers, daemons] = [Number(values.rounds), Number(values.customers), Number(values.daemons)];
const payers = Number(values.payers);
const measurements = Number(values.takeover);
const leaseTtlSeconds = Number(values.lease ?? (measurements > 0 ? 10 : 2));
const areNumbers = [rounds, customers, daemons, leaseTtlSeconds].every((n) => Number.isSafeInteger(n) && n > 0);
const areMembers = members === 'sim' || members === 'lnd';
if (!isEngine(engine) || !areMembers || !areNumbers || (engine === 'sqlite' && daemons > 1)) {
  process.stderr.write(
    'usage: --rounds N --engine sqlite|postgres --customers N --payers N --daemons N (postgres only) --members sim|lnd --lease SECONDS --takeover N --seed TEXT\n',
  );
  process.exit(2);
}
process.exitCode = await run(engine, { daemons, members, seed, leaseTtlSeconds });

function isEngine(name: string): name is EngineName {
  return name === 'sqlite' || name === 'postgres';
}

async function run(name: EngineName, options: WorldOptions): Promise<number> {
  const database = await databaseFor(name);
  if (!database) return 1;
  progress(`seed ${seed}`);
  const world = await World.open({ ...options, ...(database.url !== undefined && { databaseUrl: database.url }) });
  try {
    return measurements > 0 ? await measure(world) : await kill(world, name);
  } finally {
    await world.close();
    await database.drop();
  }
}

async function kill(world: World, name: EngineName): Promise<number> {
  const startedAt = Date.now();
  const trouble = members === 'lnd' ? new Trouble(world) : undefined;
  world.shop.open(customers);
  world.errands.open(payers);
  trouble?.start();
  const takeovers: number[] = [];
  for (let round = 0; round < rounds; round++) {
    if (daemons === 1) await killRound(world, round);
    else if (trouble) await strikeRound(world, leaseTtlSeconds);
    else takeovers.push(await killOwner(world));
    if (round % 10 === 9)
      progress(
        `${round + 1} rounds, ${world.kills} kills, ${world.shop.purchases.length} purchases, ${world.errands.all.length} errands`,
      );
  }
  await trouble?.stop();
  await Promise.all([world.shop.close(), world.errands.close()]);
  const { length: repeatedRequests } = world.shop.openRequests;
  await world.shop.repeatOpenRequests();
  const { violations, ...numbers } = await world.judge();
  for (const violation of violations) progress(`VIOLATION ${violation}`);
  report({
    engine: name,
    members,
    seed,
    daemons,
    rounds,
    kills: world.kills,
    repeatedRequests,
    ...numbers,
    ...(takeovers.length > 0 && { takeoverMs: spread(takeovers) }),
    ...(trouble && { trouble: Object.fromEntries(trouble.counts) }),
    violations: violations.length,
    seconds: Math.round((Date.now() - startedAt) / 1000),
  });
  return violations.length === 0 ? 0 : 1;
}

async function measure(world: World): Promise<number> {
  const took: Record<'kill' | 'stop', number[]> = { kill: [], stop: [] };
  for (let i = 0; i < measurements; i++) {
    for (const how of ['kill', 'stop'] as const) {
      const ms = await measureTakeover(world, how);
      took[how].push(ms);
      progress(`${how}: ${ms} ms`);
    }
  }
  report({ members, daemons, leaseTtlSeconds, killMs: spread(took.kill), stopMs: spread(took.stop) });
  return 0;
}

function spread(numbers: readonly number[]): Readonly<Record<'p50' | 'max' | 'mean' | 'count', number>> {
  const sorted = [...numbers].sort((a, b) => a - b);
  const mean = Math.round(numbers.reduce((sum, number) => sum + number, 0) / numbers.length);
  return { p50: sorted[Math.floor(sorted.length / 2)]!, max: sorted.at(-1)!, mean, count: numbers.length };
}

function report(summary: object): void {
  process.stdout.write(`${JSON.stringify(summary)}\n`);
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
