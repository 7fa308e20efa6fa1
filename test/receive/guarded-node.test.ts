import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import type { Clock } from '../../src/receive/clock.js';
import { GuardedChannels } from '../../src/receive/guarded-node.js';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import type { Part } from '../../src/receive/ledger/types.js';
import { FakeLedgerStore } from '../support/fake-ledger-store.js';

const KEY = { nodeId: '02'.padEnd(66, '1'), channelId: 7n, htlcId: 1n };
const PART: Part = {
  key: KEY,
  paymentHash: 'aa'.repeat(32),
  setId: 'set',
  amountMsat: 1n,
  incomingAmountMsat: 1n,
  expiry: 900,
  deadline: 881,
  presentedEpoch: 3,
  firstSeenAt: 0,
  decision: { type: 'settle' },
  decidedAt: 0,
  final: 'none',
};

interface Delays {
  readonly databaseMs: number;
  readonly nodeMs: number;
  /** The process stands still for so long once the node has been asked. */
  readonly frozenMs?: number;
}

async function lookForAnHour({ databaseMs, nodeMs, frozenMs = 0 }: Delays): Promise<[closed: number, codes: string[]]> {
  const time = new VirtualClock();
  let frozen = 0;
  const clock: Clock = {
    now: () => time.now() + frozen,
    after: (delay, task) => time.after(delay, task),
    soon: (task) => {
      time.soon(task);
    },
  };
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void time.after(ms, resolve));
  const store = new FakeLedgerStore({ now: () => clock.now() });
  store.leaseRows.set(KEY.nodeId, { nodeId: KEY.nodeId, owner: 'a', epoch: 3, expiresAt: Infinity, height: 880 });
  store.accounts.set(PART.paymentHash, { paymentHash: PART.paymentHash, terms: undefined, sets: [], parts: [PART] });
  const slow = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]): Promise<unknown> => {
        await wait(databaseMs);
        return Reflect.apply(member, target, args) as unknown;
      };
    },
  });
  let closed = 0;
  const codes: string[] = [];
  const channels = new GuardedChannels({
    node: {
      name: 'alpha',
      nodeId: KEY.nodeId,
      epoch: 3,
      port: {
        forceClose: async () => {
          closed += 1;
        },
      },
      height: () => 880,
      isLive: () => true,
      isGone: () => false,
      lookUpFinal: async () => {
        await wait(nodeMs);
        frozen += frozenMs;
        return undefined;
      },
    },
    ledger: new Ledger({ store, owner: 'a' }),
    store: slow,
    clock,
    alarms: { raise: ({ code }) => codes.push(code) },
    busy: new Set(),
  });
  for (let second = 0; second < 3_600; second++) {
    channels.close([PART]);
    await time.runFor(1_000);
  }
  return [closed, codes];
}

describe('the guard of a channel', () => {
  it.each([
    { databaseMs: 1_000, nodeMs: 5_000 },
    { databaseMs: 12_000, nodeMs: 9_000 },
  ])('closes it once, however slow database and node are ($databaseMs ms, $nodeMs ms)', async (delays) => {
    expect(await lookForAnHour(delays)).toEqual([1, ['guard-force-closed']]);
  });

  it.each([30_000, -30_000])(
    'acts on nothing that it read before the clock jumped by %i ms, and says so',
    async (ms) => {
      const [closed, codes] = await lookForAnHour({ databaseMs: 10, nodeMs: 10, frozenMs: ms });
      expect(closed).toBe(0);
      expect(codes.length).toBeGreaterThan(20); // with growing pauses, for as long as it goes on
      expect(codes.length).toBeLessThan(60);
      expect(new Set(codes)).toEqual(new Set(['guard-failed']));
    },
  );
});
