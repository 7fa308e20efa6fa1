/** A daemon that starts before its database: members are served for their forwards, the API opens when the database is there. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/daemon/config/load.js';
import { type RunningDaemon, startDaemon } from '../../src/daemon/daemon.js';
import { createLog } from '../../src/daemon/log.js';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import { wallClock } from '../../src/receive/clock.js';
import { Proxy } from '../store/proxy.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';
import { CONFIG, RING, until } from './support.js';

const server = await postgresUrl();

interface Place {
  readonly folder: string;
  /** Of the database itself. */
  readonly direct: string;
  /** Where nobody listens before {@link arrive}. */
  readonly address: string;
  arrive(): Promise<void>;
}

async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'manifold-late-'));
  const database = await createDatabase(server!);
  const address = new URL(database.url);
  address.port = String(await freePort());
  let proxy: Proxy | undefined;
  onTestFinished(async () => {
    await proxy?.close();
    await database.drop();
    await rm(folder, { recursive: true });
  });
  return {
    folder,
    direct: database.url,
    address: address.href,
    async arrive() {
      proxy = await Proxy.open(database.url, Number(address.port));
    },
  };
}

async function freePort(): Promise<number> {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  await new Promise((resolve) => taken.close(resolve));
  return port;
}

async function start(
  { folder }: Place,
  url: string,
  ring: KeyRing = RING,
): Promise<{ daemon: RunningDaemon; said: () => string; stop: () => Promise<void> }> {
  const path = join(folder, 'manifold.toml');
  await writeFile(path, `${CONFIG.replace('sqlite::memory:', url)}[api]\nlisten = "127.0.0.1:0"\n`);
  const lines: string[] = [];
  const log = createLog({ level: 'debug', destination: { write: (line: string) => void lines.push(line) } });
  const daemon = await startDaemon({
    config: await loadConfig(path, {}),
    ring,
    log,
    clock: wallClock,
    random: () => 0.5,
  });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= daemon.stop());
  onTestFinished(stop);
  return { daemon, said: () => lines.join(''), stop };
}

describe.runIf(server !== undefined)('a daemon whose database is away at the start', () => {
  it('serves forwards, says that it waits, and opens its API later', async () => {
    const place = await makePlace();
    const { daemon, said } = await start(place, place.address);
    expect((await fetch(`${daemon.url}/healthz`)).status).toBe(200);
    expect((await fetch(`${daemon.url}/v1/nodes`)).status).toBe(503);
    expect(said()).toContain('everything else waits for the database');
    await until(() => said().includes('forwards go on, payments to the cluster wait'));
    expect(said()).not.toContain('manifold is up');
    await place.arrive();
    await until(() => said().includes('manifold is up'));
    expect((await fetch(`${daemon.url}/v1/nodes`)).status).toBe(401);
    await until(() => said().includes('"state":"live"'), 30_000);
    expect(said()).not.toContain('this is a bug');
  });

  it('can be stopped while it waits', async () => {
    const place = await makePlace();
    const { daemon, said, stop } = await start(place, place.address);
    await stop();
    await expect(fetch(`${daemon.url}/healthz`)).rejects.toThrow();
    expect(said()).not.toContain('manifold is up');
  });

  it('does not go on when the database proves to be of another cluster', async () => {
    const place = await makePlace();
    const other = new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(9)) });
    await (await start(place, place.direct, other)).stop();
    const { daemon, said } = await start(place, place.address);
    const refused = expect(daemon.refused).rejects.toMatchObject({ code: 'store_wrong_database' });
    await place.arrive();
    await refused;
    expect(said()).not.toContain('manifold is up');
    await expect(start(place, place.direct)).rejects.toMatchObject({ code: 'store_wrong_database' });
  });
});
