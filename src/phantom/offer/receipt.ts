/** What a payment for an offer was for, as far as the payer said. Every part brings it along: there is no record of the invoice. */
import type { NodeId } from '../../wire/units.js';

export interface OfferReceipt {
  /** 32 bytes, LDK's id of the offer. */
  readonly offerId: Uint8Array;
  /** True if a static invoice was paid: the payer made the preimage, so it proves nothing. */
  readonly isStatic: boolean;
  /** The key of the payer for this request. */
  readonly payerId: NodeId;
  readonly quantity?: bigint;
  /** The payer's words; cut to `MAX_NOTE_BYTES` where the invoice was made for this payment. */
  readonly payerNote?: string;
}
