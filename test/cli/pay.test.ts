/** `manifold pay`, `payments` and `probe` against a daemon with the embedded network. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChannelGraph, importKnowledge, Knowledge } from '../../src/send/index.js';
import { type ApiServer, serveApi } from '../../src/daemon/http/server.js';
import { makeWorld, ready, until, type World } from '../daemon/support.js';
import { inProcess, launch, type Outcome } from './support.js';

let world: World;
let server: ApiServer;
let env: Record<string, string>;
beforeAll(async () => {
  world = await makeWorld();
  await ready(world);
  await until(() => world.parts.api.paying?.status()?.graph.loaded === true);
  server = await serveApi(world.app, '127.0.0.1', 0);
  env = { MANIFOLD_API: server.url, MANIFOLD_TOKEN: await world.token('admin') };
});
afterAll(async () => {
  await world.parts.api.hub.stop();
  await server.close();
  await world.stop();
});

const manifold = (...args: string[]): Promise<Outcome> => inProcess(args, env);

async function shopInvoice(amount: string): Promise<string> {
  const { code, stdout, stderr } = await manifold('sim', 'invoice', '--amount', amount, '--description', 'a book');
  expect([code, stderr]).toEqual([0, '']);
  return stdout.trim();
}

/** Amounts, names and the order of things stay; what differs from run to run does not. */
function steady(text: string): string[] {
  return text
    .replace(/[0-9a-f]{64,66}/g, '<key>')
    .replace(/[0-9a-f]{32}/g, '<id>')
    .replace(/[0-9a-f]{10}…/g, '<node>')
    .replace(/\b\d+(\.\d+)? (s|ms)\b/g, '<time>')
    .replace(/\d+\.\d{3} sat|\b\d+ sat(?= in fees)/g, '<fee>')
    .replace(/\b(alpha|beta|gamma)\b/g, '<own>')
    .replace(/block \d+/g, 'block <height>')
    .trim()
    .split('\n');
}

describe('manifold pay', () => {
  it('shows parts as they fly and land, then fee, path, time and proof', async () => {
    const invoice = await shopInvoice('25000sat');
    const { code, stdout, stderr } = await manifold('pay', invoice, '--reference', 'book', '--max-fee', '1%');
    expect([code, stderr], stdout).toEqual([0, '']);
    const lines = steady(stdout);
    expect(lines[0]).toBe('Paying 25000 sat to <key> for "a book", fee at most 250 sat');
    expect(stdout).toMatch(/part 0 {2}(flies|landed): /);
    const end = lines.slice(lines.findIndex((line) => line.startsWith('Paid')));
    expect(end[0]).toBe('Paid 25000 sat in <time>.');
    expect(end.slice(1).map((line) => line.split(/ {2,}/)[0])).toEqual([
      '',
      'fee',
      'parts',
      'paths',
      'time',
      'payment hash',
      'preimage',
      'payment',
    ]);
    expect(end.find((line) => line.startsWith('paths'))).toMatch(/25000 sat, fee \S+( sat)?: <own> → <node>/);
    const text = (name: string): string => new RegExp(`^${name} +([0-9a-f]+)$`, 'm').exec(stdout)![1]!;
    const hash = createHash('sha256')
      .update(Buffer.from(text('preimage'), 'hex'))
      .digest('hex');
    expect(hash).toBe(text('payment hash'));

    const shown = await manifold('payments', 'show', text('payment'));
    expect(steady(shown.stdout)).toContainEqual(
      expect.stringMatching(/^state +succeeded: paid 25,000 sat after <time> in one part, for <fee> in fees/),
    );
    expect(shown.stdout).toMatch(/^part 0 {2}settled: 25,000 sat arrived after/m);
    const listed = await manifold('payments', 'list');
    expect(listed.stdout).toMatch(/^PAYMENT +STATE +AMOUNT/);
    expect(listed.stdout).toContain('book');
    const over = await manifold('payments', 'stop', text('payment'));
    expect([over.code, over.stderr]).toEqual([1, 'manifold: the payment has been paid: there is nothing to stop\n']);
    const again = await manifold('pay', invoice);
    expect([again.code, again.stderr]).toEqual([
      1,
      `manifold: this has been paid already: see payment ${text('payment')} (reference book)\n`,
    ]);
  });

  it('gives one object with --json, and a line per piece of news with --progress', async () => {
    const one = await manifold('pay', await shopInvoice('1000sat'), '--json');
    expect(one.code).toBe(0);
    expect(JSON.parse(one.stdout)).toMatchObject({ state: 'succeeded', is_over: true, amount_msat: '1000000' });
    const many = await manifold('pay', await shopInvoice('1000sat'), '--json', '--progress');
    const lines = many.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.length).toBeGreaterThan(1);
    const versions = lines.map(({ version }) => Number(version));
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    expect(lines.at(-1)).toMatchObject({ state: 'succeeded', is_over: true });
  });

  it('redraws one picture on a terminal, and ends as elsewhere', async () => {
    const { code, stdout } = await inProcess(['pay', await shopInvoice('3000sat')], env, { columns: 100 });
    expect(code).toBe(0);
    expect(stdout).toMatch(/\[[█▒ ]{60}\] (in_flight|succeeded|prepared)/);
    expect(stdout).toContain('\u001b[J');
    const last = stdout.slice(stdout.lastIndexOf('\u001b[J'));
    expect(last).toMatch(/\[█{60}\] succeeded\n✓ +3000 sat {2}/);
    expect(last).toMatch(/^Paid 3000 sat in /m);
  });

  it('shows a plan and sends nothing with --dry-run', async () => {
    const { code, stdout } = await manifold('pay', await shopInvoice('12000000sat'), '--dry-run', '--from', 'alpha');
    expect(code, stdout).toBe(0);
    expect(steady(stdout)[0]).toMatch(/^Nothing was sent\. The plan: 12,000,000 sat in \d+ parts from <own>,/);
    expect(stdout).toMatch(/^chance +\S+ % at the first try; what fails is planned anew$/m);
    expect(stdout).toMatch(/^AMOUNT +FEE +CHANCE +PATH$/m);
    const json = await manifold('pay', await shopInvoice('1000sat'), '--dry-run', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ dry_run: true, amount_msat: '1000000' });
  });

  it('allows no more blocks than it is told', async () => {
    const { code, stderr } = await manifold('pay', await shopInvoice('1000sat'), '--max-blocks', '20');
    expect([code, stderr]).toEqual([1, expect.stringContaining('blocks')]);
    const probed = await manifold('probe', await shopInvoice('1000sat'), '--max-blocks', '20');
    expect([probed.code, probed.stderr]).toEqual([1, stderr]);
  });

  it('pays a node by keysend', async () => {
    const payee = await nodeOfShop();
    const { code, stdout } = await manifold('pay', '--keysend', payee, '--amount', '50sat', '--record', '70001=00ff');
    expect(code, stdout).toBe(0);
    expect(stdout).toContain('Paid 50 sat');
  });

  it('ends with 1 and words where it cannot work', async () => {
    const { code, stdout, stderr } = await manifold('pay', await shopInvoice('900000000sat'));
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^manifold: .*sat/);
    const json = await manifold('pay', await shopInvoice('900000000sat'), '--json');
    expect(json.code).toBe(1);
    expect(Object.keys(JSON.parse(json.stdout) as object)).toEqual(['error']);
    const missing = await manifold('payments', 'show', '00'.repeat(16));
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('no payment is known')]);
  });

  it.each<readonly [string, readonly string[], RegExp]>([
    ['nothing', [], /name what to pay/],
    ['both', ['lnbcrt1', '--keysend', `02${'aa'.repeat(32)}`], /one of them/],
    ['a keysend without amount', ['--keysend', `02${'aa'.repeat(32)}`], /needs --amount/],
    ['a keysend to a name', ['--keysend', 'alice', '--amount', '5sat'], /66 hex digits/],
    ['a bare amount', ['lnbcrt1', '--amount', '5'], /with its unit/],
    ['any amount', ['lnbcrt1', '--amount', 'any'], /name an amount/],
    ['a bare fee', ['lnbcrt1', '--max-fee', '5'], /like 100sat, 5000msat or 0.5%/],
    ['more than all', ['lnbcrt1', '--max-fee', '200%'], /more than the whole/],
    ['no parts', ['lnbcrt1', '--max-parts', '0'], /1 to 483/],
    [
      'more blocks than nodes take',
      ['lnbcrt1', '--max-blocks', '2017'],
      /--max-blocks is a whole number from 1 to 2016/,
    ],
    ['a record for an invoice', ['lnbcrt1', '--record', '70000=00'], /for --keysend/],
    ['a record in words', ['--keysend', `02${'aa'.repeat(32)}`, '--amount', '1sat', '--record', 'a=b'], /type=hex/],
    ['progress for a person', ['lnbcrt1', '--progress'], /goes with --json/],
    ['odd names', ['lnbcrt1', '--from', 'alpha,,beta'], /manifold nodes/],
  ])('is wrong usage with %s', async (_what, args, says) => {
    const { code, stderr } = await manifold('pay', ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
  });

  it('leaves the payment running when it is interrupted, and says so', async () => {
    const held = (await manifold('invoice', 'create', '--amount', '2000sat', '--hold', '--json')).stdout;
    const { bolt11, payment_hash: hash } = JSON.parse(held) as { bolt11: string; payment_hash: string };
    const paying = launch(['pay', bolt11], env);
    await until(() => paying.text().stdout.includes('flies'), 20_000);
    paying.child.kill('SIGINT');
    const { code, stderr } = await paying.done;
    expect(code).toBe(1);
    expect(stderr).toMatch(/the payment goes on\. Money may be out/);
    const [, id] = /manifold payments show ([0-9a-f]{32})/.exec(stderr)!;
    expect((await manifold('payments', 'show', id!)).stdout).toMatch(/^state +in_flight:/m);
    await until(async () => (await manifold('invoice', 'settle', hash)).code === 0);
    await until(async () => (await manifold('payments', 'show', id!)).stdout.includes('succeeded'));
  });
});

async function nodeOfShop(): Promise<string> {
  const { stdout } = await manifold('pay', await shopInvoice('1000sat'), '--dry-run', '--json');
  return (JSON.parse(stdout) as { payee: { node_id: string } }).payee.node_id;
}

describe('manifold probe', () => {
  it('shows its steps as they come, and what gets through', async () => {
    const { code, stdout, stderr } = await manifold(
      'probe',
      await nodeOfShop(),
      '--max',
      '60000000sat',
      '--precision',
      '30',
    );
    expect([code, stderr], stdout).toEqual([0, '']);
    expect(stdout).toMatch(/^✓ +\d+(\.\d+)? sat, fee /m);
    expect(stdout).toMatch(/^✗ +\d+(\.\d+)? sat {2}/m);
    expect(stdout).toMatch(/^gets through +\d/m);
    expect(stdout).toMatch(/^does not +\d/m);
  });

  it('of an invoice asks for its amount, and is one object with --json', async () => {
    const { code, stdout } = await manifold('probe', await shopInvoice('5000sat'), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ arrived_msat: '5000000', complete: true });
    const lines = (await manifold('probe', await shopInvoice('5000sat'), '--json', '--progress')).stdout
      .trim()
      .split('\n');
    expect(lines.length).toBeGreaterThan(1);
  });

  it('ends with 1 if nothing gets through', async () => {
    const { code, stderr } = await manifold(
      'probe',
      '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^manifold: /);
  });
});

describe('manifold knowledge', () => {
  it('exports as JSON what payments have taught', async () => {
    expect((await manifold('pay', await shopInvoice('2000sat'))).code).toBe(0);
    const { code, stdout, stderr } = await manifold('knowledge', 'export');
    expect([code, stderr]).toEqual([0, '']);
    const exported: unknown = JSON.parse(stdout);
    expect((exported as { channels: unknown[] }).channels.length).toBeGreaterThan(0);
    expect(importKnowledge(new Knowledge(new ChannelGraph()), exported).ok).toBe(true);
  });
});

describe('manifold nodes', () => {
  it('shows what can be sent', async () => {
    const { stdout } = await manifold('nodes');
    expect(stdout).toContain('SENDABLE');
    expect(stdout).toMatch(/^paying +graph: \d+ channels; in flight: nothing$/m);
    expect(stdout).not.toContain('internal');
  });
});
