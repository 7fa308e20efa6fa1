/** What clients ask of LSPS5, read from requests and checked. */
import { utf8 } from '../../../wire/bytes.js';
import { err, ok, type Result } from '../../../wire/result.js';
import type { JsonObject, RpcError, RpcRequest } from '../lsps0/message.js';
import {
  APP_NAME_TOO_LONG,
  badWebhookUrl,
  invalidParams,
  METHOD_NOT_FOUND,
  UNSUPPORTED_PROTOCOL,
  WEBHOOK_TOO_LONG,
} from './errors.js';
import { MAX_APP_NAME_BYTES, MAX_WEBHOOK_CHARS } from './limits.js';

export type WebhookRequest =
  | { readonly type: 'set'; readonly appName: string; readonly url: string }
  | { readonly type: 'list' }
  | { readonly type: 'remove'; readonly appName: string };

/** What only the LSP's surroundings know of URLs. */
export interface UrlRules {
  /** True if plain http may be used with this host, for tests on one machine. */
  allowsHttp(url: URL): boolean;
  /** Why this host is never called, in words for the client; undefined if it may be. */
  refusal(url: URL): string | undefined;
}

const METHODS: ReadonlyMap<string, readonly string[]> = new Map([
  ['lsps0.list_protocols', []],
  ['lsps5.set_webhook', ['app_name', 'webhook']],
  ['lsps5.list_webhooks', []],
  ['lsps5.remove_webhook', ['app_name']],
]);

export function readRequest(
  { method, params }: Pick<RpcRequest, 'method' | 'params'>,
  rules: UrlRules,
): Result<WebhookRequest | { readonly type: 'protocols' }, RpcError> {
  const known = METHODS.get(method);
  if (!known) return err(METHOD_NOT_FOUND);
  if (!params) return err(invalidParams('name each of them in an object'));
  const unrecognized = Object.keys(params).filter((name) => !known.includes(name));
  if (unrecognized.length > 0) return err(invalidParams('leave out those that are not known', unrecognized));
  switch (method) {
    case 'lsps0.list_protocols':
      return ok({ type: 'protocols' });
    case 'lsps5.list_webhooks':
      return ok({ type: 'list' });
    case 'lsps5.remove_webhook':
      return onAppName(params, (appName) => ok({ type: 'remove', appName }));
    default:
      return onAppName(params, (appName) => readSet(appName, params, rules));
  }
}

function onAppName<T>(params: JsonObject, then: (appName: string) => Result<T, RpcError>): Result<T, RpcError> {
  const appName = params['app_name'];
  // Databases hold neither NUL nor halves of characters.
  if (typeof appName !== 'string' || /[\0\p{Cs}]/u.test(appName))
    return err(invalidParams('app_name has to be a text of whole characters without NUL'));
  return utf8(appName).length > MAX_APP_NAME_BYTES ? err(APP_NAME_TOO_LONG) : then(appName);
}

function readSet(appName: string, params: JsonObject, rules: UrlRules): Result<WebhookRequest, RpcError> {
  const { webhook } = params;
  if (typeof webhook !== 'string') return err(invalidParams('webhook has to be a text'));
  const refusal = webhookRefusal(webhook, rules);
  return refusal ? err(refusal) : ok({ type: 'set', appName, url: webhook });
}

/** Why an LSP does not take this URL; undefined if it does. */
function webhookRefusal(text: string, rules: UrlRules): RpcError | undefined {
  if (text.length > MAX_WEBHOOK_CHARS) return WEBHOOK_TOO_LONG;
  // Parsers drop spaces and tabs silently and turn foreign letters into others: what is stored is what was sent.
  if (!/^[\x21-\x7e]+$/.test(text)) return badWebhookUrl('write it in ASCII without spaces');
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return badWebhookUrl('it does not parse as a URL');
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && rules.allowsHttp(url))) return UNSUPPORTED_PROTOCOL;
  if (url.username !== '' || url.password !== '') return badWebhookUrl('leave user and password out');
  const refusal = rules.refusal(url);
  return refusal === undefined ? undefined : badWebhookUrl(refusal);
}
