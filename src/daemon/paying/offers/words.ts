/** A payment to an offer in words. */
import type { OfferPaymentBody } from './document.js';

export function offerPaymentWords({ payment, paymentId }: OfferPaymentBody): string {
  const { phase, invoice, isHeld, asked, failure, heldParts } = payment;
  switch (phase) {
    case 'asking':
      return asked <= 1 ? 'asking the payee for an invoice' : `asking the payee for an invoice, try ${asked}`;
    case 'unreleased':
      return 'the payee sleeps: nothing is sent until it wakes up and says so, for seven days at most';
    case 'paying':
      if (isHeld && heldParts.length > 0) return 'the money waits at the first peers until the payee wakes up';
      return paymentId === undefined ? 'the invoice is there; the payment begins' : 'the invoice is being paid';
    case 'paid':
      return invoice?.kind === 'static' ? 'paid; by a static invoice, so there is no proof of payment' : 'paid';
    case 'failed':
      return `not paid: ${failure?.message ?? 'no reason is known'}`;
  }
}
