/** Blocks behind the payee as if the route went on, by coin flips, so that forwarding nodes cannot tell where it ends. */
import type { BlockDelta } from '../../../wire/units.js';
import type { Modifier } from '../stages.js';

/** What an imagined further hop asks for. */
const HOP_BLOCKS: BlockDelta = 40;
const MOST_HOPS = 3;
/** Of the blocks that the payment may be locked for. */
const MOST_SHARE = 0.25;

export const shadowOffset: Modifier = {
  name: 'shadow-offset',
  prepare(terms, { chance }) {
    let hops = 0;
    while (hops < MOST_HOPS && chance() < 0.5) hops++;
    const room = Math.floor((terms.maxBlocks - terms.payee.finalCltvDelta) * MOST_SHARE);
    return { ...terms, offsetBlocks: Math.max(0, Math.min(hops * HOP_BLOCKS, room)) };
  },
};
