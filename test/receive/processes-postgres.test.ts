/** Several processes over a real PostgreSQL, in real time. */
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { wallClock } from '../../src/receive/clock.js';
import { openStore, type Store } from '../../src/store/index.js';
import { createDatabase, type PostgresServer, startCluster } from '../support/postgres.js';
import { Processes, type Running } from './processes.js';

const TTL_MS = 2_000;
const server: PostgresServer | undefined = await startCluster();
const control = server?.control;

describe.runIf(server !== undefined && control !== undefined)('processes over one PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof createDatabase>>;

  // The nodes of every world are the same: each has a ledger of its own.
  beforeEach(async () => {
    database = await createDatabase(server!.url);
  });
  afterAll(async () => {
    await control!.stop('immediate');
  });

  async function open(): Promise<Store> {
    const store = await openStore({ url: database.url });
    onTestFinished(() => store.close());
    return store;
  }

  function start(world: Processes, name: string, store: Store, members?: readonly string[]): Running {
    const running = world.start(name, store, members);
    onTestFinished(() => (running.process.alive ? running.receiver.stop() : undefined));
    return running;
  }

  const live = (running: Running, member = 'm1') =>
    expect.poll(() => running.state(member), { timeout: 15_000, interval: 5 }).toBe('live');

  it('take each other over after a stop by the news of it, after a kill when the lease has run out', async () => {
    const world = new Processes(wallClock, TTL_MS);
    const [a, b, c] = [await open(), await open(), await open()];
    const first = start(world, 'a', a);
    await live(first);
    const second = start(world, 'b', b);
    await expect.poll(() => second.state('m1')).toBe('standby');
    let from = Date.now();
    await first.receiver.stop();
    await live(second);
    console.log(`take-over after a stop: ${Date.now() - from} ms`);
    const third = start(world, 'c', c);
    await expect.poll(() => third.state('m1')).toBe('standby');
    from = Date.now();
    second.process.kill();
    await live(third);
    console.log(`take-over after a kill: ${Date.now() - from} ms of ${TTL_MS} ms lease`);
    await live(third, 'm2');
    const payment = world.payAcross(world.invoice(100_000n));
    await expect.poll(() => payment.record.outcome, { timeout: 15_000 }).toBe('settled');
  }, 60_000);

  it.each(['fast', 'immediate'] as const)(
    'go on with a payment that was half there when the server was stopped (%s)',
    async (mode) => {
      const world = new Processes(wallClock, TTL_MS);
      const [a, b] = [await open(), await open()];
      const [first, second] = [start(world, 'a', a, ['m1']), start(world, 'b', b, ['m2'])];
      await live(first, 'm1');
      await live(second, 'm2');
      const payment = world.payAcross(world.invoice(100_000n), { delayMs: 4_000 });
      await expect.poll(() => first.receiver.status()[0]!.heldHtlcs, { timeout: 5_000 }).toBe(1);
      await control!.stop(mode);
      await expect.poll(() => second.receiver.status()[0]!.heldHtlcs, { timeout: 10_000 }).toBe(1);
      expect(payment.record.outcome).not.toBe('settled');
      await control!.start();
      await expect.poll(() => payment.record.outcome, { timeout: 20_000 }).toBe('settled');
      const answers = () => world.answers.map(({ action }) => action);
      await expect.poll(answers, { timeout: 10_000 }).toEqual(['settle', 'settle']);
    },
    60_000,
  );
});
