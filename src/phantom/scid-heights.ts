/** Block heights that phantom SCIDs may name. */
import type { BlockHeight } from '../wire/units.js';

/** Phantom SCIDs have the top bit set: no chain gets this high in our lifetime, so none is that of a real channel. */
export const LEAST_PHANTOM_HEIGHT: BlockHeight = 0x80_0000;
export const LEAST_PHANTOM_SCID = 1n << 63n;
/** LND gives its own channels aliases at these heights. */
const LND_ALIAS_FIRST = 16_000_000;
const LND_ALIAS_LAST = 16_249_999;
/** LND uses 2^64 − 1 for "no SCID"; its whole height is left out. */
const LAST_HEIGHT = 0xff_ffff;

/** True if others use this height. */
export function isHeightTaken(height: BlockHeight): boolean {
  return height === LAST_HEIGHT || (height >= LND_ALIAS_FIRST && height <= LND_ALIAS_LAST);
}
