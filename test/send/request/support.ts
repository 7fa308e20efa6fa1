/** Invoices and contexts for orders. */
import { decodeInvoice, encodeInvoice, type Invoice } from '../../../src/bolt11/index.js';
import type { OrderContext } from '../../../src/send/index.js';
import { ec } from '../../../src/crypto/index.js';
import { unwrap } from '../../../src/wire/result.js';

export const NOW = 1_700_000_000_000;
const PAYEE_SECRET = new Uint8Array(32).fill(3);
export const PAYEE = ec.publicKey(PAYEE_SECRET);
export const OTHER = ec.publicKey(new Uint8Array(32).fill(4));
export const OWN = ec.publicKey(new Uint8Array(32).fill(5));
const OWN_TOO = ec.publicKey(new Uint8Array(32).fill(6));

type Draft = Parameters<typeof encodeInvoice>[0];

export function invoiceText(over: Partial<Draft> = {}): string {
  const draft: Draft = {
    currency: 'bcrt',
    amountMsat: 100_000_000n,
    timestamp: NOW / 1000 - 10,
    paymentHash: new Uint8Array(32).fill(1),
    paymentSecret: new Uint8Array(32).fill(2),
    description: 'tea',
    features: [8, 14, 17],
    ...over,
  };
  return unwrap(encodeInvoice(draft, PAYEE_SECRET));
}

export const invoiceOf = (over: Partial<Draft> = {}): Invoice => unwrap(decodeInvoice(invoiceText(over)));

/** Without an amount. */
export function openInvoice(over: Partial<Draft> = {}): Invoice {
  const { amountMsat, ...rest } = { ...invoiceOf(over) };
  expectAmount(amountMsat);
  return rest;
}

function expectAmount(amount: bigint | undefined): void {
  if (amount === undefined) throw new Error('the invoice had no amount to take away');
}

export const contextOf = (over: Partial<OrderContext> = {}): OrderContext => ({
  now: NOW,
  currency: 'bcrt',
  ownNodeIds: [OWN, OWN_TOO],
  ...over,
});
