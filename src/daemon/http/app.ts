/** The HTTP API put together. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { accessRoutes } from './access.js';
import { clusterRoutes } from './cluster.js';
import type { ApiContext } from './context.js';
import { eventRoutes } from './events.js';
import { healthRoutes } from './health.js';
import { invoiceRoutes } from './invoices.js';
import { knowledgeRoutes } from './knowledge.js';
import { offerPaymentRoutes } from './offer-payments.js';
import { offerRoutes } from './offers.js';
import { offlineRoutes } from './offline.js';
import { paymentRoutes } from './payments.js';
import { probeRoutes } from './probes.js';
import { Problem, problemResponse } from './problems.js';
import { receiptRoutes } from './receipts.js';

export function createApp(api: ApiContext): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  invoiceRoutes(app, api);
  receiptRoutes(app, api);
  if (api.offers) offerRoutes(app, api, api.offers);
  if (api.offerPayments) offerPaymentRoutes(app, api, api.offerPayments);
  offlineRoutes(app, api);
  if (api.paying) {
    paymentRoutes(app, api, api.paying);
    probeRoutes(app, api, api.paying);
    knowledgeRoutes(app, api, api.paying);
  }
  eventRoutes(app, api);
  clusterRoutes(app, api);
  accessRoutes(app, api);
  healthRoutes(app, api);
  let document: unknown;
  app.get('/v1/openapi.json', (context) => {
    document ??= app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Manifold',
        version: api.version,
        description: 'Amounts are millisatoshi as decimal strings. Errors are problem documents (RFC 9457).',
      },
    });
    return context.json(document as Record<string, unknown>);
  });
  const routes = app.routes.map(({ method, path }) => ({ method, pattern: patternOf(path) }));
  app.notFound((context) => {
    const allowed = [
      ...new Set(routes.filter(({ pattern }) => pattern.test(context.req.path)).map(({ method }) => method)),
    ];
    if (allowed.length === 0)
      return problemResponse(new Problem(404, 'no_such_route', 'there is no such route; see /v1/openapi.json'));
    const headers = { allow: allowed.join(', ') };
    return problemResponse(new Problem(405, 'method_not_allowed', `use ${allowed.join(' or ')} here`, { headers }));
  });
  app.onError((error) => {
    api.log.error({ err: error }, 'a request failed: this is a bug');
    return problemResponse(
      new Problem(500, 'internal_error', 'Manifold failed on this request; its log says more. Please report it'),
    );
  });
  return app;
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+')}$`);
}
