/** From an invoice to the terms of its payment. */
import { type Currency, type Invoice, invoiceExpiresAt } from '../../bolt11/index.js';
import { Feature, hasFeature } from '../../wire/features.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Millis, Msat } from '../../wire/units.js';
import type { FinalRecords, PaymentTerms } from '../payment/payment.js';
import { payeeOfInvoice } from '../plan/request.js';
import { checkAmount, limitsOf } from './limits.js';
import type { BadOrder, OrderContext, PayOptions } from './order.js';
import { checkNotOurselves } from './payee.js';

const bad = (code: string, message: string, field: string): Result<never, BadOrder> => err({ code, message, field });

/**
 * What has to be paid, with all defaults in place. Nothing is sent after the invoice's expiry, however much time is allowed.
 * Hints are taken as they are: the modifier `route-hints` leaves out what cannot be used, for each choice of own nodes.
 */
export function termsOfInvoice(
  invoice: Invoice,
  options: PayOptions,
  context: OrderContext,
): Result<PaymentTerms, BadOrder> {
  const network = checkNetwork(invoice.currency, context.currency);
  if (!network.ok) return network;
  const expiresAt = invoiceExpiresAt(invoice) * 1000;
  if (expiresAt <= context.now) return bad('invoice_expired', expiredWords(expiresAt, context.now), 'invoice');
  if (invoice.paymentSecret.length !== 32) {
    const message =
      'the invoice has no payment secret, and without one anybody could take the money: ask for a new one';
    return bad('missing_payment_secret', message, 'invoice');
  }
  const payee = checkNotOurselves(invoice.payee, context, 'invoice');
  if (!payee.ok) return payee;
  const amount = amountToPay(invoice.amountMsat, options.amountMsat);
  if (!amount.ok) return amount;
  const limits = limitsOf(amount.value, invoice.minFinalCltvExpiryDelta, options, context.now);
  if (!limits.ok) return limits;
  return ok({
    ...termsFor(invoice, amount.value),
    ...limits.value,
    deadline: Math.min(limits.value.deadline, expiresAt),
  });
}

type InvoiceTerms = Pick<
  PaymentTerms,
  'paymentHash' | 'amountMsat' | 'payee' | 'supportsMpp' | 'records' | 'offsetBlocks'
>;

function termsFor(invoice: Invoice, amountMsat: Msat): InvoiceTerms {
  const { paymentHash, paymentSecret, paymentMetadata, features } = invoice;
  const records: FinalRecords = {
    paymentData: { paymentSecret, totalMsat: amountMsat },
    ...(paymentMetadata ? { paymentMetadata } : {}),
  };
  return {
    paymentHash,
    amountMsat,
    payee: payeeOfInvoice(invoice),
    supportsMpp: hasFeature(features, Feature.basicMpp),
    records,
    offsetBlocks: 0,
  };
}

/** An amount that the payer gives again is taken only if it is the invoice's own: else one of them is a mistake. */
function amountToPay(written: Msat | undefined, given: Msat | undefined): Result<Msat, BadOrder> {
  const amount = written ?? given;
  if (amount === undefined) {
    return bad('amount_missing', 'the invoice leaves the amount to the payer: say how much', 'amountMsat');
  }
  if (given !== undefined && given !== amount) {
    const message = `the invoice asks for ${amount} msat, not for ${given} msat: leave the amount out`;
    return bad('amount_given_twice', message, 'amountMsat');
  }
  return checkAmount(amount);
}

const NETWORK_NAMES: Readonly<Record<Currency, string>> = {
  bc: 'mainnet',
  tb: 'testnet',
  tbs: 'signet',
  bcrt: 'regtest',
  sb: 'simnet',
};

export function checkNetwork(theirs: Currency, ours: Currency): Result<Currency, BadOrder> {
  if (theirs === ours) return ok(theirs);
  const message = `the invoice is for ${NETWORK_NAMES[theirs]}, the own nodes are on ${NETWORK_NAMES[ours]}: ask for another one`;
  return bad('wrong_network', message, 'invoice');
}

export function expiredWords(expiresAt: Millis, now: Millis): string {
  const seconds = Math.floor((now - expiresAt) / 1000);
  const ago = seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
  return `the invoice expired ${ago} ago: ask the payee for a new one`;
}
