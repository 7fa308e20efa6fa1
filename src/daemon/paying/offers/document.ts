/** What is kept of a payment to an offer, and what the sender's payments mean for it. */
import type { Bolt12Invoice, StaticInvoice } from '../../../bolt12/index.js';
import type { DocumentFields, StoredDocument } from '../../../offline/documents.js';
import { wakeAt } from '../../../offline/payer/step.js';
import type { OfferPayment, OfferPaymentEvent } from '../../../offline/payer/types.js';
import { partsOut, type Report } from '../../../send/index.js';
import type { StoredPayment } from '../../../send/run/store-port.js';
import type { Millis } from '../../../wire/units.js';
import type { OfferOrder } from './order.js';

export interface OfferPaymentBody {
  readonly payment: OfferPayment;
  readonly order: OfferOrder;
  /** Of the sender, once it has begun. */
  readonly paymentId?: string;
}

export type StoredOfferPayment = StoredDocument<OfferPaymentBody>;

/** An invoice that was accepted, as it is handed to the sender. */
export type ReadInvoice = Bolt12Invoice | { readonly staticInvoice: StaticInvoice; readonly preimage: Uint8Array };

/** What begins a payment whose invoice is there. */
export type BeginAnswer =
  | { readonly kind: 'begun'; readonly paymentId: string }
  /** No first peer can hold HTLCs: nothing was sent. */
  | { readonly kind: 'no_holder' }
  | { readonly kind: 'later' }
  /** Nothing was sent, now or by anybody before. */
  | { readonly kind: 'refused'; readonly message: string };

/** The part of paying that this service stands on; see `begin.ts`. */
export interface OfferPaymentSender {
  begin(id: string, body: OfferPaymentBody, invoice: ReadInvoice, hold: boolean): Promise<BeginAnswer>;
  find(paymentId: string): Promise<StoredPayment | undefined>;
}

/** Between a step and the next look where nothing tells of the payment's end. */
const LOOK_AGAIN_MS: Millis = 10_000;
/** Planning and recording may take so long in another process; after that it is taken for dead. */
const BEGIN_AGAIN_MS: Millis = 30_000;

export function documentOf(id: string, body: OfferPaymentBody, now: Millis): DocumentFields<OfferPaymentBody> {
  const { phase } = body.payment;
  const isOpen = phase !== 'paid' && phase !== 'failed';
  const wait = body.paymentId === undefined ? BEGIN_AGAIN_MS : LOOK_AGAIN_MS;
  const look = phase === 'paying' ? now + wait : Number.POSITIVE_INFINITY;
  const dueAt = Math.min(wakeAt(body.payment) ?? look, look);
  return { id, scope: '', isOpen, body, ...(isOpen && { dueAt }) };
}

export function eventOf(report: Report): OfferPaymentEvent | undefined {
  switch (report.kind) {
    case 'told':
      return { kind: 'held', held: { part: report.part, releasePath: report.releasePath } };
    case 'succeeded':
      return { kind: 'payment', outcome: 'paid', message: '' };
    case 'failed':
      return { kind: 'payment', outcome: 'failed', message: report.reason.message };
    default:
      return undefined;
  }
}

/** What a look at the sender's payment shows that no report has told yet: its end, or paths of parts that are held. */
export function missedEvents({ heldParts }: OfferPayment, { state }: StoredPayment): readonly OfferPaymentEvent[] {
  if (state.phase === 'succeeded') return [{ kind: 'payment', outcome: 'paid', message: '' }];
  if (state.phase === 'failed') {
    return [{ kind: 'payment', outcome: 'failed', message: state.stop?.message ?? 'the payment failed' }];
  }
  const known = new Set(heldParts.map(({ part }) => part));
  return partsOut(state).flatMap(({ id: part, releasePath }): OfferPaymentEvent[] =>
    releasePath && !known.has(part) ? [{ kind: 'held', held: { part, releasePath } }] : [],
  );
}
