import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClassicPlanner, FlowPlanner, type Knowledge, PaymentMemory, type PlanRequest } from '../../src/send/index.js';
import { Random } from '../../src/node/sim/random.js';
import { faultsOf, graphOf, nodeId, policyOf, requestOf, type World, world } from './support.js';

const amounts = fc.oneof(
  fc.bigInt({ min: 1n, max: 50_000n }),
  fc.bigInt({ min: 50_000n, max: 3_000_000_000n }),
  fc.constantFrom(2_100_000_000_000_000_000n, 1n << 70n),
);

const limits = fc.record({
  share: fc.constantFrom(0n, 1n, 10n, 1000n),
  maxParts: fc.constantFrom(1, 1, 2, 3, 6, 16),
  maxBlocks: fc.constantFrom(18, 100, 300, 2016),
  maxHops: fc.constantFrom(1, 2, 4, 20),
  twoSources: fc.boolean(),
  hints: fc.array(
    fc.record({ from: fc.nat({ max: 9 }), feePpm: fc.nat({ max: 3000 }), hops: fc.integer({ min: 1, max: 2 }) }),
    {
      maxLength: 3,
    },
  ),
});

/** Failures and successes that were seen before, and what the payment itself excludes. */
const lessons = fc.array(
  fc.record({
    channel: fc.nat({ max: 15 }),
    direction: fc.constantFrom(0 as const, 1 as const),
    kind: fc.constantFrom('passed', 'failed', 'settled', 'reserve', 'exclude', 'avoid', 'node', 'policy'),
    amountMsat: fc.bigInt({ min: 1n, max: 1_000_000_000n }),
  }),
  { maxLength: 8 },
);

function learn(
  knowledge: Knowledge,
  memory: PaymentMemory,
  { channels, nodes }: World,
  learnt: typeof lessons extends fc.Arbitrary<infer T> ? T : never,
): void {
  for (const { channel, direction, kind, amountMsat } of learnt) {
    const { scid } = channels[channel % channels.length]!;
    const hop = { scid, direction, amountMsat };
    if (kind === 'passed') knowledge.passed(hop, 0);
    else if (kind === 'failed') knowledge.failed(hop, 0);
    else if (kind === 'settled') knowledge.settled(hop, 0);
    else if (kind === 'reserve') knowledge.reserve([hop]);
    else if (kind === 'exclude') memory.excludeChannel(hop);
    else if (kind === 'avoid') knowledge.avoidChannel(hop, 1);
    else if (kind === 'policy') {
      memory.adoptPolicy(hop, policyOf({ feePpm: channel * 37, htlcMaximumMsat: 2n * amountMsat }));
    } else knowledge.markNode(nodeId(channel % nodes), 2, 0);
  }
}

function requestIn(
  { nodes, channels }: World,
  amountMsat: bigint,
  limit: typeof limits extends fc.Arbitrary<infer T> ? T : never,
  learnt: typeof lessons extends fc.Arbitrary<infer T> ? T : never,
): PlanRequest {
  const graph = graphOf(channels);
  const sources = limit.twoSources && nodes > 2 ? [0, 1] : [0];
  const memory = new PaymentMemory();
  const { maxParts, maxBlocks, maxHops, share } = limit;
  const hints = limit.hints.map(({ from, feePpm, hops }, hint) =>
    Array.from({ length: hops }, (_, hop) => ({
      from: nodeId(from + 3 * hop),
      scid: BigInt(900 + 10 * hint + hop),
      feeBaseMsat: 1,
      feePpm,
      cltvDelta: 40,
      htlcMaximumMsat: 300_000_000n,
    })),
  );
  const payee = { nodeId: nodeId(nodes - 1), finalCltvDelta: 18, hints };
  const over = { payee, maxParts, maxBlocks, maxHops, memory, budgetMsat: share === 0n ? 0n : amountMsat / share };
  const request = requestOf(graph, channels, sources, nodes - 1, amountMsat, over);
  learn(request.knowledge, memory, { nodes, channels }, learnt);
  return request;
}

describe('every plan', () => {
  for (const hostile of [false, true]) {
    it(`keeps all limits and adds up, on ${hostile ? 'hostile' : 'usual'} graphs`, () => {
      let plans = 0;
      fc.assert(
        fc.property(
          world({ nodes: 8, channels: 20, hostile }),
          amounts,
          limits,
          lessons,
          (net, amount, limit, learnt) => {
            const request = requestIn(net, amount, limit, learnt);
            const planner = new FlowPlanner(request.knowledge.graph);
            const answer = planner.plan(request);
            if (answer.kind === 'refusal') {
              expect(answer.message.length).toBeGreaterThan(10);
              return;
            }
            plans++;
            expect(faultsOf(answer, request, net.channels)).toEqual([]);
            // The workspace is clean again: the same question has the same answer.
            expect(planner.plan(request)).toEqual(answer);
          },
        ),
        { numRuns: 1500, seed: hostile ? 11 : 12 },
      );
      expect(plans).toBeGreaterThan(150);
    });

    it(`keeps all limits with the classic planner, on ${hostile ? 'hostile' : 'usual'} graphs`, () => {
      let plans = 0;
      fc.assert(
        fc.property(
          world({ nodes: 7, channels: 16, hostile }),
          amounts,
          limits,
          lessons,
          (net, amount, limit, learnt) => {
            const request = requestIn(net, amount, limit, learnt);
            const random = new Random('classic');
            const answer = new ClassicPlanner(request.knowledge.graph, () => random.fraction()).plan(request);
            if (answer.kind === 'refusal') return;
            plans++;
            expect(faultsOf(answer, request, net.channels)).toEqual([]);
          },
        ),
        { numRuns: 600, seed: 13 },
      );
      expect(plans).toBeGreaterThan(30);
    });
  }
});
