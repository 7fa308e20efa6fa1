/** Fees and expiries inside blinded paths (BOLT 4, "Route Blinding"). All in bigint: senders pick any u64. */
import { refusable, refuse, type Result } from '../wire/result.js';
import type { BlockDelta, BlockHeight, Msat } from '../wire/units.js';
import type { PaymentRelay } from './encrypted-data.js';

const MILLION = 1_000_000n;

const ceilDivide = (dividend: bigint, divisor: bigint): bigint => (dividend + divisor - 1n) / divisor;

export interface RelayedHtlc {
  readonly amtToForward: Msat;
  readonly outgoingCltvValue: BlockHeight;
}

/**
 * What a blinded relay forwards of an incoming HTLC: the largest amount whose fee the incoming amount covers.
 * Errors: `fee_insufficient` if the amount is below the base fee, `incorrect_cltv_expiry` if the expiry is below the delta.
 */
export function relayThroughBlindedHop(
  amount: Msat,
  expiry: BlockHeight,
  { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta }: PaymentRelay,
): Result<RelayedHtlc> {
  return refusable(() => {
    const base = BigInt(feeBaseMsat);
    const scale = MILLION + BigInt(feeProportionalMillionths);
    if (amount < base) refuse('fee_insufficient', `${amount} msat do not cover the base fee of ${base}`);
    if (expiry < cltvExpiryDelta) refuse('incorrect_cltv_expiry', `expiry ${expiry} is below the delta`);
    return {
      amtToForward: ceilDivide((amount - base) * MILLION, scale),
      outgoingCltvValue: expiry - cltvExpiryDelta,
    };
  });
}

export interface AggregatedRelay {
  readonly feeBaseMsat: bigint;
  readonly feeProportionalMillionths: bigint;
  readonly cltvExpiryDelta: BlockDelta;
}

/**
 * One fee and delta for a whole path, as the payer sees it.
 * @param relays the relaying hops, in path order, without the recipient
 * @param minFinalCltvExpiryDelta of the recipient
 */
export function aggregateRelays(relays: readonly PaymentRelay[], minFinalCltvExpiryDelta: BlockDelta): AggregatedRelay {
  let base = 0n;
  let proportional = 0n;
  let delta = minFinalCltvExpiryDelta;
  for (const relay of [...relays].reverse()) {
    const hopBase = BigInt(relay.feeBaseMsat);
    const hopProportional = BigInt(relay.feeProportionalMillionths);
    base = ceilDivide(hopBase * MILLION + base * (MILLION + hopProportional), MILLION);
    proportional = ceilDivide((proportional + hopProportional) * MILLION + proportional * hopProportional, MILLION);
    delta += relay.cltvExpiryDelta;
  }
  return { feeBaseMsat: base, feeProportionalMillionths: proportional, cltvExpiryDelta: delta };
}
