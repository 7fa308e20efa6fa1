/** What a node is given of a part. */
import type { PaymentPart, PaymentState } from '../payment/payment.js';
import type { OutgoingPart } from './ports.js';

export function outgoingOf({ terms }: PaymentState, part: PaymentPart): OutgoingPart {
  const { paymentHash, amountMsat: totalMsat, firstHopRecords } = terms;
  return { paymentHash, totalMsat, part, ...(firstHopRecords ? { firstHopRecords } : {}) };
}
