/** What balances do not show yet: parts that are promised, and parts sent around the time when the balances were read. */
import type { Millis } from '../../wire/units.js';
import type { HiddenPart } from '../payment/hidden.js';
import type { PaymentState } from '../payment/payment.js';

/** A node that was asked this soon after a call, and had not confirmed it by then, may have answered without it. */
const UNSURE_MS = 500;

/**
 * Parts of a payment that balances read at `readAt` may lack.
 * @param calls when this process made the calls, by part; parts of a process before it are long known to their nodes
 */
export function hiddenParts(
  { parts }: Pick<PaymentState, 'parts'>,
  calls: ReadonlyMap<number, Millis>,
  readAt: Millis,
): HiddenPart[] {
  return parts.filter(({ id, state, accepted }) => {
    const calledAt = calls.get(id);
    if (state === 'planned') return true;
    if (state === 'failed') return false;
    // Recorded, and the call follows. What became unknown without a call was either made before or is not made at all.
    if (calledAt === undefined) return state === 'sent';
    const isUnsure = accepted !== true && state !== 'settled';
    return calledAt >= (isUnsure ? readAt - UNSURE_MS : readAt);
  });
}
