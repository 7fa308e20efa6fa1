/** How the cache of a sleeping wallet's offers is filled and kept fresh: one step for each event. */
import { equalBytes } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import type {
  CachedOffer,
  OfferCache,
  OfferCacheCommand,
  OfferCacheEvent,
  OfferCacheStep,
  OfferedPaths,
} from './types.js';

/** Offers in the cache at one time (LDK). */
export const SLOTS = 10;
/** Requests for paths between two ticks. */
const MOST_REQUESTS = 3;
/** Paths that end sooner make no offer. */
const LEAST_LIFE_MS: Millis = 90 * 86_400_000;
/** Age at which a ready offer is replaced, and the invoice of a used one renewed: older ones name outdated fees. */
const REFRESH_MS: Millis = 2 * 3_600_000;

export const EMPTY_OFFER_CACHE: OfferCache = { serverPaths: [], offers: [], requests: 0 };

/** The next state of the cache and what is to be done. The state is written before a command is carried out. */
export function stepOfferCache(cache: OfferCache, event: OfferCacheEvent, now: Millis): OfferCacheStep {
  const offers = cache.offers.filter(({ expiresAt }) => expiresAt > now);
  const live = offers.length === cache.offers.length ? cache : { ...cache, offers };
  switch (event.kind) {
    case 'tick':
      return refresh({ ...live, requests: 0 }, now);
    case 'connected':
      return refresh(live, now);
    case 'configured':
      return refresh({ ...live, serverPaths: event.serverPaths, requests: 0 }, now);
    case 'offer_paths':
      return isWanted(live, event.offered, now)
        ? unchanged(live, { kind: 'build', offered: event.offered })
        : unchanged(live);
    case 'built':
      return isWanted(live, event.offered, now) ? built(live, event, now) : unchanged(live);
    case 'persisted':
      return unchanged(persisted(live, event));
    case 'not_served':
      return unchanged(changed(live, event.slot, (offer) => ({ ...offer, servedAt: 0 })));
    case 'terms_changed':
      return serve(live, live.offers, now);
    case 'handed_out':
      return unchanged(handedOut(live, event.slot));
  }
}

const unchanged = (cache: OfferCache, ...commands: readonly OfferCacheCommand[]): OfferCacheStep => ({
  cache,
  commands,
});

const changed = (cache: OfferCache, slot: number, change: (offer: CachedOffer) => CachedOffer): OfferCache => ({
  ...cache,
  offers: cache.offers.map((offer) => (offer.slot === slot ? change(offer) : offer)),
});

/** An offer that the server has not confirmed is none to hand out. */
function handedOut(cache: OfferCache, slot: number): OfferCache {
  return changed(cache, slot, (offer) => (offer.state === 'ready' ? { ...offer, state: 'used' } : offer));
}

/** The offer to hand out: the newest that is ready, else the used one that lasts longest. */
export function offerToHandOut({ offers }: OfferCache, now: Millis): CachedOffer | undefined {
  const live = offers.filter(({ expiresAt }) => expiresAt > now);
  const newest = (a: CachedOffer, b: CachedOffer): number => b.createdAt - a.createdAt;
  const longest = (a: CachedOffer, b: CachedOffer): number => b.expiresAt - a.expiresAt;
  return (
    live.filter(({ state }) => state === 'ready').sort(newest)[0] ??
    live.filter(({ state }) => state === 'used').sort(longest)[0]
  );
}

function refresh(cache: OfferCache, now: Millis): OfferCacheStep {
  const due = cache.offers.filter(
    ({ state, servedAt }) => state === 'pending' || servedAt === 0 || (state === 'used' && now - servedAt > REFRESH_MS),
  );
  const served = serve(cache, due, now);
  const slot = slotToFill(cache, now);
  if (slot === undefined || cache.serverPaths.length === 0 || cache.requests >= MOST_REQUESTS) return served;
  return {
    cache: { ...served.cache, requests: cache.requests + 1 },
    commands: [...served.commands, { kind: 'request_paths', slot }],
  };
}

function serve(cache: OfferCache, due: readonly CachedOffer[], now: Millis): OfferCacheStep {
  const slots = new Set(due.map(({ slot }) => slot));
  const offers = cache.offers.map((offer) => (slots.has(offer.slot) ? { ...offer, servedAt: now } : offer));
  const commands = offers.filter(({ slot }) => slots.has(slot)).map((offer) => ({ kind: 'serve' as const, offer }));
  return { cache: { ...cache, offers }, commands };
}

/** A free slot, else that of the oldest ready offer that has become old, unless it is the last one that can be paid. */
function slotToFill({ offers }: OfferCache, now: Millis): number | undefined {
  const taken = new Set(offers.map(({ slot }) => slot));
  for (let slot = 0; slot < SLOTS; slot++) if (!taken.has(slot)) return slot;
  if (offers.filter(({ state }) => state !== 'pending').length < 2) return undefined;
  return offers
    .filter((offer) => isOld(offer, now))
    .sort((a, b) => a.createdAt - b.createdAt)
    .at(0)?.slot;
}

const isOld = ({ state, createdAt }: CachedOffer, now: Millis): boolean =>
  state === 'ready' && now - createdAt > REFRESH_MS;

function isWanted({ offers }: OfferCache, offered: OfferedPaths, now: Millis): boolean {
  const { slot, askedUntil, expiresAt = Number.POSITIVE_INFINITY, paths, pathBytes } = offered;
  if (now > askedUntil || slot < 0 || slot >= SLOTS || paths.length === 0) return false;
  if (expiresAt - now < LEAST_LIFE_MS) return false;
  // Two offers with the same paths would be one to whoever watches the server.
  if (offers.some((offer) => equalBytes(offer.pathBytes, pathBytes))) return false;
  const there = offers.find((offer) => offer.slot === slot);
  if (there === undefined) return true;
  // The last offer that can be paid is not given up for one that the server has not confirmed yet.
  return isOld(there, now) && offers.some((offer) => offer.slot !== slot && offer.state !== 'pending');
}

/** What lasts for ever is kept for ten years: an offer has an end. */
export const LONGEST_LIFE_MS: Millis = 3_650 * 86_400_000;

function built(
  cache: OfferCache,
  { offered, offer, nonce }: Extract<OfferCacheEvent, { kind: 'built' }>,
  now: Millis,
): OfferCacheStep {
  const { slot, pathBytes, serverPath, expiresAt = now + LONGEST_LIFE_MS } = offered;
  const added: CachedOffer = {
    ...{ slot, state: 'pending', offer, nonce, pathBytes, serverPath },
    ...{ createdAt: now, expiresAt, servedAt: now },
  };
  const others = cache.offers.filter((one) => one.slot !== slot);
  return unchanged({ ...cache, offers: [...others, added] }, { kind: 'serve', offer: added });
}

function persisted(
  cache: OfferCache,
  { slot, offer, createdAt }: Extract<OfferCacheEvent, { kind: 'persisted' }>,
): OfferCache {
  return changed(cache, slot, (there) => {
    // A confirmation of what the slot held before says nothing about what it holds now.
    if (!equalBytes(there.offer, offer)) return there;
    const confirmedAt = Math.max(createdAt, there.confirmedAt ?? createdAt);
    return { ...there, state: there.state === 'pending' ? 'ready' : there.state, confirmedAt };
  });
}
