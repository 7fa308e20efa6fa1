import { expect, it } from 'vitest';
import { ChannelGraph, Knowledge, type PlanRequest } from '../../../src/send/index.js';
import { planPieces } from '../../../src/send/payment/modifiers/plan-pieces.js';
import { nodeId } from '../support.js';
import { HEIGHT, partOf, planOf, START } from './support.js';

it('what a piece uses is taken off the own node that sends it, not off another that has a channel of the same id', () => {
  const sourceOf = (node: number) => ({
    nodeId: nodeId(node),
    channels: [{ scid: 102n, peer: nodeId(3 - node), spendableMsat: 100_000n, slots: 5 }],
  });
  const request: PlanRequest = {
    amountMsat: 80_000n,
    sources: [sourceOf(1), sourceOf(2)],
    payee: { nodeId: nodeId(99), finalCltvDelta: 18, hints: [] },
    height: HEIGHT,
    budgetMsat: 1_000n,
    maxParts: 5,
    maxBlocks: 1_000,
    knowledge: new Knowledge(new ChannelGraph()),
    now: START,
  };
  const seen: (readonly [bigint, number])[][] = [];
  const plan = planPieces(request, [60_000n, 20_000n], ({ sources, amountMsat }) => {
    seen.push(sources.map(({ channels: [channel] }) => [channel!.spendableMsat, channel!.slots]));
    return planOf(partOf(amountMsat, { source: 1, via: [2, 3] }));
  });
  expect(plan.kind).toBe('plan');
  expect(seen).toEqual([
    [
      [100_000n, 5],
      [100_000n, 5],
    ],
    [
      [39_990n, 4],
      [100_000n, 5],
    ],
  ]);
});
