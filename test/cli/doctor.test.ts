/** `manifold doctor` says what is wrong before money is at risk, and changes nothing. */
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/daemon/config/load.js';
import { startDaemon } from '../../src/daemon/daemon.js';
import { createLog } from '../../src/daemon/log.js';
import { wallClock } from '../../src/receive/clock.js';
import { openEngine, openStore } from '../../src/store/store.js';
import { toHex } from '../../src/wire/bytes.js';
import { RING, SEED, until } from '../daemon/support.js';
import type { FakeLndOptions } from '../fake-lnd/server.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';
import { lndFolder, type LndFolder } from './lnd.js';
import { inProcess, type Outcome } from './support.js';

const server = await postgresUrl();

interface Found {
  readonly about: string;
  readonly level: string;
  readonly what: string;
  readonly detail: string;
  readonly fix?: string;
}

const ENV = { SEED: `${toHex(SEED).slice(0, -2)}08` };

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'manifold-doctor-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

interface Setting {
  readonly nodes?: string;
  readonly seed?: string;
  readonly database?: string;
  readonly listen?: string;
  readonly network?: string;
}

async function configured(folder: string, setting: Setting = {}): Promise<string> {
  const { nodes = '[[nodes]]\nname = "s"\nkind = "sim"\n', seed = 'seed_env = "SEED"', network = 'regtest' } = setting;
  const { database = 'sqlite:m.db', listen = '127.0.0.1:1' } = setting;
  const path = join(folder, 'manifold.toml');
  await writeFile(
    path,
    `network = "${network}"\n[cluster]\n${seed}\n[database]\nurl = "${database}"\n[api]\nlisten = "${listen}"\n${nodes}`,
  );
  return path;
}

async function examined(config: string, env: Record<string, string> = ENV): Promise<Outcome & { findings: Found[] }> {
  const outcome = await inProcess(['doctor', '--config', config, '--json'], env);
  const { ok, findings } = JSON.parse(outcome.stdout) as { ok: boolean; findings: Found[] };
  expect(outcome.code).toBe(ok ? 0 : 1);
  expect(outcome.stderr).toBe('');
  expect(ok).toBe(findings.every(({ level }) => level !== 'fail'));
  return { ...outcome, findings };
}

const about = (findings: readonly Found[], name: string): Found[] => findings.filter((one) => one.about === name);
const failed = (findings: readonly Found[]): Found[] => findings.filter(({ level }) => level === 'fail');

async function twoLnds(options: FakeLndOptions = {}): Promise<LndFolder> {
  const found = await lndFolder(options);
  onTestFinished(() => found.close());
  return found;
}

describe('doctor', () => {
  it('is content with good LND nodes, and makes no file', async () => {
    const { nodes, folder } = await twoLnds();
    const config = await configured(folder, { nodes: nodes.map(({ toml }) => toml).join('') });
    const before = await readdir(folder);
    const { findings, code } = await examined(config);
    expect([code, failed(findings)]).toEqual([0, []]);
    for (const { name } of nodes)
      expect(about(findings, name).map(({ what }) => what)).toEqual(
        expect.arrayContaining(['certificate', 'macaroon', 'node', 'version', 'lnd.conf', 'chain', 'channels']),
      );
    expect(await readdir(folder)).toEqual(before);
    const shown = await inProcess(['doctor', '--config', config], ENV);
    expect(shown.stdout).toMatch(/^alpha\n +ok +certificate/m);
    expect(shown.stdout).not.toMatch(/^lncli bakemacaroon /m);
    expect(shown.stdout).toMatch(/All is good/);
    const lines = await inProcess(['doctor', '--macaroons', '--config', config], ENV);
    expect(lines.stdout.match(/^lncli bakemacaroon /gm)).toHaveLength(6);
  });

  it('sees one node under two names', async () => {
    const { nodes, folder } = await twoLnds();
    const twin = nodes[0].toml.replace('name = "alpha"', 'name = "twin"').replace('127.0.0.1', 'localhost');
    const config = await configured(folder, { nodes: nodes[0].toml + twin });
    const { findings, code } = await examined(config);
    expect([code, failed(findings).map(({ about, what }) => `${about}: ${what}`)]).toEqual([1, ['twin: node id']]);
  });

  it.each<[string, FakeLndOptions, RegExp, RegExp]>([
    ['without requireinterceptor', { requireInterceptor: false }, /lnd\.conf/, /requireinterceptor=true/],
    ['without stored finals', { storeFinals: false }, /lnd\.conf/, /store-final-htlc-resolutions=true/],
    ['below the version floor', { version: '0.16.0-beta' }, /version/, /\S/],
    ['on another network', { network: 'signet' }, /network/, /\S/],
    ['with too few rights', { permissions: new Set() }, /macaroon/, /lncli bakemacaroon/],
  ])('fails for an LND %s and says what to do', async (_, options, what, fix) => {
    const { nodes, folder } = await twoLnds(options);
    const { findings, stdout } = await examined(await configured(folder, { nodes: nodes[0].toml }));
    const [found] = failed(findings);
    expect(found).toMatchObject({ about: 'alpha', what: expect.stringMatching(what) as unknown });
    expect(found!.fix).toMatch(fix);
    expect(stdout).not.toContain(toHex(nodes[0].lnd.macaroon));
    const shown = await inProcess(['doctor', '--config', join(folder, 'manifold.toml')], ENV);
    expect([shown.code, shown.stdout]).toEqual([1, expect.stringMatching(/FAIL/)]);
  });

  it('tells files of a node that are missing, wrong or open to others', async () => {
    const { nodes, folder } = await twoLnds();
    const [alpha, beta] = nodes;
    const config = await configured(folder, { nodes: alpha.toml + beta.toml });
    await chmod(alpha.macaroonPath, 0o644);
    await rm(beta.macaroonPath);
    const { findings } = await examined(config);
    expect(about(findings, 'alpha')[0]).toMatchObject({ level: 'warn', what: 'macaroon file' });
    expect(about(findings, 'alpha')[0]!.detail).toContain(`chmod 600 ${alpha.macaroonPath}`);
    expect(about(findings, 'beta')).toMatchObject([{ level: 'fail', what: 'files' }]);
    expect(about(findings, 'beta')[0]!.fix).toMatch(/^lncli bakemacaroon/);
    const text = `0201036c6e64${'cd'.repeat(40)}`;
    for (const [content, says] of [
      [text, /it is text, not bytes/],
      ['', /it is empty/],
      ['x'.repeat(70_000), /far too long/],
    ] as const) {
      await writeFile(beta.macaroonPath, content, { mode: 0o600 });
      const { findings: again, stdout } = await examined(config);
      expect(about(again, 'beta')[0]!.detail).toMatch(says);
      expect(stdout).not.toContain('cdcdcd');
    }
    await writeFile(beta.macaroonPath, beta.lnd.macaroon);
    await writeFile(beta.certificatePath, 'none');
    expect(about((await examined(config)).findings, 'beta')[0]!.detail).toMatch(/not a certificate in PEM/);
  });

  it('looks after the seed', async () => {
    const folder = await aFolder();
    const seedPath = join(folder, 'seed.age');
    const config = await configured(folder, { seed: 'seed_file = "seed.age"' });
    const seed = async (): Promise<Found> => about((await examined(config)).findings, 'seed')[0]!;
    expect(await seed()).toMatchObject({ level: 'fail', detail: `there is no file ${seedPath}` });
    await writeFile(seedPath, toHex(SEED), { mode: 0o600 });
    expect(await seed()).toMatchObject({ level: 'fail', detail: `${seedPath} is not an age file` });
    await writeFile(seedPath, 'age-encryption.org/v1\n…');
    expect(await seed()).toMatchObject({ level: 'ok' });
    await chmod(seedPath, 0o644);
    expect(await seed()).toMatchObject({ level: 'warn' });
    const byVariable = await configured(folder);
    expect(about((await examined(byVariable, {})).findings, 'seed')).toMatchObject([{ level: 'warn' }]);
    const bad = await examined(byVariable, { SEED: 'ff' });
    expect(about(bad.findings, 'seed')).toMatchObject([{ level: 'fail' }]);
  });

  it('knows a SQLite file that cannot be made, is free, newer, or used by somebody else', async () => {
    const folder = await aFolder();
    const database = async (url: string): Promise<Found[]> =>
      about((await examined(await configured(folder, { database: url }))).findings, 'database');
    expect(await database('sqlite:no/such/m.db')).toMatchObject([{ level: 'fail' }]);
    expect(await database('sqlite:m.db')).toMatchObject([{ level: 'ok' }]);
    const url = `sqlite:${join(folder, 'm.db')}`;
    const store = await openStore({ url });
    expect(await database('sqlite:m.db')).toMatchObject([
      { level: 'fail', fix: expect.stringMatching(/Stop the other daemon/) as unknown },
    ]);
    await store.close();
    expect(await database('sqlite:m.db')).toMatchObject([{ level: 'ok' }, { level: 'ok', what: 'schema' }]);
    const engine = await openEngine({ url });
    await engine.query((db) =>
      db.insertInto('schema_version').values({ version: 999, name: 'later', applied_at: 1n }).execute(),
    );
    await engine.close();
    expect(await database('sqlite:m.db')).toMatchObject([
      { level: 'ok' },
      { level: 'fail', what: 'schema', detail: expect.stringMatching(/999/) as unknown },
    ]);
    await writeFile(join(folder, 'empty.db'), '');
    expect(await database('sqlite:empty.db')).toMatchObject([
      { level: 'ok' },
      { detail: expect.stringMatching(/^empty/) as unknown },
    ]);
  });

  it.runIf(server !== undefined)('asks PostgreSQL for its time and schema without making one', async () => {
    const folder = await aFolder();
    const { url, drop } = await createDatabase(server!);
    onTestFinished(drop);
    const config = await configured(folder, { database: url });
    const database = async (): Promise<Found[]> => about((await examined(config)).findings, 'database');
    expect(await database()).toMatchObject([
      { level: 'ok', detail: 'reachable' },
      { level: 'ok', detail: expect.stringMatching(/^empty/) as unknown },
      { level: 'ok', what: 'clock' },
    ]);
    const engine = await openEngine({ url });
    await expect(engine.query((db) => db.selectFrom('schema_version').selectAll().execute())).rejects.toThrow();
    await engine.close();
    await (await openStore({ url })).close();
    expect(await database()).toMatchObject([
      {},
      { level: 'ok', detail: expect.stringMatching(/^version \d/) as unknown },
      {},
    ]);
    const away = await configured(folder, {
      database: 'postgres://u:s3cret@127.0.0.1:1/d',
    });
    const { findings, stdout } = await examined(away);
    expect(about(findings, 'database')).toMatchObject([{ level: 'fail', fix: expect.stringMatching(/\S/) as unknown }]);
    expect(stdout).not.toContain('s3cret');
  });

  it('knows whether the daemon runs, and that its database is in use then', async () => {
    const folder = await aFolder();
    const path = await configured(folder, { listen: '127.0.0.1:0' });
    const log = createLog({ level: 'silent', destination: { write: () => undefined } });
    const config = await loadConfig(path, {});
    const daemon = await startDaemon({ config, ring: RING, log, clock: wallClock, random: () => 0.5 });
    onTestFinished(() => daemon.stop());
    await until(async () => (await fetch(`${daemon.url}/readyz`)).status === 200);
    const listen = daemon.url.replace('http://', '');
    const { findings } = await examined(await configured(folder, { listen }));
    expect(failed(findings)).toEqual([]);
    expect(about(findings, 'daemon')).toMatchObject([{ detail: `the daemon at ${daemon.url} is ready` }]);
    expect(about(findings, 'database')).toMatchObject([
      { detail: expect.stringMatching(/in use by the daemon/) as unknown },
    ]);
  });

  it('tells a daemon that is not ready, and a stranger at its address', async () => {
    let body: unknown = { status: 'not_ready', reasons: ['alpha is waiting: no route'] };
    const stranger = createServer((_, response) => response.end(JSON.stringify(body)));
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => new Promise<void>((resolve) => stranger.close(() => resolve())));
    const listen = `127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const config = await configured(await aFolder(), { listen });
    const daemon = async (): Promise<string> => about((await examined(config)).findings, 'daemon')[0]!.detail;
    expect(await daemon()).toMatch(/not ready: alpha is waiting: no route/);
    body = 'hello';
    expect(await daemon()).toMatch(/something else than Manifold/);
  });

  it('ends with 2 for a configuration that cannot be read', async () => {
    const folder = await aFolder();
    const { code, stderr } = await inProcess(
      ['doctor', '--config', await configured(folder, { nodes: 'zz = 1\n' })],
      ENV,
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(/unknown key/)]);
  });
});
