/** Kills a daemon at random moments and starts it again at once. */
import { setTimeout as sleep } from 'node:timers/promises';
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

/** Kills the daemon that serves most members. Returns how long it took, in ms, until others served them all. */
export async function killOwner(world: World): Promise<number> {
  await until(async () => (await world.liveMembers()) === MEMBER_COUNT, TAKEOVER_TIMEOUT_MS);
  const owner = await world.owner();
  if (!owner) throw new Error('no daemon serves a member');
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
