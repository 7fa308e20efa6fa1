/** Payments, plans and their parts in the API's JSON. */
import { explainPayment, explainPlan, type Names } from '../../send/explain/index.js';
import type { Plan } from '../../send/index.js';
import type { StoredPayment } from '../../send/run/store-port.js';
import type { PayOrder } from '../../send/run/types.js';
import { toHex } from '../../wire/bytes.js';
import type { Millis } from '../../wire/units.js';
import { daemonName } from '../cluster-watch.js';
import { snakeCase } from '../snake-case.js';

type Json = Record<string, unknown>;

/** @param now tells how long parts have been out */
export function paymentJson(payment: StoredPayment, names: Names, now: Millis): Json {
  const { version, owner } = payment;
  return { ...(snakeCase(explainPayment(payment, names, now)) as Json), driven_by: daemonName(owner), version };
}

/** Without its parts and the invoice's text: for lists. */
export function summaryJson(payment: StoredPayment, names: Names, now: Millis): Json {
  const { parts, pending: _pending, bolt11: _bolt11, ...summary } = paymentJson(payment, names, now);
  return { ...summary, attempts: (parts as readonly unknown[]).length };
}

export function dryRunJson({ plan, order }: { readonly plan: Plan; readonly order: PayOrder }, names: Names): Json {
  const { terms, request } = order;
  return {
    dry_run: true,
    payment_hash: request.kind === 'keysend' ? undefined : toHex(terms.paymentHash),
    payee: { node_id: toHex(terms.payee.nodeId) },
    description: request.description,
    max_fee_msat: terms.budgetMsat.toString(),
    ...(snakeCase(explainPlan(plan, names)) as Json),
  };
}
