/** From `init` to a payment and a clean end, by the programs users run. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterKeys } from '../../src/phantom/index.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { until } from '../daemon/support.js';
import { inProcess, launch, type Outcome, run, type Running } from './support.js';

const PASSPHRASE = 'a horse that is battery staple';

let folder = '';
let config = '';
let port = 0;
/** Opens the seed without the time that a passphrase costs by design. */
let identity = '';
let identityFile = '';
let daemon: Running | undefined;
/** All that any program said. */
let said = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-cli-'));
  config = join(folder, 'manifold.toml');
  port = await freePort();
  identity = await generateX25519Identity();
  identityFile = join(folder, 'identity');
  await writeFile(identityFile, `${identity}\n`);
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
  const outcome = await inProcess(args, { MANIFOLD_CONFIG: config });
  said += outcome.stdout + outcome.stderr;
  return outcome;
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await manifold(...args, '--json');
  expect([code, stderr], stdout).toEqual([0, '']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function start(): Promise<void> {
  daemon = launch(['start'], {
    MANIFOLD_CONFIG: config,
    MANIFOLD_AGE_IDENTITY_FILE: identityFile,
    MANIFOLD_LOG_LEVEL: 'trace',
  });
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

async function seedText(): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return (await decrypter.decrypt(new Uint8Array(await readFile(join(folder, 'seed.age'))), 'text')).trim();
}

describe('the program', () => {
  it('ends with the exit code of its command', async () => {
    const cases: [string[], number][] = [
      [['--version'], 0],
      [['nonsense'], 2],
      [['start'], 2], // there is no configuration
      [['decode', 'x'], 1],
    ];
    const outcomes = await Promise.all(cases.map(([args]) => run(args, { MANIFOLD_CONFIG: config })));
    expect(outcomes.map(({ code }) => code)).toEqual(cases.map(([, wanted]) => wanted));
    expect(outcomes[2]!.stderr).toMatch(/manifold init/);
  });
});

describe('a passphrase', () => {
  it('locks and opens the seed', async () => {
    const place = join(folder, 'locked');
    const path = join(place, 'manifold.toml');
    const passphraseFile = join(folder, 'passphrase');
    await writeFile(passphraseFile, `${PASSPHRASE}\n`);
    const args = ['init', '--config', path, '--listen', '127.0.0.1:0', '--passphrase-file', passphraseFile];
    const made = await run(args);
    expect(made.code, made.stderr).toBe(0);
    await rm(passphraseFile);
    const right = launch(['start', '--config', path], { MANIFOLD_PASSPHRASE: PASSPHRASE });
    const wrong = await run(['start', '--config', path], { MANIFOLD_PASSPHRASE: 'wrong passphrase' });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/does not open with this pass/) as unknown });
    await until(() => right.text().stdout.includes('manifold is up'), 40_000);
    right.child.kill('SIGTERM');
    const ended = await right.done;
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    for (const { stdout, stderr } of [made, wrong, ended]) said += stdout + stderr;
    await rm(place, { recursive: true });
  });
});

describe('init, start, invoice, payment, stop', () => {
  it('says what to do while nothing runs', async () => {
    expect(await manifold('nodes')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/manifold init/) as unknown,
    });
    expect(await run(['init', '--config', config])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/MANIFOLD_PASSPHRASE_FILE/) as unknown,
    });
    expect(await readdir(folder)).toEqual(['identity']);
  });

  it('writes a configuration and a seed, for their owner only, and never over old ones', async () => {
    const recipient = await identityToRecipient(identity);
    const args = ['init', '--config', config, '--listen', `127.0.0.1:${port}`, '--recipient', recipient];
    const first = await run([...args, '--json']);
    said += first.stdout + first.stderr;
    expect(first.code).toBe(0);
    for (const name of ['manifold.toml', 'seed.age']) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    expect(JSON.parse(first.stdout)).toMatchObject({
      phantom_node_id: toHex(new ClusterKeys(fromHex(await seedText())).phantomNodeId),
    });
    expect(await manifold(...args)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/exists already/) as unknown,
    });
    await writeFile(join(folder, 'admin.token'), `mft_${'0'.repeat(64)}\n`);
    expect(await manifold('nodes')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/manifold start/) as unknown,
    });
    await rm(join(folder, 'admin.token'));
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
  });

  it('shows a QR code where it can be read', async () => {
    const create = (columns: number | undefined, ...more: string[]): Promise<Outcome> =>
      inProcess(
        ['invoice', 'create', '--amount', '1sat', ...more],
        { MANIFOLD_CONFIG: config },
        columns === undefined ? {} : { columns },
      );
    const [file, wide, narrow, forced, without] = await Promise.all([
      create(undefined),
      create(200),
      create(40),
      create(40, '--qr'),
      create(200, '--no-qr'),
    ]);
    for (const { stdout } of [file, wide, narrow, forced, without]) expect(stdout).toMatch(/^lnbcrt10n1/m);
    expect([file, wide, narrow, forced, without].map(({ stdout }) => stdout.includes('█'))).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
    expect(narrow.stdout).toMatch(/needs a terminal of \d+ columns/);
  });

  it('leads on from payments that do not end well', async () => {
    const bolt11 = async (...args: string[]): Promise<string> =>
      String((await json('invoice', 'create', ...args))['bolt11']);
    const any = await bolt11('--amount', 'any', '--description', 'as you like');
    expect(await manifold('sim', 'pay', any)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--amount/) as unknown,
    });
    await json('sim', 'pay', any, '--amount', '1000sat');
    const plain = await json('invoice', 'show', any);
    expect((await manifold('invoice', 'show', any)).stdout).toMatch(/^description +as you like$/m);
    expect((await manifold('invoice', 'show', String(plain['payment_hash']))).stdout).toMatch(/^amount +unknown$/m);
    expect((await manifold('invoice', 'list')).stdout).toMatch(
      new RegExp(`^${String(plain['payment_hash'])} .* 1000 sat`, 'm'),
    );
    const huge = await bolt11('--amount', '900000000sat');
    const failed = await manifold('sim', 'pay', huge);
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringMatching(/unroutable/)]);
    expect(failed.stdout).toMatch(/^unroutable +900000000 sat/m);
    const told = await manifold('sim', 'pay', huge, '--json');
    expect([told.code, told.stderr]).toEqual([1, '']);
    expect(JSON.parse(told.stdout)).toMatchObject({ outcome: 'failed' });
    const preimage = '42'.repeat(32);
    const hash = createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex');
    const held = await bolt11('--amount', '10sat', '--hash', hash, '--hold-seconds', '600');
    const paying = manifold('sim', 'pay', held);
    await until(async () => (await json('invoice', 'show', held))['state'] === 'accepted');
    expect(await manifold('invoice', 'settle', hash)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/--preimage-file/) as unknown,
    });
    const file = join(folder, 'preimage');
    await writeFile(file, preimage);
    expect((await json('invoice', 'settle', held, '--preimage-file', file))['state']).toMatch(/^settl/);
    expect((await paying).stdout).toMatch(/^outcome +settled$/m);
    await rm(file);
  });

  it('manages tokens and webhooks', async () => {
    const made = await json('token', 'create', '--name', 'shop', '--scopes', 'invoices:read');
    const env = { MANIFOLD_API: `http://127.0.0.1:${port}`, MANIFOLD_TOKEN: String(made['token']) };
    expect((await inProcess(['invoice', 'list'], env)).code).toBe(0);
    expect(await inProcess(['nodes'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/scope nodes:read/) as unknown,
    });
    expect((await manifold('token', 'revoke', String(made['id']))).code).toBe(0);
    expect((await inProcess(['invoice', 'list', '--json'], env)).stdout).toContain('token_invalid');
    expect((await inProcess(['invoice', 'list'], env)).stderr).toMatch(/MANIFOLD_TOKEN .*unset it/);
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
    const second = await run(['start'], { MANIFOLD_CONFIG: config, MANIFOLD_AGE_IDENTITY_FILE: identityFile });
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
    const seed = await seedText();
    const keys = new ClusterKeys(fromHex(seed));
    const token = (await readFile(join(folder, 'admin.token'), 'utf8')).trim();
    const secrets = [
      seed,
      ...[keys.phantomSecret, keys.inboundKeyMaterial, keys.infoKey, keys.ownHashKey, keys.userHashKey].map(toHex),
    ];
    const forms = [
      PASSPHRASE,
      identity,
      token,
      ...secrets.flatMap((hex) => [
        hex,
        hex.toUpperCase(),
        Buffer.from(hex, 'hex').toString('base64'),
        Buffer.from(hex, 'hex').toString('latin1'),
      ]),
    ];
    const files = (await readdir(folder)).filter((name) => !['seed.age', 'admin.token', 'identity'].includes(name));
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
