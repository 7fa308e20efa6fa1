/** A world for tests with real processes: a simulated network, daemons on one database, a shop, and who judges them. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteSimAdmin } from '../../src/node/sim/remote-client.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';
import { check, readAll } from './checker.js';
import { Cluster } from './cluster.js';
import { Daemon } from './daemon.js';
import { Follower } from './follower.js';
import { Child, repositoryPath, temporaryFolder } from './processes.js';
import { Shop } from './shop.js';

export type EngineName = 'sqlite' | 'postgres';

export interface WorldOptions {
  /** Address of the database; default: a new SQLite file. */
  readonly databaseUrl?: string;
  readonly daemons?: number;
  readonly leaseTtlSeconds?: number;
  /** Prepares the folder of the SQLite database before the first daemon starts. */
  readonly onFolder?: (folder: string) => void;
  readonly random?: () => number;
}

export interface Verdict {
  readonly violations: readonly string[];
  readonly purchases: number;
  readonly payments: number;
  readonly events: number;
  readonly unansweredRequests: number;
}

const QUIET_TIMEOUT_MS = 45_000;

export class World {
  readonly cluster: Cluster;
  readonly admin: RemoteSimAdmin;
  readonly simUrl: string;
  readonly shop: Shop;
  readonly follower: Follower;
  readonly random: () => number;
  kills = 0;
  readonly #sim: Child;
  readonly #removeFolder: () => void;

  private constructor(
    sim: Child,
    simUrl: string,
    daemons: readonly Daemon[],
    random: () => number,
    remove: () => void,
  ) {
    this.#sim = sim;
    this.simUrl = simUrl;
    this.#removeFolder = remove;
    this.random = random;
    this.cluster = new Cluster(daemons);
    this.admin = new RemoteSimAdmin(simUrl);
    this.follower = new Follower(this.cluster);
    const name = randomBytes(4).toString('hex');
    this.shop = new Shop({ cluster: this.cluster, admin: this.admin, follower: this.follower, random, name });
  }

  /** Starts the network and the daemons; every one of them is ready, and at least one serves members. */
  static async open(options: WorldOptions = {}): Promise<World> {
    const { daemons: count = 1, leaseTtlSeconds = 2, random = Math.random, onFolder } = options;
    const folder = temporaryFolder();
    const data = join(folder.path, 'data');
    mkdirSync(data);
    onFolder?.(data);
    const databaseUrl = options.databaseUrl ?? `sqlite:${join(data, 'manifold.db')}`;
    const { sim, simUrl } = await startNetwork();
    const seed = randomBytes(32).toString('hex');
    const daemons: Daemon[] = [];
    for (let i = 0; i < count; i++) {
      const name = `daemon-${i}`;
      const place = { name, folder: join(folder.path, name) };
      daemons.push(await Daemon.prepare({ ...place, databaseUrl, simUrl, seed, leaseTtlSeconds }));
    }
    const world = new World(sim, simUrl, daemons, random, folder.remove);
    try {
      await world.#startAll();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /** The first makes the database and the token that all share. */
  async #startAll(): Promise<void> {
    const [first, ...others] = this.cluster.daemons;
    if (!first) return;
    first.start();
    await first.ready();
    for (const daemon of others) {
      copyFileSync(first.tokenPath, daemon.tokenPath);
      daemon.start();
    }
    for (const daemon of others) await daemon.ready();
    await first.until(() => this.anyLive(), 'to be live, or another one');
    this.follower.start();
  }

  async anyLive(): Promise<boolean> {
    for (const daemon of this.cluster.daemons) {
      const states = daemon.awake ? await daemon.memberStates().catch(() => []) : [];
      if (states.includes('live')) return true;
    }
    return false;
  }

  /** The daemon that serves most members now. */
  async owner(): Promise<Daemon | undefined> {
    let best: { readonly daemon: Daemon; readonly live: number } | undefined;
    for (const daemon of this.cluster.daemons.filter(({ awake }) => awake)) {
      const states = await daemon.memberStates().catch(() => []);
      const live = states.filter((state) => state === 'live').length;
      if (live > (best?.live ?? 0)) best = { daemon, live };
    }
    return best?.daemon;
  }

  /** How many members are served, by whichever daemon. */
  async liveMembers(): Promise<number> {
    const awake = this.cluster.daemons.filter((daemon) => daemon.awake);
    const states = await Promise.all(awake.map((daemon) => daemon.memberStates().catch(() => [])));
    return states.flat().filter((state) => state === 'live').length;
  }

  async kill(daemon: Daemon): Promise<void> {
    this.kills += 1;
    await daemon.kill();
  }

  /** Lets the shop close, waits until every HTLC has its end and every event is read, and judges. */
  async judge(): Promise<Verdict> {
    const { shop, follower, cluster } = this;
    await shop.close();
    await this.#quiet();
    const told = await readAll(cluster);
    await until(() => follower.last >= (told.events.at(-1)?.seq ?? 0n), 10_000);
    const seen = await this.admin.observations();
    const { purchases, acknowledged, references } = shop;
    const violations = [
      ...shop.problems,
      ...follower.problems,
      ...cluster.badAnswers,
      ...cluster.daemons.flatMap(({ deaths }) => deaths),
      ...check({ purchases, acknowledged, references, followed: follower.events, told, seen }),
    ];
    return {
      violations,
      purchases: purchases.length,
      payments: told.payments.length,
      events: told.events.length,
      unansweredRequests: shop.openRequests.length,
    };
  }

  /** Until nothing is under way and what is settled is known to be final. */
  async #quiet(): Promise<void> {
    await until(async () => {
      const { htlcs } = await this.admin.observations();
      if (htlcs.some(({ outcome }) => outcome === undefined)) return false;
      const answer = await this.cluster.insist('GET', '/v1/payments?limit=100', {}, 1_000);
      const payments = (answer?.body['payments'] ?? []) as { state: string }[];
      return answer !== undefined && payments.every(({ state }) => state === 'settled');
    }, QUIET_TIMEOUT_MS);
  }

  async close(): Promise<void> {
    await this.follower.stop();
    await Promise.all(this.cluster.daemons.map((daemon) => daemon.kill()));
    await this.admin.close();
    await this.#sim.kill();
    this.#removeFolder();
  }
}

async function startNetwork(): Promise<{ sim: Child; simUrl: string }> {
  let found = (_port: number): void => undefined;
  const port = new Promise<number>((resolve) => {
    found = resolve;
  });
  const seed = randomBytes(8).toString('hex');
  const sim = Child.start(['--import', 'tsx', repositoryPath('test/e2e/sim-process.ts'), seed], {
    onLine(line) {
      if (line.startsWith('{"port":')) found((JSON.parse(line) as { port: number }).port);
    },
  });
  const ended = sim.exited.then(() => {
    throw new Error(`the simulated network ended:\n${sim.output}`);
  });
  ended.catch(() => undefined);
  return { sim, simUrl: `tcp://127.0.0.1:${await Promise.race([port, ended])}` };
}

/** Whether it came true in time. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) return false;
    await sleep(100);
  }
  return true;
}

/** A database for one world; undefined if the engine is not to be had here. */
export async function databaseFor(
  engine: EngineName,
): Promise<{ readonly url: string | undefined; readonly drop: () => Promise<void> } | undefined> {
  if (engine === 'sqlite') return { url: undefined, drop: () => Promise.resolve() };
  const server = await postgresUrl();
  return server === undefined ? undefined : createDatabase(server);
}
