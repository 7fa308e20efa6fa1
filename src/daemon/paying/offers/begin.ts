/** Begins the payment of an invoice that was asked for by an offer, or finds the one that was begun before a crash. */
import type { Bolt12Invoice } from '../../../bolt12/index.js';
import { type Bolt12Context, termsOfBolt12Invoice, termsOfStaticInvoice } from '../../../send/request/index.js';
import type { PaymentStore, StoredPayment } from '../../../send/run/store-port.js';
import type { Paying } from '../../../send/run/types.js';
import { compact } from '../../compact.js';
import { optionsOf, type PayDefaults } from '../request.js';
import type { BeginAnswer, OfferPaymentBody, OfferPaymentSender, ReadInvoice } from './document.js';

export interface BeginOptions {
  readonly store: Pick<PaymentStore, 'readPayment' | 'paymentOfHash'>;
  readonly sender: () => Paying | 'off' | 'starting';
  readonly context: (sender: Paying, invoice: Bolt12Invoice | undefined) => Bolt12Context;
  readonly defaults: PayDefaults;
  /** Blocks that HTLCs may wait for a payee that sleeps. */
  readonly holdBlocks: number;
}

const HASH_TAKEN: BeginAnswer = {
  kind: 'refused',
  message:
    'the payee gave an invoice with the payment hash of another payment: nothing was sent for this one; tell the payee, and pay the offer again',
};

export function offerPaymentSender(options: BeginOptions): OfferPaymentSender {
  /** Of this payment to an offer; a process that died after it had begun, or another one, may have recorded it. */
  const recorded = async (id: string, { payment }: OfferPaymentBody): Promise<BeginAnswer | undefined> => {
    const known = await options.store.paymentOfHash(payment.invoice!.paymentHash);
    if (known && isFor(known, id)) return { kind: 'begun', paymentId: known.id };
    // What failed moved nothing. Anything else has told its preimage to others, or may do so.
    return known && known.state.phase !== 'failed' ? HASH_TAKEN : undefined;
  };
  return {
    find: (paymentId) => options.store.readPayment(paymentId),
    async begin(id, body, invoice, hold) {
      const known = await recorded(id, body);
      if (known) return known;
      const sender = options.sender();
      if (sender === 'starting') return { kind: 'later' };
      const answer = sender === 'off' ? PAYING_IS_OFF : await begin(options, sender, { id, body, invoice, hold });
      // Whoever was faster may be what the payment was refused for.
      return answer.kind === 'begun' ? answer : ((await recorded(id, body)) ?? answer);
    },
  };
}

const PAYING_IS_OFF: BeginAnswer = { kind: 'refused', message: 'paying is switched off in the configuration' };

const isFor = ({ request }: StoredPayment, id: string): boolean => request.offerPaymentId === id;

interface Beginning {
  readonly id: string;
  readonly body: OfferPaymentBody;
  readonly invoice: ReadInvoice;
  readonly hold: boolean;
}

async function begin(options: BeginOptions, sender: Paying, beginning: Beginning): Promise<BeginAnswer> {
  const { id, body, invoice, hold } = beginning;
  const { payment, order } = body;
  const { amountMsat: _named, ...limits } = optionsOf(order, payment.amountMsat, options.defaults);
  const context = options.context(sender, 'staticInvoice' in invoice ? undefined : invoice);
  if (!('staticInvoice' in invoice) && invoice.amountMsat > payment.amountMsat) {
    const message = `the invoice asks for ${invoice.amountMsat} msat where ${payment.amountMsat} were agreed`;
    return { kind: 'refused', message };
  }
  const terms =
    'staticInvoice' in invoice
      ? termsOfStaticInvoice(
          invoice.staticInvoice,
          {
            amountMsat: payment.amountMsat,
            preimage: invoice.preimage,
            invoiceRequest: payment.request,
            ...(hold && { hold: { extraBlocks: options.holdBlocks, atFirstPeer: true } }),
          },
          limits,
          context,
        )
      : termsOfBolt12Invoice(invoice, limits, context);
  if (!terms.ok) return { kind: 'refused', message: terms.error.message };
  const answer = await sender.pay({
    terms: terms.value,
    request: {
      kind: 'offer',
      offer: order.offerText,
      offerPaymentId: id,
      ...compact({ from: order.from, reference: order.reference }),
    },
  });
  if (answer.kind !== 'refused') {
    return isFor(answer.payment, id) ? { kind: 'begun', paymentId: answer.payment.id } : HASH_TAKEN;
  }
  if (hold && answer.reason.code === 'no_holder') return { kind: 'no_holder' };
  return { kind: 'refused', message: answer.reason.message };
}
