/** Payments as the OpenAPI document describes them. */
import { z } from '@hono/zod-openapi';

const node = z.object({ node_id: z.string(), name: z.string().optional() });

const hop = z.object({
  channel: z.string().openapi({ example: '539268x845x1' }),
  kind: z.enum(['own', 'public', 'hint']),
  node_id: z.string().openapi({ description: 'Where the channel leads' }),
  name: z.string().optional(),
  amount_msat: z.string(),
  fee_msat: z.string(),
  expiry_height: z.int(),
});

const route = z
  .object({
    from: node,
    amount_msat: z.string(),
    fee_msat: z.string(),
    success_chance: z.number(),
    path: z.string(),
    hops: z.array(hop),
  })
  .openapi('PaymentRoute');

const part = route
  .extend({
    part: z.int(),
    state: z.enum(['planned', 'sent', 'unknown', 'settled', 'failed']),
    words: z.string(),
    sent_at: z.string().optional(),
    ended_at: z.string().optional(),
    took_ms: z.int().optional(),
    failure: z.object({ code: z.string(), words: z.string(), position: z.int().optional() }).optional(),
    resolves_by_height: z.int().optional(),
  })
  .openapi('PaymentPart');

const about = z.object({
  id: z.string(),
  kind: z.enum(['invoice', 'keysend']),
  payment_hash: z.string(),
  state: z
    .enum(['prepared', 'in_flight', 'waiting', 'stopping', 'succeeded', 'failed'])
    .openapi({ description: 'failed: nothing is in flight any more, at no node' }),
  words: z.string(),
  is_over: z.boolean().openapi({ description: 'Nothing is out and nothing will be sent: the fee is final' }),
  amount_msat: z.string(),
  fee_msat: z.string().openapi({ description: 'Of what has settled and of what still may' }),
  max_fee_msat: z.string(),
  settled_msat: z.string(),
  in_flight_msat: z.string(),
  payee: node,
  created_at: z.string(),
  ended_at: z.string().optional(),
  deadline: z.string().openapi({ description: 'No part is begun later' }),
  description: z.string().optional(),
  reference: z.string().optional(),
  from: z.array(z.string()).optional(),
  preimage: z.string().optional().openapi({ description: 'The proof of payment' }),
  reason: z.object({ code: z.string(), message: z.string() }).optional(),
  waits_for: z.object({ words: z.string(), height: z.int().optional(), until: z.string().optional() }).optional(),
  driven_by: z.string().openapi({ description: 'Name of the daemon that carries it on' }),
  version: z.int().openapi({ description: 'Rises with every news: pass it as ?after=' }),
});

export const summarySchema = about.extend({ attempts: z.int() }).openapi('PaymentSummary');

export const paymentSchema = about
  .extend({
    bolt11: z.string().optional(),
    parts: z.array(part),
    pending: z.array(
      z.object({ part: z.int(), amount_msat: z.string(), fee_msat: z.string(), resolves_by_height: z.int() }),
    ),
  })
  .openapi('Payment');

export const dryRunSchema = z
  .object({
    dry_run: z.literal(true),
    payment_hash: z.string().optional(),
    payee: node,
    description: z.string().optional(),
    max_fee_msat: z.string(),
    words: z.string(),
    amount_msat: z.string(),
    fee_msat: z.string(),
    success_chance: z.number().openapi({ description: 'That every part gets through at the first try' }),
    from: z.array(z.string()),
    parts: z.array(route),
  })
  .openapi('PaymentPlan');
