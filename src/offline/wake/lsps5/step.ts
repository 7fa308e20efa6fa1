/**
 * The LSP's side of LSPS5 for one client: one pure step. What has to be called afterwards is in the state itself (`owed`),
 * so that one transaction keeps both; an answer may be sent once it is committed.
 */
import { APP_NAME_NOT_FOUND, NO_PRIOR_ACTIVITY, tooMany } from './errors.js';
import { earlierOf, freshMs, WEBHOOK_REGISTERED, type WakeNotification } from './notifications.js';
import type { ClientWebhook, OwedCall, WakeClient, WakeContext, WakeEvent, WakeReply } from './state.js';

export interface WakeStep {
  readonly client: WakeClient;
  readonly reply: WakeReply;
}

export function stepWake(client: WakeClient, event: WakeEvent, context: WakeContext): WakeStep {
  switch (event.type) {
    case 'set':
      return setWebhook(client, event, context);
    case 'list': {
      const app_names = client.webhooks.map(({ appName }) => appName);
      return { client, reply: answer({ app_names, max_webhooks: context.limits.maxWebhooks }) };
    }
    case 'remove':
      return removeWebhook(client, event.appName);
    case 'notify':
      return notify(client, event.notification, context);
    case 'connected':
      return { client: seen(client, context, client.owed.filter(isRegistration)), reply: { type: 'done' } };
    case 'disconnected':
      return { client: seen(client, context, client.owed), reply: { type: 'done' } };
    case 'review':
      return review(client, context);
  }
}

const answer = (result: Record<string, unknown>): WakeReply => ({ type: 'answer', result });
const isRegistration = ({ notification }: OwedCall): boolean => notification.method === WEBHOOK_REGISTERED;

function setWebhook(
  client: WakeClient,
  { appName, url }: { readonly appName: string; readonly url: string },
  context: WakeContext,
): WakeStep {
  const { now, activity, strangers, limits } = context;
  const { maxWebhooks, maxStrangers } = limits;
  const refused = (error: Extract<WakeReply, { type: 'refused' }>['error']): WakeStep => ({
    client,
    reply: { type: 'refused', error },
  });
  if (activity === 'none') return refused(NO_PRIOR_ACTIVITY);
  const known = client.webhooks.find((webhook) => webhook.appName === appName);
  if (!known && client.webhooks.length >= maxWebhooks) return refused(tooMany(maxWebhooks));
  const isNew = client.webhooks.length === 0;
  if (isNew && activity !== 'channel' && strangers >= maxStrangers) return refused(NO_PRIOR_ACTIVITY);

  const noChange = known?.url === url;
  const webhook: ClientWebhook = { appName, url, setAt: noChange ? known.setAt : now, usedAt: now };
  const webhooks = known
    ? client.webhooks.map((other) => (other === known ? webhook : other))
    : [...client.webhooks, webhook];
  // Calls that wait for this webhook go to its new URL, behind the registration.
  const owed = noChange
    ? client.owed
    : [
        ...client.owed.filter((call) => call.appName !== appName || !isRegistration(call)),
        owedCall(appName, { method: WEBHOOK_REGISTERED, params: {} }, now, now),
      ];
  const changed = withChannel({ ...client, webhooks, owed, ...(isNew && { reviewedAt: now }) }, context);
  const result = { num_webhooks: webhooks.length, max_webhooks: maxWebhooks, no_change: noChange };
  return { client: changed, reply: answer(result) };
}

function removeWebhook(client: WakeClient, appName: string): WakeStep {
  if (!client.webhooks.some((webhook) => webhook.appName === appName))
    return { client, reply: { type: 'refused', error: APP_NAME_NOT_FOUND } };
  return { client: keepWebhooks(client, (webhook) => webhook.appName !== appName), reply: answer({}) };
}

function keepWebhooks(client: WakeClient, isKept: (webhook: ClientWebhook) => boolean): WakeClient {
  const webhooks = client.webhooks.filter(isKept);
  const names = new Set(webhooks.map(({ appName }) => appName));
  return { ...client, webhooks, owed: client.owed.filter(({ appName }) => names.has(appName)) };
}

function notify(
  client: WakeClient,
  notification: WakeNotification,
  { now, isConnected, limits }: WakeContext,
): WakeStep {
  if (isConnected) return { client, reply: { type: 'connected' } };
  if (client.webhooks.length === 0) return { client, reply: { type: 'no_webhook' } };
  const isSame = (call: OwedCall): boolean => call.notification.method === notification.method && call.staleAt > now;
  const waiting = new Map(client.owed.filter(isSame).map((call) => [call.appName, call]));
  // In the cool-down it waits rather than being lost: it may be the only word of a deadline.
  const dueAt = Math.max(now, (client.notifiedAt ?? -Infinity) + limits.cooldownMs);
  const owed = client.webhooks.map(({ appName }) => {
    const call = waiting.get(appName);
    return call ? merged(call, notification, now) : owedCall(appName, notification, now, dueAt);
  });
  const isMerged = waiting.size === client.webhooks.length;
  // Many payments at once cost one write.
  if (isMerged && owed.every((call) => waiting.get(call.appName) === call))
    return { client, reply: { type: 'merged' } };
  const others = client.owed.filter((call) => call.notification.method !== notification.method);
  return {
    client: {
      ...client,
      webhooks: client.webhooks.map((webhook) => ({ ...webhook, usedAt: now })),
      owed: [...others, ...owed],
      notifiedAt: isMerged ? client.notifiedAt : dueAt,
    },
    reply: isMerged ? { type: 'merged' } : { type: 'owed', dueAt },
  };
}

/** The same call if it says enough and does so for a while yet. */
function merged(call: OwedCall, notification: WakeNotification, now: number): OwedCall {
  const both = earlierOf(call.notification, notification);
  const isFresh = call.staleAt - now > freshMs(notification.method) / 2;
  return both === call.notification && isFresh ? call : owedCall(call.appName, both, now, call.dueAt);
}

function owedCall(appName: string, notification: WakeNotification, now: number, dueAt: number): OwedCall {
  const staleAt = Math.max(now, dueAt) + freshMs(notification.method);
  return { appName, notification, createdAt: now, dueAt, staleAt };
}

/** It came or went: whatever is to be said next is said at once. */
function seen(client: WakeClient, { now, limits }: WakeContext, owed: readonly OwedCall[]): WakeClient {
  const mayReset = client.resetAt === undefined || now - client.resetAt >= limits.resetEveryMs;
  if (client.webhooks.length === 0 || (!mayReset && owed.length === client.owed.length)) return client;
  const reset = mayReset ? { notifiedAt: undefined, resetAt: now } : {};
  return { ...client, owed, connectedAt: now, ...reset };
}

function withChannel(client: WakeClient, { now, activity }: WakeContext): WakeClient {
  return { ...client, strangerSince: activity === 'channel' ? undefined : (client.strangerSince ?? now) };
}

function review(given: WakeClient, context: WakeContext): WakeStep {
  const { now, activity, limits } = context;
  const client = { ...withChannel(given, context), reviewedAt: now };
  const isRetained = activity !== 'none' || now - (client.strangerSince ?? now) < limits.retentionMs;
  const kept = isRetained
    ? client
    : keepWebhooks(client, ({ usedAt }) => now - Math.max(usedAt, client.connectedAt ?? 0) < limits.unusedMs);
  return { client: kept, reply: { type: 'reviewed', forgotten: given.webhooks.length - kept.webhooks.length } };
}
