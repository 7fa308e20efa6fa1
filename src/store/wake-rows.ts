/** Clients to wake as rows, and back. */
import type { Selectable } from 'kysely';
import { storedNotification, WEBHOOK_REGISTERED } from '../offline/wake/lsps5/notifications.js';
import { type ClientWebhook, NO_CLIENT, type OwedCall, type WakeClient } from '../offline/wake/lsps5/state.js';
import type { WakeKey } from '../offline/wake/store-port.js';
import { intFromColumn, optionalIntFromColumn } from './columns.js';
import type { Db, Tables } from './tables.js';

type CallRow = Selectable<Tables['wake_call']>;

export async function readClient(db: Db, key: WakeKey): Promise<WakeClient> {
  const row = await db
    .selectFrom('wake_client')
    .selectAll()
    .where((eb) => eb.and({ node_id: key.nodeId, client: key.client }))
    .executeTakeFirst();
  if (row === undefined) return NO_CLIENT;
  const webhooks = await db
    .selectFrom('wake_webhook')
    .selectAll()
    .where((eb) => eb.and({ node_id: key.nodeId, client: key.client }))
    .orderBy('app_name')
    .execute();
  const calls = await db
    .selectFrom('wake_call')
    .selectAll()
    .where((eb) => eb.and({ node_id: key.nodeId, client: key.client }))
    .orderBy('app_name')
    .orderBy('method')
    .execute();
  return {
    webhooks: webhooks.map(webhookFromRow),
    owed: calls.map(callFromRow),
    connectedAt: optionalIntFromColumn(row.connected_at),
    notifiedAt: optionalIntFromColumn(row.notified_at),
    resetAt: optionalIntFromColumn(row.reset_at),
    strangerSince: optionalIntFromColumn(row.stranger_since),
    reviewedAt: intFromColumn(row.reviewed_at),
  };
}

function webhookFromRow(row: Selectable<Tables['wake_webhook']>): ClientWebhook {
  return {
    appName: row.app_name,
    url: row.url,
    setAt: intFromColumn(row.set_at),
    usedAt: intFromColumn(row.used_at),
  };
}

export function callFromRow(row: CallRow): OwedCall {
  return {
    appName: row.app_name,
    notification: storedNotification(row.method, JSON.parse(row.params)),
    createdAt: intFromColumn(row.created_at),
    dueAt: intFromColumn(row.due_at),
    staleAt: intFromColumn(row.stale_at),
  };
}

const nameOf = ({ appName, notification }: OwedCall): string => `${notification.method} ${appName}`;

/** Writes what differs between two states of a client. The first is what the database holds. */
export async function writeClient(db: Db, key: WakeKey, before: WakeClient, after: WakeClient): Promise<void> {
  if (after === before) return;
  const { nodeId: node_id, client } = key;
  if (after.webhooks.length === 0) {
    await db.deleteFrom('wake_client').where('node_id', '=', node_id).where('client', '=', client).execute();
    return;
  }
  const values = {
    connected_at: after.connectedAt ?? null,
    notified_at: after.notifiedAt ?? null,
    reset_at: after.resetAt ?? null,
    stranger_since: after.strangerSince ?? null,
    reviewed_at: after.reviewedAt,
  };
  await db
    .insertInto('wake_client')
    .values({ node_id, client, ...values })
    .onConflict((conflict) => conflict.columns(['node_id', 'client']).doUpdateSet(values))
    .execute();
  await writeWebhooks(db, key, before, after);
  await writeCalls(db, key, before, after);
}

async function writeWebhooks(db: Db, key: WakeKey, before: WakeClient, after: WakeClient): Promise<void> {
  const { nodeId: node_id, client } = key;
  const kept = new Set(after.webhooks.map(({ appName }) => appName));
  for (const { appName } of before.webhooks) {
    if (kept.has(appName)) continue;
    await db
      .deleteFrom('wake_webhook')
      .where((eb) => eb.and({ node_id, client, app_name: appName }))
      .execute();
  }
  for (const webhook of after.webhooks) {
    if (before.webhooks.includes(webhook)) continue;
    const values = { url: webhook.url, set_at: webhook.setAt, used_at: webhook.usedAt };
    await db
      .insertInto('wake_webhook')
      .values({ node_id, client, app_name: webhook.appName, ...values })
      .onConflict((conflict) => conflict.columns(['node_id', 'client', 'app_name']).doUpdateSet(values))
      .execute();
  }
}

/** Behind the webhooks: the calls of one that is gone have gone with it. */
async function writeCalls(db: Db, key: WakeKey, before: WakeClient, after: WakeClient): Promise<void> {
  const { nodeId: node_id, client } = key;
  const kept = new Set(after.owed.map(nameOf));
  for (const call of before.owed) {
    if (kept.has(nameOf(call))) continue;
    await db
      .deleteFrom('wake_call')
      .where((eb) => eb.and({ node_id, client, app_name: call.appName, method: call.notification.method }))
      .execute();
  }
  for (const call of after.owed) {
    if (before.owed.includes(call)) continue;
    const old = before.owed.find((other) => nameOf(other) === nameOf(call));
    const params = JSON.stringify(call.notification.params);
    const values = { params, created_at: call.createdAt, due_at: call.dueAt, stale_at: call.staleAt };
    // An attempt under way speaks for the call as it is now only if both say the same.
    const isSame =
      old !== undefined &&
      JSON.stringify(old.notification.params) === params &&
      call.notification.method !== WEBHOOK_REGISTERED;
    await db
      .insertInto('wake_call')
      .values({
        ...{ node_id, client, app_name: call.appName, method: call.notification.method },
        ...{ ...values, attempts: 0, claim: 0 },
      })
      .onConflict((conflict) =>
        conflict.columns(['node_id', 'client', 'app_name', 'method']).doUpdateSet((eb) => ({
          ...values,
          ...(!isSame && { attempts: 0, claim: eb('wake_call.claim', '+', 1n), last_status: null }),
        })),
      )
      .execute();
  }
}
