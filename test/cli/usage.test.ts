/** What was typed is checked before anything happens: exit code 2, and the option is named. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inProcess, type Outcome } from './support.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-usage-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const manifold = (...args: string[]): Promise<Outcome> =>
  inProcess(args, { MANIFOLD_CONFIG: join(folder, 'manifold.toml') });

describe('wrong usage', () => {
  it.each<[string, RegExp]>([
    ['', /Usage/],
    ['nonsense', /unknown command/],
    ['invoice', /Usage/],
    ['invoice create', /--amount is missing/],
    ['invoice create --amout 5sat', /Did you mean --amount/],
    ['invoice create --amount 5', /with its unit/],
    ['invoice create --amount 5sat --hash zz', /--hash is 64 hex digits/],
    ['invoice create --amount 5sat --description-hash 00', /--description-hash is 64 hex digits/],
    ['invoice create --amount 5sat --expiry 0', /--expiry is a whole number from 1/],
    ['invoice create --amount 5sat --hold-seconds 60', /--hold-seconds .*--hold/],
    ['invoice create --amount 5sat --preimage-file /nope/x', /--preimage-file: there is no file/],
    ['invoice list --state foo', /--state: .*open, accepted, settling, settled, canceled, expired/],
    ['invoice list --state paid', /--state/],
    ['invoice list --limit 0', /--limit is a whole number from 1 to 100/],
    ['invoice list --limit abc', /--limit/],
    ['invoice show abc', /"abc" is neither a payment hash/],
    ['invoice settle abc', /neither a payment hash/],
    ['events --after x', /--after/],
    ['events --types foo', /--types: .*invoice\.settled/],
    ['token create --name x --bogus', /unknown option/],
    ['token create --scopes invoices:read', /--name is missing/],
    ['token create --name x --scopes invoice:read', /--scopes: .*did you mean invoices:read/],
    ['webhook create shop.example', /not a web address/],
    ['webhook create ftp://shop.example', /not a web address/],
    ['webhook create https://shop.example --types invoice.paid', /--types: .*invoice\.settled/],
    ['sim pay lnbc1 --parts 0', /--parts is a whole number from 1 to 16/],
    ['sim pay lnbc1 --parts x', /--parts/],
    ['nodes --config /nope.toml', /\/nope\.toml: there is no such file/],
    ['nodes', /there is no such file/],
    ['init --network bitcoin', /--network must be "regtest": the nodes are simulated/],
    ['init --listen nowhere', /--listen must look like/],
    ['init --database mysql://x', /--database must be sqlite:FILE or postgres/],
    ['init --database sqlite:', /--database/],
    ['init --seed-env 1X', /--seed-env must be the name/],
    ['init --seed-from /nope', /--seed-from: there is no file \/nope/],
    ['init --recipient age1foo', /"age1foo" is not an age recipient: it is cut short/],
    ['init --recipient foo', /they begin with age1/],
    ['init --seed-env X --recipient age1foo', /--seed-env writes no seed/],
    ['start', /manifold init/],
    ['start --passphrase-file', /argument missing/],
  ])('%s', async (line, says) => {
    const { code, stdout, stderr } = await manifold(...line.split(' ').filter((word) => word !== ''));
    expect(stdout + stderr).toMatch(says);
    expect(code).toBe(2);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is none to ask for help or the version', async () => {
    for (const line of ['--help', '--version', 'invoice --help', 'invoice create --help'])
      expect((await manifold(...line.split(' '))).code).toBe(0);
  });

  it('is told as JSON to programs', async () => {
    const { code, stdout, stderr } = await manifold('invoice', 'list', '--state', 'foo', '--json');
    expect([code, stderr]).toEqual([2, '']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage' } });
  });
});

describe('a configuration', () => {
  const NODE = '[[nodes]]\nname = "a"\nkind = "sim"\n';

  it('has all its mistakes shown', async () => {
    const path = join(folder, 'typo.toml');
    await writeFile(path, `netwrok = "regtest"\n[cluster]\nepoch = -1\nseed_env = "X"\n${NODE}`);
    for (const command of ['start', 'nodes']) {
      const { code, stderr } = await manifold(command, '--config', path);
      expect(code).toBe(2);
      expect(stderr).toContain(`${path}:1: unknown key netwrok; did you mean network?`);
      expect(stderr).toContain(`${path}:3: cluster.epoch must be at least 0`);
    }
    await rm(path);
  });

  it.each([
    ['seed_env = "NO_SUCH_SEED"', /environment variable NO_SUCH_SEED is not set/],
    ['seed_file = "none.age"', /there is no seed file .*none\.age/],
  ])('without its seed does not start: %s', async (seed, says) => {
    const path = join(folder, 'seedless.toml');
    await writeFile(path, `network = "regtest"\n[cluster]\n${seed}\n${NODE}`);
    const { code, stderr } = await manifold('start', '--config', path);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
    expect(await readdir(folder)).toEqual(['seedless.toml']);
    await rm(path);
  });

  it('for a seed in the environment comes with how to make one', async () => {
    const path = join(folder, 'env', 'manifold.toml');
    const { code, stdout } = await manifold('init', '--config', path, '--seed-env', 'SEED');
    expect(stdout).toMatch(/openssl rand -hex 32/);
    expect(code).toBe(0);
  });
});
