import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../src/send/plan/arena.js';
import { decompose } from '../../src/send/plan/decompose.js';
import { MinCostFlow } from '../../src/send/plan/min-cost-flow.js';
import { prepare } from '../../src/send/plan/prepare.js';
import { channel, graphOf, requestOf, type TestChannel, world, type World } from './support.js';

/** The linear program as the network states it: arcs with room and price per msat. */
interface LinearArc {
  readonly from: number;
  readonly to: number;
  readonly room: number;
  readonly price: number;
  flow: number;
}

const SOURCE = 0;
const USABLE = 0.99;

function linearArcs({ channels }: World, amount: number): Map<string, LinearArc> {
  const arcs = new Map<string, LinearArc>();
  const add = (channel: TestChannel, from: number, to: number, direction: 0 | 1): void => {
    if (to === SOURCE) return;
    const capacity = Number(channel.capacityMsat);
    if (from === SOURCE) {
      const room = Math.min(amount, capacity / 2);
      arcs.set(`${channel.scid}/${direction}`, { from, to, room, price: 0, flow: 0 });
      return;
    }
    const policy = channel.policies[direction];
    if (!policy || Number(policy.htlcMinimumMsat) > amount) return;
    const room = Math.min(amount, Math.floor(capacity * USABLE), Number(policy.htlcMaximumMsat));
    arcs.set(`${channel.scid}/${direction}`, { from, to, room, price: policy.feePpm / 1e6, flow: 0 });
  };
  for (const channel of channels) {
    add(channel, channel.a, channel.b, 0);
    add(channel, channel.b, channel.a, 1);
  }
  return arcs;
}

interface ResidualArc {
  readonly from: number;
  readonly to: number;
  readonly price: number;
}

const residual = (arcs: Iterable<LinearArc>): ResidualArc[] =>
  [...arcs].flatMap(({ from, to, room, price, flow }) => [
    ...(flow < room ? [{ from, to, price }] : []),
    ...(flow > 0 ? [{ from: to, to: from, price: -price }] : []),
  ]);

/** Bellman and Ford over all nodes at once: true if some circle has a negative price. */
function hasNegativeCircle(nodes: number, arcs: readonly ResidualArc[]): boolean {
  const distance = new Array<number>(nodes).fill(0);
  for (let round = 0; round <= nodes; round++) {
    let changed = false;
    for (const { from, to, price } of arcs) {
      if (distance[from]! + price >= distance[to]! - 1e-12) continue;
      distance[to] = distance[from]! + price;
      changed = true;
    }
    if (!changed) return false;
  }
  return true;
}

function reaches(nodes: number, arcs: readonly ResidualArc[], to: number): boolean {
  const seen = new Set([SOURCE]);
  for (let round = 0; round < nodes; round++) {
    for (const arc of arcs) if (seen.has(arc.from)) seen.add(arc.to);
  }
  return seen.has(to);
}

const amounts = fc.constantFrom(1_000_000n, 80_000_000n, 300_000_000n, 900_000_000n, 4_000_000_000n);

/** Many narrow channels with all sorts of fees, so that a good flow has to take back earlier choices. */
const narrow: fc.Arbitrary<World> = fc
  .array(
    fc.record({
      ends: fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 6 })).filter(([a, b]) => a !== b),
      sat: fc.integer({ min: 10_000, max: 200_000 }),
      forth: fc.nat({ max: 5000 }),
      back: fc.nat({ max: 5000 }),
    }),
    { minLength: 14, maxLength: 40 },
  )
  .map((rows) => ({
    nodes: 7,
    channels: rows.map(({ ends, sat, forth, back }, i) =>
      channel(i + 1, Math.min(...ends), Math.max(...ends), sat, { feePpm: forth }, { feePpm: back }),
    ),
  }));

describe('the flow solver', () => {
  it('is optimal: conserves flow, leaves no circle that saves, and stops short only where nothing more fits', () => {
    let flows = 0;
    let full = 0;
    fc.assert(
      fc.property(fc.oneof(narrow, world({ nodes: 9, channels: 26, hostile: false })), amounts, (net, amountMsat) => {
        const graph = graphOf(net.channels);
        const arena = new Arena(graph);
        const { sink } = prepare(arena, requestOf(graph, net.channels, [SOURCE], net.nodes - 1, amountMsat));
        const amount = Number(amountMsat);
        const flow = new MinCostFlow().solve(arena, {
          amount,
          sink,
          feeWeight: 1,
          riskMsat: 0,
          lockPerBlock: 0,
          // Base fees are spread over a part so large that they vanish.
          expectedPart: 1e30,
          leastRoom: 1,
          htlcsPerArc: 1,
          maxAugmentations: 10_000,
        });
        const arcs = linearArcs(net, amount);
        const balance = new Map<number, number>();
        let price = 0;
        for (const [arc, moved] of flow.arcs) {
          const local = arena.isLocal(arc) ? arena.local.get(arc - arena.halves) : undefined;
          const key = local ? `${local.scid}/${local.direction}` : `${graph.scidOfChannel(arc >> 1)}/${arc & 1}`;
          const linear = arcs.get(key)!;
          expect(moved).toBeGreaterThan(0);
          expect(moved).toBeLessThanOrEqual(linear.room);
          linear.flow = moved;
          price += moved * linear.price;
          balance.set(linear.from, (balance.get(linear.from) ?? 0) - moved);
          balance.set(linear.to, (balance.get(linear.to) ?? 0) + moved);
        }
        for (const [node, sum] of balance) {
          expect(sum).toBe(node === SOURCE ? -flow.amount : node === net.nodes - 1 ? flow.amount : 0);
        }
        expect(flow.price).toBeCloseTo(price, 2);
        const left = residual(arcs.values());
        expect(hasNegativeCircle(net.nodes, left)).toBe(false);
        if (flow.amount < amount) expect(reaches(net.nodes, left, net.nodes - 1)).toBe(false);
        else full++;
        if (flow.amount > 0) flows++;
        const parts = decompose(arena, flow.arcs, sink);
        expect(parts.reduce((sum, part) => sum + part.amount, 0)).toBe(flow.amount);
      }),
      { numRuns: 1500, seed: 31 },
    );
    expect(flows).toBeGreaterThan(500);
    expect(full).toBeGreaterThan(100);
  });
});
