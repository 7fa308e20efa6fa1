import { expect, it } from 'vitest';
import { VirtualClock } from '../../../src/node/sim/virtual-clock.js';
import { FakeLedgerStore } from '../../support/fake-ledger-store.js';
import { Processes } from '../processes.js';
import { settledPart, settlingSet } from '../../store/rows.js';

it('a receiver guards the nodes it serves, and only those', async () => {
  const clock = new VirtualClock();
  const store = new FakeLedgerStore({ now: clock.now });
  const world = new Processes(clock);
  const acts: string[] = [];
  const start = (name: string) =>
    world.start(name, store, ['m1'], (port) => ({
      ...port,
      guard: {
        registerPreimage: async (_, amountMsat) => void acts.push(`${name} registers ${amountMsat}`),
        forceClose: async (channelId) => void acts.push(`${name} closes ${channelId}`),
      },
    }));
  start('p1');
  await clock.runFor(1_000);
  start('p2');
  await clock.runFor(1_000);
  const height = store.leaseRows.get(world.nodeId('m1'))!.height;
  const hash = 'ab'.repeat(32);
  const key = { nodeId: world.nodeId('m1'), channelId: 77n, htlcId: 3n };
  const part = settledPart(hash, { key, decidedAt: clock.now(), expiry: height + 24, deadline: height + 5 });
  const [parts, sets] = [[part], [settlingSet(hash, { decidedAt: clock.now() })]];
  store.accounts.set(hash, { paymentHash: hash, terms: undefined, sets, parts });
  await clock.runFor(25_000);
  expect(acts).toEqual([]);
  await clock.runFor(30_000);
  expect(acts).toEqual([`p1 registers ${part.incomingAmountMsat}`]);
  await clock.runFor(600_000);
  expect(acts).toEqual([`p1 registers ${part.incomingAmountMsat}`, 'p1 closes 77']);
  expect(world.alarms.map(({ code }) => code).sort()).toEqual(['guard-force-closed', 'settle-unconfirmed']);
});
