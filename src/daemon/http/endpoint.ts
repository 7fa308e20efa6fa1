/**
 * One API operation: described once, for the parser, the OpenAPI document and the checks that every operation has:
 * token and scope, bounded body, schema, idempotency key, time limit, problem documents.
 */
import type { OpenAPIHono, RouteConfig } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from '@hono/zod-openapi';
import { toHex } from '../../wire/bytes.js';
import { sha256 } from '../../crypto/index.js';
import type { IdempotencyClaim, Store } from '../../store/index.js';
import { nearestWord } from '../config/nearest.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { RequestOrigin } from '../request-origin.js';
import type { Scope } from '../scopes.js';
import { keysAt, problemOf } from '../zod-words.js';
import { authenticate, type Caller } from './auth.js';
import { parseJson, readBody } from './body.js';
import { Problem, type ProblemDocument, problemResponse, storeProblem } from './problems.js';

export interface EndpointContext {
  readonly store: Pick<Store, 'tokens' | 'idempotency'>;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'http' | 'storeError'>;
  readonly now: () => number;
}

type Shape = z.ZodType;
type Parsed<S extends Shape | undefined> = S extends Shape ? z.output<S> : undefined;

export interface Call<P extends Shape | undefined, Q extends Shape | undefined, B extends Shape | undefined> {
  readonly params: Parsed<P>;
  readonly query: Parsed<Q>;
  readonly body: Parsed<B>;
  readonly caller: Caller;
  readonly context: Context;
  /** Of a request with an Idempotency-Key. */
  readonly origin?: RequestOrigin;
}

export interface Answer {
  readonly status: number;
  readonly body?: Readonly<Record<string, unknown>>;
}

export interface Endpoint<P extends Shape | undefined, Q extends Shape | undefined, B extends Shape | undefined> {
  readonly method: 'get' | 'post' | 'delete';
  /** As in OpenAPI: `/v1/invoices/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly scope: Scope;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Whether a request without a body stands for `{}`. */
  readonly bodyOptional?: boolean;
  readonly answer: { readonly status: number; readonly description: string; readonly schema?: z.ZodType };
  /** Another answer that is no problem, for the document. */
  readonly otherAnswer?: { readonly status: number; readonly description: string; readonly schema: z.ZodType };
  /** Default 20 s. */
  readonly timeLimitMs?: number;
  readonly handle: (call: Call<P, Q, B>) => Promise<Answer | Response>;
  /** Adds what must not be stored with the answer of an idempotent request. */
  readonly reveal?: (body: Readonly<Record<string, unknown>>) => Promise<Readonly<Record<string, unknown>>>;
}

const TIME_LIMIT_MS = 20_000;

/** Registers an operation with its path and its description. */
export function endpoint<P extends Shape | undefined, Q extends Shape | undefined, B extends Shape | undefined>(
  app: OpenAPIHono,
  api: EndpointContext,
  operation: Endpoint<P, Q, B>,
): void {
  const { method, path } = operation;
  app.openAPIRegistry.registerPath(describe(operation));
  app.on(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ':$1'), async (context) => {
    const startedAt = api.now();
    const response = await guarded(api, path, () => run(api, operation, context), operation.timeLimitMs);
    api.metrics.http(method, path, response.status, api.now() - startedAt);
    return response;
  });
}

/** Turns everything thrown into an answer. */
export async function guarded(
  api: EndpointContext,
  route: string,
  body: () => Promise<Response>,
  timeLimitMs = TIME_LIMIT_MS,
): Promise<Response> {
  try {
    return await withinTime(body(), timeLimitMs);
  } catch (error) {
    if (error instanceof Problem) return problemResponse(error);
    const problem = storeProblem(error);
    if (problem) {
      api.metrics.storeError(problem.code);
      api.log.warn({ err: error, route }, 'a request failed: the store does not answer');
      return problemResponse(problem);
    }
    api.log.error({ err: error, route }, 'a request failed: this is a bug');
    return problemResponse(
      new Problem(500, 'internal_error', 'Manifold failed on this request; its log says more. Please report it'),
    );
  }
}

async function withinTime(response: Promise<Response>, timeLimitMs: number): Promise<Response> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new Problem(503, 'timeout', 'the request took too long; try again with the same Idempotency-Key', {
          headers: { 'retry-after': '5' },
        }),
      );
    }, timeLimitMs);
  });
  try {
    return await Promise.race([response, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function run<P extends Shape | undefined, Q extends Shape | undefined, B extends Shape | undefined>(
  api: EndpointContext,
  operation: Endpoint<P, Q, B>,
  context: Context,
): Promise<Response> {
  const request = context.req.raw;
  const caller = await authenticate(request.headers.get('authorization'), api.store.tokens, operation.scope);
  const params = check(operation.params, context.req.param(), 'the path') as Parsed<P>;
  const query = check(operation.query, singleValues(context.req.queries()), 'the query') as Parsed<Q>;
  if (operation.method !== 'post') {
    return respond(await operation.handle({ params, query, body: undefined as Parsed<B>, caller, context }), operation);
  }
  const bytes = await readBody(request);
  const json = parseJson(bytes, request.headers.get('content-type'));
  const body = check(operation.body, json ?? (operation.bodyOptional ? {} : undefined), 'the body') as Parsed<B>;
  const call = { params, query, body, caller, context };
  const key = idempotencyKey(request.headers.get('idempotency-key'));
  if (key === undefined) return respond(await operation.handle(call), operation);
  const route = `POST ${context.req.path}`;
  const keyed = { tokenId: caller.tokenId, key, route, requestHash: toHex(sha256(bytes)) };
  return once(api, operation, keyed, (origin) => operation.handle({ ...call, origin }));
}

type IdempotentRequest = Parameters<Store['idempotency']['begin']>[0];
type Revealing = Pick<Endpoint<undefined, undefined, undefined>, 'reveal'>;

/** Runs the operation at most once per key; every repetition gets the first answer. */
async function once(
  api: EndpointContext,
  operation: Revealing,
  request: IdempotentRequest,
  handle: (origin: RequestOrigin) => Promise<Answer | Response>,
): Promise<Response> {
  const { idempotency } = api.store;
  const outcome = await idempotency.begin(request);
  switch (outcome.type) {
    case 'mismatch':
      throw new Problem(
        422,
        'idempotency_key_reused',
        'this Idempotency-Key was used for a different request; use a new one',
      );
    case 'in_progress':
      throw new Problem(
        409,
        'request_in_progress',
        'a request with this Idempotency-Key is being carried out; ask again',
        { headers: { 'retry-after': '1' } },
      );
    case 'done':
      return repeated(outcome.statusCode, outcome.responseBody, operation);
    case 'run':
      return claimed(api, operation, outcome.claim, () => handle(originOf(request, outcome.claim)));
  }
}

function originOf(
  { tokenId, key, route, requestHash }: IdempotentRequest,
  { createdAt, claim }: IdempotencyClaim,
): RequestOrigin {
  const identity = JSON.stringify([tokenId, key, route, requestHash, createdAt]);
  return { identity, startedAt: createdAt, isRepeated: claim > 1n };
}

async function claimed(
  { store: { idempotency }, log }: EndpointContext,
  operation: Revealing,
  claim: IdempotencyClaim,
  handle: () => Promise<Answer | Response>,
): Promise<Response> {
  let answer: Answer | Response;
  try {
    answer = await handle();
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) {
      await idempotency.abandon(claim).catch(() => undefined); // else it runs out by itself
      throw error;
    }
    await idempotency.finish(claim, { statusCode: error.status, responseBody: JSON.stringify(error.document()) });
    throw error;
  }
  if (answer instanceof Response) return answer;
  try {
    await idempotency.finish(claim, { statusCode: answer.status, responseBody: JSON.stringify(answer.body ?? null) });
  } catch (error) {
    // What was asked for is done: saying so helps more than an error would.
    log.warn({ err: error }, 'the answer of a request with an Idempotency-Key could not be kept');
  }
  return respond(answer, operation);
}

async function repeated(status: number, text: string, operation: Revealing): Promise<Response> {
  const headers = { 'idempotency-replayed': 'true' };
  if (status >= 400) {
    const { type: _type, title: _title, status: _status, ...kept } = JSON.parse(text) as ProblemDocument;
    const { code, detail, errors, ...members } = kept;
    throw new Problem(status, code, detail, {
      headers,
      ...(errors && { errors }),
      members: members as Record<string, string>,
    });
  }
  const body = (JSON.parse(text) as Record<string, unknown> | null) ?? undefined;
  return respond({ status, ...(body && { body }) }, operation, headers);
}

async function respond(
  answer: Answer | Response,
  { reveal }: Revealing,
  more: Record<string, string> = {},
): Promise<Response> {
  if (answer instanceof Response) return answer;
  const headers = { 'cache-control': 'no-store', ...more };
  if (!answer.body) return new Response(null, { status: answer.status, headers });
  const body = reveal ? await reveal(answer.body) : answer.body;
  return new Response(JSON.stringify(body), {
    status: answer.status,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

function idempotencyKey(header: string | null): string | undefined {
  if (header === null) return undefined;
  if (/^[\x21-\x7e]{1,255}$/.test(header)) return header;
  throw new Problem(400, 'bad_idempotency_key', 'an Idempotency-Key has 1 to 255 visible ASCII characters');
}

function singleValues(queries: Record<string, string[]>): Record<string, string> {
  const values: [string, string][] = Object.entries(queries).map(([name, [first, ...others]]) => {
    if (others.length > 0)
      throw new Problem(400, 'invalid_request', `the query names ${JSON.stringify(name.slice(0, 50))} twice`);
    return [name, first!];
  });
  return Object.fromEntries(values);
}

const MOST_ERRORS = 20;

/** @throws {Problem} that names every field that is wrong */
function check(schema: Shape | undefined, value: unknown, what: string): unknown {
  if (!schema) {
    const isEmpty = value === undefined || Object.keys(Object(value) as object).length === 0;
    if (isEmpty) return undefined;
    throw new Problem(400, 'invalid_request', `${what} must be empty here`);
  }
  if (value === undefined) throw new Problem(400, 'invalid_request', `${what} is missing: send a JSON object`);
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues
    .flatMap((issue) => fieldErrors(schema, issue))
    .slice(0, MOST_ERRORS)
    .map(({ field, message }) => ({ field: field.slice(0, 200), message: message.slice(0, 300) }));
  throw new Problem(400, 'invalid_request', `${what} is not as it must be: see errors`, { errors });
}

function fieldErrors(schema: Shape, issue: z.core.$ZodIssue): { field: string; message: string }[] {
  const path = issue.path.map(String);
  if (issue.code !== 'unrecognized_keys') return [{ field: path.join('.'), message: problemOf(issue) }];
  const valid = keysAt(schema, path);
  return issue.keys.map((key) => {
    const nearest = nearestWord(key, valid);
    const instead = nearest === undefined ? `there are ${valid.join(', ')}` : `did you mean ${nearest}?`;
    return { field: [...path, key].join('.'), message: `is unknown here; ${instead}` };
  });
}

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

function describe(operation: Endpoint<Shape | undefined, Shape | undefined, Shape | undefined>): RouteConfig {
  const { method, path, summary, description, scope, params, query, body, answer, otherAnswer } = operation;
  const isPost = method === 'post';
  const key = z.object({ 'Idempotency-Key': z.string().max(255).optional() });
  return {
    method,
    path,
    summary,
    description: `${description === undefined ? '' : `${description} `}Scope: ${scope}.`,
    security: [{ bearer: [] }],
    request: {
      ...(params && { params: params as z.ZodObject }),
      ...(query && { query: query as z.ZodObject }),
      ...(body && {
        body: { content: { 'application/json': { schema: body } }, required: operation.bodyOptional !== true },
      }),
      ...(isPost && { headers: key }),
    },
    responses: {
      [answer.status]: {
        description: answer.description,
        ...(answer.schema && { content: { 'application/json': { schema: answer.schema } } }),
      },
      ...(otherAnswer && {
        [otherAnswer.status]: {
          description: otherAnswer.description,
          content: { 'application/json': { schema: otherAnswer.schema } },
        },
      }),
      default: {
        description: 'A problem document',
        content: { 'application/problem+json': { schema: problemSchema } },
      },
    },
  };
}
