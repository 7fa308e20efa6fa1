/** The failure messages the ledger decides on (BOLT 4, "Failure Messages"), as the phantom says them. */
import { encodeFailureMessage, FailureCode } from '../../onion/index.js';
import type { Part } from './types.js';
import type { Step } from './work.js';

/** The set stayed incomplete. */
export function mppTimeout(): Uint8Array {
  return encodeFailureMessage(FailureCode.mppTimeout);
}

/** Amount and height, the same for every reason, so that the payer and the relays cannot tell them apart. */
export function incorrectPaymentDetails({ context }: Step, part: Pick<Part, 'key' | 'amountMsat'>): Uint8Array {
  const height = context.leases.get(part.key.nodeId)?.height ?? 0;
  return encodeFailureMessage(FailureCode.incorrectOrUnknownPaymentDetails, { htlcMsat: part.amountMsat, height });
}
