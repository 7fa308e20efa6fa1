import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyLessons,
  type ChannelGraph,
  DEFAULT_KNOWLEDGE,
  exportKnowledge,
  importKnowledge,
  Knowledge,
  passProbability,
  PaymentMemory,
} from '../../src/send/index.js';
import { cannotCarry, channel, graphOf, nodeId, policyOf } from './support.js';

const CAPACITY = 1_000_000_000;
const { failureMs, passMs } = DEFAULT_KNOWLEDGE.halfLives;

const net = (): ChannelGraph => graphOf([channel(1, 1, 2, 1_000_000), channel(2, 2, 3, 1_000_000)]);
const knowledge = (): Knowledge => new Knowledge(net());
const hop = (amountMsat: bigint, direction: 0 | 1 = 0, scid = 1n) => ({ scid, direction, amountMsat });
const range = (known: Knowledge, direction: 0 | 1, now = 0) => {
  const { lo, hi } = known.range({ scid: 1n, direction }, now)!;
  return [Math.round(lo), Math.round(hi)];
};

describe('the prior', () => {
  it('has the probabilities of its density, between any bounds', () => {
    const density = (u: number, w: number): number => 1 - w + w * 9 * (2 * u - 1) ** 8;
    const mass = (from: number, to: number, w: number): number => {
      let sum = 0;
      for (let i = 0; i < 4000; i++) sum += density(from + ((to - from) * (i + 0.5)) / 4000, w);
      return (sum * (to - from)) / 4000;
    };
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(share, share, share, share, (a, b, c, w) => {
        const [lo, amount, hi] = [a, b, c].sort((x, y) => x - y) as [number, number, number];
        fc.pre(hi - lo > 0.01);
        const expected = mass(amount, hi, w) / mass(lo, hi, w);
        expect(passProbability(1, lo, hi, amount, w)).toBeCloseTo(expected, 4);
      }),
      { numRuns: 200, seed: 51 },
    );
  });

  it('is 1 up to the lower bound, 0 from the upper one on, and falls in between', () => {
    const at = (amount: number): number => passProbability(100, 20, 80, amount, 0.5);
    expect([at(0), at(20), at(80), at(100)]).toEqual([1, 1, 0, 0]);
    for (let amount = 21; amount <= 80; amount++) expect(at(amount)).toBeLessThan(at(amount - 1));
    expect(passProbability(100, 50, 50, 50, 0.5)).toBe(1);
    expect(passProbability(100, 50, 50, 51, 0.5)).toBe(0);
    expect(passProbability(0, 0, 0, 1, 0.5)).toBe(0);
  });
});

describe('liquidity bounds', () => {
  it('couple the directions: what one side has the other has not', () => {
    const known = knowledge();
    known.failed(hop(300_000_000n), 0);
    expect(range(known, 0)).toEqual([0, 299_999_999]);
    expect(range(known, 1)).toEqual([700_000_001, CAPACITY]);
    known.passed(hop(800_000_000n, 1), 0);
    expect(range(known, 0)).toEqual([0, 200_000_000]);
    expect(range(known, 1)).toEqual([800_000_000, CAPACITY]);
  });

  it('move with what settles', () => {
    const known = knowledge();
    known.settled(hop(400_000_000n), 0);
    expect(range(known, 0)).toEqual([0, 600_000_000]);
    expect(range(known, 1)).toEqual([400_000_000, CAPACITY]);
    known.settled(hop(100_000_000n, 1), 0);
    expect(range(known, 0)).toEqual([100_000_000, 700_000_000]);
  });

  it('relax smoothly to nothing known, failures slower than passes', () => {
    const known = knowledge();
    known.passed(hop(400_000_000n), 0);
    known.failed(hop(600_000_001n), 0);
    expect(range(known, 0, passMs)[0]).toBe(200_000_000);
    expect(range(known, 0, failureMs)[1]).toBe(800_000_000);
    let before = 1;
    for (let now = 0; now < 10 * failureMs; now += failureMs / 64) {
      const width = range(known, 0, now)[1]! - range(known, 0, now)[0]!;
      expect(width).toBeGreaterThan(before);
      expect(width / before < 1.1 || before === 1).toBe(true);
      before = width;
    }
    known.prune(100 * failureMs);
    expect(known.range({ scid: 1n, direction: 0 }, 0)).toBeUndefined();
  });

  it('believe the news where they contradict what was known', () => {
    const known = knowledge();
    known.passed(hop(500_000_000n), 0);
    known.failed(hop(100_000_000n), 1);
    expect(range(known, 0, 1)).toEqual([0, 99_999_999]);
    known.passed(hop(900_000_000n), 2);
    expect(range(known, 0, 2)).toEqual([900_000_000, CAPACITY]);
  });

  it('stay in order and agree between directions, whatever happens', () => {
    const event = fc.record({
      kind: fc.constantFrom('passed', 'failed', 'settled'),
      direction: fc.constantFrom(0 as const, 1 as const),
      amountMsat: fc.oneof(fc.bigInt({ min: 0n, max: 1_200_000_000n }), fc.constant((1n << 64n) - 1n)),
      wait: fc.constantFrom(0, 1000, 600_000, 90_000_000),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        const known = knowledge();
        let now = 0;
        for (const { kind, direction, amountMsat, wait } of events) {
          now += wait;
          known[kind as 'passed'](hop(amountMsat, direction), now);
          const forth = known.range({ scid: 1n, direction: 0 }, now)!;
          const back = known.range({ scid: 1n, direction: 1 }, now)!;
          expect(forth.lo).toBeGreaterThanOrEqual(0);
          expect(forth.lo).toBeLessThanOrEqual(forth.hi);
          expect(forth.hi).toBeLessThanOrEqual(CAPACITY);
          expect(back.lo).toBeCloseTo(CAPACITY - forth.hi, 3);
          expect(back.hi).toBeCloseTo(CAPACITY - forth.lo, 3);
        }
      }),
      { numRuns: 400, seed: 52 },
    );
  });

  it('count what is in flight, once, and for its direction only', () => {
    const known = knowledge();
    known.passed(hop(500_000_000n), 0);
    const free = known.probability(hop(500_000_000n), 0)!;
    expect(free).toBe(1);
    const back = known.probability(hop(100_000_000n, 1), 0)!;
    known.reserve([hop(400_000_000n)]);
    expect(known.probability(hop(100_000_000n), 0)).toBe(1);
    expect(known.probability(hop(200_000_000n), 0)).toBeLessThan(1);
    expect(known.probability(hop(100_000_000n, 1), 0)).toBe(back);
    known.release([hop(400_000_000n)]);
    expect(known.probability(hop(500_000_000n), 0)).toBe(1);
  });

  it('add other parts in flight to what failed', () => {
    const known = knowledge();
    const [first, second] = [[hop(200_000_000n)], [hop(300_000_000n)]];
    applyLessons(
      known,
      [
        { kind: 'reserved', hops: first },
        { kind: 'reserved', hops: second },
        { kind: 'released', hops: second },
        { kind: 'cannot_carry', hop: second[0]! },
      ],
      0,
    );
    expect(range(known, 0)).toEqual([0, 499_999_999]);
  });

  it('learn nothing about public channels from own channels or hints', () => {
    const known = knowledge();
    const memory = new PaymentMemory();
    const own = { ...hop(5n), kind: 'own' as const };
    const hint = { ...hop(5n, 0, 2n), kind: 'hint' as const };
    const hops = [own, hint];
    memory.reserve(hops);
    applyLessons(
      known,
      [
        { kind: 'reserved', hops },
        { kind: 'settled', hops },
        { kind: 'released', hops },
      ],
      0,
    );
    memory.release(hops);
    cannotCarry(known, memory, hops, 1);
    expect([1n, 2n].map((scid) => known.range({ scid, direction: 0 }, 0))).toEqual([undefined, undefined]);
    expect(memory.range(hint)).toMatchObject({ atMost: 4n, inFlight: 0n });
  });
});

describe('marks and avoidances', () => {
  it('fade, are eased by success, and are bounded', () => {
    const known = knowledge();
    known.markNode(nodeId(2), 1, 0);
    const key = known.graph.nodeKey(known.graph.nodeIndex([...known.marks.all()][0]!.node)!);
    expect(known.marks.weight(key, DEFAULT_KNOWLEDGE.nodeHalfLifeMs)).toBeCloseTo(0.5);
    known.easeNode(nodeId(2), 0);
    expect(known.marks.weight(key, 0)).toBeCloseTo(0.5);
    for (let i = 0; i < 100; i++) known.markNode(nodeId(2), 1, 0);
    expect(known.marks.weight(key, 0)).toBe(20);
  });

  it('the longer of two avoidances counts', () => {
    const known = knowledge();
    known.avoidNode(nodeId(2), 50);
    known.avoidNode(nodeId(2), 20);
    expect(known.avoidedNodes()[0]!.until).toBe(50);
    known.prune(50);
    expect(known.avoidedNodes()).toEqual([]);
  });

  it('a policy adopted twice is told apart from a new one', () => {
    const memory = new PaymentMemory();
    const at = { scid: 1n, direction: 0 as const };
    expect(memory.adoptPolicy(at, policyOf())).toBe('adopted');
    expect(memory.adoptPolicy(at, policyOf())).toBe('same');
    expect(memory.adoptPolicy(at, policyOf({ feePpm: 7 }))).toBe('adopted');
    expect(memory.adoptPolicy(at, policyOf({ feePpm: -7 }))).toBe('invalid');
    expect(memory.policyOf(at)?.feePpm).toBe(7);
  });
});

describe('export and import', () => {
  it('carries all but reservations through JSON', () => {
    const known = knowledge();
    known.failed(hop(300_000_000n), 1000);
    known.passed(hop(70_000_000n, 1, 2n), 2000);
    known.reserve([hop(5n)]);
    known.markNode(nodeId(3), 2, 1000);
    known.avoidNode(nodeId(2), 90_000);
    known.avoidChannel({ scid: 2n, direction: 1 }, 80_000);
    const text = JSON.stringify(exportKnowledge(known, 3000));
    const other = new Knowledge(net());
    expect(importKnowledge(other, JSON.parse(text))).toEqual({ ok: true, value: undefined });
    for (const scid of [1n, 2n]) {
      for (const now of [3000, 3000 + passMs]) {
        const expected = known.range({ scid, direction: 0 }, now)!;
        expect(other.range({ scid, direction: 0 }, now)).toEqual({ ...expected, inFlight: 0 });
      }
    }
    expect(exportKnowledge(other, 3000)).toEqual(JSON.parse(text));
  });

  it('refuses what is no knowledge, whole, and never throws', () => {
    const known = knowledge();
    known.failed(hop(300_000_000n), 0);
    known.markNode(nodeId(3), 2, 0);
    known.avoidNode(nodeId(2), 9);
    known.avoidChannel({ scid: 2n, direction: 1 }, 9);
    const good = JSON.parse(JSON.stringify(exportKnowledge(known, 0))) as Record<string, Record<string, unknown>[]>;
    const lists = Object.keys(good).filter((key) => key !== 'format');
    const evil = fc.oneof(fc.anything(), fc.constantFrom('-1', '1e3', '99999999999999999999', -1, Number.NaN));
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...lists), fc.nat(), evil, (list, at, value) => {
        const row = good[list]![0]!;
        const field = Object.keys(row)[at % Object.keys(row).length]!;
        const other = new Knowledge(net());
        const answer = importKnowledge(other, { ...good, [list]: [{ ...row, [field]: value }] });
        if (answer.ok) return;
        refused++;
        expect(exportKnowledge(other, 0).channels).toEqual([]);
      }),
      { numRuns: 600, seed: 53 },
    );
    expect(refused).toBeGreaterThan(400);
    for (const value of [null, 5, {}, { format: 'manifold-knowledge-1' }]) {
      expect(importKnowledge(knowledge(), value).ok).toBe(false);
    }
  });
});
