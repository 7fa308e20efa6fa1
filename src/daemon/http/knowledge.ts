/** `/v1/knowledge`: what payments have taught about the network. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { ApiContext, PayingApi } from './context.js';
import { endpoint } from './endpoint.js';
import { payProblem } from './payments.js';

const time = z.number().openapi({ description: 'Milliseconds since 1970' });
const until = time.openapi({ description: 'Milliseconds since 1970, until when it is avoided' });

const knowledgeSchema = z
  .object({
    format: z.literal('manifold-knowledge-1'),
    channels: z.array(
      z
        .object({
          scid: z.string().openapi({ example: '539268x845x1' }),
          capacity: z.string(),
          lo: z.string(),
          loAt: time,
          loFromFailure: z.boolean(),
          hi: z.string(),
          hiAt: time,
          hiFromFailure: z.boolean(),
        })
        .openapi({ description: 'Bounds in msat of what can be sent from the node with the lesser id' }),
    ),
    nodes: z.array(z.object({ node: z.string(), weight: z.number(), at: time })),
    avoidedChannels: z.array(z.object({ scid: z.string(), direction: z.union([z.literal(0), z.literal(1)]), until })),
    avoidedNodes: z.array(z.object({ node: z.string(), until })),
  })
  .openapi('Knowledge');

export function knowledgeRoutes(app: OpenAPIHono, api: ApiContext, { payments }: PayingApi): void {
  endpoint(app, api, {
    method: 'get',
    path: '/v1/knowledge',
    summary: 'Export what payments have taught',
    description: 'Bounds of channels, marks of nodes and what is avoided, of all daemons on the same database.',
    scope: 'payments:read',
    answer: { status: 200, description: 'What is known', schema: knowledgeSchema },
    async handle() {
      const exported = await payments.exportKnowledge();
      if (!exported.ok) throw payProblem(exported.error);
      return { status: 200, body: { ...exported.value } };
    },
  });
}
