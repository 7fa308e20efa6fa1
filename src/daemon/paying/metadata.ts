/** Invoices with payment metadata, which not every node can hand to the payee. */
import type { PayOrder } from '../../send/run/types.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { BadRequest } from './request.js';

export interface MetadataNodes {
  /** Own nodes that can send. */
  readonly names: readonly string[];
  /** Those of them that hand no payment metadata to the payee. */
  readonly namesWithoutMetadata?: readonly string[];
}

/** Leaves only nodes in the order that can carry it out, before anything is sent. */
export function fitForMetadata(
  order: PayOrder,
  { names, namesWithoutMetadata = [] }: MetadataNodes,
): Result<PayOrder, BadRequest> {
  if (order.terms.records.paymentMetadata === undefined) return ok(order);
  const { from } = order.request;
  const wanted = from ?? names;
  const able = wanted.filter((name) => !namesWithoutMetadata.includes(name));
  if (able.length === wanted.length) return ok(order);
  if (able.length > 0) return ok({ ...order, request: { ...order.request, from: able } });
  const why = `the payee wants its payment metadata back, and LND (${wanted.join(', ')}) puts none into a payment along a given route`;
  return err({
    code: 'payment_metadata',
    message: `${why}: pay it with LND's own payment call, or ask the payee for an invoice without metadata`,
    field: from === undefined ? 'invoice' : 'from',
  });
}
