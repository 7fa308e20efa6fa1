/** Two daemons on one PostgreSQL database, each serving other nodes of one simulated network in a third place. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeInvoice } from '../../src/bolt11/index.js';
import { loadConfig } from '../../src/daemon/config/load.js';
import { type RunningDaemon, startDaemon } from '../../src/daemon/daemon.js';
import { createLog } from '../../src/daemon/log.js';
import { presetWorld, type PresetWorld } from '../../src/node/sim/preset.js';
import { serveSimNetwork, type SimServer } from '../../src/node/sim/remote-server.js';
import { wallClock } from '../../src/receive/clock.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';
import { RING, until } from './support.js';

const server = await postgresUrl();

describe.runIf(server !== undefined)('two daemons on PostgreSQL', () => {
  let folder = '';
  let world: PresetWorld;
  let sim: SimServer;
  let database: Awaited<ReturnType<typeof createDatabase>>;
  let logged = '';
  const daemons: RunningDaemon[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'manifold-two-'));
    world = presetWorld({ seed: `two ${Date.now()}`, clock: wallClock });
    sim = await serveSimNetwork(world.network);
    database = await createDatabase(server!);
  });
  afterAll(async () => {
    for (const daemon of daemons) await daemon.stop();
    await sim.close();
    await database.drop();
    await rm(folder, { recursive: true });
  });

  async function start(name: string, members: readonly string[]): Promise<RunningDaemon> {
    const path = join(folder, `${name}.toml`);
    const nodes = members.map(
      (node) => `[[nodes]]\nname = "${node}"\nkind = "sim"\nurl = "tcp://127.0.0.1:${sim.port}"\n`,
    );
    const head = `network = "regtest"\n[cluster]\nseed_env = "X"\n[database]\nurl = "${database.url}"\n[api]\nlisten = "127.0.0.1:0"\n[daemon]\nname = "${name}"\n[receive]\nlease_ttl_seconds = 2\n`;
    await writeFile(path, head + nodes.join(''));
    const log = createLog({ level: 'debug', destination: { write: (line: string) => void (logged += line) } });
    const daemon = await startDaemon({
      config: await loadConfig(path, {}),
      ring: RING,
      log,
      clock: wallClock,
      random: () => 0.5,
    });
    daemons.push(daemon);
    return daemon;
  }

  async function ask(daemon: RunningDaemon, path: string, body?: object): Promise<Record<string, unknown>> {
    const token = (await readFile(join(folder, 'admin.token'), 'utf8')).trim();
    const response = await fetch(daemon.url + path, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  }

  interface Shown {
    readonly nodes: readonly Record<string, unknown>[];
    readonly elsewhere: readonly Record<string, unknown>[];
  }

  const nodesOf = async (daemon: RunningDaemon): Promise<Shown> => (await ask(daemon, '/v1/nodes')) as unknown as Shown;

  async function seenFromBoth(first: RunningDaemon, second: RunningDaemon): Promise<void> {
    await until(async () => (await nodesOf(first)).elsewhere.length === 1);
    await until(async () => (await nodesOf(second)).elsewhere.length === 1);
    const [seen, other] = [await nodesOf(first), await nodesOf(second)];
    const here = { owner: 'one', served_here: true, state: 'live', health: 'good', lag_blocks: 0 };
    expect(seen.nodes).toMatchObject([
      { name: 'alpha', ...here },
      { name: 'beta', ...here },
    ]);
    expect(seen.elsewhere).toMatchObject([{ node_id: toHex(world.members[2]!.nodeId), owner: 'two', held_htlcs: 0 }]);
    expect(other.nodes).toMatchObject([
      { name: 'beta', owner: 'one', served_here: false, state: 'standby', reason: 'served by one', health: 'good' },
      { name: 'gamma', owner: 'two', served_here: true, state: 'live' },
    ]);
    expect(other.elsewhere).toMatchObject([{ node_id: toHex(world.members[0]!.nodeId), owner: 'one' }]);
    expect(Number(other.nodes[0]!['receivable_msat'])).toBeGreaterThan(0);
  }

  /** HTLCs that the first daemon holds are seen from the second, in the ledger. */
  async function heldElsewhere(first: RunningDaemon, second: RunningDaemon): Promise<void> {
    const made = await ask(first, '/v1/invoices', { amount_msat: '3000000', hold: true });
    const hash = String(made['payment_hash']);
    const invoice = unwrap(decodeInvoice(String(made['bolt11'])));
    const { done } = world.payers[0]!.start({ invoice, parts: [{ amountMsat: 3_000_000n }] });
    await until(async () => (await ask(second, `/v1/invoices/${hash}`))['state'] === 'accepted');
    const { nodes, elsewhere } = await nodesOf(second);
    const [beta] = nodes;
    const held = [beta!, ...elsewhere].filter(({ held_htlcs }) => held_htlcs === 1);
    expect(held).toHaveLength(1);
    expect(Number(held[0]!['held_msat'])).toBeGreaterThanOrEqual(3_000_000);
    expect(held[0]!['blocks_left']).toBeGreaterThan(12);
    expect(String(held[0]!['owner'])).toBe('one');
    const own = (await nodesOf(first)).nodes.find(({ held_htlcs }) => held_htlcs === 1);
    expect(own).toMatchObject({ held_msat: held[0]!['held_msat'], blocks_left: held[0]!['blocks_left'] });
    await ask(first, `/v1/invoices/${hash}/cancel`, {});
    await done;
    await until(async () => (await nodesOf(second)).elsewhere.every(({ held_htlcs }) => held_htlcs === 0));
  }

  it('receive one payment at nodes of both, and one takes over from the other', async () => {
    const states = async (daemon: RunningDaemon): Promise<string> =>
      ((await ask(daemon, '/v1/nodes'))['nodes'] as { state: string }[]).map(({ state }) => state).join();
    const first = await start('one', ['alpha', 'beta']);
    await until(async () => (await states(first)) === 'live,live');
    const second = await start('two', ['beta', 'gamma']);
    await until(async () => (await states(second)) === 'standby,live');

    // Each knows of the other's nodes by their leases only, so the invoice is made where two members are.
    const made = await ask(first, '/v1/invoices', { amount_msat: '4000000', reference: 'both' });
    const invoice = unwrap(decodeInvoice(String(made['bolt11'])));
    const other = await ask(second, '/v1/invoices', { amount_msat: '4000000' });
    const hints = [...invoice.routeHints, ...unwrap(decodeInvoice(String(other['bolt11']))).routeHints];
    const gamma = hints.findIndex((hint) =>
      hint.some(({ nodeId }) => Buffer.from(nodeId).equals(world.members[2]!.nodeId)),
    );
    const alpha = hints.findIndex((hint) =>
      hint.some(({ nodeId }) => Buffer.from(nodeId).equals(world.members[0]!.nodeId)),
    );
    expect([gamma, alpha].every((index) => index >= 0)).toBe(true);
    const paid = await world.payers[0]!.pay({
      invoice: { ...invoice, routeHints: hints },
      parts: [
        { amountMsat: 1_500_000n, hint: alpha },
        { amountMsat: 2_500_000n, hint: gamma },
      ],
    });
    expect(paid.outcome).toBe('settled');
    const hash = String(made['payment_hash']);
    await until(async () => (await ask(second, `/v1/invoices/${hash}`))['state'] === 'settled');
    const shown = await ask(second, `/v1/invoices/${hash}`);
    expect(shown).toMatchObject({ received_msat: '4000000', reference: 'both' });
    expect(shown).toEqual(await ask(first, `/v1/invoices/${hash}`));
    for (const daemon of [first, second]) {
      const { events } = await ask(daemon, '/v1/events');
      expect((events as { type: string }[]).filter(({ type }) => type === 'invoice.settled')).toHaveLength(1);
    }

    await seenFromBoth(first, second);
    await heldElsewhere(first, second);

    daemons.splice(daemons.indexOf(first), 1);
    await first.stop();
    await until(async () => (await states(second)) === 'live,live');
    await until(async () => (await nodesOf(second)).nodes.every(({ owner }) => owner === 'two'));
    const metrics = async (): Promise<string> => (await fetch(`${second.url}/metrics`)).text();
    await until(async () => /^manifold_lease_takeovers_total\{member="beta"\} 1$/m.test(await metrics()));
    expect(await metrics()).toMatch(/^manifold_lease_owned\{member="beta"\} 1$/m);
    expect(logged).not.toContain('this is a bug');
  });
});
