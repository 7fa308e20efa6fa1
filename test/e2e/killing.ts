/** Kills a daemon at random moments and starts it again at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from './daemon.js';
import { until, type World } from './harness.js';

/** Past leases and start-up the daemon works for so long at most before it is killed. */
const WORK_MS = 1_500;
const BURST = 4;
const MEMBER_COUNT = 3;
const TAKEOVER_TIMEOUT_MS = 60_000;

/**
 * One round: up, at work for a moment, killed. Every third round is a burst instead: killed while it starts, several times
 * in a row, at moments that no orderly test would choose.
 */
export async function killRound(world: World, round: number): Promise<void> {
  const daemon = world.cluster.daemons[0]!;
  const { random } = world;
  if (round % 3 === 2) {
    for (let i = 0; i < BURST; i++) {
      await sleep(random() * 250 + random() * random() * 2_000);
      await world.kill(daemon);
      daemon.start();
    }
    return;
  }
  await daemon.live();
  await world.shop.recheck(6);
  await sleep(random() * WORK_MS);
  await world.kill(daemon);
  daemon.start();
}

/** One round with several daemons whose nodes are in trouble: one of them dies or stands still, at times another one with it. */
export async function strikeRound(world: World, leaseTtlSeconds: number): Promise<void> {
  const { random } = world;
  await sleep(random() * WORK_MS);
  const owner = (await world.owner()) ?? world.cluster.any();
  const others = world.cluster.daemons.filter((daemon) => daemon !== owner);
  const victims = random() < 0.25 ? [owner, others[Math.floor(random() * others.length)]!] : [owner];
  const isFrozen = random() < 0.3;
  for (const victim of victims) {
    if (isFrozen) victim.freeze();
    else await world.kill(victim);
  }
  // Shorter than a lease, and longer.
  await sleep(random() * 2.5 * leaseTtlSeconds * 1_000);
  for (const victim of victims) {
    if (isFrozen) victim.thaw();
    else victim.start();
  }
  await until(() => world.anyLive(), TAKEOVER_TIMEOUT_MS);
  await world.shop.recheck(4);
}

/** The daemon that serves most members, as soon as all of them are served. */
export async function ownerOfAll(world: World): Promise<Daemon> {
  let owner: Daemon | undefined;
  await until(async () => {
    owner = (await world.liveMembers()) === MEMBER_COUNT ? await world.owner() : undefined;
    return owner !== undefined;
  }, TAKEOVER_TIMEOUT_MS);
  if (!owner) throw new Error(`no daemon serves all members within ${TAKEOVER_TIMEOUT_MS} ms`);
  return owner;
}

/** Kills the daemon that serves most members. Returns how long it took, in ms, until others served them all. */
export async function killOwner(world: World): Promise<number> {
  const owner = await ownerOfAll(world);
  await sleep(world.random() * WORK_MS);
  await world.kill(owner);
  const killedAt = Date.now();
  const isTaken = await until(async () => (await world.liveMembers()) === MEMBER_COUNT, TAKEOVER_TIMEOUT_MS);
  if (!isTaken) throw new Error(`nobody took the members over within ${TAKEOVER_TIMEOUT_MS} ms`);
  const tookMs = Date.now() - killedAt;
  owner.start();
  await world.shop.recheck(4);
  return tookMs;
}
