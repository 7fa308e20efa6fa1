/** What a wallet asks its LSP for, and what the answers mean. */
import { err, ok, type Result } from '../../../wire/result.js';
import { isObject, type JsonObject } from '../lsps0/message.js';
import type { LspsCall } from '../lsps0/session.js';

export const LSPS5_PROTOCOL = 5;

export function askProtocols(): LspsCall {
  return { method: 'lsps0.list_protocols', params: {} };
}

/** @param url https, at most 1,024 ASCII characters; name the LSP in it, and something that only it is told */
export function askSetWebhook(appName: string, url: string): LspsCall {
  return { method: 'lsps5.set_webhook', params: { app_name: appName, webhook: url } };
}

export function askListWebhooks(): LspsCall {
  return { method: 'lsps5.list_webhooks', params: {} };
}

export function askRemoveWebhook(appName: string): LspsCall {
  return { method: 'lsps5.remove_webhook', params: { app_name: appName } };
}

/** Numbers of the LSPS that the LSP speaks. */
export function readProtocols(result: unknown): Result<readonly number[]> {
  const protocols = isObject(result) ? result['protocols'] : undefined;
  return isListOf(protocols, isCount) ? ok(protocols) : bad('lsps0.list_protocols');
}

export interface WebhookSet {
  readonly numWebhooks: number;
  readonly maxWebhooks: number;
  /** It was registered like this before: no `lsps5.webhook_registered` will come. */
  readonly noChange: boolean;
}

export function readWebhookSet(result: unknown): Result<WebhookSet> {
  const { num_webhooks, max_webhooks, no_change } = membersOf(result);
  if (!isCount(num_webhooks) || !isCount(max_webhooks) || typeof no_change !== 'boolean')
    return bad('lsps5.set_webhook');
  return ok({ numWebhooks: num_webhooks, maxWebhooks: max_webhooks, noChange: no_change });
}

export interface WebhookList {
  readonly appNames: readonly string[];
  readonly maxWebhooks: number;
}

export function readWebhookList(result: unknown): Result<WebhookList> {
  const { app_names, max_webhooks } = membersOf(result);
  if (!isListOf(app_names, isText) || !isCount(max_webhooks)) return bad('lsps5.list_webhooks');
  return ok({ appNames: app_names, maxWebhooks: max_webhooks });
}

const membersOf = (result: unknown): JsonObject => (isObject(result) ? result : {});
const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function isListOf<T>(value: unknown, isMember: (member: unknown) => member is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isMember);
}

function bad(method: string): Result<never> {
  return err({ code: 'bad_answer', message: `the LSP's answer to ${method} is not what bLIP-50 and bLIP-55 say` });
}
