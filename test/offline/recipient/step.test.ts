import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_OFFER_CACHE, offerToHandOut, SLOTS, stepOfferCache } from '../../../src/offline/recipient/step.js';
import type {
  OfferCache,
  OfferCacheCommand,
  OfferCacheEvent,
  OfferedPaths,
} from '../../../src/offline/recipient/types.js';
import type { BlindedPath } from '../../../src/onion/index.js';

const T0 = 1_700_000_000_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const bytes = (fill: number, length = 32): Uint8Array => new Uint8Array(length).fill(fill);
const path: BlindedPath = { firstNode: { nodeId: bytes(2, 33) }, firstPathKey: bytes(3, 33), hops: [] };
const offered = (slot: number, over: Partial<OfferedPaths> = {}): OfferedPaths => ({
  slot,
  askedUntil: T0 + 10 * 365 * DAY,
  paths: [path],
  pathBytes: bytes(100 + slot),
  expiresAt: T0 + 365 * DAY,
  serverPath: path,
  ...over,
});

function run(start: OfferCache, events: readonly (readonly [OfferCacheEvent, number])[]) {
  let cache = start;
  const commands: OfferCacheCommand[] = [];
  for (const [event, now] of events) {
    const step = stepOfferCache(cache, event, now);
    cache = step.cache;
    commands.push(...step.commands);
  }
  return { cache, commands };
}
const built = (slot: number, over: Partial<OfferedPaths> = {}): OfferCacheEvent => ({
  kind: 'built',
  offered: offered(slot, over),
  offer: bytes(slot),
  nonce: bytes(slot, 16),
});
const persisted = (slot: number, createdAt = T0): OfferCacheEvent => ({
  kind: 'persisted',
  slot,
  offer: bytes(slot),
  createdAt,
});
const configured: OfferCacheEvent = { kind: 'configured', serverPaths: [path] };
const start = run(EMPTY_OFFER_CACHE, [[configured, T0]]).cache;
const full = run(
  start,
  Array.from({ length: SLOTS }, (_, slot) => [built(slot), persisted(slot)])
    .flat()
    .map((event) => [event, T0] as const),
).cache;

describe('the offers of a wallet that sleeps', () => {
  it('asks for paths as soon as it has a server, at most three times between two ticks', () => {
    expect(run(EMPTY_OFFER_CACHE, [[{ kind: 'tick' }, T0]]).commands).toEqual([]);
    const connects = Array.from({ length: 5 }, () => [{ kind: 'connected' } as const, T0] as const);
    const { commands, cache } = run(EMPTY_OFFER_CACHE, [[configured, T0], ...connects]);
    expect(commands).toEqual(Array.from({ length: 3 }, () => ({ kind: 'request_paths', slot: 0 })));
    expect(run(cache, [[{ kind: 'tick' }, T0 + 60_000]]).commands).toHaveLength(1);
  });

  it('makes an offer of good paths, serves it, and hands it out once the server has confirmed', () => {
    const { cache, commands } = run(start, [[{ kind: 'offer_paths', offered: offered(0) }, T0]]);
    expect(commands).toEqual([{ kind: 'build', offered: offered(0) }]);
    const made = run(cache, [[built(0), T0]]);
    expect(made.commands).toMatchObject([{ kind: 'serve', offer: { slot: 0, state: 'pending' } }]);
    expect(offerToHandOut(made.cache, T0)).toBeUndefined();
    // Until then a fresh invoice goes out at each tick.
    const again = run(made.cache, [[{ kind: 'tick' }, T0 + 60_000]]);
    expect(again.commands.map(({ kind }) => kind)).toEqual(['serve', 'request_paths']);
    const ready = run(again.cache, [[persisted(0), T0 + 60_001]]).cache;
    expect(offerToHandOut(ready, T0 + 60_001)).toMatchObject({ slot: 0, state: 'ready' });
    const used = run(ready, [[{ kind: 'handed_out', slot: 0 }, T0 + 60_002]]).cache;
    expect(offerToHandOut(used, T0 + 60_002)).toMatchObject({ slot: 0, state: 'used' });
  });

  it.each([
    ['an answer to a question of long ago', { askedUntil: T0 - 1 }],
    ['paths that last less than 90 days', { expiresAt: T0 + 90 * DAY - 1 }],
    ['no path', { paths: [] }],
    ['a slot that there is not', { slot: SLOTS }],
  ])('ignores %s', (_, over) => {
    expect(run(start, [[{ kind: 'offer_paths', offered: offered(0, over) }, T0]]).commands).toEqual([]);
    expect(run(start, [[built(0, over), T0]]).cache.offers).toEqual([]);
  });

  it('takes paths for a slot once, and the same paths for no other', () => {
    const one = run(start, [[built(0), T0]]).cache;
    expect(run(one, [[{ kind: 'offer_paths', offered: offered(0) }, T0]]).commands).toEqual([]);
    const same = offered(1, { pathBytes: offered(0).pathBytes });
    expect(run(one, [[{ kind: 'offer_paths', offered: same }, T0]]).commands).toEqual([]);
  });

  it('believes no confirmation of another offer', () => {
    const one = run(start, [[built(0), T0]]).cache;
    const wrong: OfferCacheEvent = { kind: 'persisted', slot: 0, offer: bytes(99), createdAt: T0 };
    expect(run(one, [[wrong, T0]]).cache).toEqual(one);
  });

  it('asks for nothing while ten offers are fresh, then replaces the unused ones one by one', () => {
    expect(run(full, [[{ kind: 'tick' }, T0 + 2 * HOUR]]).commands).toEqual([]);
    const later = T0 + 2 * HOUR + 1;
    expect(run(full, [[{ kind: 'tick' }, later]]).commands).toEqual([{ kind: 'request_paths', slot: 0 }]);
    const replaced = run(full, [[built(0, { pathBytes: bytes(200) }), later]]).cache;
    expect(replaced.offers).toHaveLength(SLOTS);
    expect(run(replaced, [[{ kind: 'tick' }, later]]).commands.at(-1)).toEqual({ kind: 'request_paths', slot: 1 });
  });

  it('keeps the only offer that can be paid, however old, when paths for its slot come', () => {
    const one = run(start, [
      [built(0), T0],
      [persisted(0), T0],
      [built(1), T0],
    ]).cache;
    const late = built(0, { pathBytes: bytes(200) });
    expect(offerToHandOut(run(one, [[late, T0 + 3 * HOUR]]).cache, T0 + 3 * HOUR)).toMatchObject({ slot: 0 });
  });

  it('never replaces an offer that was handed out, but renews its invoice after two hours', () => {
    const used = run(
      full,
      Array.from({ length: SLOTS }, (_, slot) => [{ kind: 'handed_out', slot } as const, T0] as const),
    ).cache;
    expect(run(used, [[{ kind: 'tick' }, T0 + 2 * HOUR]]).commands).toEqual([]);
    const renewed = run(used, [[{ kind: 'tick' }, T0 + 2 * HOUR + 1]]);
    expect(renewed.commands.map(({ kind }) => kind)).toEqual(Array.from({ length: SLOTS }, () => 'serve'));
    expect(run(renewed.cache, [[{ kind: 'tick' }, T0 + 2 * HOUR + 60_000]]).commands).toEqual([]);
    expect(run(used, [[built(0, { pathBytes: bytes(200) }), T0 + DAY]]).cache.offers).toEqual(used.offers);
  });

  it('renews all invoices when fees or channels change', () => {
    expect(run(full, [[{ kind: 'terms_changed' }, T0 + 1]]).commands).toHaveLength(SLOTS);
  });

  it('forgets offers that have expired', () => {
    expect(offerToHandOut(full, T0 + 365 * DAY)).toBeUndefined();
    expect(run(full, [[{ kind: 'connected' }, T0 + 365 * DAY]]).cache.offers).toEqual([]);
  });

  it('keeps one offer per slot and at least one payable offer, whatever comes', () => {
    const slot = fc.nat(SLOTS);
    const event: fc.Arbitrary<OfferCacheEvent> = fc.oneof(
      fc.constantFrom<OfferCacheEvent>({ kind: 'tick' }, { kind: 'connected' }, { kind: 'terms_changed' }, configured),
      slot.map((n) => ({ kind: 'handed_out' as const, slot: n })),
      slot.map((n) => persisted(n)),
      fc.tuple(slot, fc.nat(255)).map(([n, fill]) => built(n, { pathBytes: bytes(fill, 8) })),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(3 * HOUR)), { maxLength: 60 }), (events) => {
        let [cache, now, wasPayable] = [start, T0, false];
        for (const [one, delay] of events) {
          now += delay;
          ({ cache } = stepOfferCache(cache, one, now));
          expect(new Set(cache.offers.map((offer) => offer.slot)).size).toBe(cache.offers.length);
          const payable = offerToHandOut(cache, now) !== undefined;
          if (wasPayable) expect(payable).toBe(true);
          wasPayable ||= payable;
        }
      }),
    );
  });
});
