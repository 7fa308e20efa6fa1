import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/node/sim/virtual-clock.js';
import { Ending, hasPassed, pause, within } from '../../src/receive/waiting.js';

const NEVER = new Promise<never>(() => undefined);

describe('an ending', () => {
  it('keeps nothing of those who no longer wait for it', async () => {
    const clock = new VirtualClock();
    const end = new Ending();
    for (let beat = 0; beat < 1_000; beat++) {
      await within(clock, 2_500, Promise.resolve(beat), end);
      await clock.finish(pause(clock, 1, end));
      await expect(within(clock, 2_500, Promise.reject(new Error('away')), end)).rejects.toThrow('away');
    }
    expect([end.waiting, clock.pending]).toEqual([0, 0]);
  });

  it('ends every waiting, leaves no timer, and is told once with its first reason', async () => {
    const clock = new VirtualClock();
    const end = new Ending();
    let told = 0;
    end.onReached(() => {
      told += 1;
    });
    const waits = [within(clock, 2_500, NEVER, end), within(clock, Infinity, NEVER, new Ending(), end)];
    end.reach('over');
    end.reach('and over');
    expect(await Promise.all(waits)).toEqual([undefined, undefined]);
    expect([end.reason(), told, end.waiting, clock.pending]).toEqual(['over', 1, 0, 0]);
    expect(await Promise.all([within(clock, 2_500, NEVER, end)])).toEqual([undefined]);
    end.onReached(() => {
      told += 1;
    });
    expect([told, end.waiting, clock.pending]).toEqual([2, 0, 0]);
  });
});

describe('a time that has passed', () => {
  it.each([
    [1_000, true],
    [1_500, true],
    [999, false],
    [0, false],
    [-1, true],
    [-1_800_000, true],
  ])('after %i ms of 1000 by the clock: %s', (gone, passed) => {
    expect(hasPassed(5_000_000 + gone, 5_000_000, 1_000)).toBe(passed);
  });
});
