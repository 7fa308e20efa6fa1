/** A payee that is blocks ahead refuses what will be right soon: the payment waits for its height instead of giving up. */
import type { BlockDelta } from '../../../wire/units.js';
import type { Modifier } from '../stages.js';

/** No node is further ahead than this; whoever says so only wants to be waited for. */
const MOST_BLOCKS: BlockDelta = 6;
const MOST_WAITS = 3;
const KEY = 'waited_for_height';

export const waitHeight: Modifier = {
  name: 'wait-height',
  outcome(reaction, { state, part, failure, height }) {
    if (reaction.next.kind !== 'stop' || reaction.next.reason.code !== 'payee_refused') return reaction;
    const theirs = failure.kind === 'decoded' ? failure.fields?.height : undefined;
    if (theirs === undefined || theirs <= height || theirs > height + MOST_BLOCKS) return reaction;
    const blocks = part.hops.at(-1)!.expiry - theirs;
    // Enough blocks by the payee's own height: it refuses for another reason.
    if (blocks >= state.terms.payee.finalCltvDelta || (state.seen[KEY] ?? 0) >= MOST_WAITS) return reaction;
    return { ...reaction, next: { kind: 'wait_height', height: theirs }, seen: [...(reaction.seen ?? []), KEY] };
  },
};
