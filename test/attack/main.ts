/**
 * Attacks at length: `tsx test/attack/main.ts --freeze SECONDS [--lease 10]` stops the owner of the nodes for so long;
 * `--dust 10000` sends so many one-satoshi HTLCs. Prints one line of JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { World } from '../e2e/harness.js';
import { freezeOwner } from './freezing.js';
import { dust } from './hostile-payers.js';
import { memoryOf, openWorld } from './world.js';

const { values } = parseArgs({
  options: {
    freeze: { type: 'string', default: '0' },
    dust: { type: 'string', default: '0' },
    lease: { type: 'string', default: '10' },
    customers: { type: 'string', default: '4' },
  },
});
const [freezeSeconds, dustHtlcs] = [Number(values.freeze), Number(values.dust)];
if (!(freezeSeconds > 0) && !(dustHtlcs > 0)) {
  process.stderr.write('usage: --freeze SECONDS | --dust HTLCS [--lease SECONDS] [--customers N]\n');
  process.exit(2);
}

const world = await openWorld({ leaseTtlSeconds: Number(values.lease) });
if (!world) process.exit(1);
try {
  const attacked = freezeSeconds > 0 ? await freeze(world) : await dustFor(world);
  const { violations, ...numbers } = await world.judge();
  for (const violation of violations) process.stderr.write(`VIOLATION ${violation}\n`);
  process.stdout.write(
    `${JSON.stringify({ seed: world.seed, ...attacked, ...numbers, violations: violations.length })}\n`,
  );
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await world.close();
}

async function freeze(attacked: World): Promise<object> {
  attacked.shop.open(Number(values.customers));
  await sleep(1_000);
  const result = await freezeOwner(attacked, freezeSeconds * 1_000);
  await sleep(5_000);
  return { frozenSeconds: freezeSeconds, ...result };
}

async function dustFor(attacked: World): Promise<object> {
  const memory = (): (number | undefined)[] => attacked.cluster.daemons.map(memoryOf);
  const before = memory();
  const startedAt = Date.now();
  const { htlcs, refused, failures, forwards } = await dust(attacked, dustHtlcs, 20_000);
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  const [answered, unanswered] = [forwards.filter((ms) => ms !== undefined), forwards.includes(undefined)];
  attacked.shop.open(Number(values.customers));
  await sleep(5_000);
  const slowestForwardMs = Math.max(...answered);
  return { htlcs, refused, failures, seconds, slowestForwardMs, unanswered, memoryMb: { before, after: memory() } };
}
