/** What the attacks need of a world: daemons over fake LNDs on one PostgreSQL database, and honest people beside the others. */
import { readFileSync } from 'node:fs';
import type { TestContext } from 'vitest';
import type { PaymentRecord } from '../../src/node/sim/payment.js';
import type { PlainJson, RemotePayRequest } from '../../src/node/sim/remote-wire.js';
import type { Daemon } from '../e2e/daemon.js';
import { databaseFor, until, World, type WorldOptions } from '../e2e/harness.js';
import { MEMBERS } from '../e2e/network.js';
import type { Purchase } from '../e2e/shop.js';

const LEASE_TTL_SECONDS = 2;
const ALL_SERVED_MS = 90_000;

/** Two daemons, every member served; undefined without PostgreSQL, said aloud by whoever looked for it. */
export async function openWorld(options: WorldOptions = {}): Promise<World | undefined> {
  const database = options.databaseUrl === undefined ? await databaseFor('postgres') : undefined;
  const databaseUrl = options.databaseUrl ?? database?.url;
  if (databaseUrl === undefined) return undefined;
  const world = await World.open({
    databaseUrl,
    members: 'lnd',
    daemons: 2,
    leaseTtlSeconds: LEASE_TTL_SECONDS,
    ...options,
  });
  if (database) world.onClose(() => database.drop());
  await allServed(world);
  return world;
}

/** The same for a test, which closes it. */
export async function openForTest(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  options: WorldOptions = {},
): Promise<World | undefined> {
  const world = await openWorld(options);
  if (world) onTestFinished(() => world.close());
  return world;
}

/** @throws {Error} if they are not in good time */
export async function allServed(world: World): Promise<void> {
  const isServed = async (): Promise<boolean> => (await world.liveMembers()) === MEMBERS.length;
  if (await until(isServed, ALL_SERVED_MS)) return;
  const states = await Promise.all(world.cluster.daemons.map((daemon) => daemon.ask('GET', '/v1/nodes').catch(String)));
  throw new Error(`not all members are served (seed ${world.seed}): ${JSON.stringify(states)}`);
}

/** Text of a new invoice. */
export async function newInvoice(world: World, body: Readonly<Record<string, unknown>>): Promise<NewInvoice> {
  const answer = await world.cluster.insist('POST', '/v1/invoices', { body }, 60_000, ({ status }) => status === 201);
  if (!answer) throw new Error('no daemon makes invoices');
  return { bolt11: String(answer.body['bolt11']), paymentHash: String(answer.body['payment_hash']) };
}

export interface NewInvoice {
  readonly bolt11: string;
  readonly paymentHash: string;
}

/** Pays once and waits for the end of all parts. */
export async function payOnce(
  { admin }: World,
  payer: string,
  request: RemotePayRequest,
  patienceMs = 120_000,
): Promise<PlainJson<PaymentRecord>> {
  const index = await admin.pay(payer, request);
  let record = await admin.payment(payer, index);
  const isOver = async (): Promise<boolean> => (record = await admin.payment(payer, index)).endedAt !== undefined;
  if (!(await until(isOver, patienceMs))) throw new Error(`a payment has no end: ${JSON.stringify(record)}`);
  return record;
}

/** For the judge, who otherwise knows the customers of the shop only. */
export function purchase(paymentHash: string, amountMsat: bigint, record: PlainJson<PaymentRecord>): Purchase {
  return { kind: 'plain', paymentHash, amountMsat, reference: undefined, parts: record.parts.length, record };
}

/** Memory of the process, MB; undefined where the machine does not tell. */
export function memoryOf(daemon: Daemon): number | undefined {
  try {
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1024);
  } catch {
    return undefined;
  }
}
