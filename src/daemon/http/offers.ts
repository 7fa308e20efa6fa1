/** `/v1/offers`. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { decodeOffer } from '../../bolt12/index.js';
import { compact } from '../compact.js';
import type { OfferService, OfferView } from '../offers/service.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { serviceProblem } from './problems.js';
import { amountMsat, cursorText, isoTime, parseCursor, plainText, queryNumber, wholeNumber } from './values.js';

const createBody = z
  .strictObject({
    amount_msat: amountMsat.optional().openapi({ description: 'Per item; absent: the payer chooses' }),
    description: plainText(1, 639).optional().openapi({ description: 'Needed with an amount' }),
    issuer: plainText(1, 200).optional(),
    quantity_max: z
      .string()
      .regex(/^(0|[1-9]\d{0,17})$/, 'must be a whole number as a decimal string; 0 for any number')
      .transform((text) => BigInt(text))
      .optional()
      .openapi({ type: 'string', description: 'Most items in one payment; 0: any number; absent: one' }),
    expires_at: wholeNumber(1, 253_402_300_799).optional().openapi({ description: 'Seconds since 1970' }),
    reference: plainText(1, 200).optional().openapi({ description: "The merchant's own name for it" }),
  })
  .openapi('CreateOffer');

const offer = z
  .object({
    offer_id: z.string(),
    state: z.enum(['open', 'disabled', 'expired']),
    bolt12: z.string(),
    amount_msat: z.string().optional(),
    description: z.string().optional(),
    issuer: z.string().optional(),
    quantity_max: z.string().optional(),
    expires_at: z.string().optional(),
    reference: z.string().optional(),
    created_at: z.string(),
    paths: z.int().openapi({ description: 'Blinded paths to the cluster that the offer names' }),
  })
  .openapi('Offer');

const idParams = z.object({
  id: z.string().min(1).max(5_000).openapi({ description: 'Offer id (hex) or the offer itself' }),
});

export function offerRoutes(app: OpenAPIHono, api: ApiContext, offers: OfferService): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/offers',
    summary: 'Create an offer',
    description: 'A BOLT 12 offer of the cluster: any member that is up answers requests for its invoices.',
    scope: 'invoices:write',
    body: createBody,
    answer: { status: 201, description: 'The offer', schema: offer },
    async handle({ body, origin }) {
      const { amount_msat, description, issuer, quantity_max, expires_at, reference } = body;
      const fields = compact({ amountMsat: amount_msat, description, issuer, quantityMax: quantity_max, reference });
      const made = await offers.create({ ...fields, ...compact({ absoluteExpiry: expires_at }) }, origin);
      if (!made.ok) throw serviceProblem(made.error);
      return { status: 201, body: offerJson(made.value) };
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/offers',
    summary: 'List offers',
    description: 'Newest first.',
    scope: 'invoices:read',
    query: z.strictObject({ limit: queryNumber(1, 100, 25), cursor: z.string().max(500).optional() }),
    answer: {
      status: 200,
      description: 'A page of offers',
      schema: z.object({ offers: z.array(offer), next_cursor: z.string().optional() }),
    },
    async handle({ query: { limit, cursor } }) {
      const place = cursor === undefined ? undefined : parseCursor(cursor);
      const found = await offers.list(limit, place && { createdAt: place.time, id: place.id });
      const last = found.length === limit ? found.at(-1)!.record : undefined;
      const next = last && { next_cursor: cursorText(last.createdAt, last.id) };
      return { status: 200, body: { offers: found.map(offerJson), ...next } };
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/offers/{id}',
    summary: 'Show an offer',
    scope: 'invoices:read',
    params: idParams,
    answer: { status: 200, description: 'The offer', schema: offer },
    async handle({ params: { id } }) {
      const shown = await offers.show(id);
      if (!shown.ok) throw serviceProblem(shown.error);
      return { status: 200, body: offerJson(shown.value) };
    },
  });
  for (const verb of ['disable', 'enable'] as const) {
    endpoint(app, api, {
      method: 'post',
      path: `/v1/offers/{id}/${verb}`,
      summary: verb === 'disable' ? 'Answer no more requests for an offer' : 'Answer requests for an offer again',
      scope: 'invoices:write',
      params: idParams,
      answer: { status: 200, description: 'The offer', schema: offer },
      async handle({ params: { id } }) {
        const changed = await offers.setDisabled(id, verb === 'disable');
        if (!changed.ok) throw serviceProblem(changed.error);
        return { status: 200, body: offerJson(changed.value) };
      },
    });
  }
}

function offerJson({ record, state }: OfferView): Record<string, unknown> {
  const decoded = decodeOffer(record.bolt12);
  const fields = decoded.ok ? decoded.value : undefined;
  const { amount, description, issuer, quantityMax, absoluteExpiry, paths } = fields ?? {};
  return compact({
    offer_id: record.id,
    state,
    bolt12: record.bolt12,
    amount_msat: amount?.toString(),
    description,
    issuer,
    quantity_max: quantityMax?.toString(),
    expires_at: isoTime(absoluteExpiry === undefined ? undefined : Number(absoluteExpiry) * 1000),
    reference: record.reference,
    created_at: isoTime(record.createdAt),
    paths: paths?.length ?? 0,
  });
}
