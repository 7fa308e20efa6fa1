/** What of a payment is out, and what is missing. */
import type { BlockHeight, Msat } from '../../wire/units.js';
import { addOutstanding, NOTHING_OUTSTANDING, type Outstanding } from '../plan/fee-pool.js';
import type { HopUse } from '../knowledge/knowledge.js';
import type { PaymentPart, PaymentState } from './payment.js';

/** The part may still settle, as far as is known. */
export function isOut({ state }: Pick<PaymentPart, 'state'>): boolean {
  return state === 'sent' || state === 'unknown';
}

/** Parts on the network, those of unknown fate included. */
export function partsOut({ parts }: Pick<PaymentState, 'parts'>): PaymentPart[] {
  return parts.filter(isOut);
}

/** Everything that counts against amount, budget and parts: promised, in flight, of unknown fate, or settled. */
export function outstandingOf({ parts }: Pick<PaymentState, 'parts'>): Outstanding {
  return parts.filter(({ state }) => state !== 'failed').reduce(addOutstanding, NOTHING_OUTSTANDING);
}

export function missingMsat(state: Pick<PaymentState, 'parts' | 'terms'>): Msat {
  const missing = state.terms.amountMsat - outstandingOf(state).amountMsat;
  return missing > 0n ? missing : 0n;
}

/** Amounts on the network now: what to reserve in fresh knowledge after a restart. */
export function reservedHops(state: Pick<PaymentState, 'parts'>): HopUse[] {
  return partsOut(state).flatMap(({ hops }) => hops);
}

/** A part that is out, for those who wait for it. */
export interface PendingPart {
  readonly part: number;
  readonly amountMsat: Msat;
  readonly feeMsat: Msat;
  /** At this height its HTLC has to resolve, on chain if need be. */
  readonly resolvesBy: BlockHeight;
}

export function pendingParts(state: Pick<PaymentState, 'parts'>): PendingPart[] {
  return partsOut(state).map(({ id, amountMsat, feeMsat, hops }) => ({
    part: id,
    amountMsat,
    feeMsat,
    resolvesBy: hops[0]!.expiry,
  }));
}
