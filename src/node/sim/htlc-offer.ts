/** What a side of a channel offers, and why it may not. */
import type { UpdateAddHtlc } from '../../wire/message-types.js';
import type { Msat } from '../../wire/units.js';

/** What the receiving side accepts of a single HTLC; told when the channel was opened. */
export interface HtlcLimits {
  readonly minimumMsat?: Msat;
  readonly maximumMsat?: Msat;
}

/** What is offered, records from 65536 on included. */
export type HtlcOffer = Pick<
  UpdateAddHtlc,
  'amountMsat' | 'paymentHash' | 'cltvExpiry' | 'onion' | 'pathKey' | 'unknownRecords'
>;

/** `limits`: the amount is one that the other side does not accept. */
export type OfferRefusal = 'offline' | 'balance' | 'slots' | 'limits';
