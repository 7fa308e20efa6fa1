/** From `init` to a payment and a clean end, by the programs users run. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Decrypter } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterKeys } from '../../src/phantom/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { until } from '../daemon/support.js';
import { launch, type Outcome, run, type Running } from './support.js';

const PASSPHRASE = 'a horse that is battery staple';

let folder = '';
let config = '';
let port = 0;
let daemon: Running | undefined;
/** All that any program said. */
let said = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-cli-'));
  config = join(folder, 'manifold.toml');
  port = await freePort();
});
afterAll(async () => {
  daemon?.child.kill('SIGKILL');
  await daemon?.done;
  await rm(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

async function manifold(...args: string[]): Promise<Outcome> {
  const outcome = await run(args, { MANIFOLD_CONFIG: config });
  said += outcome.stdout + outcome.stderr;
  return outcome;
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await manifold(...args, '--json');
  expect([code, stderr], stdout).toEqual([0, '']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function start(): Promise<void> {
  daemon = launch(['start'], { MANIFOLD_CONFIG: config, MANIFOLD_PASSPHRASE: PASSPHRASE, MANIFOLD_LOG_LEVEL: 'trace' });
  await until(async () => {
    const { code, stderr } = daemon!.text();
    if (code !== null) throw new Error(`the daemon ended: ${stderr}`);
    const reply = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    return reply?.status === 200;
  }, 40_000);
}

async function stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<Outcome> {
  daemon!.child.kill(signal);
  const outcome = await daemon!.done;
  said += outcome.stdout + outcome.stderr;
  return outcome;
}

describe('wrong usage', () => {
  it('ends with exit code 2, help and version with 0', async () => {
    const cases: [string[], number][] = [
      [['--help'], 0],
      [['--version'], 0],
      [['invoice', '--help'], 0],
      [[], 2],
      [['nonsense'], 2],
      [['invoice'], 2],
      [['invoice', 'create'], 2],
      [['invoice', 'create', '--amount', '5'], 2],
      [['events', '--after', 'x'], 2],
      [['token', 'create', '--name', 'x', '--bogus'], 2],
      [['init', '--network', 'bitcoin'], 2],
      [['start'], 2], // there is no configuration
    ];
    const outcomes = await Promise.all(cases.map(([args]) => run(args, { MANIFOLD_CONFIG: config })));
    outcomes.forEach(({ code, stdout, stderr }, i) => {
      const [args, wanted] = cases[i]!;
      expect([args.join(' '), code], stdout + stderr).toEqual([args.join(' '), wanted]);
    });
    expect(outcomes.at(-1)!.stderr).toMatch(/manifold init/);
  });

  it('shows every mistake in a configuration', async () => {
    const path = join(folder, 'typo.toml');
    await writeFile(
      path,
      'netwrok = "regtest"\n[cluster]\nepoch = -1\nseed_env = "X"\n[[nodes]]\nname = "a"\nkind = "sim"\n',
    );
    const { code, stderr } = await run(['start', '--config', path]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${path}:1: unknown key netwrok; did you mean network?`);
    expect(stderr).toContain(`${path}:3: cluster.epoch must be at least 0`);
  });
});

describe('init, start, invoice, payment, stop', () => {
  it('says what to do while nothing runs', async () => {
    expect(await manifold('nodes')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/manifold start/) as unknown,
    });
    expect(await run(['init', '--config', config])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/MANIFOLD_PASSPHRASE_FILE/) as unknown,
    });
    expect(await readdir(folder)).toEqual(['typo.toml']);
  });

  it('writes a configuration and a seed, for their owner only, and never over old ones', async () => {
    const passphraseFile = join(folder, 'passphrase');
    await writeFile(passphraseFile, `${PASSPHRASE}\n`);
    const args = ['init', '--config', config, '--listen', `127.0.0.1:${port}`, '--passphrase-file', passphraseFile];
    const first = await run([...args, '--json']);
    said += first.stdout + first.stderr;
    expect(first.code).toBe(0);
    await rm(passphraseFile);
    for (const name of ['manifold.toml', 'seed.age']) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    const decrypter = new Decrypter();
    decrypter.addPassphrase(PASSPHRASE);
    const seed = (await decrypter.decrypt(new Uint8Array(await readFile(join(folder, 'seed.age'))), 'text')).trim();
    expect(JSON.parse(first.stdout)).toMatchObject({
      phantom_node_id: toHex(new ClusterKeys(fromHex(seed)).phantomNodeId),
    });
    expect(await run(args)).toMatchObject({ code: 1, stderr: expect.stringMatching(/exists already/) as unknown });
  });

  it('refuses a wrong passphrase', async () => {
    const { code, stderr } = await run(['start'], { MANIFOLD_CONFIG: config, MANIFOLD_PASSPHRASE: 'wrong passphrase' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/does not open with this passphrase/);
  });

  it('receives a payment in parts and tells of it', async () => {
    await start();
    const created = await json(
      'invoice',
      'create',
      '--amount',
      '50000sat',
      '--description',
      'two teas',
      '--reference',
      'table 5',
    );
    expect(created).toMatchObject({ amount_msat: '50000000', description: 'two teas', state: 'open' });
    const following = launch(['events', '--follow', '--json', '--after', '0'], { MANIFOLD_CONFIG: config });
    const paid = await json('sim', 'pay', String(created['bolt11']), '--parts', '3');
    expect(paid['outcome']).toBe('settled');
    expect(
      createHash('sha256')
        .update(Buffer.from(String(paid['preimage']), 'hex'))
        .digest('hex'),
    ).toBe(created['payment_hash']);
    await until(() => following.text().stdout.includes('invoice.final'));
    following.child.kill('SIGTERM');
    await following.done;
    const events = following
      .text()
      .stdout.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ type, payment_hash }) => [type, payment_hash])).toEqual([
      ['invoice.settled', created['payment_hash']],
      ['invoice.final', created['payment_hash']],
    ]);
    expect(await json('invoice', 'show', String(created['payment_hash']))).toMatchObject({
      state: 'settled',
      received_msat: '50000000',
      reference: 'table 5',
    });
    expect((await json('invoice', 'list'))['invoices']).toHaveLength(1);
    expect((await manifold('invoice', 'show', String(created['bolt11']))).stdout).toMatch(/^received +50000 sat$/m);
    expect((await json('nodes'))['nodes']).toHaveLength(3);
    const person = await manifold('invoice', 'create', '--amount', '1sat');
    expect(person.stdout).toMatch(/█/);
    expect(person.stdout).toMatch(/^lnbcrt10n1/m);
  });

  it('manages tokens and webhooks', async () => {
    const made = await json('token', 'create', '--name', 'shop', '--scopes', 'invoices:read');
    const env = { MANIFOLD_API: `http://127.0.0.1:${port}`, MANIFOLD_TOKEN: String(made['token']) };
    expect((await run(['invoice', 'list'], env)).code).toBe(0);
    expect(await run(['nodes'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/scope nodes:read/) as unknown,
    });
    expect((await manifold('token', 'revoke', String(made['id']))).code).toBe(0);
    expect((await run(['invoice', 'list', '--json'], env)).stdout).toContain('token_invalid');
    expect((await manifold('webhook', 'create', 'http://127.0.0.1/x')).stderr).toMatch(/allow_private/);
    const webhook = await json('webhook', 'create', 'https://example.com/x');
    expect((await manifold('webhook', 'list')).stdout).toContain(String(webhook['id']));
    expect((await manifold('webhook', 'delete', String(webhook['id']))).code).toBe(0);
    const exported = await manifold('hints', 'export');
    expect(exported.stdout.trim().split('\n')).toHaveLength(3);
    expect(await run(['hints', 'import', '-'], { MANIFOLD_CONFIG: config }, exported.stdout)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/member already/) as unknown,
    });
  });

  it('is not started twice', async () => {
    const second = await run(['start'], { MANIFOLD_CONFIG: config, MANIFOLD_PASSPHRASE: PASSPHRASE });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/another|other daemon|is taken/i);
  });

  it('ends cleanly on SIGTERM while a stream is open, and remembers after SIGKILL', async () => {
    const following = launch(['events', '--follow', '--json'], { MANIFOLD_CONFIG: config });
    await until(async () =>
      /manifold_event_streams 1/.test(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()),
    );
    const startedAt = Date.now();
    expect((await stop('SIGTERM')).code).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(4_500);
    await start();
    const { bolt11 } = await json('invoice', 'create', '--amount', '7sat');
    await json('sim', 'pay', String(bolt11));
    await until(() => following.text().stdout.includes('invoice.settled'));
    following.child.kill('SIGTERM');
    await following.done;
    await stop('SIGKILL');
    await start();
    expect((await json('invoice', 'show', String(bolt11)))['state']).toMatch(/^settl/);
    expect((await stop('SIGINT')).code).toBe(0);
  });

  it('has written no secret anywhere', async () => {
    const decrypter = new Decrypter();
    decrypter.addPassphrase(PASSPHRASE);
    const seed = (await decrypter.decrypt(new Uint8Array(await readFile(join(folder, 'seed.age'))), 'text')).trim();
    const keys = new ClusterKeys(fromHex(seed));
    const token = (await readFile(join(folder, 'admin.token'), 'utf8')).trim();
    const secrets = [
      seed,
      ...[keys.phantomSecret, keys.inboundKeyMaterial, keys.infoKey, keys.ownHashKey, keys.userHashKey].map(toHex),
    ];
    const forms = [
      PASSPHRASE,
      token,
      ...secrets.flatMap((hex) => [
        hex,
        hex.toUpperCase(),
        Buffer.from(hex, 'hex').toString('base64'),
        Buffer.from(hex, 'hex').toString('latin1'),
      ]),
    ];
    const files = (await readdir(folder)).filter((name) => !['seed.age', 'admin.token'].includes(name));
    expect(files).toContain('manifold.db');
    expect(said).toContain('manifold is up');
    for (const [name, content] of [
      ['output', said] as const,
      ...(await Promise.all(
        files.map(async (name) => [name, (await readFile(join(folder, name))).toString('latin1')] as const),
      )),
    ]) {
      for (const form of forms) expect(content.includes(form), name).toBe(false);
    }
  });
});
