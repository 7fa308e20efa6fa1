/** What a fake payer is asked to do, honest or not, and what it records of it. */
import type { Invoice } from '../../bolt11/index.js';
import type { BlockDelta, BlockHeight, Millis, Msat, PaymentSecret, Preimage } from '../../wire/units.js';
import type { TlvRecord } from '../../wire/tlv.js';

/** What a payer needs of an invoice. */
export type PayableInvoice = Pick<
  Invoice,
  'paymentHash' | 'paymentSecret' | 'payee' | 'routeHints' | 'minFinalCltvExpiryDelta'
> &
  Partial<Pick<Invoice, 'amountMsat' | 'paymentMetadata'>>;

/** What a payer may do wrong; everything not named is done right. Amounts may be any u64, expiries any u32. */
export interface Mistakes {
  /** Amount that the last real node gets (route fees come on top). */
  readonly incomingAmountMsat?: Msat;
  readonly incomingExpiry?: BlockHeight;
  /** What the layer of the last real node asks it to forward. */
  readonly outerAmountMsat?: Msat;
  readonly outerExpiry?: BlockHeight;
  readonly outerScid?: bigint;
  /** What the payee's layer says. */
  readonly finalAmountMsat?: Msat;
  readonly finalExpiry?: BlockHeight;
  readonly totalMsat?: Msat;
  readonly paymentSecret?: PaymentSecret;
  readonly withoutPaymentData?: boolean;
  readonly keysendPreimage?: Preimage;
  readonly customRecords?: readonly TlvRecord[];
  /** The payee's layer is made for another key. */
  readonly wrongPayee?: boolean;
  /** A bit of this byte of the packet is flipped before it is sent. */
  readonly garbleByte?: number;
  /** Blocks added to the expiry that the payee asks for; default 1 to 3, negative is too low. */
  readonly extraFinalBlocks?: BlockDelta;
}

export interface PartPlan {
  readonly amountMsat: Msat;
  /** Index of the only hint to use; default: all in turn. */
  readonly hint?: number;
  /** Sent this long after the payment started, ms. */
  readonly delayMs?: Millis;
  /** Planned, and counted by the honest parts, but never sent. */
  readonly skip?: boolean;
  readonly mistakes?: Mistakes;
}

export interface PayRequest {
  readonly invoice: PayableInvoice;
  /** Default: the invoice's. What every part names as the total. */
  readonly amountMsat?: Msat;
  /** Default: one part of the whole amount. */
  readonly parts?: readonly PartPlan[];
  /** Tries per part, the first included; default 6. */
  readonly attempts?: number;
  readonly mistakes?: Mistakes;
}

export interface DecodedFailure {
  readonly code: number;
  readonly name: string | undefined;
  /** Index of the erring hop: 0 is the first node behind the payer. */
  readonly hop: number;
  /** Name of the erring node; `payee` for the last hop of a route that has one more than there are real nodes. */
  readonly blamed: string;
  /** Plain failure message, hex. */
  readonly message: string;
}

export type AttemptOutcome = 'pending' | 'settled' | 'failed';

export interface Attempt {
  readonly startedAt: Millis;
  endedAt: Millis | undefined;
  /** Names of the real nodes on the way. */
  readonly route: readonly string[];
  readonly hint: number | undefined;
  readonly amountMsat: Msat;
  /** Amount sent by the payer, fees included. */
  readonly sentMsat: Msat;
  readonly expiry: BlockHeight;
  readonly channelId: bigint;
  readonly htlcId: bigint;
  outcome: AttemptOutcome;
  /** Absent if the failure could not be read: somebody garbled it, or the chain took it back. */
  failure: DecodedFailure | undefined;
}

export interface PartRecord {
  readonly index: number;
  readonly amountMsat: Msat;
  readonly attempts: Attempt[];
  /** `unroutable`: no path was left. */
  outcome: AttemptOutcome | 'skipped' | 'unroutable';
}

export interface PaymentRecord {
  /** Hex. */
  readonly paymentHash: string;
  readonly totalMsat: Msat;
  readonly startedAt: Millis;
  endedAt: Millis | undefined;
  readonly parts: PartRecord[];
  /** `settled` once a preimage was seen: the payer's proof of payment. */
  outcome: AttemptOutcome;
  /** Hex; was checked against the hash. */
  preimage: string | undefined;
  /** Money that left the payer for good, fees included. */
  paidMsat: Msat;
}
