/** `/v1/payments`: what was paid, and paying. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { StoredPayment } from '../../send/run/store-port.js';
import { fromHex } from '../../wire/bytes.js';
import { compact } from '../compact.js';
import { dryRunJson, paymentJson, summaryJson } from '../paying/json.js';
import type { PayRequest } from '../paying/request.js';
import type { PaymentService, PayRefusal } from '../paying/service.js';
import type { ApiContext, PayingApi } from './context.js';
import { endpoint } from './endpoint.js';
import { dryRunSchema, paymentSchema, summarySchema } from './payment-schemas.js';
import { Problem } from './problems.js';
import { amountMsat, cursorText, feeMsat, nodeId, parseCursor, plainText, queryNumber, wholeNumber } from './values.js';

/** Below the time limit of a request. */
const MOST_WAIT_SECONDS = 15;

/** Options of payments and probes. */
export const limits = {
  max_fee_msat: feeMsat.optional(),
  max_fee_percent: z
    .number('must be a number from 0 to 100')
    .min(0)
    .max(100)
    .optional()
    .openapi({ description: 'Of the amount; not together with max_fee_msat' }),
  max_parts: wholeNumber(1, 483).optional(),
  max_blocks: wholeNumber(1, 2_016)
    .optional()
    .openapi({ description: 'Most blocks for which a part may be locked, the payee’s included; default: 2016' }),
  timeout_seconds: wholeNumber(1, 86_400).optional().openapi({ description: 'No part is begun later' }),
  from: z
    .array(plainText(1, 64))
    .min(1)
    .max(64)
    .optional()
    .openapi({ description: 'Names of the own nodes that may send; default: all' }),
};

export const bolt11 = z.string().min(1).max(8_000);

const customRecords = z
  .record(
    z.string().regex(/^\d{1,20}$/, 'must be the type of a record, decimal'),
    z.string().regex(/^([0-9a-fA-F]{2})*$/, 'must be hex'),
  )
  .openapi({ description: 'Hex by type, 65536 and above', example: { 7629169: '74657374' } });

const payBody = z
  .strictObject({
    invoice: bolt11.optional().openapi({ description: 'BOLT 11; this or keysend' }),
    keysend: z.strictObject({ destination: nodeId, custom_records: customRecords.optional() }).optional(),
    amount_msat: amountMsat.optional().openapi({ description: 'For a keysend, or an invoice without an amount' }),
    ...limits,
    reference: plainText(1, 200).optional().openapi({ description: 'Your own name for it' }),
    dry_run: z.boolean().optional().openapi({ description: 'Show the plan; nothing is sent and nothing recorded' }),
    wait_seconds: wholeNumber(0, MOST_WAIT_SECONDS)
      .optional()
      .openapi({ description: 'Answer when the payment has succeeded or failed, at the latest then' }),
  })
  .refine(({ invoice, keysend }) => (invoice === undefined) !== (keysend === undefined), {
    path: ['invoice'],
    error: 'or keysend: give exactly one of them',
  })
  .refine(({ max_fee_msat: fee, max_fee_percent: percent }) => fee === undefined || percent === undefined, {
    path: ['max_fee_percent'],
    error: 'stands for max_fee_msat: give one of them',
  })
  .openapi('Pay');

const idParams = z.object({
  id: z
    .string()
    .min(1)
    .max(8_000)
    .openapi({ description: 'Payment id, payment hash (then the newest), or the invoice' }),
});

export function paymentRoutes(app: OpenAPIHono, api: ApiContext, paying: PayingApi): void {
  payRoute(app, api, paying);
  readRoutes(app, api, paying);
  stopRoute(app, api, paying);
}

function payRoute(app: OpenAPIHono, api: ApiContext, { payments, names }: PayingApi): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/payments',
    summary: 'Pay an invoice, or a node by keysend',
    description:
      'Answers when the payment is recorded and under way; follow it by its id. With dry_run the plan, 200. A payment is pending until no part is in flight: ask again, never pay again.',
    scope: 'payments:write',
    body: payBody,
    answer: { status: 201, description: 'The payment', schema: paymentSchema },
    otherAnswer: { status: 200, description: 'The plan of a dry run', schema: dryRunSchema },
    async handle({ body, origin }) {
      const request = requestOf(body);
      if (body.dry_run === true) {
        const planned = await payments.dryRun(request);
        if (!planned.ok) throw payProblem(planned.error);
        return { status: 200, body: dryRunJson(planned.value, names) };
      }
      const begun = await payments.pay(request, origin);
      if (!begun.ok) throw payProblem(begun.error);
      const shown = await payments.outcome(begun.value, (body.wait_seconds ?? 0) * 1000);
      return { status: 201, body: paymentJson(shown, names, api.clock.now()) };
    },
  });
}

function requestOf(body: z.output<typeof payBody>): PayRequest {
  const records = Object.entries(body.keysend?.custom_records ?? {}).map(([type, hex]) => ({
    type: BigInt(type),
    value: fromHex(hex),
  }));
  return compact({
    invoice: body.invoice,
    keysend: body.keysend && { destination: body.keysend.destination, records },
    reference: body.reference,
    ...limitsOf(body),
  });
}

type LimitsBody = Pick<z.output<typeof payBody>, 'amount_msat' | keyof typeof limits>;

export function limitsOf(body: LimitsBody) {
  return compact({
    amountMsat: body.amount_msat,
    maxFeeMsat: body.max_fee_msat,
    maxFeePercent: body.max_fee_percent,
    maxParts: body.max_parts,
    maxBlocks: body.max_blocks,
    timeoutSeconds: body.timeout_seconds,
    from: body.from,
  });
}

function readRoutes(app: OpenAPIHono, api: ApiContext, { payments, names }: PayingApi): void {
  endpoint(app, api, {
    method: 'get',
    path: '/v1/payments',
    summary: 'List payments made',
    description: 'Newest first, without their parts. What was received is at /v1/receipts.',
    scope: 'payments:read',
    query: z.strictObject({ limit: queryNumber(1, 100, 25), cursor: z.string().max(500).optional() }),
    answer: {
      status: 200,
      description: 'A page of payments',
      schema: z.object({ payments: z.array(summarySchema), next_cursor: z.string().optional() }),
    },
    async handle({ query: { limit, cursor } }) {
      const place = cursor === undefined ? undefined : parseCursor(cursor);
      const page = await payments.list(limit, place && { createdAt: place.time, id: place.id });
      const last = page.length === limit ? page.at(-1) : undefined;
      const next = last && { next_cursor: cursorText(last.createdAt, last.id) };
      return {
        status: 200,
        body: { payments: page.map((one) => summaryJson(one, names, api.clock.now())), ...next },
      };
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/payments/{id}',
    summary: 'Show a payment made, with every attempt',
    description:
      'With ?after=VERSION&wait_seconds=N it answers as soon as the version is above that one, or after N seconds as it is: ask in a loop to follow a payment live.',
    scope: 'payments:read',
    params: idParams,
    query: z.strictObject({
      after: queryNumber(0, 999_999_999, 0).optional(),
      wait_seconds: queryNumber(0, MOST_WAIT_SECONDS, 0),
    }),
    answer: { status: 200, description: 'The payment', schema: paymentSchema },
    async handle({ params, query: { after, wait_seconds: wait } }) {
      const payment = await found(payments, params.id);
      const isNew = after === undefined || payment.version > after || wait === 0;
      const shown = isNew ? payment : await payments.news(payment.id, after, wait * 1000);
      return { status: 200, body: paymentJson(shown ?? payment, names, api.clock.now()) };
    },
  });
}

function stopRoute(app: OpenAPIHono, api: ApiContext, { payments, names }: PayingApi): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/payments/{id}/stop',
    summary: 'Send no new parts',
    description: 'What is in flight resolves by itself: the payment may still succeed.',
    scope: 'payments:write',
    params: idParams,
    body: z.strictObject({}),
    bodyOptional: true,
    answer: { status: 200, description: 'The payment', schema: paymentSchema },
    async handle({ params }) {
      const stopped = await payments.stop(await found(payments, params.id));
      if (!stopped.ok) throw payProblem(stopped.error);
      return { status: 200, body: paymentJson(stopped.value, names, api.clock.now()) };
    },
  });
}

async function found(payments: PaymentService, id: string): Promise<StoredPayment> {
  const payment = await payments.find(id);
  if (payment) return payment;
  throw new Problem(404, 'not_found', 'no payment is known by this id or hash; GET /v1/payments lists them');
}

const STATUSES: Readonly<Record<PayRefusal['kind'], number>> = { request: 422, cannot: 422, conflict: 409, later: 503 };

export function payProblem({ kind, code, message, field, members }: PayRefusal): Problem {
  return new Problem(STATUSES[kind], code, message, {
    ...(kind === 'later' && { headers: { 'retry-after': '3' } }),
    ...(field !== undefined && { errors: [{ field, message }] }),
    ...(members && { members }),
  });
}
