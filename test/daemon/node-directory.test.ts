import { describe, expect, it } from 'vitest';
import { DaemonAlarms, lastsMs } from '../../src/daemon/alarms.js';
import type { NodeOwner } from '../../src/daemon/cluster-watch.js';
import { createLog } from '../../src/daemon/log.js';
import { NodeDirectory } from '../../src/daemon/node-directory.js';
import type { Alarm } from '../../src/receive/alarms.js';
import type { Part } from '../../src/receive/ledger/types.js';
import type { MemberStatus } from '../../src/receive/member.js';
import type { StoredEvent } from '../../src/store/index.js';
import { fromHex } from '../../src/wire/bytes.js';

const A = `02${'aa'.repeat(32)}`;
const B = `03${'bb'.repeat(32)}`;
const NOW = 10_000_000_000;
const HOUR = 3_600_000;

function member(name: string, nodeId: string, more: Partial<MemberStatus> = {}): MemberStatus {
  const info = {
    nodeId: fromHex(nodeId),
    network: 'regtest' as const,
    alias: name,
    version: '1',
    height: 100,
    synced: true,
  };
  return { name, kind: 'sim', state: 'live', info, height: 100, heldHtlcs: 0, heldMsat: 0n, ...more };
}

function part(htlcId: bigint, paymentHash: string, more: Partial<Part> = {}): Part {
  return {
    key: { nodeId: B, channelId: 7n, htlcId },
    paymentHash,
    setId: 's',
    amountMsat: 900n,
    incomingAmountMsat: 1_000n,
    expiry: 150,
    deadline: 140,
    presentedEpoch: 1,
    firstSeenAt: 1,
    decision: { type: 'none' },
    decidedAt: undefined,
    final: 'none',
    ...more,
  };
}

interface Given {
  readonly members?: readonly MemberStatus[];
  readonly owners?: readonly (readonly [string, Partial<NodeOwner>])[];
  readonly parts?: readonly Part[];
  readonly events?: readonly Partial<StoredEvent>[];
  readonly isAway?: boolean;
}

function directory({ members = [], owners = [], parts = [], events = [], isAway = false }: Given = {}) {
  const time = { now: NOW };
  const reads = { accounts: 0 };
  const answer = async <T>(value: T): Promise<T> => {
    if (isAway) throw new Error('away');
    return value;
  };
  const alarms = new DaemonAlarms({
    store: { transact: async () => undefined as never },
    clock: { now: () => time.now, after: () => () => undefined, soon: () => undefined },
    log: createLog({ level: 'silent', destination: { write: () => undefined } }),
    metrics: { alarm: () => undefined },
    nodeIdOf: () => undefined,
  });
  const list = new NodeDirectory({
    receiver: { status: () => members },
    alarms,
    watch: {
      owner: 'us/1',
      owners: () =>
        new Map(owners.map(([id, owner]) => [id, { name: 'other', isUs: false, epoch: 3, height: 100, ...owner }])),
    },
    store: {
      now: () => answer(time.now),
      unfinishedParts: (id: string) => answer(parts.filter(({ key, final }) => key.nodeId === id && final === 'none')),
      readAccount: (paymentHash: string) => {
        reads.accounts += 1;
        const own = parts.filter((one) => one.paymentHash === paymentHash);
        return answer({ paymentHash, terms: undefined, sets: [], parts: own });
      },
      events: {
        latestSeq: () => answer(BigInt(events.length)),
        read: (after: bigint, limit: number) =>
          answer(events.filter(({ seq }) => seq! > after).slice(0, limit) as StoredEvent[]),
      } as never,
    },
  });
  return { list: () => list.list(), alarms, time, reads };
}

const alarm = (more: Partial<Alarm> = {}): Alarm => ({ code: 'part-lost', node: 'a', message: 'look', ...more });

const storedAlarm = (seq: bigint, code: string, createdAt: number, paymentHash?: string): Partial<StoredEvent> => ({
  seq,
  type: 'alarm',
  createdAt,
  paymentHash,
  body: { code, message: 'look', key: { nodeId: B, channelId: '7', htlcId: '1' } },
});

describe('the list of nodes', () => {
  it('says who serves a node, how it is, and how far it is behind', async () => {
    const members = [
      member('good', A, { height: 103 }),
      member('behind', `02${'11'.repeat(32)}`, { height: 100 }),
      member('standby', B, { state: 'standby' }),
      member('nobody', `02${'22'.repeat(32)}`, { state: 'waiting', height: 101 }),
    ];
    const { nodes } = await directory({ members, owners: [[B, { name: 'two', height: 102 }]] }).list();
    expect(nodes.map(({ status, owner, lag, health }) => [status.name, owner?.name, lag, health])).toEqual([
      ['good', 'us', 0, 'good'],
      ['behind', 'us', 3, 'warning'],
      ['standby', 'two', 1, 'good'],
      ['nobody', undefined, 2, 'bad'],
    ]);
  });

  it('shows what is held elsewhere from the ledger, and nodes that only others have', async () => {
    const parts = [part(1n, 'x'), part(2n, 'y', { deadline: 130 }), part(3n, 'y', { final: 'failed' })];
    const { elsewhere } = await directory({ owners: [[B, {}]], parts }).list();
    expect(elsewhere).toMatchObject([{ nodeId: B, lag: 0, held: { htlcs: 2, msat: 2_000n, blocksLeft: 30 } }]);
  });

  it('does not read thousands of payments for it', async () => {
    const parts = Array.from({ length: 5_000 }, (_, i) => part(BigInt(i), `hash ${i}`));
    const { list, reads } = directory({ owners: [[B, {}]], parts });
    expect((await list()).elsewhere[0]!.held).toEqual({ htlcs: 5_000, msat: undefined, blocksLeft: undefined });
    expect(reads.accounts).toBe(0);
  });

  it('is there while the database is away', async () => {
    const members = [member('a', A, { heldHtlcs: 1, heldMsat: 5n, blocksLeft: 9 })];
    const found = directory({ members, isAway: true });
    found.alarms.raise(alarm());
    expect((await found.list()).nodes).toMatchObject([
      { held: { htlcs: 1, msat: 5n, blocksLeft: 9 }, alarms: [{ code: 'part-lost' }], health: 'warning' },
    ]);
  });
});

describe('alarms of a node', () => {
  it('of a part last until it is final, unless it was lost', async () => {
    const about = { paymentHash: 'x', channelId: 7n, htlcId: 1n, node: B } as const;
    for (const [final, count] of [
      ['none', 1],
      ['lost', 1],
      ['settled', 0],
      ['failed', 0],
    ] as const) {
      const { list, alarms } = directory({ members: [member('a', B)], parts: [part(1n, 'x', { final })] });
      alarms.raise(alarm({ code: 'settle-unconfirmed', ...about }));
      expect((await list()).nodes[0]!.alarms, final).toHaveLength(count);
    }
  });

  it('of other daemons are read from the outbox, the same one once', async () => {
    const events = [
      storedAlarm(1n, 'answer-overdue', NOW - HOUR, 'x'),
      storedAlarm(2n, 'answer-overdue', NOW - HOUR, 'x'),
      storedAlarm(3n, 'on-chain-unknown', NOW - 2 * HOUR, 'x'),
      storedAlarm(4n, 'node-refused', NOW - 5),
    ];
    const { list } = directory({ owners: [[B, {}]], events });
    expect((await list()).elsewhere[0]!.alarms).toEqual([
      { code: 'answer-overdue', message: 'look', since: NOW - HOUR, paymentHash: 'x', channelId: 7n, htlcId: 1n },
    ]);
  });

  it('that it is refused ends when it is served', async () => {
    const refused = directory({ members: [member('a', A, { state: 'waiting' })] });
    refused.alarms.raise(alarm({ code: 'node-refused' }));
    expect((await refused.list()).nodes[0]!.alarms).toHaveLength(1);
    refused.alarms.over('node-refused', 'a');
    expect((await refused.list()).nodes[0]!.alarms).toEqual([]);
  });

  it('are told again only after their cause was gone or their time is over', () => {
    const told: string[] = [];
    const time = { now: NOW };
    const alarms = new DaemonAlarms({
      store: { transact: async () => undefined as never },
      clock: { now: () => time.now, after: () => () => undefined, soon: () => undefined },
      log: createLog({ level: 'silent', destination: { write: () => undefined } }),
      metrics: { alarm: (code) => told.push(code) },
      nodeIdOf: () => undefined,
    });
    const raise = (code: Alarm['code']): void => alarms.raise(alarm({ code }));
    raise('height-disagreement');
    raise('height-disagreement');
    time.now += lastsMs('height-disagreement');
    expect(alarms.current()).toEqual([]);
    raise('height-disagreement'); // it went on in between: not news
    expect(told).toHaveLength(1);
    expect(alarms.current()).toHaveLength(1);
    time.now += HOUR;
    raise('height-disagreement');
    expect(told).toHaveLength(2);
    raise('node-refused');
    time.now += 24 * HOUR;
    raise('node-refused');
    expect(told).toHaveLength(3);
    alarms.over('node-refused', 'a');
    raise('node-refused');
    expect(told).toHaveLength(4);
  });
});
