/** Whether the database can be used: reachable, ours to write, of a schema this version knows, with the right time. */
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../receive/clock.js';
import { StoreBusy, StoreError, StoreSchemaTooNew } from '../store/index.js';
import { migrate, MIGRATIONS } from '../store/migrations.js';
import { openEngine, Store } from '../store/store.js';
import { withoutPasswords } from './log.js';
import type { Finding } from './node-check.js';

export interface DatabaseCheckOptions {
  readonly url: string;
  readonly clock: Clock;
  /** A daemon of this configuration runs: its SQLite file is taken, as it should be. */
  readonly isDaemonRunning: boolean;
}

/** Invoices expire and leases run out by the database's clock. */
const MOST_SKEW_MS = 5_000;

/** Changes nothing: neither the schema nor a missing file is made. */
export async function inspectDatabase({
  url,
  clock,
  isDaemonRunning,
}: DatabaseCheckOptions): Promise<readonly Finding[]> {
  const file = /^sqlite:(?:\/\/)?(?!:memory:)(.+)$/.exec(url)?.[1];
  if (url.includes(':memory:'))
    return [{ level: 'warn', what: 'sqlite', detail: 'in memory: all is gone when the daemon ends' }];
  if (file !== undefined && !(await exists(file))) return [await newFileFinding(file)];
  const what = file === undefined ? 'postgresql' : 'sqlite';
  try {
    const engine = await openEngine({ url, clock });
    try {
      const store = new Store(engine);
      const askedAt = clock.now();
      const told = await store.now();
      const skew = Math.round(told - (askedAt + clock.now()) / 2);
      const schema = await schemaFinding(store, engine);
      return [{ level: 'ok', what, detail: 'reachable' }, schema, ...(file === undefined ? [clockFinding(skew)] : [])];
    } finally {
      await engine.close();
    }
  } catch (error) {
    if (error instanceof StoreBusy && isDaemonRunning)
      return [{ level: 'ok', what, detail: `${file ?? 'the database'} is in use by the daemon that runs here` }];
    return [failure(what, error)];
  }
}

async function schemaFinding(store: Store, engine: Awaited<ReturnType<typeof openEngine>>): Promise<Finding> {
  const what = 'schema';
  try {
    await store.meta.get('cluster_fingerprints');
  } catch (error) {
    if (error instanceof StoreError) throw error;
    return { level: 'ok', what, detail: 'empty: the first start makes the tables' };
  }
  const outdated = new Error('a migration is missing');
  const refuse = () => Promise.reject(outdated);
  try {
    await migrate(
      engine,
      MIGRATIONS.map(({ name }) => ({ name, up: refuse })),
    );
    return { level: 'ok', what, detail: `version ${MIGRATIONS.length}, as this program needs it` };
  } catch (error) {
    if (error instanceof StoreSchemaTooNew) return failure(what, error);
    if (error !== outdated) throw error;
    const fix =
      'take a backup; the next start of this version brings the schema up to date, and older versions refuse it then';
    return { level: 'warn', what, detail: 'older than this program', fix };
  }
}

function clockFinding(skewMs: number): Finding {
  const what = 'clock';
  const seconds = Math.abs(skewMs / 1000).toFixed(1);
  const detail = `the database's clock is ${seconds} s ${skewMs < 0 ? 'behind' : 'ahead of'} ours`;
  return Math.abs(skewMs) <= MOST_SKEW_MS
    ? { level: 'ok', what, detail }
    : { level: 'fail', what, detail, fix: 'set the clocks of both machines by NTP: timedatectl set-ntp true' };
}

function failure(what: string, error: unknown): Finding {
  const detail = withoutPasswords(error instanceof Error ? error.message : String(error));
  return { level: 'fail', what, detail, ...(error instanceof StoreError && { fix: error.nextStep }) };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function newFileFinding(path: string): Promise<Finding> {
  const what = 'sqlite';
  const folder = dirname(path);
  return access(folder, constants.W_OK).then(
    (): Finding => ({ level: 'ok', what, detail: `${path} is made at the first start` }),
    (): Finding => ({
      level: 'fail',
      what,
      detail: `${path} cannot be made: ${folder} is missing or not writable`,
      fix: `mkdir -p ${folder}, and let the user that runs manifold write there`,
    }),
  );
}
