/** The terms under which a way to a payee is tried without paying. */
import type { Invoice } from '../../bolt11/index.js';
import { Feature, hasFeature } from '../../wire/features.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { Msat, NodeId } from '../../wire/units.js';
import type { PaymentTerms } from '../payment/payment.js';
import { type Payee, payeeOfInvoice } from '../plan/request.js';
import { checkNetwork } from './invoice.js';
import { UNASKED_FINAL_BLOCKS } from './keysend.js';
import { checkAmount, limitsOf } from './limits.js';
import type { BadOrder, OrderContext, PayOptions } from './order.js';
import { checkNotOurselves, destinationOf } from './payee.js';

export type ProbeTarget =
  | { readonly invoice: Invoice }
  /** `amountMsat`: the greatest amount that is of interest. */
  | { readonly destination: NodeId | string; readonly amountMsat: Msat };

/**
 * Nothing is paid, so an expired invoice will do, and another amount than the invoice's may be asked for. Neither the
 * invoice's hash nor its secret is used.
 */
export function probeTerms(
  target: ProbeTarget,
  options: PayOptions,
  context: OrderContext,
): Result<PaymentTerms, BadOrder> {
  const found =
    'invoice' in target ? ofInvoice(target.invoice, context) : ofNode(target.destination, target.amountMsat);
  if (!found.ok) return found;
  const { payee, supportsMpp } = found.value;
  const field = 'invoice' in target ? 'invoice' : 'destination';
  if (context.isOwnPhantom?.(payee.nodeId) === true) {
    const message =
      'a payment to the own phantom stays inside the cluster and always gets through: probe another payee';
    return err({ code: 'to_ourselves', message, field });
  }
  const notOurs = checkNotOurselves(payee.nodeId, context, field);
  if (!notOurs.ok) return notOurs;
  const asked = options.amountMsat ?? found.value.amountMsat;
  if (asked === undefined) {
    const message = 'the invoice leaves the amount to the payer: say which amount is the greatest of interest';
    return err({ code: 'amount_missing', message, field: 'amountMsat' });
  }
  const amount = checkAmount(asked);
  if (!amount.ok) return amount;
  const limits = limitsOf(amount.value, payee.finalCltvDelta, options, context.now);
  if (!limits.ok) return limits;
  return ok({
    ...limits.value,
    paymentHash: new Uint8Array(32),
    amountMsat: amount.value,
    payee,
    supportsMpp,
    records: {},
    offsetBlocks: 0,
  });
}

interface Target {
  readonly payee: Payee;
  readonly supportsMpp: boolean;
  readonly amountMsat?: Msat;
}

function ofInvoice(invoice: Invoice, { currency }: OrderContext): Result<Target, BadOrder> {
  const network = checkNetwork(invoice.currency, currency);
  if (!network.ok) return network;
  const supportsMpp = hasFeature(invoice.features, Feature.basicMpp);
  const { amountMsat } = invoice;
  return ok({ payee: payeeOfInvoice(invoice), supportsMpp, ...(amountMsat === undefined ? {} : { amountMsat }) });
}

/** Parts are tried: almost every node takes them, and what one alone can carry shows in the answer's steps. */
function ofNode(destination: NodeId | string, amountMsat: Msat): Result<Target, BadOrder> {
  const nodeId = destinationOf(destination);
  if (!nodeId.ok) return nodeId;
  const payee = { nodeId: nodeId.value, finalCltvDelta: UNASKED_FINAL_BLOCKS, hints: [] };
  return ok({ payee, supportsMpp: true, amountMsat });
}
