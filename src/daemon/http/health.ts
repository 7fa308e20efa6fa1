/** For load balancers, supervisors and Prometheus. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { isLoopbackHost } from '../config/load.js';
import type { Clock } from '../../receive/clock.js';
import { authenticate } from './auth.js';
import type { ApiContext } from './context.js';
import { guarded } from './endpoint.js';

const STORE_PATIENCE_MS = 2_000;

export function healthRoutes(app: OpenAPIHono, api: ApiContext): void {
  app.get('/healthz', (context) => context.json({ status: 'ok', version: api.version }));
  app.get('/readyz', async (context) => {
    const reasons = await whyNotReady(api);
    return reasons.length === 0
      ? context.json({ status: 'ready' })
      : context.json({ status: 'not_ready', reasons }, 503);
  });
  app.get('/metrics', (context) =>
    guarded(api, '/metrics', async () => {
      if (!isFromHere(context))
        await authenticate(context.req.header('authorization') ?? null, api.store.tokens, 'metrics:read');
      const { registry } = api.metrics;
      return new Response(await registry.metrics(), { headers: { 'content-type': registry.contentType } });
    }),
  );
}

async function whyNotReady({ store, clock, receiver, metrics }: ApiContext): Promise<string[]> {
  const reasons: string[] = [];
  if (!(await answersWithin(store.now(), clock))) reasons.push('the database does not answer');
  else if (metrics.storeTrouble === 'store_disk_full')
    reasons.push('the disk of the database is full: nothing can be recorded');
  else if (metrics.storeTrouble !== undefined) reasons.push(`the database takes no writes (${metrics.storeTrouble})`);
  const members = receiver.status();
  if (!members.some(({ state }) => state === 'live' || state === 'standby')) {
    reasons.push(
      ...members.map(({ name, state, reason }) => `${name} is ${state}${reason === undefined ? '' : `: ${reason}`}`),
    );
  }
  return reasons;
}

async function answersWithin(answer: Promise<unknown>, clock: Clock): Promise<boolean> {
  let cancel = (): void => undefined;
  const late = new Promise<false>((resolve) => {
    cancel = clock.after(STORE_PATIENCE_MS, () => {
      resolve(false);
    });
  });
  const came = answer.then(
    () => true,
    () => false,
  );
  const result = await Promise.race([came, late]);
  cancel();
  return result;
}

/** Behind a proxy everything comes from here, so a forwarded request has to show a token. */
function isFromHere(context: Context): boolean {
  const incoming = (context.env as { incoming?: IncomingMessage } | undefined)?.incoming;
  const address = incoming?.socket.remoteAddress?.replace(/^::ffff:/, '');
  const isForwarded =
    context.req.header('x-forwarded-for') !== undefined || context.req.header('forwarded') !== undefined;
  return address !== undefined && isLoopbackHost(address) && !isForwarded;
}
