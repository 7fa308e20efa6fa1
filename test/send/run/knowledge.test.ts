/** What one process learns is known to all, survives them, and is used by the real planner. */
import { describe, expect, it } from 'vitest';
import {
  ChannelGraph,
  DEFAULT_MODIFIERS,
  type GraphNews,
  type GraphPort,
  Knowledge,
  importKnowledge,
  type StoredPayment,
} from '../../../src/send/index.js';
import { SharedKnowledge } from '../../../src/send/run/shared-knowledge.js';
import { START } from '../payment/support.js';
import { nodeId, policyOf } from '../support.js';
import { MemoryStore } from './memory-store.js';
import { NO_LIQUIDITY, Process, World } from './world.js';

const ORDER = { kind: 'invoice' as const };
const CHANNELS: readonly [number, number, number][] = [
  [1130, 11, 30],
  [1230, 12, 30],
  [3099, 30, 99],
  [1131, 11, 31],
  [3199, 31, 99],
];

const NEWS: readonly GraphNews[] = CHANNELS.flatMap(([scid, a, b]): GraphNews[] => [
  { kind: 'channel', channel: { scid: BigInt(scid), node1: nodeId(a), node2: nodeId(b), capacityMsat: 1_000_000n } },
  ...([0, 1] as const).map((direction): GraphNews => ({
    kind: 'policy',
    update: {
      scid: BigInt(scid),
      direction,
      timestamp: START / 1000,
      policy: policyOf({ feeBaseMsat: 0, feePpm: 10 }),
    },
  })),
]);

const gossip: GraphPort = {
  follow: async (handlers) => {
    handlers.onNews(NEWS);
    handlers.onLoaded();
    return { close: () => undefined };
  },
};

function process(world: World, name: string): Process {
  const nodes = [1, 2].map((node) => ({ name: `n${node}`, send: world.port(node), graph: gossip }));
  return new Process(world, name, { nodes, modifiers: DEFAULT_MODIFIERS, isRealPlanner: true });
}

describe('with the graph of the nodes and the default planner', () => {
  it('two nodes pay one payment together, around what has just failed', async () => {
    const world = new World();
    const a = process(world, 'a');
    await world.clock.finish(a.sender.start());
    await world.clock.runFor(100);
    expect(a.sender.status().graph).toEqual({ nodes: 5, channels: 5, loaded: true });
    // 11 → 30 is dry.
    world.fate = ({ part }) =>
      part.hops.some(({ scid }) => scid === 1130n)
        ? { kind: 'fail', afterMs: 50, failure: NO_LIQUIDITY }
        : { kind: 'settle', afterMs: 500 };
    const terms = world.terms({ amountMsat: 300_000n });
    const answer = await world.clock.finish(a.sender.pay({ request: ORDER, terms }));
    const { id } = (answer as { payment: StoredPayment }).payment;
    await world.clock.runFor(20_000);
    const { state } = world.db.payments.get(id)!;
    expect(state.phase).toBe('succeeded');
    expect(new Set(state.parts.filter((part) => part.state === 'settled').map(({ source }) => source[32]))).toEqual(
      new Set([1, 2]),
    );
    expect(world.check()).toEqual([]);
  });

  it('a payment that cannot arrive is refused before anything is recorded', async () => {
    const world = new World();
    const a = process(world, 'a');
    await world.clock.finish(a.sender.start());
    const terms = world.terms({ payee: { nodeId: nodeId(55), finalCltvDelta: 18, hints: [] } });
    const answer = await world.clock.finish(a.sender.pay({ request: ORDER, terms }));
    expect(answer).toMatchObject({ kind: 'refused', reason: { code: 'no_plan' } });
    expect(world.db.payments.size).toBe(0);
  });

  it('a second process plans with what the first has learnt, and a third with what was saved', async () => {
    const world = new World();
    world.balances.set(1, 900_000n);
    const a = process(world, 'a');
    const b = process(world, 'b');
    await world.clock.finish(Promise.all([a.sender.start(), b.sender.start()]));
    world.fate = ({ part }) =>
      part.hops.some(({ scid }) => scid === 3099n)
        ? { kind: 'fail', afterMs: 50, failure: { kind: 'decoded', reporter: 2, code: 0x1007 } }
        : { kind: 'settle', afterMs: 100 };
    const terms = world.terms({ amountMsat: 100_000n });
    await world.clock.finish(a.sender.pay({ request: ORDER, terms }));
    await world.clock.runFor(70_000);
    expect(world.db.snapshot).toBeDefined();
    const saved = new Knowledge(graphOf());
    expect(importKnowledge(saved, world.db.snapshot!.knowledge).ok).toBe(true);
    // The first was lost on the channel that is dry.
    expect(world.sends).toBe(2);
    const shown = [a, b].map(
      async ({ sender }) => new Set((await sender.exportKnowledge()).channels.map(({ scid }) => scid)),
    );
    const [ofA, ofB] = await world.clock.finish(Promise.all(shown));
    expect(ofA).toContain('0x0x3099');
    expect(ofB).toEqual(ofA);
    const c = process(world, 'c');
    await world.clock.finish(c.sender.start());
    for (const [i, each] of [b, c].entries()) {
      const other = world.terms({ amountMsat: 100_000n }, new Uint8Array(32).fill(60 + i));
      const before = world.sends;
      await world.clock.finish(each.sender.pay({ request: ORDER, terms: other }));
      await world.clock.runFor(5000);
      expect(world.sends).toBe(before + 1);
    }
    expect(world.check()).toEqual([]);
  });
});

function graphOf(): ChannelGraph {
  const graph = new ChannelGraph();
  for (const [scid, a, b] of CHANNELS) {
    graph.addChannel({ scid: BigInt(scid), node1: nodeId(a), node2: nodeId(b), capacityMsat: 1_000_000n });
  }
  return graph;
}

describe('reservations', () => {
  const hop = { kind: 'public', scid: 1130n, direction: 0, amountMsat: 40_000n } as const;
  const make = (graph: ChannelGraph, db: MemoryStore, owner: string) =>
    new SharedKnowledge({
      graph,
      store: db,
      clock: { now: () => START, after: () => () => undefined },
      owner,
      onTrouble: () => undefined,
    });
  const inFlight = (shared: SharedKnowledge): number => shared.knowledge.range(hop, START)?.inFlight ?? 0;

  it('count as soon as the graph knows the channel, less what ended before', async () => {
    const graph = new ChannelGraph();
    const shared = make(graph, new MemoryStore(() => START), 'a');
    shared.learn([
      { kind: 'reserved', hops: [hop] },
      { kind: 'reserved', hops: [hop] },
    ]);
    shared.learn([{ kind: 'released', hops: [hop] }]);
    expect(inFlight(shared)).toBe(0);
    graph.addChannel({ scid: 1130n, node1: nodeId(11), node2: nodeId(30), capacityMsat: 1_000_000n });
    shared.graphGrew();
    expect(inFlight(shared)).toBe(40_000);
    shared.learn([{ kind: 'released', hops: [hop] }]);
    expect(inFlight(shared)).toBe(0);
  });

  it('of others come by the log, own ones once, those of the start from the parts that are out', async () => {
    const db = new MemoryStore(() => START);
    await db.appendLessons('b', [{ kind: 'reserved', hops: [hop] }]);
    const shared = make(graphOf(), db, 'a');
    // The store knows of no part: what the log says was before its answer is in its answer.
    await shared.load();
    expect(inFlight(shared)).toBe(0);
    await db.appendLessons('b', [{ kind: 'reserved', hops: [hop] }]);
    await db.appendLessons('a', [{ kind: 'reserved', hops: [hop] }]);
    shared.learn([{ kind: 'reserved', hops: [hop] }]);
    await shared.poll();
    await shared.poll();
    expect(inFlight(shared)).toBe(80_000);
  });
});
