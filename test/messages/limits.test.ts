import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Recent, TokenBuckets } from '../../src/messages/index.js';

describe('token buckets', () => {
  it('give what the rate allows and not more, key by key', () => {
    const buckets = new TokenBuckets({ perSecond: 2, burst: 3 }, 10);
    const take = (key: string, now: number, times: number): number =>
      Array.from({ length: times }, () => buckets.take(key, now)).filter(Boolean).length;
    expect(take('a', 0, 5)).toBe(3);
    expect(take('b', 0, 5)).toBe(3);
    expect(take('a', 499, 5)).toBe(0);
    expect(take('a', 500, 5)).toBe(1);
    expect(take('a', 1_500, 5)).toBe(2);
    expect(take('a', 99_000, 5)).toBe(3);
  });

  it('never give more than burst and rate over any span', () => {
    const calls = fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(
        calls,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        (steps, perSecond, burst) => {
          const buckets = new TokenBuckets({ perSecond, burst }, 1);
          let [now, given] = [0, 0];
          for (const step of steps) {
            now += step;
            if (buckets.take('', now)) given++;
          }
          expect(given).toBeLessThanOrEqual(burst + (perSecond * now) / 1000 + 1e-6);
        },
      ),
    );
  });

  it('give nothing for a clock that is set back', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 1 }, 1);
    expect([buckets.take('', 5_000), buckets.take('', 1_000), buckets.take('', 2_000)]).toEqual([true, false, true]);
  });

  it('forget keys that rest, and keep no more than they may', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 2 }, 100);
    for (let i = 0; i < 10_000; i++) buckets.take(`key ${i}`, 0);
    expect(buckets.size).toBe(100);
    buckets.take('late', 10_000);
    expect(buckets.size).toBe(1);
  });
});

describe('too many keys', () => {
  it('make the one forgotten that was not used for longest', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 1 }, 2);
    const taken = ['a', 'b', 'a', 'c', 'a', 'b'].map((key) => buckets.take(key, 0));
    expect(taken).toEqual([true, true, false, true, false, true]);
  });
});

describe('recent keys', () => {
  it('are known for their span, from the first time on', () => {
    const recent = new Recent(10, 1_000);
    expect([recent.add('a', 0), recent.add('a', 900), recent.has('a', 999), recent.has('a', 1_000)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(recent.add('a', 1_000)).toBe(true);
    expect(recent.has('b', 0)).toBe(false);
  });

  it('are not more than the limit, the oldest goes first', () => {
    const recent = new Recent(3, 1_000);
    for (const key of ['a', 'b', 'c', 'd']) recent.add(key, 0);
    expect(recent.size).toBe(3);
    expect(['a', 'b', 'c', 'd'].map((key) => recent.has(key, 0))).toEqual([false, true, true, true]);
    recent.add('e', 5_000);
    expect(recent.size).toBe(1);
  });
});
