import { describe, expect, it } from 'vitest';
import { ClusterKeys, KeyRing } from '../../src/phantom/index.js';
import type { Alarm } from '../../src/receive/alarms.js';
import { Ledger } from '../../src/receive/ledger/ledger.js';
import { Member } from '../../src/receive/member.js';
import type { InterceptSession, NodePort } from '../../src/receive/node-port.js';
import { SimNetwork } from '../../src/node/sim/network.js';
import { SimNodePort } from '../../src/node/sim/sim-node-port.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { toHex } from '../../src/wire/bytes.js';
import { FakeLedgerStore } from '../support/fake-ledger-store.js';

interface Setting {
  readonly clock: VirtualClock;
  readonly store: FakeLedgerStore;
  readonly port: NodePort;
  readonly nodeId: string;
  readonly member: (owner: string, port?: NodePort) => Member;
}

function setting(): Setting {
  const clock = new VirtualClock();
  const network = new SimNetwork({ seed: 1, clock });
  const node = network.addNode('alpha', { interceptor: true });
  const port = new SimNodePort(network, node);
  const store = new FakeLedgerStore({ now: clock.now });
  const keys = new KeyRing({ id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(1)) });
  const alarms = { raise: (_: Alarm): void => undefined };
  return {
    clock,
    store,
    port,
    nodeId: toHex(node.nodeId),
    member: (owner, of = port) =>
      new Member({
        node: of,
        network: 'regtest',
        keys: () => keys,
        ledger: new Ledger({ store, owner }),
        store,
        clock,
        alarms,
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
});
