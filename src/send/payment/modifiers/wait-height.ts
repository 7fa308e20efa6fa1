/** A payee that is blocks ahead refuses what will be right soon: the payment waits for its height instead of giving up. */
import type { BlockDelta, BlockHeight } from '../../../wire/units.js';
import { isOldNews, lastHop, timesSeen } from '../failure/context.js';
import { REPLAN } from '../failure/reaction.js';
import type { ReportedFailure } from '../failure/reported.js';
import { FINAL_EXPIRY_TOO_SOON } from '../failure/table.js';
import type { PaymentPart } from '../payment.js';
import type { Modifier } from '../stages.js';

/** No node is further ahead than this; whoever says so only wants to be waited for. */
const MOST_BLOCKS: BlockDelta = 6;
const MOST_WAITS = 3;
const KEY = 'waited_for_height';

export const waitHeight: Modifier = {
  name: 'wait-height',
  outcome(reaction, { state, part, failure, height }) {
    if (reaction.next.kind !== 'stop' || reaction.next.reason.code !== 'payee_refused') return reaction;
    const theirs = heightOfPayee(failure, part);
    if (theirs === undefined || theirs > height + MOST_BLOCKS) return reaction;
    // Enough blocks by the payee's own height: it refuses for another reason.
    if (lastHop(part).expiry - theirs >= state.terms.payee.finalCltvDelta) return reaction;
    const isOld = isOldNews({ state, part }, KEY);
    if (!isOld && timesSeen(state, KEY) >= MOST_WAITS) return reaction;
    const waited = { ...reaction, next: theirs > height ? ({ kind: 'wait_height', height: theirs } as const) : REPLAN };
    return isOld ? waited : { ...waited, seen: [...(reaction.seen ?? []), KEY] };
  },
};

/** The retired code names no height: the payee is at least a block ahead of what the part was made for. */
function heightOfPayee(failure: ReportedFailure, part: PaymentPart): BlockHeight | undefined {
  if (failure.kind !== 'decoded') return undefined;
  return failure.code === FINAL_EXPIRY_TOO_SOON ? part.height + 1 : failure.fields?.height;
}
