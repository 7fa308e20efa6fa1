/** HTLC sets: when one is complete, when it has failed, and how its parts are decided. */
import type { Millis } from '../../wire/units.js';
import { incorrectPaymentDetails, mppTimeout } from './failures.js';
import type { Account, HtlcSet, Lease, Part } from './types.js';
import { decidePart, livePart, putPart, putSet, type Step, type StepContext } from './work.js';

/** Completes or fails every open set of the account that is due. */
export function review(work: Step): void {
  for (const { id } of work.account.sets) {
    // Completing one set fails the others, so each is looked up anew.
    const set = work.account.sets.find((candidate) => candidate.id === id)!;
    if (set.state === 'open') reviewSet(work, set);
  }
}

export const NOT_THE_INVOICE = 'the payer of an offer chose the hash of an invoice, whose own payment alone may pay it';

/**
 * A payer of a static invoice draws the preimage, so it can choose the hash of any invoice whose preimage it knows, as that
 * of a swap. The merchant's invoice is about its own amount and secret: such a payment is none of it, however complete.
 */
export function isForeignTo({ terms }: Account, { offer }: Pick<HtlcSet, 'offer'>): boolean {
  return terms !== undefined && offer?.isStatic === true;
}

function reviewSet(work: Step, set: HtlcSet): void {
  const { account, context } = work;
  const held = account.parts.filter((part) => part.setId === set.id && livePart(part));
  const counted = held.filter((part) => countsNow(part, context));
  const countedMsat = sumMsat(counted);
  const { terms } = account;

  if (terms?.wish === 'cancel') {
    failSet(work, set, 'the invoice was canceled');
  } else if (isForeignTo(account, set)) {
    failSet(work, set, NOT_THE_INVOICE); // the invoice was made after the first part had come
  } else if (set.acceptedAt !== undefined && sumMsat(held) < set.totalMsat) {
    failSet(work, set, 'a part was taken back before the payment was settled');
  } else if (countedMsat >= set.totalMsat && mayCommit(account, set)) {
    commitSet(work, set, counted);
  } else if (held.some((part) => isNearDeadline(part, context))) {
    failSet(work, set, 'a part came too near to its expiry');
  } else if (countedMsat >= set.totalMsat && set.acceptedAt === undefined && terms?.mode === 'hold') {
    acceptHold(work, set, counted);
  } else if (context.now >= timeoutOf(set, work)) {
    if (set.acceptedAt === undefined) failSet(work, set, 'the parts did not arrive in time', mppTimeout);
    else failSet(work, set, 'the merchant did not decide in time');
  } else {
    scheduleReview(work, set, sumMsat(held) >= set.totalMsat);
  }
}

function sumMsat(parts: readonly Part[]): bigint {
  return parts.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
}

/** Nothing but the merchant's word can still be missing (R2 is checked by the caller). */
function mayCommit({ sets, terms }: Account, set: HtlcSet): boolean {
  const anotherSettles = sets.some(({ state }) => state === 'settling' || state === 'settled');
  const agreed = terms?.wish === 'settle' && set.acceptedAt !== undefined;
  const merchantAgrees = terms === undefined || terms.mode === 'auto' || agreed;
  return !anotherSettles && merchantAgrees && (set.preimage ?? terms?.preimage) !== undefined;
}

/**
 * R2: a part counts only while the stream that showed it is alive under its current epoch, its node is not behind the
 * others, and enough blocks are left by that node's own height.
 */
function countsNow(part: Part, context: StepContext): boolean {
  const lease = context.leases.get(part.key.nodeId);
  return (
    lease !== undefined &&
    isFresh(lease, context) &&
    part.presentedEpoch === lease.epoch &&
    part.deadline - lease.height >= context.policy.marginBlocks
  );
}

function isFresh(lease: Lease, { now, leases, policy }: StepContext): boolean {
  return lease.expiresAt > now && bestHeight(now, leases.values()) - lease.height <= policy.maxHeightLag;
}

/** A lease that ran out so long ago says nothing about the chain any more. */
const HEIGHT_MEMORY_MS = 3_600_000;

function bestHeight(now: Millis, leases: Iterable<Lease>): number {
  let best = 0;
  let remembered = 0;
  for (const { height, expiresAt } of leases) {
    remembered = Math.max(remembered, height);
    if (expiresAt > now - HEIGHT_MEMORY_MS) best = Math.max(best, height);
  }
  return best || remembered;
}

/** Failing early is always safe, so a node that is down or behind is judged by the best height known. */
function isNearDeadline(part: Part, context: StepContext): boolean {
  const lease = context.leases.get(part.key.nodeId);
  const height = lease && isFresh(lease, context) ? lease.height : bestHeight(context.now, context.leases.values());
  return part.deadline - height < context.policy.marginBlocks;
}

function timeoutOf(set: HtlcSet, { account, context }: Step): number {
  // Settlement was asked for: only the deadlines of the parts can stop it now.
  if (account.terms?.wish === 'settle' && set.acceptedAt !== undefined) return Number.MAX_SAFE_INTEGER;
  if (set.acceptedAt === undefined) return set.openedAt + context.policy.mppTimeoutMs;
  return set.acceptedAt + (account.terms?.holdMs ?? context.policy.mppTimeoutMs);
}

const WAITING_REVIEW_MS = 1_000;

/** A set that is held in full but waits for a stream to come back is looked at every second. */
function scheduleReview(work: Step, set: HtlcSet, waitsForStream: boolean): void {
  const timeout = timeoutOf(set, work);
  const waitsForMerchant = set.acceptedAt !== undefined && work.account.terms?.wish !== 'settle';
  const reviewAt =
    waitsForStream && !waitsForMerchant ? Math.min(timeout, work.context.now + WAITING_REVIEW_MS) : timeout;
  if (reviewAt !== set.reviewAt) putSet(work, { ...set, reviewAt });
}

function acceptHold(work: Step, set: HtlcSet, counted: readonly Part[]): void {
  const acceptedAt = work.context.now;
  const accepted = { ...set, acceptedAt };
  putSet(work, { ...accepted, reviewAt: timeoutOf(accepted, work) });
  for (const other of work.account.sets) {
    if (other.state === 'open' && other.id !== set.id)
      failSet(work, other, 'another payment of the invoice is complete');
  }
  work.events.push({
    type: 'invoice.accepted',
    paymentHash: set.paymentHash,
    amountMsat: sumMsat(counted),
    earliestDeadline: Math.min(...counted.map(({ deadline }) => deadline)),
  });
}

/** The commitment (R2): from here on exactly these parts are answered settle, and any other part of the hash fail. */
function commitSet(work: Step, set: HtlcSet, counted: readonly Part[]): void {
  const settledMsat = sumMsat(counted);
  putSet(work, {
    ...set,
    state: 'settling',
    decidedAt: work.context.now,
    preimage: set.preimage ?? work.account.terms?.preimage,
    settledMsat,
  });
  for (const part of counted) putPart(work, decidePart(work, part, { type: 'settle' }));
  failParts(work, set, 'the payment was settled without this part');
  for (const other of work.account.sets) {
    if (other.state === 'open') failSet(work, other, 'the payment was settled by another set of parts');
  }
  work.events.push({
    type: 'invoice.settled',
    paymentHash: set.paymentHash,
    amountMsat: settledMsat,
    totalMsat: set.totalMsat,
    parts: counted.map(({ key, amountMsat }) => ({ key, amountMsat })),
    ...(set.offer && { offer: set.offer }),
  });
}

type FailureMaker = typeof incorrectPaymentDetails;

/** Fails an open set and all its undecided parts, also those whose node is away: its next owner answers them. */
export function failSet(
  work: Step,
  set: HtlcSet,
  reason: string,
  failure: FailureMaker = incorrectPaymentDetails,
): void {
  const held = work.account.parts.filter((part) => part.setId === set.id && livePart(part));
  putSet(work, { ...set, state: 'failed', decidedAt: work.context.now });
  const { terms } = work.account;
  if (set.acceptedAt !== undefined && terms?.wish === 'settle') {
    work.account = { ...work.account, terms: { ...terms, wish: 'none' } }; // it was about this payment, not the next
  }
  failParts(work, set, reason, failure);
  work.events.push({
    type: 'payment.failed',
    paymentHash: set.paymentHash,
    reason,
    heldMsat: sumMsat(held),
    totalMsat: set.totalMsat,
  });
}

function failParts(work: Step, set: HtlcSet, reason: string, failure: FailureMaker = incorrectPaymentDetails): void {
  for (const part of work.account.parts) {
    if (part.setId !== set.id || part.decision.type !== 'none') continue;
    putPart(work, decidePart(work, part, { type: 'fail', reason, message: failure(work, part) }));
  }
}
