/** How long payments wait when the daemon that serves a node goes away: from its end until another one settles there. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from './daemon.js';
import { until, type World } from './harness.js';
import { MEMBERS } from './network.js';

const AMOUNT_MSAT = 1_000_000n;
const PAY_EVERY_MS = 50;
const TIMEOUT_MS = 120_000;

/**
 * All members are served, then their owner ends; payers keep trying. Returns how long it took, in ms, until the first
 * payment was settled at a node that it had served.
 */
export async function measureTakeover(world: World, how: 'kill' | 'stop'): Promise<number> {
  if (!(await until(async () => (await world.liveMembers()) === MEMBERS.length, TIMEOUT_MS)))
    throw new Error('not all members are served');
  const owner = (await world.owner())!;
  const nodes = new Set(await servedBy(owner));
  const rest = world.cluster.daemons.filter((daemon) => daemon !== owner);
  const startedAt = Date.now();
  const ended = how === 'kill' ? world.kill(owner) : owner.stop();
  const took = await firstSettledAt(world, nodes, rest, startedAt);
  await ended;
  owner.start();
  await owner.ready();
  return took;
}

async function servedBy(daemon: Daemon): Promise<string[]> {
  const { body } = await daemon.ask('GET', '/v1/nodes');
  const nodes = body['nodes'] as { readonly name: string; readonly state: string }[];
  return nodes.filter(({ state }) => state === 'live').map(({ name }) => name);
}

async function firstSettledAt(
  { admin }: World,
  nodes: ReadonlySet<string>,
  askable: readonly Daemon[],
  startedAt: number,
): Promise<number> {
  for (let i = 0; Date.now() < startedAt + TIMEOUT_MS; i++) {
    const daemon = askable[i % askable.length]!;
    const { body } = await daemon.ask('POST', '/v1/invoices', { body: { amount_msat: AMOUNT_MSAT.toString() } });
    await admin.pay('carol', { invoice: String(body['bolt11']), attempts: 3 });
    await sleep(PAY_EVERY_MS);
    const { answers } = await admin.observations();
    // What the owner still settled before it ended is not meant.
    const settled = answers.filter(
      ({ action, at, node, fate }) => action === 'settle' && fate === 'applied' && nodes.has(node) && at > startedAt,
    );
    const byOthers = settled.find(({ at }) => at > startedAt + QUIET_MS);
    if (byOthers) return byOthers.at - startedAt;
  }
  throw new Error('nothing was settled by another daemon');
}

/** Answers of the owner that were under way when it ended. */
const QUIET_MS = 30;
