import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, isLoopbackHost, loadConfig, parseConfig } from '../../src/daemon/config/load.js';
import { KeyLines } from '../../src/daemon/config/lines.js';
import { editDistance, nearestWord } from '../../src/daemon/config/nearest.js';
import { configTemplate } from '../../src/daemon/config/template.js';
import { CONFIG } from './support.js';

const parse = (text: string, env: Record<string, string> = {}) => parseConfig(text, '/etc/manifold/manifold.toml', env);

function mistakes(text: string, env: Record<string, string> = {}): string[] {
  try {
    parse(text, env);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message.split('\n').map((line) => line.replace('/etc/manifold/manifold.toml', ''));
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('fills in defaults and resolves file names from its own place', () => {
    const config = parse(
      'network = "regtest"\n[cluster]\nseed_file = "seed.age"\n[[nodes]]\nname = "a"\nkind = "sim"\n',
    );
    expect(config.api).toEqual({ listen: '127.0.0.1:9740', allow_remote: false });
    expect(config.cluster.seed_file).toBe('/etc/manifold/seed.age');
    expect(config.database.url).toBe('sqlite:/etc/manifold/manifold.db');
    expect(config.cluster.epoch).toBe(1);
    expect(parse(CONFIG).database.url).toBe('sqlite::memory:');
  });

  it('reports every typo with its line and the nearest valid key', () => {
    const text =
      CONFIG.replace('network =', 'netwrok =').replace('[database]\nurl', '[database]\nulr') +
      'nodeid = "x"\n[recieve]\nmargin = 1\n[log]\nlevel = "loud"\n';
    const found = mistakes(text);
    expect(found).toContain(':1: unknown key netwrok; did you mean network?');
    expect(found).toContain(':5: unknown key database.ulr; did you mean url?');
    expect(found).toContain(':15: unknown key nodes.2.nodeid; did you mean node_id?');
    expect(found).toContain(':16: unknown key recieve; did you mean receive?');
    expect(found.some((line) => line.startsWith(':19: log.level must be "fatal" or'))).toBe(true);
    expect(found).toContain(': network is missing'); // the value stands under the wrong name
  });

  it('names the line of a syntax error', () => {
    expect(mistakes('network = "regtest"\n[cluster\nepoch = 1\n')[0]).toMatch(/^:2: /);
    expect(mistakes('a = 1\na = 2\n')[0]).toMatch(/^:2: /);
  });

  it('says what a wrong value must be', () => {
    expect(mistakes(CONFIG.replace('seed_env = "SEED"', 'seed_env = "SEED"\nepoch = "one"'))).toEqual([
      ':4: cluster.epoch must be a whole number',
    ]);
    expect(mistakes(`${CONFIG}[receive]\nmargin_blocks = 1\nmpp_timeout_seconds = 10\n`)).toEqual([
      ':16: receive.margin_blocks must be at least 3',
      ':17: receive.mpp_timeout_seconds must be at least 60',
    ]);
    expect(mistakes(CONFIG.replace('kind = "sim"', 'kind = "simm"'))).toEqual([
      ':8: nodes.0.kind must be "lnd" or "sim"; did you mean sim?',
    ]);
    expect(mistakes(CONFIG.replace('kind = "sim"', 'kind = "cln"'))).toEqual([
      ':8: nodes.0.kind must be "lnd" or "sim": other nodes come in a later version',
    ]);
    expect(mistakes(CONFIG.replace('kind = "sim"\n', ''))[0]).toBe(
      ':6: nodes.0.kind is missing: "lnd" for an LND node, "sim" for a simulated one',
    );
    expect(mistakes('network = "regtest"\n[cluster]\nseed_env = "SEED"\n')).toEqual([
      ': nodes is missing: add at least one [[nodes]]',
    ]);
  });

  it.each(['mysql://x', 'sqlite:', 'sqlite://', 'postgres:host', '/var/lib/m.db', '', 'postgres://u:s3cret@h:port/d'])(
    'refuses the database %s without repeating it',
    (url) => {
      expect(mistakes(CONFIG.replace('sqlite::memory:', url))).toEqual([
        ':5: database.url must be sqlite:FILE or postgres://user@host/database',
      ]);
    },
  );

  it.each([
    ['network = regtest', 'the value of network needs quotes: write texts as network = "…"'],
    ['listen = 127.0.0.1:9740 # here', 'the value of listen needs quotes: write texts as listen = "…"'],
    ['level =', 'there is no value behind "level ="'],
    ['nonsense', 'this is neither [table] nor key = value'],
    ['name = "a', 'a text is not closed: put a quote at its end'],
    ['[[nodes]', 'a list entry is written as [[name]], with two brackets on each side'],
    ['a = "x" "y"', 'something stands behind the value: one key = value per line, comments begin with #'],
  ])('explains %s', (text, message) => {
    expect(mistakes(text)).toEqual([`:1: ${message}`]);
  });

  it('wants exactly one source of each seed', () => {
    expect(mistakes(CONFIG.replace('seed_env = "SEED"', ''))).toEqual([
      ':2: cluster needs exactly one of seed_file and seed_env',
    ]);
    expect(mistakes(CONFIG.replace('seed_env = "SEED"', 'seed_env = "SEED"\nseed_file = "x"'))).toHaveLength(1);
    const retired = CONFIG.replace('[database]', '[[cluster.retired]]\nepoch = 1\nseed_env = "OLD"\n[database]');
    expect(mistakes(retired)).toEqual([':5: cluster.retired.0.epoch: key epoch 1 is given twice']);
  });

  it('does not listen to other machines unless told to', () => {
    const remote = `${CONFIG}[api]\nlisten = "0.0.0.0:9740"\n`;
    expect(mistakes(remote)[0]).toMatch(/^:16: api\.listen: 0\.0\.0\.0 can be reached from other machines/);
    expect(mistakes(`${remote}allow_remote = true\n`)).toEqual([]);
    expect(
      isLoopbackHost('::1') &&
        isLoopbackHost('127.3.2.1') &&
        !isLoopbackHost('128.0.0.1') &&
        !isLoopbackHost('127.evil.example'),
    ).toBe(true);
  });

  it('refuses two nodes of one name and a network that a simulated node is not on', () => {
    expect(mistakes(CONFIG.replace('"beta"', '"alpha"'))).toEqual([
      ':10: nodes.1.name: there are two nodes called "alpha"',
    ]);
    expect(mistakes(CONFIG.replace('"regtest"', '"bitcoin"'))[0]).toMatch(/^:1: network must be "regtest"/);
    expect(mistakes(`${CONFIG}[[nodes]]\nname = "d"\nkind = "sim"\n`)[0]).toMatch(/embedded network has 3 members/);
  });

  it('is overridden by the environment, whose mistakes are named too', () => {
    const config = parse(CONFIG, {
      MANIFOLD_DATABASE_URL: 'postgres://u@h/d',
      MANIFOLD_WEBHOOKS_ALLOW_PRIVATE: 'true',
      MANIFOLD_RECEIVE_MARGIN_BLOCKS: '20',
    });
    expect(config.database.url).toBe('postgres://u@h/d');
    expect(config.webhooks.allow_private).toBe(true);
    expect(config.receive.margin_blocks).toBe(20);
    expect(mistakes(CONFIG, { MANIFOLD_DATABASE_ULR: 'x' })).toEqual([
      ': unknown environment variable MANIFOLD_DATABASE_ULR; did you mean MANIFOLD_DATABASE_URL?',
    ]);
    expect(mistakes(CONFIG, { MANIFOLD_LOG_LEVEL: 'loud' })[0]).toMatch(/^: MANIFOLD_LOG_LEVEL must be/);
    expect(mistakes(CONFIG, { MANIFOLD_API: 'x', MANIFOLD_PASSPHRASE: 'y', MANIFOLD_EC: 'noble' })).toEqual([]);
  });

  it('writes a template that it reads', () => {
    const text = configTemplate({
      network: 'regtest',
      seedFile: 'seed.age',
      seedEnv: undefined,
      databaseUrl: 'sqlite:m.db',
      listen: '127.0.0.1:1',
    });
    expect(parse(text).nodes.map(({ name }) => name)).toEqual(['alpha', 'beta', 'gamma']);
    // Every key that is written as a comment is valid as well.
    const active = text
      .replace(/^# (?=(?:\[\[cluster\.retired\]\]|[a-z_]+ = ))/gm, '')
      .replace('allow_remote = false', 'allow_remote = true');
    expect(mistakes(active)).toEqual([]);
    expect(parse(active).cluster.retired).toHaveLength(1);
  });

  it('says how to get a configuration where there is none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'manifold-config-'));
    await expect(loadConfig(join(folder, 'none.toml'), {})).rejects.toThrow(/manifold init/);
    await writeFile(join(folder, 'm.toml'), CONFIG);
    expect((await loadConfig(join(folder, 'm.toml'), {})).path).toBe(join(folder, 'm.toml'));
    await rm(folder, { recursive: true });
  });

  it('fails as a configuration error on any text', () => {
    const words = fc.constantFrom(
      '[',
      ']',
      '[[nodes]]',
      '=',
      '"',
      "'''",
      '"""',
      '\n',
      'network',
      'cluster',
      '.',
      '1',
      'true',
      '{',
      '}',
      '__proto__',
      '#',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((parts) => parts.join('')),
        ),
        (text) => {
          expect(() => parse(text)).toThrow(ConfigError);
          expect(() => new KeyLines(text)).not.toThrow();
        },
      ),
    );
  });
});

describe('key lines', () => {
  it('are not confused by strings, comments and dotted or quoted keys', () => {
    const lines = new KeyLines(
      'a = """\nb = 1\n"""\n# c = 1\n[t]\n"q k".x = 1 # d = 2\n[[l]]\nn = 1\n[l.sub]\nm = 2\n[[l]]\nn = 3\n',
    );
    expect(lines.lineOf(['a'])).toBe(1);
    expect(lines.lineOf(['b'])).toBeUndefined();
    expect(lines.lineOf(['t', 'q k', 'x'])).toBe(6);
    expect(lines.lineOf(['l', 0, 'sub', 'm'])).toBe(10);
    expect(lines.lineOf(['l', 1, 'n'])).toBe(12);
    expect(lines.lineOf(['l', 1, 'missing'])).toBe(11);
  });
});

describe('nearest word', () => {
  it('counts a swap of neighbours as one edit', () => {
    expect(editDistance('ulr', 'url')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(nearestWord('completely', ['url', 'level'])).toBeUndefined();
    expect(nearestWord('Level', ['url', 'level'])).toBe('level');
  });
});
