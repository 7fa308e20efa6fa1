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
    const head = `network = "regtest"\n[cluster]\nseed_env = "X"\n[database]\nurl = "${database.url}"\n[api]\nlisten = "127.0.0.1:0"\n[receive]\nlease_ttl_seconds = 2\n`;
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

    daemons.splice(daemons.indexOf(first), 1);
    await first.stop();
    await until(async () => (await states(second)) === 'live,live');
    expect(logged).not.toContain('this is a bug');
  });
});
