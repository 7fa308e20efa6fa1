import { describe, expect, it } from 'vitest';
import { ClusterWatch, daemonName } from '../../src/daemon/cluster-watch.js';
import type { Lease } from '../../src/receive/ledger/types.js';

const US = 'one/aa';

function watching(leases: Lease[], { databaseAhead = 0 } = {}) {
  const state = { now: 1_000_000, away: false, leases };
  const takeovers: [string, string][] = [];
  const watch = new ClusterWatch({
    store: {
      now: async () => {
        if (state.away) throw new Error('away');
        return state.now + databaseAhead;
      },
      leases: async () => state.leases,
    },
    clock: { now: () => state.now, after: () => () => undefined, soon: () => undefined },
    owner: US,
    onTakeover: (...told) => takeovers.push(told),
  });
  return { watch, state, takeovers };
}

const lease = (nodeId: string, owner: string, expiresAt: number, epoch = 1): Lease => ({
  nodeId,
  owner,
  epoch,
  expiresAt,
  height: 100,
});

describe('who serves which node', () => {
  it('is what leases say that have not run out, by the clock of the database', async () => {
    const hour = 3_600_000;
    const leases = [
      lease('a', US, 1_000_500 + hour),
      lease('b', 'two/bb', 1_000_500 + hour),
      lease('c', 'x', 999_000 + hour),
    ];
    const { watch, state } = watching(leases, { databaseAhead: hour });
    await watch.look();
    expect([...watch.owners()]).toEqual([
      ['a', { name: 'one', isUs: true, epoch: 1, height: 100 }],
      ['b', { name: 'two', isUs: false, epoch: 1, height: 100 }],
    ]);
    expect(watch.skewMs).toBe(hour);
    state.now += 1_000;
    await watch.look();
    expect(watch.owners().size).toBe(0);
  });

  it('is not known while the database is away', async () => {
    const { watch, state } = watching([lease('a', 'two/bb', 9_000_000)]);
    expect([watch.isStoreUp, watch.skewMs, watch.owners().size]).toEqual([false, undefined, 0]);
    await watch.look();
    state.away = true;
    await expect(watch.look()).rejects.toThrow('away');
    expect([watch.isStoreUp, watch.owners().size]).toEqual([true, 1]);
    state.now += 10_000;
    expect([watch.isStoreUp, watch.skewMs, watch.owners().size]).toEqual([false, undefined, 0]);
  });

  it('changes by takeovers, which are told once; a restart is none', async () => {
    const { watch, state, takeovers } = watching([lease('a', 'two/bb', 1), lease('b', 'one/old', 1)]);
    await watch.look();
    state.leases = [lease('a', US, 2, 2), lease('b', US, 2, 2), lease('c', US, 2)];
    await watch.look();
    await watch.look();
    expect(takeovers).toEqual([['a', 'two']]);
    state.leases = [lease('a', 'two/cc', 3, 3)];
    await watch.look();
    state.leases = [lease('a', US, 4, 4)];
    await watch.look();
    expect(takeovers).toEqual([
      ['a', 'two'],
      ['a', 'two'],
    ]);
  });

  it('has the name of the daemon, whatever an owner is called', () => {
    expect(['shop-1/ab', 'a/b/c', 'abcdef', '/x'].map(daemonName)).toEqual(['shop-1', 'a/b', 'abcdef', '/x']);
  });
});
