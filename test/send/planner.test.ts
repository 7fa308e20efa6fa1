import { describe, expect, it } from 'vitest';
import {
  addOutstanding,
  budgetFor,
  defaultWeights,
  FlowPlanner,
  type HopUse,
  Knowledge,
  missingRequest,
  NOTHING_OUTSTANDING,
  PaymentMemory,
  type Plan,
  type PlanRequest,
  type Refusal,
} from '../../src/send/index.js';
import {
  cannotCarry,
  channel,
  faultsOf,
  graphOf,
  nodeId,
  nodeNumber,
  policyOf,
  requestOf,
  sourceOf,
  sumOf,
  type TestChannel,
} from './support.js';

const SAT = 1000n;

function ask(
  channels: readonly TestChannel[],
  payee: number,
  sat: bigint,
  over: Partial<PlanRequest> = {},
  sources: readonly number[] = [0],
): { answer: Plan | Refusal; request: PlanRequest } {
  const graph = over.knowledge?.graph ?? graphOf(channels);
  const request = requestOf(graph, channels, sources, payee, sat * SAT, over);
  const answer = new FlowPlanner(graph).plan(request);
  if (answer.kind === 'plan') expect(faultsOf(answer, request, channels)).toEqual([]);
  return { answer, request };
}

function planned(...args: Parameters<typeof ask>): Plan {
  const { answer } = ask(...args);
  if (answer.kind === 'refusal') throw new Error(answer.message);
  return answer;
}

const scids = (plan: Plan): bigint[][] => plan.parts.map(({ hops }) => hops.map(({ scid }) => scid));

/** 0 - 1 - 2, and 0 - 3 - 2 with greater fees. */
const diamond = [
  channel(1, 0, 1, 1_000_000),
  channel(2, 1, 2, 1_000_000),
  channel(3, 0, 3, 1_000_000),
  channel(4, 2, 3, 1_000_000, { feePpm: 500 }, { feePpm: 500 }),
];

describe('the flow planner', () => {
  it('pays in one part by the cheapest route where that is likely to work', () => {
    const plan = planned(diamond, 2, 20_000n);
    expect(scids(plan)).toEqual([[1n, 2n]]);
    expect(plan.feeMsat).toBe(3000n);
    expect(plan.parts[0]!.hops.map(({ amountMsat }) => amountMsat)).toEqual([20_003_000n, 20_000_000n]);
    expect(plan.parts[0]!.hops.map(({ expiry }) => expiry)).toEqual([800_058, 800_018]);
  });

  it('splits where no single route can carry the amount', () => {
    const plan = planned(diamond, 2, 900_000n);
    expect(plan.parts.length).toBe(2);
    expect(sumOf(plan.parts.map(({ amountMsat }) => amountMsat))).toBe(900_000n * SAT);
  });

  it('pays a direct peer without fee, risk or search', () => {
    const plan = planned(diamond, 1, 400_000n);
    expect(scids(plan)).toEqual([[1n]]);
    expect([plan.feeMsat, plan.successProbability]).toEqual([0n, 1]);
  });

  it('draws on several own nodes for one payment', () => {
    const channels = [
      channel(1, 0, 2, 1_000_000),
      channel(2, 1, 3, 1_000_000),
      channel(3, 2, 4, 1_000_000),
      channel(4, 3, 4, 1_000_000),
      channel(5, 0, 1, 5_000_000),
    ];
    const plan = planned(channels, 4, 800_000n, {}, [0, 1]);
    expect(plan.parts.map(({ source }) => nodeNumber(source)).sort()).toEqual([0, 1]);
    expect(ask(channels, 4, 800_000n).answer.kind).toBe('plan');
    expect(scids(planned(channels, 4, 800_000n)).some((route) => route.includes(5n))).toBe(true);
  });

  it('prefers one own node where a second gains nothing', () => {
    const channels = [channel(1, 0, 2, 10_000_000), channel(2, 1, 2, 10_000_000), channel(3, 2, 3, 10_000_000)];
    expect(planned(channels, 3, 4_000_000n, {}, [0, 1]).parts).toHaveLength(1);
  });

  it('leaves out what the payment excludes and goes another way', () => {
    const memory = new PaymentMemory();
    memory.excludeChannel({ scid: 2n, direction: 0 });
    expect(scids(planned(diamond, 2, 20_000n, { memory }))).toEqual([[3n, 4n]]);
    memory.excludeNode(nodeId(3));
    expect(ask(diamond, 2, 20_000n, { memory }).answer).toMatchObject({ code: 'unreachable' });
  });

  it('goes around minima and maxima that do not admit the amount', () => {
    const narrow = (over: object): TestChannel[] => [
      diamond[0]!,
      channel(2, 1, 2, 1_000_000, over),
      diamond[2]!,
      diamond[3]!,
    ];
    for (const over of [{ htlcMinimumMsat: 20_000_001n }, { htlcMaximumMsat: 19_999_999n }]) {
      expect(scids(planned(narrow(over), 2, 20_000n, { maxParts: 1 }))).toEqual([[3n, 4n]]);
    }
  });

  it('uses a policy that a failure told, for this payment only', () => {
    const memory = new PaymentMemory();
    memory.adoptPolicy({ scid: 2n, direction: 0 }, policyOf({ feePpm: 300, cltvDelta: 50 }));
    expect(planned(diamond, 2, 20_000n, { memory }).feeMsat).toBe(7000n);
    memory.adoptPolicy({ scid: 2n, direction: 0 }, policyOf({ feePpm: 300_000 }));
    expect(scids(planned(diamond, 2, 20_000n, { memory }))).toEqual([[3n, 4n]]);
    expect(planned(diamond, 2, 20_000n).feeMsat).toBe(3000n);
  });

  it('tries no more over a channel than what failed there in this payment, however the shared bounds fade', () => {
    const memory = new PaymentMemory();
    const hop = { scid: 2n, direction: 0, kind: 'public' } as const;
    memory.couldNotCarry({ ...hop, amountMsat: 20_000_000n });
    expect(scids(planned(diamond, 2, 20_000n, { memory }))).toEqual([[3n, 4n]]);
    expect(scids(planned(diamond, 2, 1_000n, { memory, maxParts: 1 }))).toEqual([[1n, 2n]]);
    // What is in flight there counts.
    memory.reserve([{ ...hop, amountMsat: 19_000_000n }]);
    expect(scids(planned(diamond, 2, 1_000n, { memory, maxParts: 1 }))).toEqual([[3n, 4n]]);
  });

  it('never repeats a plan whose channel failed', () => {
    const knowledge = new Knowledge(graphOf(diamond));
    const memory = new PaymentMemory();
    const seen = new Set<string>();
    for (let attempt = 0; attempt < 12; attempt++) {
      const { answer } = ask(diamond, 2, 300_000n, { knowledge, memory });
      if (answer.kind === 'refusal') break;
      const failing = answer.parts[0]!;
      const key = answer.parts
        .map((part) => `${part.amountMsat} ${part.hops.map(({ scid }) => scid).join(' ')}`)
        .join();
      expect(seen.has(key)).toBe(false);
      seen.add(key);
      cannotCarry(knowledge, memory, failing.hops, 1);
    }
    expect(seen.size).toBeGreaterThan(1);
  });

  it('prefers channels that carried the amount before, and nodes that are trusted', () => {
    const knowledge = new Knowledge(graphOf(diamond));
    knowledge.passed({ scid: 4n, direction: 1, amountMsat: 500_000_000n }, 0);
    const urgent = defaultWeights(450_000_000n, 20);
    expect(scids(planned(diamond, 2, 450_000n, { weights: urgent }))[0]).toContain(2n);
    expect(scids(planned(diamond, 2, 450_000n, { knowledge, weights: urgent }))).toEqual([[3n, 4n]]);
    const marked = new Knowledge(graphOf(diamond));
    marked.markNode(nodeId(1), 10, 0);
    expect(scids(planned(diamond, 2, 20_000n, { knowledge: marked }))).toEqual([[3n, 4n]]);
  });

  it('plans what is missing beside what is in flight', () => {
    const knowledge = new Knowledge(graphOf(diamond));
    const memory = new PaymentMemory();
    const { answer, request } = ask(diamond, 2, 900_000n, { knowledge, memory, maxParts: 3, budgetMsat: 600_000n });
    if (answer.kind === 'refusal') throw new Error(answer.message);
    const [stays, fails] = answer.parts;
    knowledge.reserve(stays!.hops);
    memory.reserve(stays!.hops);
    cannotCarry(knowledge, memory, fails!.hops, 1);
    const out = addOutstanding(NOTHING_OUTSTANDING, stays!);
    const missing = missingRequest(request, out);
    if (missing.kind !== 'missing') throw new Error(missing.kind);
    expect(missing.request.amountMsat).toBe(fails!.amountMsat);
    expect(missing.request.budgetMsat).toBe(600_000n - stays!.feeMsat);
    expect(missing.request.maxParts).toBe(2);
    const full = { ...out, amountMsat: request.amountMsat };
    expect(missingRequest(request, full).kind).toBe('complete');
    expect(missingRequest({ ...request, maxParts: 1 }, out).kind).toBe('no_parts_left');
  });
});

describe('the payee side', () => {
  const hint = (from: number, scid: number, over = {}) => ({
    from: nodeId(from),
    scid: BigInt(scid),
    feeBaseMsat: 1000,
    feePpm: 10,
    cltvDelta: 80,
    ...over,
  });
  const payee = (node: number, hints: PlanRequest['payee']['hints']): PlanRequest['payee'] => ({
    nodeId: nodeId(node),
    finalCltvDelta: 30,
    hints,
  });

  it('is reached over a hint alone, with the hint’s fee, delta and channel', () => {
    const plan = planned(diamond, 9, 20_000n, { payee: payee(9, [[hint(2, 77)]]) });
    const { hops } = plan.parts[0]!;
    expect(hops.at(-1)).toMatchObject({ scid: 77n, kind: 'hint', hint: { hint: 0, hop: 0 }, expiry: 800_030 });
    expect(hops.at(-2)!.amountMsat).toBe(20_000_000n + 1000n + 200n);
    expect(hops.at(-2)!.expiry).toBe(800_110);
  });

  it('takes parts over several members of a phantom node’s cluster', () => {
    const members = [
      channel(1, 0, 1, 1_000_000),
      channel(2, 0, 2, 1_000_000),
      channel(3, 1, 3, 600_000),
      channel(4, 2, 4, 600_000),
    ];
    const phantom = payee(9, [[hint(3, 91)], [hint(4, 92)]]);
    const plan = planned(members, 9, 700_000n, { payee: phantom });
    expect(plan.parts.map(({ hops }) => hops.at(-1)!.scid).sort()).toEqual([91n, 92n]);
  });

  it('survives hints in a loop, through the payee, to unknown nodes, with absurd fees, and repeated', () => {
    const hostile = payee(9, [
      [hint(2, 71), hint(3, 72), hint(2, 73), hint(3, 74)],
      [hint(9, 75), hint(9, 76)],
      [hint(50, 77), hint(51, 78)],
      [hint(2, 79, { feeBaseMsat: 0xffff_ffff, feePpm: 0xffff_ffff, cltvDelta: 0xffff })],
      [hint(0, 80)],
      [hint(2, 71), hint(3, 72), hint(2, 73), hint(3, 74)],
      [],
    ]);
    const plan = planned(diamond, 9, 20_000n, { payee: hostile });
    expect(plan.parts[0]!.hops.at(-1)!.scid).toBe(74n);
    const evil = payee(9, [[hint(2, 71, { feeBaseMsat: Number.NaN })]]);
    expect(ask(diamond, 9, 20_000n, { payee: evil }).answer).toMatchObject({ code: 'invalid_request' });
  });

  it('cannot spoil what is known of a public channel by naming it', () => {
    const knowledge = new Knowledge(graphOf(diamond));
    const memory = new PaymentMemory();
    const lying = payee(9, [[hint(2, 4)]]);
    const plan = planned(diamond, 9, 20_000n, { payee: lying, knowledge, memory });
    const hops: readonly HopUse[] = plan.parts[0]!.hops;
    expect(hops.at(-1)!.kind).toBe('hint');
    cannotCarry(knowledge, memory, hops, hops.length - 1);
    expect(knowledge.range({ scid: 4n, direction: hops.at(-1)!.direction }, 0)).toBeUndefined();
    expect(ask(diamond, 9, 20_000n, { payee: lying, knowledge, memory }).answer.kind).toBe('refusal');
  });

  it('a hint that names a public channel of its nodes replaces its policy', () => {
    const real = payee(2, [[hint(1, 2, { feePpm: 0, feeBaseMsat: 0 })]]);
    const plan = planned(diamond, 2, 20_000n, { payee: real });
    expect(plan.feeMsat).toBe(0n);
    expect(plan.parts[0]!.hops.at(-1)!.kind).toBe('public');
  });
});

describe('refusals', () => {
  const refused = (...args: Parameters<typeof ask>): Refusal => {
    const { answer } = ask(...args);
    if (answer.kind === 'plan') throw new Error('there is a plan');
    expect(answer.message).not.toMatch(/NaN|undefined|Infinity/);
    return answer;
  };

  it('own balance, with what there is', () => {
    expect(refused(diamond, 2, 1_000_001n)).toMatchObject({ code: 'own_balance', spendableMsat: 1_000_000n * SAT });
    expect(refused(diamond, 2, 600_000n, { maxParts: 1 })).toMatchObject({ code: 'own_balance' });
    expect(refused(diamond, 2, 1n << 80n)).toMatchObject({ code: 'own_balance' });
    // What lies between own nodes cannot leave the cluster there.
    const between = [...diamond, channel(9, 0, 5, 8_000_000)];
    expect(refused(between, 2, 3_000_000n, {}, [0, 5])).toMatchObject({ spendableMsat: 1_000_000n * SAT });
  });

  it('no inbound at the payee, with how much there is', () => {
    const channels = [channel(1, 0, 1, 10_000_000), channel(2, 1, 2, 100_000), channel(3, 1, 2, 50_000)];
    expect(refused(channels, 2, 200_000n)).toMatchObject({ code: 'payee_inbound', receivableMsat: 148_500n * SAT });
    const behind = { nodeId: nodeId(9), finalCltvDelta: 18, hints: [[{ ...hintTo(2) }]] };
    expect(refused(channels, 9, 200_000n, { payee: behind })).toMatchObject({
      code: 'payee_inbound',
      receivableMsat: 148_500n * SAT,
    });
  });

  it('amounts below every minimum', () => {
    const channels = [channel(1, 0, 1, 100_000), channel(2, 1, 2, 100_000, { htlcMinimumMsat: 5000n })];
    expect(refused(channels, 2, 4n)).toMatchObject({ code: 'below_minimum', leastMsat: 5000n });
  });

  it('a payee that nobody leads to', () => {
    expect(refused([channel(1, 0, 1, 100_000)], 7, 1n)).toMatchObject({ code: 'unreachable' });
    const apart = [channel(1, 0, 1, 100_000), channel(2, 2, 3, 100_000)];
    expect(refused(apart, 3, 1n)).toMatchObject({ code: 'unreachable' });
  });

  it('a bottleneck in between, with what passes it', () => {
    const channels = [channel(1, 0, 1, 10_000_000), channel(2, 1, 2, 100_000), channel(3, 2, 3, 10_000_000)];
    expect(refused(channels, 3, 500_000n)).toMatchObject({ code: 'network_capacity', mostMsat: 99_000n * SAT });
  });

  it('a budget of zero, with the least fee', () => {
    expect(refused(diamond, 2, 20_000n, { budgetMsat: 0n })).toMatchObject({ code: 'budget', leastFeeMsat: 3000n });
    expect(planned(diamond, 2, 20_000n, { budgetMsat: 3000n }).feeMsat).toBe(3000n);
    expect(planned(diamond, 1, 20_000n, { budgetMsat: 0n }).feeMsat).toBe(0n);
  });

  it('a dear but likely route is left for a cheap one where the budget demands it', () => {
    const knowledge = new Knowledge(graphOf(diamond));
    knowledge.failed({ scid: 2n, direction: 0, amountMsat: 460_000_000n }, 0);
    const careful = { knowledge, maxParts: 1, weights: defaultWeights(450_000_000n, 5) };
    const dear = planned(diamond, 2, 450_000n, careful);
    expect(scids(dear)).toEqual([[3n, 4n]]);
    const cheap = planned(diamond, 2, 450_000n, { ...careful, budgetMsat: dear.feeMsat - 1n });
    expect(scids(cheap)).toEqual([[1n, 2n]]);
  });

  it('too many blocks, with how many are needed', () => {
    expect(refused(diamond, 2, 20_000n, { maxBlocks: 57 })).toMatchObject({ code: 'too_many_blocks', leastBlocks: 58 });
    expect(refused(diamond, 2, 20_000n, { maxBlocks: 17 })).toMatchObject({ code: 'too_many_blocks', leastBlocks: 18 });
    expect(planned(diamond, 2, 20_000n, { maxBlocks: 58 }).parts).toHaveLength(1);
  });

  it('too many parts needed, with what fewer carry', () => {
    const channels = [1, 2, 3, 4].map((scid) => channel(scid, 0, 1, 200_000));
    expect(refused(channels, 1, 350_000n, { maxParts: 3 })).toMatchObject({
      code: 'too_many_parts',
      mostMsat: 300_000n * SAT,
    });
    expect(planned(channels, 1, 350_000n, { maxParts: 4 }).parts).toHaveLength(4);
  });

  it('requests that cannot be, and payments to ourselves', () => {
    expect(refused(diamond, 2, 0n)).toMatchObject({ code: 'invalid_request' });
    expect(refused(diamond, 2, 1n, { maxParts: 0 })).toMatchObject({ code: 'invalid_request' });
    expect(refused(diamond, 2, 1n, { budgetMsat: -1n })).toMatchObject({ code: 'invalid_request' });
    expect(refused(diamond, 2, 1n, { maxBlocks: Number.NaN })).toMatchObject({ code: 'invalid_request' });
    expect(refused(diamond, 2, 1n, { sources: [] })).toMatchObject({ code: 'invalid_request' });
    expect(refused(diamond, 0, 1n)).toMatchObject({ code: 'payee_is_source' });
    const idle = { ...sourceOf(diamond, 0), channels: [] };
    expect(refused(diamond, 2, 1n, { sources: [idle] })).toMatchObject({ code: 'own_balance', spendableMsat: 0n });
  });

  it('HTLC slots of own channels are a limit', () => {
    const full = (slots: number): PlanRequest['sources'] => {
      const source = sourceOf(diamond, 0);
      return [{ ...source, channels: source.channels.map((own) => ({ ...own, slots })) }];
    };
    expect(refused(diamond, 2, 20_000n, { sources: full(0) })).toMatchObject({ code: 'own_balance' });
    expect(planned(diamond, 2, 900_000n, { sources: full(1) }).parts).toHaveLength(2);
  });
});

const hintTo = (from: number) => ({
  from: nodeId(from),
  scid: 99n,
  feeBaseMsat: 0,
  feePpm: 0,
  cltvDelta: 18,
});

describe('budgets', () => {
  it('are a share of the amount, never under the exempt fee', () => {
    expect(budgetFor(10_000_000n, 0.5)).toBe(50_000n);
    expect(budgetFor(100_000n, 0.5)).toBe(5000n);
    expect(budgetFor(100_000n, 0.5, 0n)).toBe(500n);
  });
});
