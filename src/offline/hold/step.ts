/** What happens to a held HTLC: one step for each event. */
import type { HeldHtlc, HoldCommand, HoldContext, HoldEnd, HoldEvent, HoldStep } from './types.js';

const unchanged = (held: HeldHtlc, ...commands: readonly HoldCommand[]): HoldStep => ({ held, commands });

/**
 * The next state of a held HTLC and what is to be done. The state is written before a command is carried out; commands are
 * repeated for an HTLC that the node shows again, so none may be lost and any may come twice.
 */
export function stepHold(held: HeldHtlc, event: HoldEvent, context: HoldContext): HoldStep {
  switch (event.kind) {
    case 'shown':
      return shown(held, event.onChain, context);
    case 'released':
      if (held.phase !== 'held' || !held.awaitsRelease) return unchanged(held);
      return settleDown({ ...held, awaitsRelease: false, releasedAt: context.now }, context, 'released');
    case 'payee':
      if (held.phase !== 'held' || held.payee === undefined) return unchanged(held);
      return settleDown(held, context, 'awake');
    case 'height':
      if (held.phase !== 'held' || event.height < held.failAt) return unchanged(held);
      return givenUp(held, 'expired', context);
    case 'cancel':
      // Once released the HTLC is the payee's: a payer that changed its mind could otherwise race it.
      if (held.phase !== 'held' || !held.awaitsRelease) return unchanged(held);
      return givenUp(held, 'cancelled', context);
    case 'final':
      return held.isGone ? unchanged(held) : gone(held, event.outcome, context);
  }
}

function shown(held: HeldHtlc, onChain: boolean, context: HoldContext): HoldStep {
  // What sits on chain is decided there; only a preimage could help, and that is not ours to have.
  if (onChain) return unchanged(held);
  switch (held.phase) {
    case 'resumed':
      return unchanged(held, { kind: 'answer', answer: 'resume' });
    case 'failed':
      return unchanged(held, { kind: 'answer', answer: 'fail' });
    case 'held':
      return settleDown(held, context, held.releasedAt === undefined ? 'awake' : 'released');
  }
}

/** Resumes if nothing is waited for any more; asks the payee to wake up if only it is missing. */
function settleDown(held: HeldHtlc, context: HoldContext, end: HoldEnd): HoldStep {
  const awaitsPayee = held.payee !== undefined && !context.isPayeeAwake;
  const next = { ...held, awaitsPayee };
  if (context.height >= held.failAt) return givenUp(next, 'expired', context);
  if (next.awaitsRelease) return unchanged(next);
  if (awaitsPayee) return unchanged(next, { kind: 'wake_payee', client: held.payee });
  return ended(next, 'resumed', end, context);
}

/** Without an answer of ours the node has failed it by itself, or its payer took it back on chain. */
function gone(held: HeldHtlc, outcome: 'settled' | 'failed', { now }: HoldContext): HoldStep {
  const phase = held.phase === 'held' ? (held.isMarked ? 'failed' : 'resumed') : held.phase;
  const next: HeldHtlc = { ...held, phase, decidedAt: held.decidedAt ?? now, end: outcome, isGone: true };
  const knows = held.phase === 'failed' && outcome === 'failed';
  return unchanged(next, ...(knows ? [] : told(held, outcome)));
}

/** What may be on its way already is left to the node, which fails it if nobody takes it. */
const givenUp = (held: HeldHtlc, end: HoldEnd, context: HoldContext): HoldStep =>
  ended(held, held.isMarked ? 'failed' : 'resumed', end, context);

function ended(held: HeldHtlc, phase: 'resumed' | 'failed', end: HoldEnd, { now }: HoldContext): HoldStep {
  const answer: HoldCommand = { kind: 'answer', answer: phase === 'resumed' ? 'resume' : 'fail' };
  return unchanged({ ...held, phase, end, decidedAt: now }, answer, ...(phase === 'failed' ? told(held, end) : []));
}

const told = ({ payer }: HeldHtlc, end: HoldEnd): readonly HoldCommand[] =>
  payer === undefined ? [] : [{ kind: 'tell_payer', client: payer, end }];
