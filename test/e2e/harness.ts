/** A world for tests with real processes: a simulated network, daemons on one database, a shop, and who judges them. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../src/node/sim/random.js';
import { RemoteSimAdmin } from '../../src/node/sim/remote-admin.js';
import type { ControlOrder, FakeLndStatus } from '../fake-lnd/control.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';
import { check, MEMBER_NAMES, pages, readAll } from './checker.js';
import { Cluster } from './cluster.js';
import { Daemon } from './daemon.js';
import { checkErrands, type PaidJson } from './errand-checker.js';
import { Errands } from './errands.js';
import { Follower } from './follower.js';
import { type Detour, type MemberKind, type MemberNetwork, startNetwork } from './network.js';
import { temporaryFolder } from './processes.js';
import { Shop } from './shop.js';

export type EngineName = 'sqlite' | 'postgres';

export interface WorldOptions {
  /** Address of the database; default: a new SQLite file. */
  readonly databaseUrl?: string;
  readonly daemons?: number;
  /** Default: sim. */
  readonly members?: MemberKind;
  /** Between daemons and fake LNDs. */
  readonly detour?: Detour;
  readonly leaseTtlSeconds?: number;
  /** Prepares the folder of the SQLite database before the first daemon starts. */
  readonly onFolder?: (folder: string) => void;
  /** Decides what is left to chance, as far as processes and their clocks do not; default: one of its own. */
  readonly seed?: string;
}

export interface Verdict {
  readonly violations: readonly string[];
  readonly purchases: number;
  readonly payments: number;
  /** Made by the cluster. */
  readonly paid: number;
  readonly notPaid: number;
  readonly events: number;
  readonly unansweredRequests: number;
}

const QUIET_TIMEOUT_MS = 45_000;

export class World {
  readonly cluster: Cluster;
  readonly admin: RemoteSimAdmin;
  readonly simUrl: string;
  readonly shop: Shop;
  readonly errands: Errands;
  readonly follower: Follower;
  readonly seed: string;
  readonly random: () => number;
  kills = 0;
  readonly #network: MemberNetwork;
  readonly #removeFolder: () => void;
  readonly #closers: (() => Promise<void> | void)[] = [];

  private constructor(network: MemberNetwork, daemons: readonly Daemon[], seed: string, remove: () => void) {
    this.#network = network;
    this.simUrl = network.simUrl;
    this.#removeFolder = remove;
    this.seed = seed;
    const source = new Random(seed);
    const random = (): number => source.fraction();
    this.random = random;
    this.cluster = new Cluster(daemons);
    const { cluster } = this;
    this.admin = new RemoteSimAdmin(network.simUrl);
    const { admin } = this;
    this.follower = new Follower(cluster);
    const { follower } = this;
    const name = randomBytes(4).toString('hex');
    this.shop = new Shop({ cluster, admin, follower, random, name, retries: network.order !== undefined });
    this.errands = new Errands({ cluster, admin, random, name });
  }

  /** Rejects if the members are no fake LNDs. */
  async order(wish: ControlOrder): Promise<FakeLndStatus> {
    const { order } = this.#network;
    if (!order) throw new Error('the members of this world are no LNDs');
    return order(wish);
  }

  /** Starts the network and the daemons; every one of them is ready, and at least one serves members. */
  static async open(options: WorldOptions = {}): Promise<World> {
    const { daemons: count = 1, leaseTtlSeconds = 2, members = 'sim', detour, onFolder } = options;
    const { seed: chance = randomBytes(4).toString('hex') } = options;
    const folder = temporaryFolder();
    const data = join(folder.path, 'data');
    mkdirSync(data);
    onFolder?.(data);
    const databaseUrl = options.databaseUrl ?? `sqlite:${join(data, 'manifold.db')}`;
    const network = await startNetwork(members, { seed: chance, folder: folder.path, ...(detour && { detour }) });
    const { nodeTables } = network;
    const seed = randomBytes(32).toString('hex');
    const daemons: Daemon[] = [];
    for (let i = 0; i < count; i++) {
      const name = `daemon-${i}`;
      const place = { name, folder: join(folder.path, name) };
      daemons.push(await Daemon.prepare({ ...place, databaseUrl, nodeTables, seed, leaseTtlSeconds }));
    }
    const world = new World(network, daemons, chance, folder.remove);
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
    const { shop, errands, follower, cluster } = this;
    await Promise.all([shop.close(), errands.close()]);
    const unansweredRequests = shop.openRequests.length + errands.openRequests.length;
    await errands.repeatOpenRequests();
    const death = this.#network.death();
    if (death !== undefined) throw new Error(death);
    await this.#quiet();
    const told = await readAll(cluster);
    await until(() => follower.last >= (told.events.at(-1)?.seq ?? 0n), 10_000);
    const seen = await this.admin.observations();
    const listed = await pages<PaidJson>(cluster, '/v1/payments', 'payments');
    const { purchases, acknowledged, references } = shop;
    const violations = [
      ...shop.problems,
      ...follower.problems,
      ...cluster.badAnswers,
      ...cluster.daemons.flatMap(({ deaths }) => deaths),
      ...check({ purchases, acknowledged, references, followed: follower.events, told, seen }),
      ...errands.problems,
      ...checkErrands({
        errands: errands.all,
        said: errands.said,
        listed,
        events: told.events,
        seen,
        members: MEMBER_NAMES,
        isTroubled: this.#network.order !== undefined,
      }),
    ];
    return {
      violations,
      purchases: purchases.length,
      payments: told.payments.length,
      events: told.events.length,
      paid: listed.filter(({ state }) => state === 'succeeded').length,
      notPaid: listed.filter(({ state }) => state === 'failed').length,
      unansweredRequests,
    };
  }

  /** Until nothing is under way and what is settled is known to be final. */
  async #quiet(): Promise<void> {
    await until(async () => {
      const { htlcs } = await this.admin.observations();
      if (htlcs.some(({ outcome }) => outcome === undefined)) return false;
      const answer = await this.cluster.insist('GET', '/v1/receipts?limit=100', {}, 1_000);
      const payments = (answer?.body['receipts'] ?? []) as { state: string }[];
      if (!answer || !payments.every(({ state }) => state === 'settled')) return false;
      const listed = await this.cluster.insist('GET', '/v1/payments?limit=100', {}, 1_000);
      const made = (listed?.body['payments'] ?? []) as { is_over: boolean }[];
      return listed !== undefined && made.every(({ is_over: isOver }) => isOver);
    }, QUIET_TIMEOUT_MS);
  }

  async close(): Promise<void> {
    await this.follower.stop();
    await Promise.all(this.cluster.daemons.map((daemon) => daemon.kill()));
    await this.admin.close();
    await this.#network.kill();
    this.#removeFolder();
    for (const close of this.#closers) await close();
  }

  /** For what goes with the world. */
  onClose(close: () => Promise<void> | void): void {
    this.#closers.push(close);
  }
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
