/** The address is taken before anything is claimed. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/daemon/config/load.js';
import { type DaemonOptions, startDaemon } from '../../src/daemon/daemon.js';
import { StartGate } from '../../src/daemon/http/start-gate.js';
import { createLog } from '../../src/daemon/log.js';
import { wallClock } from '../../src/receive/clock.js';
import { CONFIG, makeWorld, RING } from './support.js';

let folder = '';
const taken = createServer();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-start-'));
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await new Promise((resolve) => taken.close(resolve));
  await rm(folder, { recursive: true });
});

async function optionsFor(port: number): Promise<{ options: DaemonOptions; said: () => string }> {
  const path = join(folder, 'manifold.toml');
  const text = CONFIG.replace('sqlite::memory:', 'sqlite:m.db');
  await writeFile(path, `${text}[api]\nlisten = "127.0.0.1:${port}"\n`);
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line: string) => void lines.push(line) } });
  const config = await loadConfig(path, {});
  return {
    options: { config, ring: RING, log, clock: wallClock, random: () => 0.5 },
    said: () => lines.join(''),
  };
}

describe('a daemon', () => {
  it('that cannot listen claims no node and writes no token', async () => {
    const { options, said } = await optionsFor((taken.address() as AddressInfo).port);
    await expect(startDaemon(options)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(said()).not.toContain('member');
    expect(await readdir(folder)).not.toContain('admin.token');
    const { options: free, said: saidThen } = await optionsFor(0);
    const daemon = await startDaemon(free); // the failed start let the database go
    expect((await fetch(`${daemon.url}/healthz`)).status).toBe(200);
    await daemon.stop();
    expect(saidThen()).toContain('member');
    await expect(fetch(`${daemon.url}/healthz`)).rejects.toThrow();
  });

  it('says that it is starting until it is up', async () => {
    const world = await makeWorld({ start: false });
    const gate = new StartGate(world.app);
    const ask = async (path: string): Promise<Response> => gate.fetch(new Request(`http://localhost${path}`));
    const early = await ask('/v1/nodes');
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await early.json()).toMatchObject({ code: 'starting' });
    expect((await ask('/readyz')).status).toBe(503);
    expect((await ask('/healthz')).status).toBe(200);
    gate.open();
    expect((await ask('/v1/nodes')).status).toBe(401);
    await world.stop();
  });
});
