/** Paying from a wallet that wants to sleep again as soon as its money needs no more of it. */
import type { StoredPayment } from '../../send/run/store-port.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Millis } from '../../wire/units.js';
import type { OfferRequest } from '../paying/offers/order.js';
import type { StoredOfferPayment } from '../paying/offers/document.js';
import type { PayRequest } from '../paying/request.js';
import type { ServiceError } from '../service-error.js';
import type { Wallet } from './wallet.js';

/**
 * How a payment stands when the wallet is done with it for now: `held`, its LSP has the money, and the payee was told; `told`,
 * nothing was sent, and the payee was told that something will be as soon as it wakes up; `pending`, the time was over.
 */
export type PaidState = 'paid' | 'failed' | 'held' | 'told' | 'pending';

export interface PaidOffer {
  readonly state: PaidState;
  readonly payment: StoredOfferPayment;
}

export interface Patience {
  /** Stop as soon as the rest goes without us. */
  readonly sleep: boolean;
  readonly waitMs: Millis;
}

/** Errors: those of asking for the payment; nothing was sent then. */
export async function payOffer(
  wallet: Wallet,
  request: OfferRequest,
  { sleep, waitMs }: Patience,
): Promise<Result<PaidOffer, ServiceError>> {
  const { offerPayments } = wallet.parts.api;
  if (!offerPayments) return err({ code: 'not_paying', message: 'this wallet pays no offers: see [send]' });
  const begun = await offerPayments.pay(request);
  if (!begun.ok) return begun;
  let payment = begun.value;
  await wallet.until(async () => {
    payment = (await offerPayments.read(payment.id)) ?? payment;
    const state = await stateOf(wallet, payment);
    return state === 'paid' || state === 'failed' || (sleep && (state === 'held' || state === 'told'));
  }, waitMs);
  const state = await stateOf(wallet, payment);
  // The node may go off with us: what it was handed has to leave it first, and onion messages are not sent twice.
  if (state === 'held' || state === 'told') await wallet.until(() => false, LINGER_MS);
  return ok({ state, payment });
}

/** Between handing a message to the node and being gone. */
const LINGER_MS: Millis = 2_000;

/** What was told goes out before the wallet is closed: closing waits for steps under way. */
async function stateOf(wallet: Wallet, { body }: StoredOfferPayment): Promise<PaidState> {
  const { phase, isHeld, heldParts, announced, invoice } = body.payment;
  switch (phase) {
    case 'asking':
      return 'pending';
    case 'paid':
    case 'failed':
      return phase;
    case 'unreleased':
      return announced > 0 && invoice ? 'told' : 'pending';
    case 'paying': {
      if (!isHeld || body.paymentId === undefined) return 'pending';
      const paid = await wallet.store.payments.readPayment(body.paymentId);
      return paid && areAllHeld(paid, heldParts.length) ? 'held' : 'pending';
    }
  }
}

function areAllHeld({ state: { parts, terms } }: StoredPayment, told: number): boolean {
  const out = parts.filter(({ state }) => state !== 'failed');
  const sum = out.reduce((total, { amountMsat }) => total + amountMsat, 0n);
  return sum >= terms.amountMsat && told >= out.length && out.every(({ releasePath }) => releasePath !== undefined);
}

export interface PaidInvoice {
  readonly state: PaidState;
  readonly payment: StoredPayment;
}

/** An ordinary invoice: its payee is awake, so the wallet waits for the end. */
export async function payInvoice(
  wallet: Wallet,
  request: PayRequest,
  { waitMs }: Patience,
): Promise<Result<PaidInvoice, ServiceError>> {
  const { paying } = wallet.parts.api;
  if (!paying) return err({ code: 'not_paying', message: 'this wallet does not pay: see [send]' });
  const begun = await paying.payments.pay(request);
  if (!begun.ok) return begun;
  const payment = await paying.payments.outcome(begun.value, waitMs);
  const { phase } = payment.state;
  const state = phase === 'succeeded' ? 'paid' : phase === 'failed' ? 'failed' : 'pending';
  return ok({ state, payment });
}
