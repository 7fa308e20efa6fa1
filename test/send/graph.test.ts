import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChannelGraph, type ChannelAnnouncement, loadGraph } from '../../src/send/index.js';
import { toHex } from '../../src/wire/bytes.js';
import { nodeId, policyOf } from './support.js';

const announcement = (scid: bigint, a = 1, b = 2): ChannelAnnouncement => ({
  scid,
  node1: nodeId(a),
  node2: nodeId(b),
  capacityMsat: 1_000_000n,
});

/** Halves of a node's row, as channel id and start. */
function rowOf(graph: ChannelGraph, node: number): string[] {
  const { rows, from } = graph.columns();
  const index = graph.nodeIndex(toHex(nodeId(node)));
  if (index === undefined) return [];
  const halves = [...rows.pool.subarray(rows.start[index], rows.start[index]! + rows.count[index]!)];
  return halves.map((half) => `${graph.scidOfChannel(half >> 1)}<${graph.nodeKey(from[half]!).slice(-2)}`).sort();
}

describe('the channel graph', () => {
  it('takes channels and refuses those that cannot be', () => {
    const graph = new ChannelGraph();
    expect(graph.addChannel(announcement(1n))).toBe('applied');
    expect(graph.addChannel(announcement(1n, 3, 4))).toBe('known');
    expect(graph.addChannel(announcement(2n, 2, 1))).toBe('invalid');
    expect(graph.addChannel(announcement(3n, 2, 2))).toBe('invalid');
    expect(graph.addChannel({ ...announcement(4n), node1: Uint8Array.of(2, 3) })).toBe('invalid');
    expect(graph.channelCount).toBe(1);
    expect(graph.closeChannel(1n)).toBe('applied');
    expect(graph.closeChannel(1n)).toBe('unknown_channel');
    expect(graph.addChannel(announcement(1n))).toBe('applied');
  });

  it('takes a policy only if it is newer and not from the future', () => {
    const graph = new ChannelGraph();
    graph.addChannel(announcement(1n));
    const update = (timestamp: number, feePpm: number) => ({
      scid: 1n,
      direction: 0 as const,
      timestamp,
      policy: policyOf({ feePpm }),
    });
    expect(graph.policy(1n, 0)).toBeUndefined();
    expect(graph.applyUpdate(update(100, 1), 100)).toBe('applied');
    expect(graph.applyUpdate(update(100, 2), 100)).toBe('stale');
    expect(graph.applyUpdate(update(99, 2), 100)).toBe('stale');
    expect(graph.policy(1n, 0)?.feePpm).toBe(1);
    expect(graph.policy(1n, 1)).toBeUndefined();
    expect(graph.applyUpdate(update(100 + 15 * 86_400, 2), 100)).toBe('future');
    expect(graph.applyUpdate(update(101, -1), 100)).toBe('invalid');
    expect(graph.applyUpdate(update(Number.NaN, 1), 100)).toBe('invalid');
    expect(graph.applyUpdate({ ...update(101, 2), scid: 9n }, 100)).toBe('unknown_channel');
    expect(graph.applyUpdate(update(101, 3), 100)).toBe('applied');
    expect(graph.policy(1n, 0)?.feePpm).toBe(3);
    expect(graph.applyUpdate({ scid: 1n, direction: 0, timestamp: 102 }, 102)).toBe('applied');
    expect(graph.policy(1n, 0)).toBeUndefined();
    expect(graph.applyUpdate(update(101, 3), 102)).toBe('stale');
  });

  it('forgets the dates of a channel that was closed', () => {
    const graph = new ChannelGraph();
    graph.addChannel(announcement(1n));
    graph.applyUpdate({ scid: 1n, direction: 1, timestamp: 500, policy: policyOf() }, 500);
    graph.closeChannel(1n);
    graph.addChannel(announcement(2n, 3, 4));
    expect(graph.policy(2n, 1)).toBeUndefined();
    expect(graph.applyUpdate({ scid: 2n, direction: 1, timestamp: 1, policy: policyOf() }, 500)).toBe('applied');
  });

  it('has the rows of a graph built anew after any changes', () => {
    const change = fc.record({
      kind: fc.constantFrom('add', 'add', 'close', 'enable', 'enable', 'enable', 'disable'),
      scid: fc.nat({ max: 14 }),
      ends: fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 3 })).filter(([a, b]) => a < b),
      direction: fc.constantFrom(0 as const, 1 as const),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 60, maxLength: 200 }), (changes) => {
        const graph = new ChannelGraph({ nodes: 1, channels: 1 });
        const model = new Map<bigint, { ends: readonly [number, number]; enabled: [boolean, boolean] }>();
        let time = 1;
        for (const { kind, scid: number, ends, direction } of changes) {
          const scid = BigInt(number);
          time++;
          if (kind === 'add') {
            const answer = graph.addChannel(announcement(scid, ...ends));
            expect(answer).toBe(model.has(scid) ? 'known' : 'applied');
            if (answer === 'applied') model.set(scid, { ends, enabled: [false, false] });
          } else if (kind === 'close') {
            expect(graph.closeChannel(scid)).toBe(model.delete(scid) ? 'applied' : 'unknown_channel');
          } else {
            const policy = policyOf();
            graph.applyUpdate({ scid, direction, timestamp: time, ...(kind === 'enable' ? { policy } : {}) }, time);
            const known = model.get(scid);
            if (known) known.enabled[direction] = kind === 'enable';
          }
        }
        for (let node = 0; node < 4; node++) {
          const expected = [...model]
            .filter(([, { ends, enabled }]) => ends.includes(node) && enabled.includes(true))
            .map(([scid, { ends }]) => `${scid}<${(ends[0] === node ? ends[1] : ends[0]).toString().padStart(2, '0')}`);
          expect(rowOf(graph, node)).toEqual(expected.sort());
        }
        for (const [scid, { enabled }] of model) {
          expect([0, 1].map((d) => graph.policy(scid, d as 0 | 1) !== undefined)).toEqual(enabled);
        }
      }),
      { numRuns: 300, seed: 41 },
    );
  });
});

describe('the data file', () => {
  const small = () => ({
    format: 'manifold-graph-1',
    node_ids: [toHex(nodeId(1)), toHex(nodeId(2)), 'not a node'] as unknown[],
    scid: ['1x1x1'] as unknown[],
    node1: [0] as unknown[],
    node2: [1] as unknown[],
    capacity_sat: [5000] as unknown[],
    enabled: [1, 0] as unknown[],
    fee_base_msat: [1, 0] as unknown[],
    fee_ppm: [2, 0] as unknown[],
    cltv_delta: [3, 0] as unknown[],
    htlc_min_msat: [4, 0] as unknown[],
    htlc_max_msat: [5, 0] as unknown[],
  });

  it('loads the mainnet graph whole', async () => {
    const packed = await readFile(new URL('../data/mainnet-2026-02-03.json.gz', import.meta.url));
    const loaded = loadGraph(JSON.parse(gunzipSync(packed).toString()));
    if (!loaded.ok) throw new Error(loaded.error.message);
    const { graph, skippedChannels } = loaded.value;
    expect(skippedChannels).toBe(0);
    expect([graph.nodeCount, graph.channelCount]).toEqual([17_324, 50_808]);
    const { max } = graph.columns();
    expect(max.filter((most) => most >= 0)).toHaveLength(65_810);
  });

  it('reads what is there', () => {
    const loaded = loadGraph(small());
    if (!loaded.ok) throw new Error(loaded.error.message);
    const scid = (1n << 40n) | (1n << 16n) | 1n;
    expect(loaded.value.graph.capacityOf(scid)).toBe(5_000_000n);
    expect(loaded.value.graph.policy(scid, 0)).toEqual({
      feeBaseMsat: 1,
      feePpm: 2,
      cltvDelta: 3,
      htlcMinimumMsat: 4n,
      htlcMaximumMsat: 5n,
    });
    expect(loaded.value.graph.policy(scid, 1)).toBeUndefined();
  });

  it.each([
    ['no object', 7],
    ['another format', { ...small(), format: 'x' }],
    ['a missing column', { ...small(), fee_ppm: undefined }],
    ['a short column', { ...small(), enabled: [1] }],
  ])('refuses %s', (_, file) => {
    expect(loadGraph(file)).toMatchObject({ ok: false, error: { code: 'not_a_graph' } });
  });

  it.each([
    ['a bad id', { scid: ['1x1'] }],
    ['a node that is none', { node2: [2] }],
    ['a node out of range', { node1: [99] }],
    ['a channel with itself', { node2: [0] }],
    ['a capacity that is none', { capacity_sat: ['5'] }],
    ['nodes in the wrong order', { node1: [1], node2: [0] }],
  ])('leaves out %s', (_, over) => {
    expect(loadGraph({ ...small(), ...over })).toMatchObject({ ok: true, value: { skippedChannels: 1 } });
  });

  it('never throws on hostile values', () => {
    const value = fc.anything();
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(small())), value, fc.boolean(), (key, evil, inside) => {
        const file = small() as Record<string, unknown>;
        file[key] = inside && Array.isArray(file[key]) ? file[key].map(() => evil) : evil;
        loadGraph(file);
      }),
      { numRuns: 500, seed: 42 },
    );
  });
});
