/** What a merchant says about a held payment: settle it or give it back. */
import { review } from './sets.js';
import type { InvoiceTerms, LedgerReply } from './types.js';
import type { Step } from './work.js';

/**
 * Settle a hold invoice whose payment is complete. The word is recorded first and carried out as soon as every part can be
 * counted: at once, or when a node that is away shows its parts again. `preimage` is needed for a merchant's own hash
 * unless it was given before; the caller has checked that it hashes to the payment hash.
 */
export function settleHold(work: Step, preimage: string | undefined): LedgerReply {
  const { terms } = work.account;
  if (!terms || terms.mode !== 'hold') {
    return refused('not_a_hold_invoice', 'only hold invoices are settled by hand; others settle by themselves');
  }
  review(work); // a payment may be complete since a node came back, without anybody having looked
  const { sets } = work.account;
  if (sets.some(({ state }) => state === 'settling' || state === 'settled')) return { type: 'done' };
  if (terms.wish === 'cancel') return refused('canceled', 'the invoice was canceled; make a new one');
  const accepted = sets.find(({ state, acceptedAt }) => state === 'open' && acceptedAt !== undefined);
  if (!accepted) {
    return refused('not_accepted', 'no complete payment is held for this invoice; wait for the event invoice.accepted');
  }
  const known = preimage ?? terms.preimage ?? accepted.preimage;
  if (known === undefined) return refused('preimage_missing', 'the hash is your own: pass its preimage');
  putTerms(work, { ...terms, wish: 'settle', preimage: known });
  review(work);
  return { type: 'done' };
}

/** Give back what is held and accept nothing more for this hash. */
export function cancelAccount(work: Step): LedgerReply {
  const { terms, sets, paymentHash } = work.account;
  if (sets.some(({ state }) => state === 'settling' || state === 'settled')) {
    return refused('already_settled', 'the payment is settled and cannot be given back; refund it with a new payment');
  }
  if (terms?.wish === 'settle') {
    return refused('settle_requested', 'settlement was requested and happens as soon as every node is back');
  }
  if (terms?.wish === 'cancel') return { type: 'done' };
  const base: InvoiceTerms = terms ?? { paymentHash, mode: 'auto', wish: 'none', preimage: undefined, holdMs: 0 };
  putTerms(work, { ...base, wish: 'cancel' });
  review(work);
  work.events.push({ type: 'invoice.canceled', paymentHash });
  return { type: 'done' };
}

function putTerms(work: Step, terms: InvoiceTerms): void {
  work.account = { ...work.account, terms };
}

function refused(code: string, message: string): LedgerReply {
  return { type: 'refused', code, message };
}
