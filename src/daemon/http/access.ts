/** `/v1/tokens` and `/v1/webhooks`. */
import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { randomBytes } from '../../crypto/index.js';
import type { ApiToken, Webhook } from '../../store/index.js';
import { toHex } from '../../wire/bytes.js';
import { tokenCandidates, webhookSecret, webhookSecretRef } from '../cluster-ring.js';
import { compact } from '../compact.js';
import { EVENT_TYPES } from '../event-json.js';
import { postTo } from '../webhooks/post.js';
import { secretText, signWebhook } from '../webhooks/signature.js';
import { refusedTarget } from '../webhooks/target.js';
import { SCOPES } from '../scopes.js';
import { holds } from './auth.js';
import type { ApiContext } from './context.js';
import { endpoint } from './endpoint.js';
import { Problem } from './problems.js';
import { isoTime, plainText } from './values.js';

const MOST_WEBHOOKS = 32;
const MOST_TOKENS = 1_000;
const PING_TIMEOUT_MS = 10_000;

const idParams = z.object({ id: z.string().regex(/^[a-z0-9_]{1,64}$/, 'must be an id as listed') });

const token = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.string()),
    created_at: z.string(),
    revoked_at: z.string().optional(),
    token: z.string().optional().openapi({ description: 'Shown when it is created only' }),
  })
  .openapi('Token');

export function accessRoutes(app: OpenAPIHono, api: ApiContext): void {
  tokenRoutes(app, api);
  webhookRoutes(app, api);
  webhookStateRoutes(app, api);
}

function tokenRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/tokens',
    summary: 'Create a token',
    description: 'Only scopes that the caller holds can be given.',
    scope: 'tokens:write',
    body: z.strictObject({ name: plainText(1, 100), scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length) }),
    answer: { status: 201, description: 'The token', schema: token },
    async handle({ body: { name, scopes }, caller }) {
      const beyond = scopes.find((scope) => !holds(caller, scope));
      if (beyond !== undefined)
        throw new Problem(403, 'scope_missing', `your token lacks the scope ${beyond}, so it cannot give it`);
      const active = (await api.store.tokens.list()).filter(({ revokedAt }) => revokedAt === undefined);
      if (active.length >= MOST_TOKENS)
        throw new Problem(409, 'too_many_tokens', `there are ${MOST_TOKENS} tokens; revoke some first`);
      const id = `tok_${toHex(randomBytes(8))}`;
      const made = await api.store.tokens.add(tokenCandidates(api.keys(), id)[0]!, {
        id,
        name,
        scopes: [...new Set(scopes)],
      });
      return { status: 201, body: tokenJson(made) };
    },
    async reveal(body) {
      for (const text of tokenCandidates(api.keys(), String(body['id']))) {
        if ((await api.store.tokens.find(text))?.id === body['id']) return { ...body, token: text };
      }
      return body; // revoked since
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/tokens',
    summary: 'List tokens',
    scope: 'tokens:write',
    answer: {
      status: 200,
      description: 'All tokens, without their secrets',
      schema: z.object({ tokens: z.array(token) }),
    },
    async handle() {
      return { status: 200, body: { tokens: (await api.store.tokens.list()).map(tokenJson) } };
    },
  });
  endpoint(app, api, {
    method: 'delete',
    path: '/v1/tokens/{id}',
    summary: 'Revoke a token',
    scope: 'tokens:write',
    params: idParams,
    answer: { status: 204, description: 'Revoked' },
    async handle({ params, caller }) {
      const target = (await api.store.tokens.list()).find(({ id }) => id === params.id);
      if (target?.scopes.includes('admin') && !holds(caller, 'admin')) {
        throw new Problem(403, 'scope_missing', 'only a token with the scope admin can revoke one that has it');
      }
      if (await api.store.tokens.revoke(params.id)) return { status: 204 };
      throw new Problem(404, 'not_found', 'there is no such token that is not revoked');
    },
  });
}

function tokenJson({ id, name, scopes, createdAt, revokedAt }: ApiToken): Record<string, unknown> {
  return compact({ id, name, scopes: [...scopes], created_at: isoTime(createdAt), revoked_at: isoTime(revokedAt) });
}

const webhook = z
  .object({
    id: z.string(),
    url: z.string(),
    event_types: z.array(z.string()),
    enabled: z.boolean(),
    created_at: z.string(),
    secret: z.string().optional().openapi({ description: 'whsec_…; shown when it is created only' }),
  })
  .openapi('Webhook');

function webhookRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/webhooks',
    summary: 'Create a webhook',
    description: 'Told of every event from now on, at least once, in no promised order; signed as Standard Webhooks.',
    scope: 'webhooks:write',
    body: z.strictObject({
      url: plainText(1, 2_048),
      event_types: z
        .array(z.enum(EVENT_TYPES))
        .max(EVENT_TYPES.length)
        .default([])
        .openapi({ description: 'Empty: all' }),
    }),
    answer: { status: 201, description: 'The webhook', schema: webhook },
    async handle({ body: { url, event_types } }) {
      const refused = refusedTarget(url, api.allowPrivateWebhooks);
      if (refused !== undefined) throw new Problem(422, 'bad_url', refused);
      if ((await api.store.webhooks.list()).length >= MOST_WEBHOOKS)
        throw new Problem(409, 'too_many_webhooks', `there are ${MOST_WEBHOOKS} webhooks; delete some first`);
      const made = await api.store.webhooks.add({
        id: `wh_${toHex(randomBytes(8))}`,
        url,
        secretRef: webhookSecretRef(api.keys()),
        eventTypes: [...new Set(event_types)],
        enabled: true,
        cursorSeq: await api.store.events.latestSeq(),
      });
      return { status: 201, body: webhookJson(made) };
    },
    async reveal(body) {
      const made = (await api.store.webhooks.list()).find(({ id }) => id === body['id']);
      const secret = made && webhookSecret(api.keys(), made.secretRef, made.id);
      return secret ? { ...body, secret: secretText(secret) } : body;
    },
  });
  endpoint(app, api, {
    method: 'get',
    path: '/v1/webhooks',
    summary: 'List webhooks',
    scope: 'webhooks:write',
    answer: {
      status: 200,
      description: 'All webhooks, without their secrets',
      schema: z.object({ webhooks: z.array(webhook) }),
    },
    async handle() {
      return { status: 200, body: { webhooks: (await api.store.webhooks.list()).map(webhookJson) } };
    },
  });
  endpoint(app, api, {
    method: 'delete',
    path: '/v1/webhooks/{id}',
    summary: 'Delete a webhook and what is owed to it',
    scope: 'webhooks:write',
    params: idParams,
    answer: { status: 204, description: 'Deleted' },
    async handle({ params }) {
      if (await api.store.webhooks.remove(params.id)) return { status: 204 };
      throw noWebhook();
    },
  });
}

function webhookStateRoutes(app: OpenAPIHono, api: ApiContext): void {
  endpoint(app, api, {
    method: 'post',
    path: '/v1/webhooks/{id}/ping',
    summary: 'Send a signed test message now',
    scope: 'webhooks:write',
    params: idParams,
    body: z.strictObject({}),
    bodyOptional: true,
    answer: {
      status: 200,
      description: 'Whether the endpoint took it',
      schema: z.object({ delivered: z.boolean(), status: z.int().optional(), error: z.string().optional() }),
    },
    async handle({ params }) {
      const target = (await api.store.webhooks.list()).find(({ id }) => id === params.id);
      if (!target) throw noWebhook();
      return { status: 200, body: await ping(api, target) };
    },
  });
  endpoint(app, api, {
    method: 'post',
    path: '/v1/webhooks/{id}/enable',
    summary: 'Switch a webhook on again',
    scope: 'webhooks:write',
    params: idParams,
    body: z.strictObject({}),
    bodyOptional: true,
    answer: { status: 200, description: 'It is on', schema: z.object({ id: z.string(), enabled: z.boolean() }) },
    async handle({ params }) {
      if (!(await api.store.webhooks.setEnabled(params.id, true))) throw noWebhook();
      api.retryWebhooks?.();
      return { status: 200, body: { id: params.id, enabled: true } };
    },
  });
}

async function ping(api: ApiContext, { id, url, secretRef }: Webhook): Promise<Record<string, unknown>> {
  const secret = webhookSecret(api.keys(), secretRef, id);
  if (!secret)
    throw new Problem(409, 'secret_gone', 'the key epoch that signs for it is not configured; create the webhook anew');
  const now = api.clock.now();
  const messageId = `ping_${toHex(randomBytes(8))}`;
  const body = JSON.stringify({ id: messageId, type: 'ping', created_at: isoTime(now), data: {} });
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'manifold-webhooks',
    ...signWebhook(secret, messageId, Math.floor(now / 1000), body),
  };
  try {
    const status = await postTo({
      url,
      headers,
      body,
      timeoutMs: PING_TIMEOUT_MS,
      allowPrivate: api.allowPrivateWebhooks,
    });
    return { delivered: status >= 200 && status < 300, status };
  } catch (error) {
    return { delivered: false, error: error instanceof Error ? error.message.slice(0, 300) : 'failed' };
  }
}

function noWebhook(): Problem {
  return new Problem(404, 'not_found', 'there is no such webhook; see the list');
}

function webhookJson({ id, url, eventTypes, enabled, createdAt }: Webhook): Record<string, unknown> {
  return compact({ id, url, event_types: [...eventTypes], enabled, created_at: isoTime(createdAt) });
}
