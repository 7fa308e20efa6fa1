import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adaptiveSplit,
  ClassicPlanner,
  decideRetry,
  DEFAULT_PRESPLIT,
  feeShare,
  hintForAttempt,
  LEAST_SPLIT_MSAT,
  partsLeftOf,
  presplit,
} from '../../src/send/index.js';
import { channel, faultsOf, graphOf, requestOf, sumOf } from './support.js';

const chances = fc.array(fc.double({ min: 0, max: 0.999999, noNaN: true }), { minLength: 1, maxLength: 50 });
const from = (values: readonly number[]) => {
  let at = 0;
  return (): number => values[at++ % values.length]!;
};
const always = (value: number) => (): number => value;

describe('presplit', () => {
  it('makes parts of the target size within the fuzz, that add up', () => {
    const amount = fc.bigInt({ min: 10_000_000n, max: 3_000_000_000n });
    fc.assert(
      fc.property(
        amount,
        chances,
        fc.constantFrom(0.1, 0.25),
        fc.integer({ min: 3, max: 900 }),
        (msat, values, fuzz, slots) => {
          const split = presplit(msat, slots, from(values), { ...DEFAULT_PRESPLIT, fuzz });
          if (split.kind !== 'split') {
            expect(split.kind).toBe('whole');
            return;
          }
          const most = Math.floor(slots / 3);
          const target = Math.max(10_000_000, Math.ceil(Number(msat) / most));
          expect(sumOf(split.amounts)).toBe(msat);
          expect(split.amounts.length).toBeLessThanOrEqual(most);
          for (const part of split.amounts.slice(0, -1)) {
            expect(Number(part)).toBeGreaterThanOrEqual(target * (1 - fuzz) - 2);
            expect(Number(part)).toBeLessThanOrEqual(target * (1 + fuzz) + 2);
          }
          expect(split.amounts.at(-1)! > 0n).toBe(true);
        },
      ),
      { numRuns: 500, seed: 61 },
    );
  });

  it('leaves small amounts whole and stops without slots', () => {
    expect(presplit(9_999_999n, 100, always(0.5))).toEqual({ kind: 'whole' });
    expect(presplit(50_000_000n, 2, always(0.5))).toEqual({ kind: 'no_slots' });
    expect(presplit(50_000_000n, 300, always(0.5))).toMatchObject({ amounts: new Array(5).fill(10_000_000n) });
    expect(presplit(50_000_000n, 6, always(0.5))).toMatchObject({ amounts: [25_000_000n, 25_000_000n] });
  });
});

describe('adaptive split', () => {
  it('makes two parts of 45 to 55 % that share the budget', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 100_001n, max: 1n << 50n }),
        fc.bigInt({ min: 0n, max: 1n << 40n }),
        chances,
        (msat, budget, values) => {
          const split = adaptiveSplit(msat, budget, 5, from(values));
          if (split.kind !== 'split') throw new Error(split.kind);
          const [a, b] = split.children;
          expect(a.amountMsat + b.amountMsat).toBe(msat);
          for (const { amountMsat } of [a, b]) {
            expect(Number(amountMsat) / Number(msat)).toBeGreaterThan(0.4499);
            expect(Number(amountMsat) / Number(msat)).toBeLessThan(0.5501);
          }
          expect(a.budgetMsat + b.budgetMsat <= budget && a.budgetMsat + b.budgetMsat >= budget - 1n).toBe(true);
          expect(split.partsLeft).toBe(4);
        },
      ),
      { numRuns: 300, seed: 62 },
    );
  });

  it('has a floor and an end', () => {
    expect(adaptiveSplit(LEAST_SPLIT_MSAT, 5n, 9, always(0))).toEqual({ kind: 'too_small' });
    expect(adaptiveSplit(LEAST_SPLIT_MSAT + 1n, 5n, 0, always(0))).toEqual({ kind: 'no_parts_left' });
    expect(partsLeftOf(10, 12)).toBe(0);
    expect(feeShare(10n, 5n, 0n)).toBe(0n);
  });
});

describe('retry', () => {
  const failed = { isFinal: false, hadRoute: true, hintLeft: false, attemptsBefore: 0 };

  it('comes before splitting and ends with the deadline or a final failure', () => {
    expect(decideRetry(failed, 0, 100)).toBe('retry');
    expect(decideRetry({ ...failed, attemptsBefore: 8 }, 0, 100)).toBe('retry');
    expect(decideRetry({ ...failed, attemptsBefore: 9 }, 0, 100)).toBe('split');
    expect(decideRetry({ ...failed, hadRoute: false }, 0, 100)).toBe('split');
    expect(decideRetry({ ...failed, hadRoute: false, hintLeft: true }, 0, 100)).toBe('retry');
    expect(decideRetry(failed, 100, 100)).toBe('give_up');
    expect(decideRetry({ ...failed, isFinal: true }, 0, 100)).toBe('give_up');
  });

  it('deals the hints in turn, none being one of them for a public payee', () => {
    expect([0, 1, 2, 3].map((attempt) => hintForAttempt(attempt, 2, true))).toEqual([0, 1, undefined, 0]);
    expect([0, 1, 2].map((attempt) => hintForAttempt(attempt, 2, false))).toEqual([0, 1, 0]);
    expect(hintForAttempt(3, 0, false)).toBeUndefined();
  });
});

describe('the classic planner', () => {
  const channels = [
    channel(1, 0, 1, 1_000_000),
    channel(2, 1, 2, 1_000_000),
    channel(3, 0, 3, 1_000_000),
    channel(4, 2, 3, 60_000, { feePpm: 500 }, { feePpm: 50 }),
  ];
  const graph = graphOf(channels);
  const request = (sat: bigint, over = {}) =>
    requestOf(graph, channels, [0], 2, sat * 1000n, { budgetMsat: 1_000_000n, maxParts: 20, ...over });

  it('presplits, and every part keeps its own share of the budget', () => {
    const asked = request(60_000n);
    const plan = new ClassicPlanner(graph, always(0.5)).plan(asked);
    if (plan.kind === 'refusal') throw new Error(plan.message);
    expect(faultsOf(plan, asked, channels)).toEqual([]);
    expect(plan.parts.map(({ amountMsat }) => amountMsat)).toEqual(new Array(6).fill(10_000_000n));
    for (const { feeMsat, amountMsat } of plan.parts) {
      expect(feeMsat <= feeShare(asked.budgetMsat, amountMsat, asked.amountMsat)).toBe(true);
    }
  });

  it('halves a part that finds no route', () => {
    const asked = request(400_000n, { maxParts: 2 });
    const plan = new ClassicPlanner(graph, always(0.5)).plan(asked);
    if (plan.kind === 'refusal') throw new Error(plan.message);
    expect(faultsOf(plan, asked, channels)).toEqual([]);
    const narrow = [channel(1, 0, 1, 1_000_000), channel(2, 1, 2, 50_000), channel(3, 1, 2, 50_000)];
    const halved = requestOf(graphOf(narrow), narrow, [0], 2, 80_000_000n, { maxParts: 2, budgetMsat: 1_000_000n });
    const one = { targetMsat: 100_000_000n, fuzz: 0, slotShare: 3 };
    const split = new ClassicPlanner(halved.knowledge.graph, always(0.5), one).plan(halved);
    expect(split).toMatchObject({ parts: [{ amountMsat: 40_000_000n }, { amountMsat: 40_000_000n }] });
  });

  it('refuses where a part’s own share is too small, though the pool would do', () => {
    const answer = new ClassicPlanner(graph, always(0.5)).plan(request(60_000n, { budgetMsat: 7000n }));
    expect(answer).toMatchObject({ kind: 'refusal', code: 'budget', leastFeeMsat: 9000n });
  });
});
