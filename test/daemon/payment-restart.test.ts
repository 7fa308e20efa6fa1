/** A payment whose daemon dies under it, over a simulated network in this process: found again, paid once. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeInvoice } from '../../src/bolt11/index.js';
import { randomBytes, sha256 } from '../../src/crypto/index.js';
import { presetWorld, type PresetWorld } from '../../src/node/sim/preset.js';
import { serveSimNetwork, type SimServer } from '../../src/node/sim/remote-server.js';
import { wallClock } from '../../src/receive/clock.js';
import { Feature } from '../../src/wire/features.js';
import { toHex } from '../../src/wire/bytes.js';
import { unwrap } from '../../src/wire/result.js';
import { launch, type Running } from '../cli/support.js';
import { createDatabase, postgresUrl } from '../support/postgres.js';
import { until } from './support.js';

const SEED = toHex(randomBytes(32));
const postgres = await postgresUrl();

let folder = '';
let world: PresetWorld;
let sim: SimServer;
const running = new Set<Running>();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manifold-restart-'));
  world = presetWorld({ seed: `restart ${Date.now()}`, clock: wallClock });
  sim = await serveSimNetwork(world.network);
});
afterEach(async () => {
  await Promise.all([...running].map((daemon) => kill(daemon)));
  await sim.close();
  await rm(folder, { recursive: true });
});

async function kill(daemon: Running): Promise<void> {
  daemon.child.kill('SIGKILL');
  await daemon.done;
  running.delete(daemon);
}

interface Daemon {
  readonly process: Running;
  ask(path: string, body?: object): Promise<Record<string, unknown>>;
}

async function start(name: string, database: string): Promise<Daemon> {
  const path = join(folder, `${name}.toml`);
  const nodes = ['alpha', 'beta', 'gamma'].map(
    (node) => `[[nodes]]\nname = "${node}"\nkind = "sim"\nurl = "tcp://127.0.0.1:${sim.port}"\n`,
  );
  const head = `network = "regtest"\n[cluster]\nseed_env = "SEED"\n[database]\nurl = "${database}"\n[api]\nlisten = "127.0.0.1:0"\n[daemon]\nname = "${name}"\n[receive]\nlease_ttl_seconds = 2\n`;
  await writeFile(path, head + nodes.join(''));
  const process = launch(['start', '--config', path], { SEED });
  running.add(process);
  let url = '';
  await until(() => {
    const { code, stderr, stdout } = process.text();
    if (code !== null) throw new Error(`the daemon ended: ${stderr}`);
    url = /"url":"(http:[^"]+)"/.exec(stdout)?.[1] ?? '';
    return url !== '';
  }, 40_000);
  const token = (await readFile(join(folder, 'admin.token'), 'utf8')).trim();
  const ask: Daemon['ask'] = async (route, body) => {
    const response = await fetch(url + route, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', connection: 'close' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as Record<string, unknown>;
  };
  await until(async () => {
    const { sending } = (await ask('/v1/nodes')) as { sending?: { ready: boolean; graph?: { loaded: boolean } } };
    return sending?.graph?.loaded === true;
  }, 40_000);
  return { process, ask };
}

/** An invoice of carol's that she holds until she is told. */
function heldInvoice(amountMsat: bigint): { readonly bolt11: string; readonly paymentHash: Uint8Array } {
  const { node } = world.payers[0]!;
  const [preimage, paymentSecret] = [randomBytes(32), randomBytes(32)];
  const paymentHash = sha256(preimage);
  const bolt11 = unwrap(
    encodeInvoice(
      {
        currency: 'bcrt',
        amountMsat,
        timestamp: Math.floor(Date.now() / 1000),
        paymentHash,
        paymentSecret,
        description: 'held',
        minFinalCltvExpiryDelta: 40,
        features: [Feature.varOnion, Feature.paymentSecret, Feature.basicMpp + 1],
      },
      world.network.random.fork('node carol').bytes(32),
    ),
  );
  node.till.add({ paymentHash, paymentSecret, preimage, amountMsat, hold: true });
  return { bolt11, paymentHash };
}

/** What carol has got for this hash by the end. */
const amount = 14_000_000_000n; // more than one member has

describe('a daemon that is killed while its payment is out', () => {
  const cases = [
    ['settled after its restart', false],
    ['settled while it was dead', true],
  ] as const;

  it.each(cases)('finds the parts again: %s', async (name, isEarly) => {
    const database = `sqlite:${join(folder, `${name.replaceAll(' ', '-')}.db`)}`;
    const first = await start('solo', database);
    const { bolt11, paymentHash } = heldInvoice(amount);
    const begun = await first.ask('/v1/payments', { invoice: bolt11, reference: name });
    expect(begun['id'], JSON.stringify(begun)).toBeTypeOf('string');
    const { till } = world.payers[0]!.node;
    await until(() => till.isHeld(paymentHash), 20_000);
    await kill(first.process);
    if (isEarly) till.settle(paymentHash);
    const second = await start('solo', database);
    const path = `/v1/payments/${toHex(paymentHash)}`;
    expect(await second.ask(path)).toMatchObject({ id: begun['id'], reference: name });
    expect((await second.ask('/v1/payments', { invoice: bolt11 }))['code']).toMatch(/^already_(under_way|paid)$/);
    if (!isEarly) {
      expect((await second.ask(path))['state']).toBe('in_flight');
      till.settle(paymentHash);
    }
    await until(async () => (await second.ask(path))['is_over'] === true, 30_000);
    const paid = (await second.ask(path)) as unknown as {
      state: string;
      preimage: string;
      parts: { state: string; amount_msat: string }[];
    };
    expect(paid.state).toBe('succeeded');
    expect(toHex(sha256(Buffer.from(paid.preimage, 'hex')))).toBe(toHex(paymentHash));
    const settled = paid.parts.filter(({ state }) => state === 'settled');
    expect(settled.reduce((sum, { amount_msat: part }) => sum + BigInt(part), 0n)).toBe(amount);
    await kill(second.process);
  });
});

describe.runIf(postgres !== undefined)('two daemons on PostgreSQL', () => {
  it('carry on what the other one began', async ({ onTestFinished }) => {
    const database = await createDatabase(postgres!);
    onTestFinished(() => database.drop());
    const [one, two] = [await start('one', database.url), await start('two', database.url)];
    const { bolt11, paymentHash } = heldInvoice(2_000_000_000n);
    await one.ask('/v1/payments', { invoice: bolt11 });
    const path = `/v1/payments/${toHex(paymentHash)}`;
    expect(await two.ask(path)).toMatchObject({ driven_by: 'one' });
    expect(await two.ask('/v1/payments', { invoice: bolt11 })).toMatchObject({ code: 'already_under_way' });
    const { till } = world.payers[0]!.node;
    await until(() => till.isHeld(paymentHash), 20_000);
    await kill(one.process);
    await until(async () => (await two.ask(path))['driven_by'] === 'two', 60_000);
    till.settle(paymentHash);
    await until(async () => (await two.ask(path))['is_over'] === true, 30_000);
    expect(await two.ask(path)).toMatchObject({ state: 'succeeded' });
    await kill(two.process);
  });

  it('stop what the other one drives', async ({ onTestFinished }) => {
    const database = await createDatabase(postgres!);
    onTestFinished(() => database.drop());
    const [one, two] = [await start('one', database.url), await start('two', database.url)];
    const { bolt11, paymentHash } = heldInvoice(2_000_000_000n);
    await one.ask('/v1/payments', { invoice: bolt11 });
    const path = `/v1/payments/${toHex(paymentHash)}`;
    const { till } = world.payers[0]!.node;
    await until(() => till.isHeld(paymentHash), 20_000);
    expect(await two.ask(`${path}/stop`, {})).toMatchObject({ driven_by: 'one' });
    await until(async () => (await two.ask(path))['state'] === 'stopping', 30_000);
    till.cancel(paymentHash);
    await until(async () => (await two.ask(path))['is_over'] === true, 30_000);
    expect(await two.ask(path)).toMatchObject({ state: 'failed' });
    await kill(one.process);
    await kill(two.process);
  });
});
