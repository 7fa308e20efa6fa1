/** Times and rates of a static invoice server. */
import type { Rate } from '../../messages/index.js';
import type { Millis, UnixSeconds } from '../../wire/units.js';

/** How long the paths of an offer last; wallets refuse those that last less than 90 days. */
export const OFFER_PATHS_LIFETIME: UnixSeconds = 365 * 86_400;

/** Of what one wallet may have kept, and of what others may ask of it; each for itself. A bucket that is full again is forgotten. */
export const CLIENT_RATE: Rate = { perSecond: 10, burst: 5 };
/** Wallets whose rates are known; the one that asked longest ago is forgotten first. */
export const MOST_RATES = 10_000;

/** A wallet that asks for paths again within this time gets the same: its messages come in several copies. */
export const PATHS_REUSED: Millis = 60_000;

/** Copies of one request, each with a reply path of its own, that are answered. */
export const MOST_ANSWERS = 3;
