/** `manifold offline …` against a daemon in this process. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, serveApi } from '../../src/daemon/http/server.js';
import { decodeBlindedPath } from '../../src/onion/index.js';
import { fromHex } from '../../src/wire/bytes.js';
import { type LspWorld, makeLsp } from '../daemon/offline/api-world.js';
import { until } from '../daemon/support.js';
import { inProcess, type Outcome } from './support.js';

let world: LspWorld;
let server: ApiServer;
let environment: Record<string, string>;

beforeAll(async () => {
  world = await makeLsp();
  server = await serveApi(world.app, '127.0.0.1', 0);
  environment = { MANIFOLD_API: server.url, MANIFOLD_TOKEN: await world.token('admin') };
}, 60_000);

afterAll(async () => {
  await server.close();
  await world.end();
  await world.store.close();
});

const manifold = (...args: string[]): Promise<Outcome> => inProcess(['offline', ...args], environment);
const json = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { stdout, code } = await manifold(...args, '--json');
  expect(code).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
};

describe('manifold offline', () => {
  it('says how to begin', async () => {
    expect((await manifold('list')).stdout).toBe(
      'No wallets yet; `manifold offline enrol <node id> --name <name>` adds one.\n',
    );
    expect((await manifold('held')).stdout).toBe('Nothing is held.\n');
  });

  it.each([
    [['enrol', '02ab', '--name', 'ann'], 'the node id is a node id'],
    [['enrol', `02${'ab'.repeat(32)}`], '--name is missing'],
    [
      ['enrol', `02${'ab'.repeat(32)}`, '--name', 'x', '--max-held', '0'],
      '--max-held is a whole number from 1 to 1000',
    ],
    [['enrol', `02${'ab'.repeat(32)}`, '--name', 'x', '--max-held-amount', '5'], 'write it with its unit'],
    [['limits', 'ann'], 'name a limit'],
    [['list', '--limit', '101'], '--limit is a whole number from 1 to 100'],
  ])('refuses %j', async (args, words) => {
    const { code, stderr } = await manifold(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });

  it('enrols a wallet and prints what it needs', async () => {
    const { code, stdout } = await manifold(
      'enrol',
      world.idOf('ann'),
      '--name',
      'ann',
      '--max-held-amount',
      '5000sat',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^number {4}1$/m);
    expect(stdout).toContain('Limits: 10 invoices, 3 held payments of 5000 sat together for 432 blocks');
    const path = /server_paths = \[\n {2}"([0-9a-f]+)",\n/.exec(stdout)![1]!;
    expect(decodeBlindedPath(fromHex(path)).ok).toBe(true);
    const again = await manifold('enrol', world.idOf('ann'), '--name', 'ann');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('this wallet is enrolled already');
    expect(await json('paths', 'ann', '--expires', '3600')).toMatchObject({ number: 1 });
    expect(await json('limits', 'ann', '--max-slots', '7')).toMatchObject({ limits: { max_slots: 7 } });
  });

  it('tells who sleeps, what is held until which block, and what happens then', async () => {
    world.faults.crashNode('ann');
    const payment = world.pay('ann', 2_000_000n);
    const sum = async () => (await json('list'))['held'] as Record<string, unknown>;
    await until(async () => (await sum())['until_block'] !== undefined);
    const until_block = String((await sum())['until_block']);
    const { stdout: list } = await manifold('list');
    const [heading, row] = list.split('\n');
    expect(heading).toBe(heading!.trimEnd());
    expect(row!.split(/ {2,}/)).toEqual([
      '1',
      'ann',
      'asleep',
      '1',
      '2003 sat',
      until_block,
      '0/7',
      '0',
      '0',
      world.idOf('ann'),
    ]);
    expect(list).toContain(`Wallets: 1, asleep: 1. Held: 1 (2003 sat), the first until block ${until_block}.`);
    for (const text of [(await manifold('show', 'ann')).stdout, (await manifold('held')).stdout]) {
      expect(text).toMatch(/^2003 sat to ann, held since .* \(at alpha, channel \d+, HTLC \d+\)$/m);
      expect(text).toContain('  waits: ann sleeps\n');
      expect(text).toContain(`  then: at block ${until_block} it is failed back to the payer, in `);
    }
    const refused = await manifold('remove', 'ann');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('1 payment is held for this wallet');
    expect((await manifold('remove', 'ann', '--force')).stdout).toBe('Removed: it is not served any more.\n');
    expect((await payment.done).outcome).toBe('failed');
    expect((await manifold('show', 'ann')).stderr).toContain('no such wallet is enrolled');
  });
});
