/** `/v1/receipts`: what was received. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Payment } from '../../store/index.js';
import { compact } from '../compact.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { snakeCase } from '../snake-case.js';
import { cursorText, isoTime, parseCursor, queryNumber } from './values.js';

const receipt = z
  .object({
    payment_hash: z.string(),
    state: z.enum(['settling', 'settled']),
    amount_msat: z.string(),
    total_msat: z.string(),
    settled_at: z.string().optional(),
    preimage: z.string().optional(),
    reference: z.string().optional(),
    offer: z
      .object({
        offer_id: z.string(),
        is_static: z.boolean(),
        payer_id: z.string(),
        quantity: z.string().optional(),
        payer_note: z.string().optional(),
      })
      .optional()
      .openapi({ description: 'What the payer said; all but the offer is a claim of the payer' }),
  })
  .openapi('Receipt');

export function receiptRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'get',
    path: '/v1/receipts',
    summary: 'List payments received',
    description: 'Newest first, those of plain invoices included.',
    scope: 'invoices:read',
    query: z.strictObject({ limit: queryNumber(1, 100, 25), cursor: z.string().max(500).optional() }),
    answer: {
      status: 200,
      description: 'A page of receipts',
      schema: z.object({ receipts: z.array(receipt), next_cursor: z.string().optional() }),
    },
    async handle({ query: { limit, cursor } }) {
      const place = cursor === undefined ? undefined : parseCursor(cursor);
      const before = place && { decidedAt: place.time, setId: place.id };
      const found = await api.store.invoices.listPayments({ limit, ...compact({ before }) });
      const last = found.length === limit ? found.at(-1)!.set : undefined;
      const next = last?.decidedAt === undefined ? {} : { next_cursor: cursorText(last.decidedAt, last.id) };
      return { status: 200, body: { receipts: found.map(receiptJson), ...next } };
    },
  });
}

export function receiptJson({ set, invoice: record }: Payment): Record<string, unknown> {
  return compact({
    payment_hash: set.paymentHash,
    state: set.state,
    amount_msat: (set.settledMsat ?? set.totalMsat).toString(),
    total_msat: set.totalMsat.toString(),
    settled_at: isoTime(set.decidedAt),
    preimage: set.preimage,
    reference: record?.reference,
    offer: set.offer && snakeCase(set.offer),
  });
}
