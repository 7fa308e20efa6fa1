/** Held HTLCs as they are read from the store. */
import {
  amount,
  anyNumber,
  bytes,
  bytesOf,
  count,
  flag,
  maybe,
  number,
  oneOf,
  record,
  type Shape,
} from '../../wire/shape.js';
import type { CircuitKey, HeldHtlc, HoldableHtlc } from './types.js';

const HTLC = record<HoldableHtlc>({
  key: record<CircuitKey>({ nodeId: bytesOf(33), channelId: amount, htlcId: amount }),
  paymentHash: bytesOf(32),
  incomingAmountMsat: amount,
  incomingExpiry: count,
  outgoingAmountMsat: amount,
  outgoingExpiry: count,
  deadline: anyNumber,
  onChain: flag,
});

const HELD: Shape = record<HeldHtlc>({
  htlc: HTLC,
  holdId: bytesOf(16),
  payer: maybe(count),
  payee: maybe(count),
  rodId: maybe(bytes),
  isMarked: flag,
  phase: oneOf('held', 'resumed', 'failed'),
  awaitsRelease: flag,
  awaitsPayee: flag,
  failAt: anyNumber,
  heldAt: number,
  releasedAt: maybe(number),
  decidedAt: maybe(number),
  end: maybe(oneOf('expired', 'cancelled', 'released', 'awake', 'passed', 'settled', 'failed')),
  isGone: flag,
});

/** @throws {Refusal} for what is no held HTLC. */
export function readHeldHtlc(plain: unknown): HeldHtlc {
  HELD(plain, 'held HTLC');
  return plain as HeldHtlc;
}
