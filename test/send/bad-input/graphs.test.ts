import { describe, expect, it } from 'vitest';
import {
  DEFAULT_MODIFIERS,
  FlowPlanner,
  Knowledge,
  type PayeeHop,
  planMissing,
  preparePayment,
  type Policy,
  type Refusal,
  type Surroundings,
} from '../../../src/send/index.js';
import { HEIGHT, START, termsOf } from '../payment/support.js';
import { channel, graphOf, nodeId, requestOf, type TestChannel } from '../support.js';

const MAX_U64 = (1n << 64n) - 1n;
const MAX_U32 = 0xffff_ffff;

function surroundingsOf(channels: readonly TestChannel[]): { planner: FlowPlanner; around: Surroundings } {
  const graph = graphOf(channels);
  const { sources } = requestOf(graph, channels, [1], 99, 1n);
  const around = {
    ...{ sources, balancesReadAt: START, knowledge: new Knowledge(graph) },
    ...{ height: HEIGHT, now: START, chance: () => 0.9 },
  };
  return { planner: new FlowPlanner(graph), around };
}

/** What the payment is told, from its terms to its first plan. */
function outcomeOf(channels: readonly TestChannel[], terms: Parameters<typeof termsOf>[0] = {}) {
  const { planner, around } = surroundingsOf(channels);
  const made = preparePayment(termsOf(terms), around, DEFAULT_MODIFIERS);
  return made.kind === 'refused' ? made.reason : planMissing(made.state, around, planner, DEFAULT_MODIFIERS);
}

const to99 = (last: Partial<Policy>, capacitySat = 1_000_000): TestChannel[] => [
  channel(12, 1, 2, 1_000_000),
  channel(29, 2, 99, capacitySat, last),
];

const ABSURD: Readonly<Record<string, readonly [TestChannel[], Refusal['code'] | 'plan']>> = {
  'the greatest base fee': [to99({ feeBaseMsat: MAX_U32 }), 'too_many_parts'],
  'the greatest proportional fee': [to99({ feePpm: MAX_U32 }), 'budget'],
  'a base fee above the budget': [to99({ feeBaseMsat: 50_000 }), 'budget'],
  'a minimum above the maximum': [to99({ htlcMinimumMsat: 10n ** 12n, htlcMaximumMsat: 1n }), 'below_minimum'],
  'the greatest minimum': [to99({ htlcMinimumMsat: MAX_U64, htlcMaximumMsat: MAX_U64 }), 'below_minimum'],
  'a maximum of zero': [to99({ htlcMaximumMsat: 0n }), 'below_minimum'],
  'the greatest maximum': [to99({ htlcMaximumMsat: MAX_U64 }), 'plan'],
  'no capacity': [to99({}, 0), 'unreachable'],
  'the greatest capacity': [to99({}, 21_000_000_0000_0000), 'plan'],
  'the greatest expiry delta': [to99({ cltvDelta: 0xffff }), 'too_many_blocks'],
  'no expiry delta': [to99({ cltvDelta: 0 }), 'plan'],
  'a channel that is switched off': [
    [channel(12, 1, 2, 1_000_000), channel(29, 2, 99, 1_000_000, null)],
    'unreachable',
  ],
};

describe('absurd policies', () => {
  for (const [name, [channels, expected]] of Object.entries(ABSURD)) {
    it(`${name}: ${expected}`, () => {
      const answer = outcomeOf(channels);
      expect('kind' in answer && answer.kind === 'plan' ? 'plan' : answer).toEqual(
        expected === 'plan'
          ? 'plan'
          : expect.objectContaining({ code: expected, message: expect.any(String) as string }),
      );
    });

    it(`${name} beside an honest way: the honest way is taken`, () => {
      const honest = [channel(13, 1, 3, 1_000_000), channel(39, 3, 99, 1_000_000)];
      const answer = outcomeOf([...channels, ...honest]);
      if (!('parts' in answer)) throw new Error(answer.message);
      const last = answer.parts.map(({ hops }) => hops.at(-1)!.scid);
      if (expected === 'plan') expect(last).toHaveLength(1);
      else expect(last).toEqual([39n]);
    });
  }

  it('policies that no wire can carry never reach the graph', () => {
    const graph = graphOf(to99({}));
    const odd: Partial<Policy>[] = [
      { feeBaseMsat: -1 },
      { feeBaseMsat: MAX_U32 + 1 },
      { feePpm: 0.5 },
      { feePpm: Number.NaN },
      { cltvDelta: 0x1_0000 },
      { htlcMinimumMsat: -1n },
      { htlcMaximumMsat: -1n },
    ];
    for (const over of odd) {
      const policy = { ...channel(1, 1, 2, 1, over).policies[0]! };
      expect(graph.applyUpdate({ scid: 29n, direction: 0, timestamp: 5, policy }, 5)).toBe('invalid');
    }
  });
});

describe('hints as somebody may write them', () => {
  const hop = (from: number, scid: number, over: Partial<PayeeHop> = {}): PayeeHop => ({
    ...{ from: nodeId(from), scid: BigInt(scid), feeBaseMsat: 0, feePpm: 0, cltvDelta: 40 },
    ...over,
  });
  const net = [channel(12, 1, 2, 1_000_000), channel(23, 2, 3, 1_000_000)];
  const withHints = (...hints: PayeeHop[][]) =>
    outcomeOf(net, { payee: { nodeId: nodeId(99), finalCltvDelta: 18, hints } });
  const good = [hop(3, 900)];

  it('are the way to a payee that the graph does not know', () => {
    expect(withHints(good)).toMatchObject({
      kind: 'plan',
      parts: [{ hops: [{ scid: 12n }, { scid: 23n }, { scid: 900n }] }],
    });
  });

  const BAD: Readonly<Record<string, PayeeHop[]>> = {
    'a loop': [hop(3, 901), hop(4, 902), hop(3, 903)],
    'a loop over the payee': [hop(3, 901), hop(99, 902)],
    'the own node': [hop(1, 901), hop(3, 902)],
    'an unknown node': [hop(77, 901)],
    'the greatest fees': [hop(3, 901, { feeBaseMsat: MAX_U32, feePpm: MAX_U32 })],
    'fees that cannot be': [hop(3, 901, { feePpm: MAX_U32 + 1 })],
    'fees below nothing': [hop(3, 901, { feeBaseMsat: -5 })],
    'the greatest expiry delta': [hop(3, 901, { cltvDelta: 0xffff })],
    'no hops': [],
  };
  for (const [name, hint] of Object.entries(BAD)) {
    it(`${name}: refused alone, left out beside a good one`, () => {
      const alone = withHints(hint);
      expect(alone).not.toMatchObject({ kind: 'plan' });
      expect((alone as Refusal).message.length).toBeGreaterThan(10);
      expect(withHints(hint, good)).toMatchObject({ kind: 'plan', parts: [{ hops: [{}, {}, { scid: 900n }] }] });
    });
  }

  it('longer than any route: only its end is used', () => {
    const long = [...Array.from({ length: 25 }, (_, i) => hop(200 + i, 500 + i)), hop(3, 901)];
    expect(withHints(long)).toMatchObject({ kind: 'plan', parts: [{ hops: [{}, {}, { scid: 901n }] }] });
  });

  it('by the thousand: the first that can be used are', () => {
    const many = Array.from({ length: 5000 }, (_, i) => [hop(1, 10_000 + i)]);
    expect(withHints(...many, good)).toMatchObject({ kind: 'plan' });
    const unknown = Array.from({ length: 5000 }, (_, i) => [hop(1000 + i, 10_000 + i)]);
    expect(withHints(...unknown)).toMatchObject({ kind: 'refusal', code: 'payee_inbound' });
  });
});
