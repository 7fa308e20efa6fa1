/** `/v1/events`: a page as JSON, or a stream of server-sent events that goes on where the last one broke. */
import type { ServerResponse } from 'node:http';
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { StoredEvent } from '../../store/index.js';
import { EVENT_TYPES, eventJson } from '../event-json.js';
import { EventReader } from '../event-hub.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { Problem } from './problems.js';
import { queryNumber } from './values.js';

const MOST_STREAMS = 256;
const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for so long is dropped; it can come back and go on. */
const STUCK_MS = 60_000;

const sequence = z
  .string()
  .regex(/^\d{1,18}$/, 'must be the id of an event')
  .transform((text) => BigInt(text))
  .openapi({ type: 'string', pattern: '^[0-9]{1,18}$' });

const types = z
  .string()
  .max(500)
  .transform((text) => text.split(','))
  .refine(
    (names) => names.every((name) => (EVENT_TYPES as readonly string[]).includes(name)),
    `must be a list, with commas, of ${EVENT_TYPES.join(', ')}`,
  )
  .openapi({ type: 'string', example: 'invoice.settled,alarm' });

const event = z
  .object({
    id: z.string(),
    type: z.enum(EVENT_TYPES),
    created_at: z.string(),
    payment_hash: z.string().optional(),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi('Event');

const place = z
  .union([sequence, z.literal('latest')])
  .openapi({ description: 'Id of the last event that is known, or latest' });

const query = z.strictObject({ after: place.optional(), types: types.optional(), limit: queryNumber(1, 500, 100) });

export function eventRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'get',
    path: '/v1/events',
    summary: 'Read or follow events',
    description:
      'With Accept: text/event-stream a stream without end that begins after Last-Event-ID or ?after=, or now; otherwise a page from ?after= or the beginning.',
    scope: 'events:read',
    query,
    answer: {
      status: 200,
      description: 'A page of events',
      schema: z.object({ events: z.array(event), next_after: z.string() }),
    },
    async handle({ query: { after, types: wanted, limit }, context }) {
      const filter = wanted ? { types: wanted } : {};
      if (context.req.header('accept')?.includes('text/event-stream')) {
        const from = lastEventId(context) ?? (typeof after === 'bigint' ? after : await api.store.events.latestSeq());
        return stream(api, context, new EventReader(api.hub, api.store.events, from, filter));
      }
      const latest = await api.store.events.latestSeq();
      const from = after === 'latest' ? latest : (after ?? 0n);
      const events = await api.store.events.read(from, limit, filter);
      const last = events.at(-1)?.seq ?? from;
      const passed = events.length === limit || latest < last ? last : latest; // nothing else up to there
      return {
        status: 200,
        body: { events: events.map(eventJson), next_after: (passed > from ? passed : from).toString() },
      };
    },
  });
}

function lastEventId(context: Context): bigint | undefined {
  const header = context.req.header('last-event-id');
  if (header === undefined || header === '') return undefined;
  const parsed = sequence.safeParse(header);
  if (!parsed.success) throw new Problem(400, 'invalid_request', 'Last-Event-ID must be the id of an event');
  return parsed.data;
}

/** Nothing is read from the store before the client has taken what was sent, so a slow one costs a page at most. */
function stream(api: ApiContext, context: Context, reader: EventReader): Response {
  if (api.streams.open >= MOST_STREAMS) {
    throw new Problem(503, 'too_many_streams', 'too many event streams are open; close some or use webhooks', {
      headers: { 'retry-after': '10' },
    });
  }
  const headers = {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  };
  if (context.req.method === 'HEAD') return new Response(null, { headers });
  const token = context.req.header('authorization')!.slice('Bearer '.length);
  const { clock, hub, store, heartbeatMs = HEARTBEAT_MS } = api;
  const encoder = new TextEncoder();
  let ended = false;
  let checkedAt = clock.now();
  let cancelWatch = (): void => undefined;
  const end = (): void => {
    if (ended) return;
    ended = true;
    cancelWatch();
    api.streams.open -= 1;
  };
  api.streams.open += 1;
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
      cancelWatch();
      const events = await reader.next(clock, heartbeatMs, () => ended);
      const now = clock.now();
      const isCheckDue = events.length === 0 || now - checkedAt > heartbeatMs;
      if (isCheckDue) checkedAt = now;
      const isOver = hub.stopped || (isCheckDue && !ended && (await isRevoked(store, token)));
      if (ended) return;
      if (isOver) {
        end();
        controller.close();
        return;
      }
      controller.enqueue(encoder.encode(events.length === 0 ? ': still here\n\n' : events.map(eventText).join('')));
      cancelWatch = clock.after(STUCK_MS, () => {
        api.log.info('an event stream is dropped: its client takes nothing');
        end();
        (context.env as { outgoing?: ServerResponse } | undefined)?.outgoing?.destroy();
        controller.error(new Error('the client takes nothing'));
      });
    },
    cancel: end,
  };
  return new Response(new ReadableStream(source, { highWaterMark: 1 }), { headers });
}

/** A stream must not outlive the right to it. While the store is away nothing is known, so it goes on. */
async function isRevoked(store: ApiContext['store'], token: string): Promise<boolean> {
  try {
    return (await store.tokens.find(token)) === undefined;
  } catch {
    return false;
  }
}

function eventText(stored: StoredEvent): string {
  const json = eventJson(stored);
  return `id: ${json.id}\nevent: ${json.type}\ndata: ${JSON.stringify(json)}\n\n`;
}
