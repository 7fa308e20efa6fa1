/** `/v1/offer-payments`: paying offers. Once an invoice is there, the payment itself is under `/v1/payments`. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { fromHex, toHex } from '../../wire/bytes.js';
import { compact } from '../compact.js';
import type { OfferRequest } from '../paying/offers/order.js';
import type { OfferPayments, StoredOfferPayment } from '../paying/offers/service.js';
import { offerPaymentWords } from '../paying/offers/words.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { limits, limitsOf } from './payments.js';
import { Problem } from './problems.js';
import { amountMsat, cursorText, isoTime, parseCursor, plainText, queryNumber, wholeNumber } from './values.js';

const MOST_WAIT_SECONDS = 15;
/** An RFC 9102 chain in hex. */
const MOST_PROOF_DIGITS = 131_070;

const payBody = z
  .strictObject({
    offer: z.string().min(1).max(8_000).optional().openapi({ description: 'BOLT 12; this or name with proof' }),
    name: plainText(3, 256).optional().openapi({ description: 'user@domain (BIP 353)' }),
    proof: z
      .string()
      .max(MOST_PROOF_DIGITS)
      .regex(/^([0-9a-fA-F]{2})+$/, 'must be hex')
      .optional()
      .openapi({ description: 'DNSSEC proof of the name (RFC 9102 chain), hex' }),
    amount_msat: amountMsat
      .optional()
      .openapi({ description: 'Where the offer leaves it to the payer, or to pay more' }),
    quantity: z
      .string()
      .regex(/^[1-9]\d{0,17}$/, 'must be a whole number above zero as a decimal string')
      .transform((text) => BigInt(text))
      .optional()
      .openapi({ type: 'string' }),
    payer_note: plainText(1, 500).optional(),
    ...limits,
    reference: plainText(1, 200).optional().openapi({ description: 'Your own name for it' }),
    wait_seconds: wholeNumber(0, MOST_WAIT_SECONDS)
      .optional()
      .openapi({ description: 'Answer when an invoice is there or none came, at the latest then' }),
  })
  .refine(({ offer, name }) => (offer === undefined) !== (name === undefined), {
    path: ['offer'],
    error: 'or name: give exactly one of them',
  })
  .refine(({ name, proof }) => (name === undefined) === (proof === undefined), {
    path: ['proof'],
    error: 'goes with name, and name with it: a name without its proof may stand for anybody',
  })
  .openapi('PayOffer');

const offerPayment = z
  .object({
    id: z.string(),
    state: z.enum(['asking', 'waiting_for_payee', 'paying', 'succeeded', 'failed']),
    words: z.string(),
    offer: z.string(),
    name: z.string().optional(),
    amount_msat: z.string(),
    payer_note: z.string().optional(),
    reference: z.string().optional(),
    created_at: z.string(),
    ended_at: z.string().optional(),
    payment_id: z.string().optional().openapi({ description: 'See /v1/payments/{id}' }),
    payment_hash: z.string().optional(),
    is_static: z.boolean().optional().openapi({ description: 'By a static invoice: there is no proof of payment' }),
    is_held: z.boolean().optional().openapi({ description: 'Held by the first peers until the payee wakes up' }),
    code: z.string().optional(),
  })
  .openapi('OfferPayment');

const idParams = z.object({ id: z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits') });

export function offerPaymentRoutes(app: OpenAPIHono, api: ApiContext, payments: OfferPayments): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/offer-payments',
    summary: 'Pay an offer',
    description:
      'Answers when it is recorded. An invoice is asked for by onion messages; if the payee sleeps, the payment waits until it wakes up, for seven days.',
    scope: 'payments:write',
    body: payBody,
    answer: { status: 201, description: 'The payment to the offer', schema: offerPayment },
    async handle({ body, origin }) {
      const begun = await payments.pay(requestOf(body), origin);
      if (!begun.ok) {
        const { code, message, field } = begun.error;
        throw new Problem(422, code, message, field === undefined ? {} : { errors: [{ field, message }] });
      }
      const shown = await payments.waitWhile(begun.value.id, 'asking', (body.wait_seconds ?? 0) * 1000);
      return { status: 201, body: offerPaymentJson(shown ?? begun.value) };
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/offer-payments',
    summary: 'List payments to offers',
    description: 'Newest first.',
    scope: 'payments:read',
    query: z.strictObject({ limit: queryNumber(1, 100, 25), cursor: z.string().max(500).optional() }),
    answer: {
      status: 200,
      description: 'A page of payments to offers',
      schema: z.object({ offer_payments: z.array(offerPayment), next_cursor: z.string().optional() }),
    },
    async handle({ query: { limit, cursor } }) {
      const place = cursor === undefined ? undefined : parseCursor(cursor);
      const found = await payments.list(limit, place && { createdAt: place.time, id: place.id });
      const last = found.length === limit ? found.at(-1) : undefined;
      const next = last && { next_cursor: cursorText(last.createdAt, last.id) };
      return { status: 200, body: { offer_payments: found.map(offerPaymentJson), ...next } };
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/offer-payments/{id}',
    summary: 'Show a payment to an offer',
    scope: 'payments:read',
    params: idParams,
    query: z.strictObject({
      wait_seconds: queryNumber(0, MOST_WAIT_SECONDS, 0),
      while: z.enum(['asking', 'waiting_for_payee', 'paying']).optional(),
    }),
    answer: { status: 200, description: 'The payment to the offer', schema: offerPayment },
    async handle({ params: { id }, query }) {
      const found = query.while
        ? await payments.waitWhile(id, PHASES[query.while], query.wait_seconds * 1000)
        : await payments.read(id);
      if (!found) throw notFound();
      return { status: 200, body: offerPaymentJson(found) };
    },
  });
  endpoint(app, api, {
    method: 'post',
    path: '/v1/offer-payments/{id}/abandon',
    summary: 'Give up a payment to an offer',
    description: 'Possible while nothing is out; later stop the payment itself.',
    scope: 'payments:write',
    params: idParams,
    answer: { status: 200, description: 'The payment to the offer', schema: offerPayment },
    async handle({ params: { id } }) {
      const ended = await payments.abandon(id);
      if (!ended.ok)
        throw ended.error.code === 'not_found' ? notFound() : new Problem(409, ended.error.code, ended.error.message);
      return { status: 200, body: offerPaymentJson(ended.value) };
    },
  });
}

const notFound = (): Problem =>
  new Problem(404, 'not_found', 'there is no such payment to an offer; GET /v1/offer-payments lists them');

const PHASES = { asking: 'asking', waiting_for_payee: 'unreleased', paying: 'paying' } as const;

function requestOf(body: z.output<typeof payBody>): OfferRequest {
  const { offer, name, proof, quantity, payer_note: payerNote, reference } = body;
  return {
    ...limitsOf(body),
    ...compact({ offer, quantity, payerNote, reference }),
    ...(name !== undefined && { name: { text: name, proof: fromHex(proof!.toLowerCase()) } }),
  };
}

const STATES = {
  asking: 'asking',
  unreleased: 'waiting_for_payee',
  paying: 'paying',
  paid: 'succeeded',
  failed: 'failed',
} as const;

export function offerPaymentJson({ id, body, createdAt }: StoredOfferPayment): Record<string, unknown> {
  const { payment, order, paymentId } = body;
  const { invoice, failure } = payment;
  return compact({
    id,
    state: STATES[payment.phase],
    words: offerPaymentWords(body),
    offer: order.offerText,
    name: order.paidName,
    amount_msat: payment.amountMsat.toString(),
    payer_note: order.payerNote,
    reference: order.reference,
    created_at: isoTime(createdAt),
    ended_at: isoTime(payment.endedAt),
    payment_id: paymentId,
    payment_hash: invoice && toHex(invoice.paymentHash),
    is_static: invoice && invoice.kind === 'static',
    is_held: payment.isHeld ? true : undefined,
    code: failure?.code,
  });
}
