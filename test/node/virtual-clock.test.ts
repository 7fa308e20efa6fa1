import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/node/sim/random.js';
import { Trace } from '../../src/node/sim/trace.js';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';

describe('virtual clock', () => {
  it('runs events in order of time, then of their making', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 60 }), async (delays) => {
        const clock = new VirtualClock(1000);
        const seen: [at: number, index: number][] = [];
        delays.forEach((delay, index) => clock.after(delay, () => seen.push([clock.now() - 1000, index])));
        await clock.run(1020);
        const expected = delays.map((delay, index): [number, number] => [delay, index]);
        expected.sort(([a, i], [b, j]) => a - b || i - j);
        expect(seen).toEqual(expected);
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('stops at the time asked for, and goes on from there', async () => {
    const clock = new VirtualClock(0);
    const seen: string[] = [];
    clock.after(10, () => seen.push('ten'));
    clock.after(11, () => seen.push('eleven'));
    expect(await clock.run(10)).toBe(true);
    expect([clock.now(), seen]).toEqual([10, ['ten']]);
    await clock.runFor(0.5);
    expect([clock.now(), seen.length]).toEqual([10.5, 1]);
    await clock.run(5);
    expect(clock.now()).toBe(10.5);
    await clock.runFor(100);
    expect([clock.now(), seen.length]).toEqual([110.5, 2]);
  });

  it('works off long promise chains between two events', async () => {
    const clock = new VirtualClock(0);
    let depth = 0;
    const chain = async (left: number): Promise<void> => {
      if (left === 0) return;
      await Promise.resolve();
      depth += 1;
      await chain(left - 1);
    };
    clock.after(1, () => void chain(500));
    let seen = 0;
    clock.after(1, () => {
      seen = depth;
    });
    await clock.run(1);
    expect(seen).toBe(500);
  });

  it('does so after quiet events only when they say that they woke somebody', async () => {
    const clock = new VirtualClock(0);
    const order: string[] = [];
    const wake = (stir: boolean, name: string) => (): void => {
      if (stir) clock.stir();
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => order.push(`${name} reaction`));
    };
    clock.quietly(1, wake(false, 'first'));
    clock.quietly(2, () => order.push('second'));
    clock.quietly(3, wake(true, 'third'));
    clock.quietly(4, () => order.push('fourth'));
    await clock.run(5);
    await new Promise((resolve) => setImmediate(resolve));
    expect(order).toEqual(['second', 'first reaction', 'third reaction', 'fourth']);
  });

  it('cancels, and reports a condition that can no longer come true', async () => {
    const clock = new VirtualClock(0);
    let ran = 0;
    const cancel = clock.after(1, () => (ran += 1));
    clock.soon(() => (ran += 10));
    cancel();
    expect(await clock.run(() => ran === 11)).toBe(false);
    expect([ran, clock.executed]).toEqual([10, 1]);
    expect(await clock.run(() => ran === 10)).toBe(true);
  });

  it('gives the outcome of a promise, and throws where nothing will settle it', async () => {
    const clock = new VirtualClock(0);
    const later = new Promise<number>((resolve) => clock.after(50, () => resolve(7)));
    expect(await clock.finish(later)).toBe(7);
    expect(clock.now()).toBe(50);
    await expect(clock.finish(Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(clock.finish(new Promise(() => undefined))).rejects.toThrow('still pending');
  });

  it('ends a run without end, an exception, and a second run at the same time', async () => {
    const clock = new VirtualClock(0);
    const again = (): void => void clock.after(1, again);
    again();
    await expect(clock.run(() => false, 100)).rejects.toThrow('no end');
    const other = new VirtualClock(0);
    other.after(1, () => {
      throw new Error('bug');
    });
    const running = other.run(2);
    await expect(other.run(2)).rejects.toThrow('running already');
    await expect(running).rejects.toThrow('bug');
    expect(await other.run(3)).toBe(true);
  });

  it('runs thousands of events per second', async () => {
    const clock = new VirtualClock(0);
    let left = 20_000;
    const next = (): void => {
      left -= 1;
      if (left > 0) clock.after(1, next);
    };
    clock.after(1, next);
    const start = performance.now();
    await clock.run(() => left === 0);
    expect(performance.now() - start).toBeLessThan(4000);
  });
});

describe('seeded randomness', () => {
  it('repeats by seed and differs between seeds and labels', () => {
    const words = (random: Random): number[] => Array.from({ length: 8 }, () => random.u32());
    expect(words(new Random(7))).toEqual(words(new Random(7)));
    expect(words(new Random(7))).not.toEqual(words(new Random(8)));
    const parent = new Random(7);
    expect(words(parent.fork('a'))).toEqual(words(new Random(7).fork('a')));
    expect(words(parent.fork('a'))).not.toEqual(words(parent.fork('b')));
    expect(words(parent)).toEqual(words(new Random(7)));
    const firstWords = new Set(Array.from({ length: 5000 }, (_, seed) => new Random(seed).u32()));
    expect(firstWords.size).toBeGreaterThan(4990);
  });

  it('keeps to its ranges and reaches all of them', () => {
    const random = new Random('ranges');
    const seen = Array.from({ length: 6000 }, () => random.int(-1, 4));
    for (let value = -1; value <= 4; value++) {
      const count = seen.filter((x) => x === value).length;
      expect(count).toBeGreaterThan(800);
      expect(count).toBeLessThan(1200);
    }
    expect(Math.min(...seen)).toBe(-1);
    expect(Math.max(...seen)).toBe(4);
    expect(random.shuffle([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4]);
    expect(random.bytes(33)).toHaveLength(33);
    expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
    expect(() => random.pick([])).toThrow(RangeError);
  });
});

describe('trace', () => {
  it('tells other lines, other times and another order apart', () => {
    let now = 0;
    const hashOf = (...notes: [at: number, what: string][]): string => {
      const trace = new Trace(() => now, true);
      for (const [at, what] of notes) {
        now = at;
        trace.note(what);
      }
      expect(trace.lines).toHaveLength(trace.count);
      return trace.hash;
    };
    const hashes = [
      hashOf([1, 'a'], [2, 'b']),
      hashOf([2, 'b'], [1, 'a']),
      hashOf([1, 'a'], [3, 'b']),
      hashOf([1, 'a']),
      hashOf(),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashOf([1, 'a'], [2, 'b'])).toBe(hashes[0]);
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
  });
});
