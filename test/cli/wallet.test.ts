/** `manifold wallet`: two wallets that are never awake together, over an LSP in this process. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assembleDaemon, type DaemonParts } from '../../src/daemon/assemble.js';
import { parseConfig } from '../../src/daemon/config/load.js';
import { createLog } from '../../src/daemon/log.js';
import { Faults } from '../../src/node/sim/faults.js';
import { SimNetwork } from '../../src/node/sim/network.js';
import { serveSimNetwork, type SimServer } from '../../src/node/sim/remote-server.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import { wallClock } from '../../src/receive/clock.js';
import { openStore, type Store } from '../../src/store/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { until } from '../daemon/support.js';
import { inProcess, run } from './support.js';

const BALANCES = { balances: [5_000_000_000n, 5_000_000_000n] } as const;

let folder = '';
let network: SimNetwork;
let faults: Faults;
let sim: SimServer;
let store: Store;
let lsp: DaemonParts;
let log = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-wallet-'));
  network = new SimNetwork({ seed: 'wallets', clock: wallClock });
  faults = new Faults(network);
  const [alice, hub, bob] = [
    network.addNode('alice', { interceptor: true, private: true }),
    network.addNode('lsp', { interceptor: true, hold: true }),
    network.addNode('bob', { interceptor: true, private: true }),
  ];
  network.openChannel(alice, hub, BALANCES);
  network.openChannel(hub, bob, BALANCES);
  // An LSP that the public knows.
  network.openChannel(hub, network.addNode('shop', { interceptor: true }), BALANCES);
  sim = await serveSimNetwork(network);
  store = await openStore({ url: 'sqlite::memory:' });
  const config = `network = "regtest"\n[cluster]\nseed_env = "S"\n[[nodes]]\nname = "lsp"\nkind = "sim"\n[offline]\nenabled = true\n[wake]\nallow_loopback = true\n`;
  const port = new SimNodePort(network, hub);
  lsp = assembleDaemon(
    {
      config: parseConfig(config, '/nowhere/manifold.toml', {}),
      ring: new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(9)) }),
      log: createLog({ level: 'debug', destination: { write: (line: string) => void (log += line) } }),
      clock: wallClock,
      random: Math.random,
    },
    store,
    { nodes: [{ port }], senders: [], embedded: undefined, close: async () => undefined },
  );
  for (const part of lsp.startable) await part.start();
  await until(() => lsp.messages.messenger.isConnected(network.node('shop').nodeId));
}, 60_000);

afterAll(async () => {
  for (const part of [...lsp.startable].reverse()) await part.stop();
  await sim.close();
  await store.close();
  await rm(folder, { recursive: true });
});

const configOf = (name: string): string => join(folder, name, 'wallet.toml');
const seedOf = (name: string): Record<string, string> => ({
  SEED: toHex(new ClusterKeys(Buffer.from(name.padEnd(32))).phantomSecret),
});

async function wallet(name: string, ...words: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr, code } = await inProcess(
    ['wallet', ...words, '--config', configOf(name), '--json'],
    seedOf(name),
  );
  if (code !== 0) throw new Error(`${words.join(' ')}: ${stdout}${stderr}\n${log.slice(-3000)}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** With its node on for as long as the command runs. */
async function awake(name: string, ...words: readonly string[]): Promise<Record<string, unknown>> {
  faults.restartNode(name);
  try {
    return await wallet(name, ...words);
  } finally {
    faults.crashNode(name);
  }
}

async function enrolled(name: string): Promise<void> {
  const offline = lsp.api.offline!;
  unwrap(await offline.enrol({ nodeId: network.node(name).nodeId, name }));
  const paths = unwrap(await offline.paths(name)).server_paths.flatMap((path) => ['--server-path', path]);
  const place = [
    '--node',
    `tcp://127.0.0.1:${sim.port}`,
    '--sim-node',
    name,
    '--lsp',
    toHex(network.node('lsp').nodeId),
  ];
  await wallet(name, 'init', ...place, ...paths, '--seed-env', 'SEED');
}

describe('manifold wallet', { timeout: 120_000 }, () => {
  it('pays from one sleeping wallet to another', async () => {
    await enrolled('alice');
    await enrolled('bob');
    const { offer } = await awake('bob', 'offer');
    expect(offer).toMatch(/^lno1/);
    const paid = await awake('alice', 'pay', String(offer), '--amount', '50000sat', '--note', 'sleep well', '--sleep');
    expect(paid).toMatchObject({ wallet_state: 'held', state: 'paying', is_held: true, amount_msat: '50000000' });
    expect(await wallet('alice', 'payments')).toMatchObject({ offer_payments: [{ state: 'paying' }], received: [] });

    const woken = await awake('bob', 'wake');
    expect(woken).toMatchObject({
      released: 1,
      received: [{ amount_msat: '50000000', offer: { payer_note: 'sleep well' } }],
    });
    // As a process of its own: it ends by itself.
    faults.restartNode('alice');
    const last = await run(['wallet', 'wake', '--config', configOf('alice'), '--json'], seedOf('alice'));
    faults.crashNode('alice');
    expect(last.code, last.stdout + last.stderr).toBe(0);
    const back = JSON.parse(last.stdout) as Record<string, unknown>;
    expect(back).toMatchObject({ ended: [{ id: paid['id'], state: 'succeeded' }], open: [] });
    const status = await awake('bob', 'status');
    expect(status).toMatchObject({ lsp: { connected: true }, open: [] });
    expect((status['offers'] as unknown[])[0]).toMatchObject({ slot: 0, state: 'used' });
    const hook = await awake('bob', 'register-webhook', 'http://127.0.0.1:9/hook');
    expect(hook).toMatchObject({ app_name: 'manifold', changed: true, num_webhooks: 1 });
  });

  it('says what is in the way', async () => {
    const say = (...words: readonly string[]) => inProcess(['wallet', ...words, '--json'], seedOf('carol'));
    const place = ['--node', `tcp://127.0.0.1:${sim.port}`, '--config', configOf('carol'), '--seed-env', 'SEED'];
    expect(await say('init', ...place)).toMatchObject({ code: 2, stdout: expect.stringContaining('--lsp') as string });
    const lspId = toHex(network.node('lsp').nodeId);
    expect(await say('init', ...place, '--lsp', lspId, '--server-path', 'beef')).toMatchObject({ code: 2 });
    expect(await say('init', ...place, '--lsp', lspId, '--sim-node', 'shop')).toMatchObject({ code: 0 });
    const offer = await say('offer', '--config', configOf('carol'));
    expect(offer).toMatchObject({ code: 2, stdout: expect.stringContaining('no_server') as string });
    const note = await say('pay', 'lnbcrt1x', '--note', 'x', '--config', configOf('carol'));
    expect(note).toMatchObject({ code: 2, stdout: expect.stringContaining('--note') as string });
  });
});
