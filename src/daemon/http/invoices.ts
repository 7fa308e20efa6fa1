/** `/v1/invoices`. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { compact } from '../compact.js';
import { type ListPlace, listInvoices } from '../invoice-list.js';
import { INVOICE_STATES } from '../invoice-state.js';
import type { CreateInvoice } from '../invoice-request.js';
import type { InvoiceView } from '../invoice-views.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { serviceProblem } from './problems.js';
import {
  amountMsat,
  badCursor,
  cursorText,
  hex32,
  isoTime,
  jsonValue,
  parseCursor,
  plainText,
  queryNumber,
  wholeNumber,
} from './values.js';

const DAY = 86_400;

const createBody = z
  .strictObject({
    amount_msat: amountMsat.optional().openapi({ description: 'Absent: the payer chooses' }),
    description: plainText(0, 639).optional(),
    description_hash: hex32.optional(),
    expiry_seconds: wholeNumber(1, 365 * DAY).optional(),
    reference: plainText(1, 200).optional().openapi({ description: "The merchant's own name for it" }),
    metadata: jsonValue.optional(),
    hold: z.boolean().optional().openapi({ description: 'Accept, then wait to be settled or canceled' }),
    hold_seconds: wholeNumber(10, 30 * DAY).optional(),
    payment_hash: hex32
      .optional()
      .openapi({ description: "The merchant's own hash: a hold invoice unless preimage is given" }),
    preimage: hex32.optional(),
    min_final_cltv: wholeNumber(1, 65_535).optional(),
  })
  .openapi('CreateInvoice');

const part = z.object({
  node_id: z.string(),
  channel_id: z.string(),
  htlc_id: z.string(),
  amount_msat: z.string(),
  deadline: z.int(),
  state: z.enum(['held', 'settling', 'settled', 'failed', 'lost']),
});

const invoice = z
  .object({
    payment_hash: z.string(),
    state: z.enum(INVOICE_STATES),
    hold: z.boolean(),
    bolt11: z.string().optional(),
    amount_msat: z.string().optional(),
    description: z.string().optional(),
    reference: z.string().optional(),
    metadata: z.unknown().optional(),
    created_at: z.string().optional(),
    expires_at: z.string().optional(),
    settle_requested: z.boolean().openapi({
      description: 'Settlement was asked for; it happens as soon as every node that holds a part is back',
    }),
    held_msat: z.string(),
    received_msat: z.string().optional(),
    settled_at: z.string().optional(),
    preimage: z.string().optional(),
    parts: z.array(part),
  })
  .openapi('Invoice');

const created = invoice
  .extend({
    multi_part: z.boolean(),
    enough_inbound: z.boolean().openapi({ description: 'False: the members named cannot receive so much at present' }),
    hinted_node_ids: z.array(z.string()),
  })
  .openapi('CreatedInvoice');

const idParams = z.object({
  id: z.string().min(1).openapi({ description: 'Payment hash (hex) or the invoice itself' }),
});

export function invoiceRoutes(app: OpenAPIHono, api: ApiContext): void {
  createRoute(app, api);
  readRoutes(app, api);
  holdRoutes(app, api);
}

function createRoute(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/invoices',
    summary: 'Create an invoice',
    scope: 'invoices:write',
    body: createBody,
    answer: { status: 201, description: 'The invoice', schema: created },
    async handle({ body, origin }) {
      const made = await api.invoices.create(requestOf(body), origin);
      if (!made.ok) throw serviceProblem(made.error);
      const { view, multiPart, enoughInbound, hintedNodeIds } = made.value;
      const more = { multi_part: multiPart, enough_inbound: enoughInbound, hinted_node_ids: hintedNodeIds };
      return { status: 201, body: { ...invoiceJson(view), ...more } };
    },
  });
}

function requestOf(body: z.output<typeof createBody>): CreateInvoice {
  return compact({
    amountMsat: body.amount_msat,
    description: body.description,
    descriptionHash: body.description_hash,
    expirySeconds: body.expiry_seconds,
    reference: body.reference,
    metadata: body.metadata,
    hold: body.hold,
    holdSeconds: body.hold_seconds,
    paymentHash: body.payment_hash,
    preimage: body.preimage,
    minFinalCltv: body.min_final_cltv,
  });
}

const listQuery = z.strictObject({
  limit: queryNumber(1, 100, 25),
  cursor: z.string().max(500).optional(),
  state: z.enum(INVOICE_STATES).optional(),
  reference: plainText(1, 200).optional(),
});

function readRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'get',
    path: '/v1/invoices',
    summary: 'List invoices',
    description:
      'Newest first. Plain invoices without reference, metadata, hold or hash of your own are not stored; they are listed once they are paid, at the time of the payment. Go on while there is a next_cursor, also after a short page.',
    scope: 'invoices:read',
    query: listQuery,
    answer: {
      status: 200,
      description: 'A page of invoices',
      schema: z.object({ invoices: z.array(invoice), next_cursor: z.string().optional() }),
    },
    async handle({ query: { limit, cursor, state, reference } }) {
      const place = cursor === undefined ? undefined : parseCursor(cursor);
      const { store, invoices } = api;
      const sources = { store, invoices, now: () => api.clock.now() };
      const after = place && listPlace(place);
      const page = await listInvoices(sources, { limit, ...compact({ after, state, reference }) });
      const next = page.next && { next_cursor: cursorText(page.next.time, `${page.next.kind}:${page.next.id}`) };
      return { status: 200, body: { invoices: page.invoices.map(invoiceJson), ...next } };
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/invoices/{id}',
    summary: 'Show an invoice',
    description: 'By payment hash, or by its text, which also finds plain invoices that were not paid yet.',
    scope: 'invoices:read',
    params: idParams,
    answer: { status: 200, description: 'The invoice', schema: invoice },
    async handle({ params }) {
      const shown = await api.invoices.show(params.id);
      if (!shown.ok) throw serviceProblem(shown.error);
      return { status: 200, body: invoiceJson(shown.value) };
    },
  });
}

/** @throws {Problem} for a cursor of another list */
function listPlace({ time, id }: { readonly time: number; readonly id: string }): ListPlace {
  const [, kind, rest] = /^(invoice|payment):(.+)$/.exec(id) ?? [];
  if (kind === undefined) throw badCursor();
  return { time, kind: kind as ListPlace['kind'], id: rest! };
}

const settleBody = z.strictObject({ preimage: hex32.optional().openapi({ description: 'For a hash of your own' }) });

function holdRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/invoices/{id}/settle',
    summary: 'Settle an accepted hold invoice',
    scope: 'invoices:write',
    params: idParams,
    body: settleBody,
    bodyOptional: true,
    answer: { status: 200, description: 'The invoice', schema: invoice },
    async handle({ params, body }) {
      const settled = await api.invoices.settle(params.id, body.preimage);
      if (!settled.ok) throw serviceProblem(settled.error);
      return { status: 200, body: invoiceJson(settled.value) };
    },
  });
  endpoint(app, api, {
    method: 'post',
    path: '/v1/invoices/{id}/cancel',
    summary: 'Give back what is held and accept nothing more',
    description: 'A plain invoice that was not paid yet is named by its text: nothing is stored under its hash.',
    scope: 'invoices:write',
    params: idParams,
    body: z.strictObject({}),
    bodyOptional: true,
    answer: { status: 200, description: 'The invoice', schema: invoice },
    async handle({ params }) {
      const canceled = await api.invoices.cancel(params.id);
      if (!canceled.ok) throw serviceProblem(canceled.error);
      return { status: 200, body: invoiceJson(canceled.value) };
    },
  });
}

function invoiceJson(view: InvoiceView): Record<string, unknown> {
  return compact({
    payment_hash: view.paymentHash,
    state: view.state,
    hold: view.hold,
    bolt11: view.bolt11,
    amount_msat: view.amountMsat?.toString(),
    description: view.description,
    reference: view.reference,
    metadata: view.metadata,
    created_at: isoTime(view.createdAt),
    expires_at: isoTime(view.expiresAt),
    settle_requested: view.settleRequested,
    held_msat: view.heldMsat.toString(),
    received_msat: view.receivedMsat?.toString(),
    settled_at: isoTime(view.settledAt),
    preimage: view.preimage,
    parts: view.parts.map(({ nodeId, channelId, htlcId, amountMsat: amount, deadline, state }) => ({
      node_id: nodeId,
      channel_id: channelId.toString(),
      htlc_id: htlcId.toString(),
      amount_msat: amount.toString(),
      deadline,
      state,
    })),
  });
}
