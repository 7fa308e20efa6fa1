/**
 * The settlement ledger: one pure step over everything known about one payment hash (docs/ledger.md, rules R1–R5).
 *
 * The caller holds a serializable transaction around it. Nothing here waits, reads a clock or draws randomness; a step
 * that is repeated after a crash or a lost reply changes nothing the second time.
 */
import { incorrectPaymentDetails } from './failures.js';
import { cancelAccount, settleHold } from './hold.js';
import { failSet, isForeignTo, NOT_THE_INVOICE, review } from './sets.js';
import type { Account, LedgerCommand, LedgerEvent, LedgerReply, Part, PartKey, PresentedPart } from './types.js';
import { decidePart, findPart, livePart, NO_EPOCH, putPart, putSet, type Step, type StepContext } from './work.js';

export interface StepResult {
  readonly account: Account;
  readonly reply: LedgerReply;
  readonly events: readonly LedgerEvent[];
}

export function step(account: Account, command: LedgerCommand, context: StepContext): StepResult {
  const work: Step = { account, context, events: [] };
  const reply = dispatch(work, command);
  return { account: work.account, reply, events: work.events };
}

function dispatch(work: Step, command: LedgerCommand): LedgerReply {
  switch (command.type) {
    case 'admit':
      return admit(work, command.part);
    case 'refuse':
      return refusePart(work, command);
    case 'recall':
      return recall(work, command);
    case 'review':
      review(work);
      return { type: 'done' };
    case 'final':
      return recordFinal(work, command);
    case 'settle-hold':
      return settleHold(work, command.preimage);
    case 'cancel':
      return cancelAccount(work);
  }
}

/** True if the caller still owns the stream on which it saw this HTLC. */
function ownsStream({ context }: Step, key: PartKey, epoch: number): boolean {
  const lease = context.leases.get(key.nodeId);
  return lease !== undefined && lease.owner === context.owner && lease.epoch === epoch;
}

function admit(work: Step, presented: PresentedPart): LedgerReply {
  if (!ownsStream(work, presented.key, presented.epoch)) return { type: 'fenced' };
  const known = findPart(work.account, presented.key);
  if (known) {
    refreshPresented(work, known, presented.epoch);
    review(work);
    return replyFor(work, presented.key);
  }
  const refusal = reasonToRefuse(work.account, presented);
  if (refusal) {
    putPart(work, refusedPart(work, presented, refusal));
    return replyFor(work, presented.key);
  }
  putPart(work, { ...newPart(work, presented), setId: openSetFor(work, presented).id });
  review(work);
  return replyFor(work, presented.key);
}

/** More than any wallet sends; a step looks at all of them, so their number bounds its time. */
const MOST_LIVE_PARTS = 500;

/** Why no part of this hash can join anything now. */
function reasonToRefuse(account: Account, presented: PresentedPart): string | undefined {
  if (account.sets.some(({ state }) => state === 'settling' || state === 'settled')) {
    return 'the payment was already settled';
  }
  if (account.terms?.wish === 'cancel') return 'the invoice was canceled';
  if (isForeignTo(account, presented)) return NOT_THE_INVOICE;
  // What the merchant was told is what he decides about: nothing joins or stands beside an accepted payment.
  if (account.sets.some(({ state, acceptedAt }) => state === 'open' && acceptedAt !== undefined)) {
    return 'a complete payment waits for the merchant already';
  }
  if (account.parts.filter(livePart).length >= MOST_LIVE_PARTS) return 'too many parts are held for this hash';
  if (presented.preimage === undefined && account.terms === undefined) {
    return 'nobody here knows the preimage or how to ask for it';
  }
  return undefined;
}

/**
 * The open set that a part belongs to: same hash, secret and total. A failed set is never opened again, since a part of
 * it was failed (BOLT 4: never settle after that); a payer who tries anew gets a new set.
 */
function openSetFor(work: Step, presented: PresentedPart): { readonly id: string } {
  const { account, context } = work;
  const open = account.sets.find(
    (set) =>
      set.state === 'open' && set.paymentSecret === presented.paymentSecret && set.totalMsat === presented.totalMsat,
  );
  if (open) {
    if (open.preimage === undefined && presented.preimage !== undefined) {
      putSet(work, { ...open, preimage: presented.preimage });
    }
    return open;
  }
  const { nodeId, channelId, htlcId } = presented.key;
  const set = {
    // A part opens at most one set in its life, so its own key names the set.
    id: `${nodeId}/${channelId}/${htlcId}`,
    paymentHash: presented.paymentHash,
    paymentSecret: presented.paymentSecret,
    totalMsat: presented.totalMsat,
    state: 'open' as const,
    openedAt: context.now,
    decidedAt: undefined,
    acceptedAt: undefined,
    reviewAt: context.now + context.policy.mppTimeoutMs,
    preimage: presented.preimage ?? account.terms?.preimage,
    settledMsat: undefined,
    ...(presented.offer && { offer: presented.offer }),
  };
  putSet(work, set);
  return set;
}

function refusePart(work: Step, command: Extract<LedgerCommand, { type: 'refuse' }>): LedgerReply {
  const { part, reason, message } = command;
  if (!ownsStream(work, part.key, part.epoch)) return { type: 'fenced' };
  const known = findPart(work.account, part.key);
  if (known) {
    // Admitted earlier: time may have passed since, but its set decides, not today's verdict.
    refreshPresented(work, known, part.epoch);
    review(work);
  } else {
    putPart(work, decidePart(work, newPart(work, part), { type: 'fail', reason, message }));
  }
  return replyFor(work, part.key);
}

function recall(work: Step, { key, epoch, onChain }: Extract<LedgerCommand, { type: 'recall' }>): LedgerReply {
  if (!ownsStream(work, key, epoch)) return { type: 'fenced' };
  const known = findPart(work.account, key);
  if (!known) return { type: 'unknown' };
  refreshPresented(work, known, onChain ? NO_EPOCH : epoch);
  review(work);
  return replyFor(work, key);
}

function refreshPresented(work: Step, part: Part, epoch: number): void {
  if (part.presentedEpoch !== epoch) putPart(work, { ...part, presentedEpoch: epoch });
}

function newPart(work: Step, presented: Omit<PresentedPart, 'paymentSecret' | 'totalMsat' | 'preimage'>): Part {
  return {
    key: presented.key,
    paymentHash: presented.paymentHash,
    setId: undefined,
    amountMsat: presented.amountMsat,
    incomingAmountMsat: presented.incomingAmountMsat,
    expiry: presented.expiry,
    deadline: presented.deadline,
    presentedEpoch: presented.epoch,
    firstSeenAt: work.context.now,
    decision: { type: 'none' },
    decidedAt: undefined,
    final: 'none',
  };
}

function refusedPart(work: Step, presented: PresentedPart, reason: string): Part {
  const part = newPart(work, presented);
  return decidePart(work, part, { type: 'fail', reason, message: incorrectPaymentDetails(work, part) });
}

/** The answer that the ledger's row for this part dictates (R3). */
function replyFor({ account }: Step, key: PartKey): LedgerReply {
  const part = findPart(account, key)!;
  switch (part.decision.type) {
    case 'none':
      return { type: 'hold' };
    case 'fail':
      return { type: 'fail', reason: part.decision.reason, message: part.decision.message };
    case 'settle':
      return { type: 'settle', preimage: account.sets.find(({ id }) => id === part.setId)!.preimage! };
  }
}

function recordFinal(work: Step, command: Extract<LedgerCommand, { type: 'final' }>): LedgerReply {
  const part = findPart(work.account, command.key);
  if (!part) return { type: 'unknown' };
  if (part.final !== 'none') return { type: 'done' };
  const where = command.onChain ? ' on chain' : '';
  if (command.outcome === 'settled') {
    putPart(work, { ...part, final: 'settled' });
    if (part.decision.type !== 'settle') {
      alarm(work, part, 'settled-unasked', `the node settled a part${where} that Manifold did not decide to settle`);
    }
  } else if (part.decision.type === 'settle') {
    putPart(work, { ...part, final: 'lost' });
    alarm(work, part, 'part-lost', `a part of ${part.amountMsat} msat was decided settle but ended unpaid${where}`);
  } else {
    const takenBack = {
      type: 'fail',
      reason: 'the node took it back',
      message: incorrectPaymentDetails(work, part),
    } as const;
    putPart(work, { ...decidePart(work, part, takenBack), final: 'failed' });
  }
  closeFinishedSet(work, part.setId);
  return { type: 'done' };
}

function alarm(work: Step, part: Part, code: string, message: string): void {
  work.events.push({ type: 'alarm', code, paymentHash: part.paymentHash, message, key: part.key });
}

/** A settling set whose parts are all final is settled; an open one with nothing left to hold has failed. */
function closeFinishedSet(work: Step, setId: string | undefined): void {
  const set = work.account.sets.find(({ id }) => id === setId);
  if (!set) return;
  const parts = work.account.parts.filter((part) => part.setId === set.id);
  if (set.state === 'open' && !parts.some(livePart)) {
    failSet(work, set, 'every part of the payment was taken back');
    return;
  }
  const counted = parts.filter(({ decision }) => decision.type === 'settle');
  if (set.state !== 'settling' || counted.some(({ final }) => final === 'none')) return;
  putSet(work, { ...set, state: 'settled' });
  const lostMsat = counted
    .filter(({ final }) => final === 'lost')
    .reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  work.events.push({
    type: 'invoice.final',
    paymentHash: set.paymentHash,
    amountMsat: (set.settledMsat ?? 0n) - lostMsat,
    lostMsat,
  });
}
