import { describe, expect, it } from 'vitest';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import type { Alarm } from '../../src/receive/alarms.js';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import type { LedgerStore } from '../../src/receive/ledger/store-port.js';
import { Member, type MemberOptions } from '../../src/receive/member.js';
import type { InterceptSession, NodeInfo, NodePort } from '../../src/receive/node-port.js';
import { SimNetwork } from '../../src/node/sim/network.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { toHex } from '../../src/wire/bytes.js';
import { FakeLedgerStore, FakeStoreAway } from '../support/fake-ledger-store.js';

interface Setting {
  readonly clock: VirtualClock;
  readonly store: FakeLedgerStore;
  readonly port: NodePort;
  readonly nodeId: string;
  readonly alarms: Alarm[];
  readonly member: (owner: string, port?: NodePort, change?: Partial<MemberOptions>) => Member;
}

/** The same node with other answers about itself; counts how often its stream was opened. */
function saying(
  port: NodePort,
  change: () => Partial<NodeInfo>,
): { readonly port: NodePort; readonly opened: () => number } {
  const intercept = port.intercept!;
  let opened = 0;
  return {
    opened: () => opened,
    port: {
      name: port.name,
      kind: port.kind,
      info: async () => ({ ...(await port.info()), ...change() }),
      channels: () => port.channels(),
      intercept: {
        nodeFailureCodes: intercept.nodeFailureCodes,
        lookupFinal: (key) => intercept.lookupFinal(key),
        open: (handlers) => {
          opened += 1;
          return intercept.open(handlers);
        },
      },
    },
  };
}

function setting(): Setting {
  const clock = new VirtualClock();
  const network = new SimNetwork({ seed: 1, clock });
  const node = network.addNode('alpha', { interceptor: true });
  const port = new SimNodePort(network, node);
  const store = new FakeLedgerStore({ now: clock.now });
  const keys = new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(1)) });
  const alarms: Alarm[] = [];
  return {
    clock,
    store,
    port,
    nodeId: toHex(node.nodeId),
    alarms,
    member: (owner, of = port, change = {}) =>
      new Member({
        node: of,
        network: 'regtest',
        keys: () => keys,
        ledger: new Ledger({ store, owner }),
        store,
        clock,
        alarms: { raise: (alarm) => void alarms.push(alarm) },
        ...change,
      }),
  };
}

describe('a member', () => {
  it('takes the lease, keeps it by heartbeats, and gives it back', async () => {
    const { clock, store, nodeId, member } = setting();
    const alpha = member('a');
    alpha.start();
    await clock.runFor(60_000);
    expect(alpha.status().state).toBe('live');
    expect(store.leaseRows.get(nodeId)).toMatchObject({ owner: 'a', epoch: 1 });
    expect(store.leaseRows.get(nodeId)!.expiresAt).toBeGreaterThan(clock.now());
    await clock.finish(alpha.stop());
    expect(alpha.status().state).toBe('stopped');
    expect(store.leaseRows.get(nodeId)).toMatchObject({ epoch: 2, expiresAt: clock.now() });
  });

  it('stops also while its stream is being opened', async () => {
    const { clock, port, member } = setting();
    const intercept = port.intercept!;
    let closed = false;
    const slow: NodePort = {
      name: port.name,
      kind: port.kind,
      info: () => port.info(),
      channels: () => port.channels(),
      intercept: {
        nodeFailureCodes: intercept.nodeFailureCodes,
        lookupFinal: (key) => intercept.lookupFinal(key),
        open: (handlers) =>
          new Promise<InterceptSession>((resolve, reject) => {
            clock.after(5_000, () => {
              intercept.open(handlers).then((session) => {
                const close = (): void => {
                  closed = true;
                  session.close();
                };
                resolve({
                  answer: (key, answer) => session.answer(key, answer),
                  heartbeat: () => session.heartbeat(),
                  close,
                });
              }, reject);
            });
          }),
      },
    };
    const alpha = member('a', slow);
    alpha.start();
    await clock.runFor(1_000);
    const stopped = alpha.stop();
    await clock.runFor(6_000);
    await clock.finish(stopped);
    expect(alpha.status().state).toBe('stopped');
    expect(closed).toBe(true);
  });

  it('waits while another process serves its node, and takes over when that one is gone', async () => {
    const { clock, store, nodeId, member } = setting();
    const [first, second] = [member('a'), member('b')];
    first.start();
    await clock.runFor(1_000);
    second.start();
    await clock.runFor(30_000);
    expect([first.status().state, second.status().state]).toEqual(['live', 'standby']);
    await clock.finish(first.stop());
    await clock.runFor(30_000);
    expect(second.status().state).toBe('live');
    expect(store.leaseRows.get(nodeId)!.owner).toBe('b');
    await clock.finish(second.stop());
  });

  it('lets its lease run out while the database cannot be reached, and takes a new look when it is back', async () => {
    const { clock, store, nodeId, member } = setting();
    const alpha = member('a');
    alpha.start();
    await clock.runFor(20_000);
    let resume = (): void => undefined;
    store.stall(new Promise<void>((resolve) => (resume = resolve)));
    await clock.runFor(40_000);
    const stale = store.leaseRows.get(nodeId)!.expiresAt;
    expect(stale).toBeLessThan(clock.now());
    resume();
    await clock.runFor(1);
    // What was sent before the stall proves nothing about now.
    expect(store.leaseRows.get(nodeId)!.expiresAt).toBeLessThan(clock.now());
    await clock.runFor(15_000);
    expect(alpha.status().state).toBe('live');
    expect(store.leaseRows.get(nodeId)!.expiresAt).toBeGreaterThan(clock.now());
    await clock.finish(alpha.stop());
  });

  it('whose node must not be used as it is set up is not touched, and told of once per change', async () => {
    const { clock, port, alarms, member } = setting();
    let refusals: readonly string[] = ['set requireinterceptor=true in lnd.conf'];
    const node = saying(port, () => ({ refusals }));
    const alpha = member('a', node.port);
    alpha.start();
    await clock.runFor(120_000);
    expect([alpha.status().state, node.opened()]).toEqual(['waiting', 0]);
    expect(alpha.status().reason).toContain('requireinterceptor');
    expect(alarms).toEqual([{ code: 'node-refused', node: 'alpha', message: alpha.status().reason }]);
    refusals = ['set requireinterceptor=true in lnd.conf', 'update LND to 0.18.4 or later'];
    await clock.runFor(60_000);
    expect(alarms).toHaveLength(2);
    expect(alarms[1]!.message).toContain('0.18.4');
    refusals = [];
    await clock.runFor(20_000);
    expect([alpha.status().state, node.opened(), alarms.length]).toEqual(['live', 1, 2]);
    await clock.finish(alpha.stop());
  });

  it('is refused when its node comes back without what it needs, and its lease is free', async () => {
    const { clock, port, store, nodeId, alarms, member } = setting();
    let refusals: readonly string[] = [];
    const sessions: { onClosed(reason: string): void }[] = [];
    const node = saying(port, () => ({ refusals }));
    const inner = node.port.intercept!;
    const alpha = member('a', {
      ...node.port,
      intercept: {
        nodeFailureCodes: inner.nodeFailureCodes,
        lookupFinal: (key) => inner.lookupFinal(key),
        open: async (handlers) => {
          sessions.push(handlers);
          return inner.open(handlers);
        },
      },
    });
    alpha.start();
    await clock.runFor(10_000);
    expect(alpha.status().state).toBe('live');
    refusals = ['set requireinterceptor=true in lnd.conf'];
    sessions[0]!.onClosed('the node restarts');
    await clock.runFor(30_000);
    expect([alpha.status().state, node.opened()]).toEqual(['waiting', 1]);
    expect(alarms.map(({ code }) => code)).toEqual(['node-refused']);
    expect(store.leaseRows.get(nodeId)!.expiresAt).toBeLessThanOrEqual(clock.now());
    await clock.finish(alpha.stop());
  });

  it.each([
    ['another network', { network: 'bitcoin' }, {}, 'is on bitcoin'],
    ['another node', {}, { expectedNodeId: '02'.padEnd(66, '1') }, 'correct the address or the node id'],
  ] as const)('refuses %s at its address', async (_, info, change, words) => {
    const { clock, port, alarms, member } = setting();
    const node = saying(port, () => info);
    const alpha = member('a', node.port, change);
    alpha.start();
    await clock.runFor(60_000);
    expect([alpha.status().state, node.opened()]).toEqual(['waiting', 0]);
    expect(alarms).toEqual([expect.objectContaining({ code: 'node-refused', node: 'alpha' })]);
    expect(alarms[0]!.message).toContain(words);
    await clock.finish(alpha.stop());
  });
});

describe('a member that starts while the database is away', () => {
  const away = (store: FakeLedgerStore): { readonly store: LedgerStore; back: () => void } => {
    let isAway = true;
    return {
      back: () => {
        isAway = false;
      },
      store: new Proxy(store, {
        get(target, name) {
          const member: unknown = Reflect.get(target, name, target);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]): unknown =>
            isAway ? Promise.reject(new FakeStoreAway('away')) : Reflect.apply(member, target, args);
        },
      }),
    };
  };

  it('opens the stream for the forwards after a while, gives way now and then, and serves when it is back', async () => {
    const { clock, port, store, member } = setting();
    const { store: shared, back } = away(store);
    const node = saying(port, () => ({}));
    const reasons: string[] = [];
    const alpha = member('a', node.port, {
      store: shared,
      ledger: new Ledger({ store: shared, owner: 'a' }),
      onState: ({ reason }) => reasons.push(reason ?? ''),
    });
    alpha.start();
    await clock.runFor(4_000);
    expect(node.opened()).toBe(0);
    await clock.runFor(20_000);
    expect([node.opened(), alpha.status().state]).toEqual([1, 'waiting']);
    expect(alpha.status().reason).toContain('forwards go on');
    await clock.runFor(115_000);
    expect(reasons.filter((reason) => reason.includes('gives way'))).toHaveLength(1);
    await clock.runFor(30_000);
    expect(node.opened()).toBe(2);
    back();
    await clock.runFor(10_000);
    expect([node.opened(), alpha.status().state]).toEqual([2, 'live']);
    await clock.runFor(300_000);
    expect([node.opened(), alpha.status().state]).toEqual([2, 'live']);
    await clock.finish(alpha.stop());
  });

  it('takes the stream from nobody, and lets whoever has the database back in', async () => {
    const { clock, port, store, member } = setting();
    const healthy = member('b');
    healthy.start();
    await clock.runFor(2_000);
    const { store: shared } = away(store);
    const cold = member('a', port, { store: shared, ledger: new Ledger({ store: shared, owner: 'a' }) });
    cold.start();
    await clock.runFor(300_000);
    expect([healthy.status().state, cold.status().state]).toEqual(['live', 'waiting']);
    // The healthy one is away for so long that the other gets the stream.
    await clock.finish(healthy.stop());
    await clock.runFor(30_000);
    expect(cold.status().reason).toContain('forwards go on');
    healthy.start();
    await clock.runFor(140_000);
    expect(healthy.status().state).toBe('live');
    await clock.finish(Promise.all([healthy.stop(), cold.stop()]));
  });

  it('gives the stream up to one that has the database, when it has lost it itself', async () => {
    const { clock, store, member } = setting();
    let isAway = false;
    const shared: LedgerStore = new Proxy(store, {
      get(target, name) {
        const inner: unknown = Reflect.get(target, name, target);
        if (typeof inner !== 'function') return inner;
        return (...args: unknown[]): unknown =>
          isAway ? Promise.reject(new FakeStoreAway('away')) : Reflect.apply(inner, target, args);
      },
    });
    const cut = member('a', undefined, { store: shared, ledger: new Ledger({ store: shared, owner: 'a' }) });
    cut.start();
    await clock.runFor(10_000);
    const healthy = member('b');
    healthy.start();
    isAway = true;
    await clock.runFor(60_000);
    // Its stream is open and the node's only one: forwards go on over it.
    expect(cut.status().state).toBe('live');
    await clock.runFor(90_000);
    expect([cut.status().state, healthy.status().state]).toEqual(['waiting', 'live']);
    await clock.runFor(300_000);
    expect(healthy.status().state).toBe('live');
    isAway = false;
    await clock.runFor(30_000);
    expect([cut.status().state, healthy.status().state]).toEqual(['standby', 'live']);
    await clock.finish(Promise.all([healthy.stop(), cut.stop()]));
  });
});
