/** Clients of our nodes that sleep: their webhooks and the calls owed to them. */
import { sql } from 'kysely';
import { WEBHOOK_REGISTERED } from '../offline/wake/lsps5/notifications.js';
import type { WakeClient } from '../offline/wake/lsps5/state.js';
import type { CallResult, ClaimedCall, WakeKey, WakeStore, WakeView } from '../offline/wake/store-port.js';
import type { Millis } from '../wire/units.js';
import { intFromColumn, intToColumn } from './columns.js';
import type { Engine } from './engine.js';
import type { Db } from './tables.js';
import { callFromRow, readClient, writeClient } from './wake-rows.js';

const STATUS_CHARS = 200;

export class Wakes implements WakeStore {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  now(): Promise<Millis> {
    return this.#engine.now();
  }

  async transactWake<T>(
    key: WakeKey,
    { countStrangers }: { readonly countStrangers: boolean },
    body: (view: WakeView) => { readonly client: WakeClient; readonly value: T },
  ): Promise<T> {
    const now = await this.#engine.now();
    return this.#engine.transaction(async (db) => {
      const before = await readClient(db, key);
      const strangers = countStrangers ? await strangersBeside(db, key) : 0;
      const { client, value } = body({ now, client: before, strangers });
      await writeClient(db, key, before, client);
      return value;
    });
  }

  readWakeClient(key: WakeKey): Promise<WakeClient> {
    return this.#engine.transaction((db) => readClient(db, key));
  }

  async wakeClients(nodeId: string, limit: number, after = ''): Promise<readonly string[]> {
    const rows = await this.#engine.query((db) =>
      db
        .selectFrom('wake_client')
        .select('client')
        .where('node_id', '=', nodeId)
        .where('client', '>', after)
        .orderBy('client')
        .limit(limit)
        .execute(),
    );
    return rows.map(({ client }) => client);
  }

  async wakeClientsToReview(nodeId: string, before: Millis, limit: number): Promise<readonly string[]> {
    const rows = await this.#engine.query((db) =>
      db
        .selectFrom('wake_client')
        .select('client')
        .where('node_id', '=', nodeId)
        .where('reviewed_at', '<', BigInt(before))
        .orderBy('reviewed_at')
        .limit(limit)
        .execute(),
    );
    return rows.map(({ client }) => client);
  }

  async claimCalls(nodeId: string, limit: number, claimMs: Millis): Promise<readonly ClaimedCall[]> {
    const now = await this.#engine.now();
    // Mostly there is nothing: no transaction for that.
    if ((await this.#engine.query((db) => dueCalls(db, nodeId, now, 1))).length === 0) return [];
    const claimedUntil = now + claimMs;
    return this.#engine.transaction(async (db) => {
      const due = await dueCalls(db, nodeId, now, limit);
      for (const { client, app_name, method } of due) {
        await db
          .updateTable('wake_call')
          .set({ due_at: intToColumn(claimedUntil), claim: sql`claim + 1` })
          .where((eb) => eb.and({ node_id: nodeId, client, app_name, method }))
          .execute();
      }
      return due.map((row) => ({
        ...callFromRow(row),
        key: { nodeId, client: row.client },
        url: row.url,
        attempts: intFromColumn(row.attempts),
        claim: intFromColumn(row.claim) + 1,
        claimedUntil,
      }));
    });
  }

  async recordCall(
    { key, appName, notification, claim }: Pick<ClaimedCall, 'key' | 'appName' | 'notification' | 'claim'>,
    result: CallResult,
  ): Promise<void> {
    const name = { node_id: key.nodeId, client: key.client, app_name: appName, method: notification.method };
    await this.#engine.query(async (db) => {
      if (result.type === 'over') {
        await db
          .deleteFrom('wake_call')
          .where((eb) => eb.and(name))
          .where('claim', '=', BigInt(claim))
          .execute();
        return;
      }
      const failure = result.type === 'failed' && {
        attempts: sql<bigint>`attempts + 1`,
        last_status: result.status.slice(0, STATUS_CHARS),
      };
      await db
        .updateTable('wake_call')
        .set({ due_at: intToColumn(result.dueAt), ...failure })
        .where((eb) => eb.and(name))
        .where('claim', '=', BigInt(claim))
        .execute();
    });
  }

  async dropStaleCalls(): Promise<number> {
    const now = await this.#engine.now();
    const { numDeletedRows } = await this.#engine.query((db) =>
      db.deleteFrom('wake_call').where('stale_at', '<=', BigInt(now)).executeTakeFirstOrThrow(),
    );
    return Number(numDeletedRows);
  }
}

async function strangersBeside(db: Db, { nodeId, client }: WakeKey): Promise<number> {
  const { count } = await db
    .selectFrom('wake_client')
    .select(({ fn }) => fn.countAll<bigint>().as('count'))
    .where('node_id', '=', nodeId)
    .where('stranger_since', 'is not', null)
    .where('client', '<>', client)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** With the URL of each, the oldest first. */
function dueCalls(db: Db, nodeId: string, now: Millis, limit: number) {
  return db
    .selectFrom('wake_call')
    .innerJoin('wake_webhook', (join) =>
      join
        .onRef('wake_webhook.node_id', '=', 'wake_call.node_id')
        .onRef('wake_webhook.client', '=', 'wake_call.client')
        .onRef('wake_webhook.app_name', '=', 'wake_call.app_name'),
    )
    .selectAll('wake_call')
    .select('wake_webhook.url')
    .where('wake_call.node_id', '=', nodeId)
    .where('wake_call.due_at', '<=', BigInt(now))
    .where('wake_call.stale_at', '>', BigInt(now))
    .where((eb) =>
      eb.or([
        eb('wake_call.method', '=', WEBHOOK_REGISTERED),
        eb.not(
          eb.exists(
            eb
              .selectFrom('wake_call as first')
              .select('first.method')
              .whereRef('first.node_id', '=', 'wake_call.node_id')
              .whereRef('first.client', '=', 'wake_call.client')
              .whereRef('first.app_name', '=', 'wake_call.app_name')
              .where('first.method', '=', WEBHOOK_REGISTERED)
              .where('first.stale_at', '>', BigInt(now)),
          ),
        ),
      ]),
    )
    .orderBy('wake_call.due_at')
    .orderBy('wake_call.client')
    .limit(limit)
    .execute();
}
