/** Any schedule of blocks, ends, losses and refusals: the guard never closes needlessly, and never too late. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partKeyText } from '../../../src/receive/ledger/types.js';
import { BLOCK_MS, GuardWatch } from './watch.js';

type Event =
  | { readonly type: 'settle'; readonly channel: number; readonly hash: number; readonly blocks: number }
  | { readonly type: 'end'; readonly pick: number; readonly told: boolean; readonly outcome: 'settled' | 'failed' }
  | { readonly type: 'block'; readonly count: number }
  | { readonly type: 'time'; readonly seconds: number }
  | { readonly type: 'stream-lost'; readonly seconds: number }
  | { readonly type: 'close-fails'; readonly slow: boolean }
  | { readonly type: 'close-works' }
  | { readonly type: 'lease-taken'; readonly seconds: number };

const event = fc.oneof(
  fc.record({
    type: fc.constant('settle' as const),
    channel: fc.integer({ min: 1, max: 3 }),
    hash: fc.integer({ min: 1, max: 3 }),
    blocks: fc.integer({ min: 26, max: 60 }),
  }),
  fc.record({
    type: fc.constant('end' as const),
    pick: fc.nat(20),
    told: fc.boolean(),
    outcome: fc.constantFrom('settled' as const, 'failed' as const),
  }),
  fc.record({ type: fc.constant('block' as const), count: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ type: fc.constant('time' as const), seconds: fc.integer({ min: 1, max: 600 }) }),
  fc.record({ type: fc.constant('stream-lost' as const), seconds: fc.integer({ min: 1, max: 900 }) }),
  fc.record({ type: fc.constant('close-fails' as const), slow: fc.boolean() }),
  fc.constant({ type: 'close-works' as const }),
  fc.record({ type: fc.constant('lease-taken' as const), seconds: fc.integer({ min: 1, max: 300 }) }),
);

class Schedule {
  readonly watch = new GuardWatch();
  readonly #parts: ReturnType<GuardWatch['settle']>[] = [];
  closeWorks = true;
  latest: string[] = [];

  async apply(event: Event): Promise<void> {
    const { watch } = this;
    switch (event.type) {
      case 'settle':
        this.#parts.push(
          watch.settle({
            channel: BigInt(event.channel),
            hash: `a${event.hash}`,
            expiry: watch.height + event.blocks,
          }),
        );
        return watch.run(1_000);
      case 'end': {
        const open = this.open();
        const part = open[event.pick % Math.max(1, open.length)];
        if (!part) return;
        if (event.told) watch.tell(part.key, event.outcome);
        else watch.ends.set(partKeyText(part.key), event.outcome);
        return;
      }
      case 'block':
        for (let i = 0; i < event.count; i++) await this.block();
        return;
      case 'time':
        return watch.run(event.seconds * 1_000);
      case 'stream-lost':
        watch.live = false;
        await watch.run(event.seconds * 1_000);
        watch.reconnect();
        return watch.run(5_000);
      case 'close-fails':
        this.closeWorks = false;
        watch.closing = () =>
          new Promise((_, reject) => {
            watch.clock.after(event.slow ? 20_000 : 10, () => reject(new Error('not now')));
          });
        return;
      case 'close-works':
        this.closeWorks = true;
        watch.closing = () => Promise.resolve();
        return watch.run(125_000); // the longest back-off
      case 'lease-taken':
        watch.lease({ owner: 'another', epoch: watch.epoch + 1 });
        watch.epoch += 1;
        await watch.run(event.seconds * 1_000);
        watch.reconnect();
        return watch.run(5_000);
    }
  }

  open() {
    return this.#parts.filter(({ key }) => !this.watch.ends.has(partKeyText(key)));
  }

  /** A block with the time that blocks take, the node reachable and willing all the while. */
  async block(): Promise<void> {
    const { watch } = this;
    watch.height += 1;
    await watch.run(BLOCK_MS);
    if (!this.closeWorks) return;
    for (const { key, expiry } of this.open()) {
      if (expiry - watch.height !== 20) continue;
      const closed = watch.closes.some(({ channelId }) => channelId === key.channelId);
      if (!closed) this.latest.push(`${partKeyText(key)} at ${watch.height}`);
    }
  }
}

describe('the guard under any schedule', () => {
  it('never closes a channel whose HTLCs have all ended, one call at a time, and acts 20 blocks before expiry', async () => {
    let closes = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 25 }), async (events) => {
        const schedule = new Schedule();
        for (const each of events) await schedule.apply(each);
        await schedule.apply({ type: 'close-works' });
        for (let i = 0; i < 45; i++) await schedule.block();
        const { watch } = schedule;
        closes += watch.closes.length;
        expect(watch.closes.filter(({ needed }) => !needed)).toEqual([]);
        expect(watch.mostPending).toBeLessThanOrEqual(1);
        expect(schedule.latest).toEqual([]);
        for (const { key } of schedule.open()) {
          expect(watch.closes.some(({ channelId }) => channelId === key.channelId)).toBe(true);
        }
      }),
      { numRuns: 40 },
    );
    expect(closes).toBeGreaterThan(20);
  }, 120_000);
});
