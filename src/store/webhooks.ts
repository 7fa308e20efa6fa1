/** Webhook endpoints and the deliveries owed to them. At least once, in no promised order. */
import { sql } from 'kysely';
import type { Millis } from '../wire/units.js';
import { intFromColumn } from './columns.js';
import type { Engine } from './engine.js';
import type { StoredEvent } from './events.js';

export interface Webhook {
  readonly id: string;
  readonly url: string;
  /** Where the signing secret is kept; the secret itself is not in the database (R10). */
  readonly secretRef: string;
  /** Empty: all types. */
  readonly eventTypes: readonly string[];
  readonly enabled: boolean;
  /** Events up to here have become deliveries. */
  readonly cursorSeq: bigint;
  readonly createdAt: Millis;
}

/** One event owed to one endpoint, claimed by the caller until its `nextAttemptAt`. */
export interface Delivery {
  readonly webhook: Webhook;
  readonly event: StoredEvent;
  /** This one included. */
  readonly attempts: number;
}

export type DeliveryResult =
  | { readonly type: 'done'; readonly status: string }
  | { readonly type: 'retry'; readonly status: string; readonly nextAttemptAt: Millis };

export class Webhooks {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** New endpoints are told of events after `cursorSeq`. @throws {StoreConflict} if the id is in use. */
  async add(webhook: Omit<Webhook, 'createdAt'>): Promise<Webhook> {
    const createdAt = await this.#engine.now();
    await this.#engine.query((db) =>
      db
        .insertInto('webhook')
        .values({
          id: webhook.id,
          url: webhook.url,
          secret_ref: webhook.secretRef,
          event_types: JSON.stringify(webhook.eventTypes),
          enabled: webhook.enabled ? 1n : 0n,
          cursor_seq: webhook.cursorSeq,
          created_at: createdAt,
        })
        .execute(),
    );
    return { ...webhook, createdAt };
  }

  async list(): Promise<readonly Webhook[]> {
    const rows = await this.#engine.query((db) =>
      db.selectFrom('webhook').selectAll().orderBy('created_at').orderBy('id').execute(),
    );
    return rows.map(fromRow);
  }

  /** False if there is none. */
  async setEnabled(id: string, enabled: boolean): Promise<boolean> {
    const { numUpdatedRows } = await this.#engine.query((db) =>
      db
        .updateTable('webhook')
        .set({ enabled: enabled ? 1n : 0n })
        .where('id', '=', id)
        .executeTakeFirstOrThrow(),
    );
    return numUpdatedRows === 1n;
  }

  /** Its deliveries go with it. False if there is none. */
  async remove(id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#engine.query((db) =>
      db.deleteFrom('webhook').where('id', '=', id).executeTakeFirstOrThrow(),
    );
    return numDeletedRows === 1n;
  }

  /**
   * Turns up to `limit` sequenced events per enabled endpoint into deliveries and moves its cursor, in one transaction each.
   * Resolves with the number of events that were looked at; call again while it is not 0.
   */
  async enqueue(limit: number): Promise<number> {
    let seen = 0;
    for (const { id, enabled } of await this.list()) {
      if (enabled) seen += await this.#enqueueFor(id, limit);
    }
    return seen;
  }

  #enqueueFor(id: string, limit: number): Promise<number> {
    return this.#engine.transaction(async (db) => {
      const row = await db.selectFrom('webhook').selectAll().where('id', '=', id).executeTakeFirst();
      if (row === undefined) return 0;
      const { eventTypes, cursorSeq } = fromRow(row);
      const events = await db
        .selectFrom('event')
        .select(['seq', 'type', 'created_at'])
        .where('seq', '>', cursorSeq)
        .orderBy('seq')
        .limit(limit)
        .execute();
      const wanted = events.filter(({ type }) => eventTypes.length === 0 || eventTypes.includes(type));
      if (wanted.length > 0) {
        await db
          .insertInto('delivery')
          .values(
            wanted.map(({ seq, created_at }) => ({
              webhook_id: id,
              seq: seq!,
              attempts: 0n,
              next_attempt_at: created_at,
            })),
          )
          .onConflict((conflict) => conflict.columns(['webhook_id', 'seq']).doNothing())
          .execute();
      }
      const last = events.at(-1);
      if (last !== undefined) {
        await db.updateTable('webhook').set({ cursor_seq: last.seq! }).where('id', '=', id).execute();
      }
      return events.length;
    });
  }

  /** Takes deliveries that are due. Nobody else gets them for `claimMs`; after a crash they are due again by then. */
  async claim(limit: number, claimMs: Millis): Promise<readonly Delivery[]> {
    const now = await this.#engine.now();
    const claimed = await this.#engine.transaction(async (db) => {
      const due = await db
        .selectFrom('delivery')
        .innerJoin('webhook', 'webhook.id', 'delivery.webhook_id')
        .select(['delivery.webhook_id', 'delivery.seq', 'delivery.attempts'])
        .where('delivery.done_at', 'is', null)
        .where('delivery.next_attempt_at', '<=', BigInt(now))
        .where('webhook.enabled', '=', 1n)
        .orderBy('delivery.next_attempt_at')
        .orderBy('delivery.seq')
        .limit(limit)
        .execute();
      for (const { webhook_id, seq } of due) {
        await db
          .updateTable('delivery')
          .set({ attempts: sql`attempts + 1`, next_attempt_at: now + claimMs })
          .where('webhook_id', '=', webhook_id)
          .where('seq', '=', seq)
          .execute();
      }
      return due;
    });
    return this.#load(claimed);
  }

  async #load(
    claimed: readonly { readonly webhook_id: string; readonly seq: bigint; readonly attempts: bigint }[],
  ): Promise<readonly Delivery[]> {
    if (claimed.length === 0) return [];
    const webhooks = new Map((await this.list()).map((webhook) => [webhook.id, webhook]));
    const seqs = [...new Set(claimed.map(({ seq }) => seq))];
    const events = await this.#engine.query((db) =>
      db.selectFrom('event').selectAll().where('seq', 'in', seqs).execute(),
    );
    const bySeq = new Map(events.map((event) => [event.seq, event]));
    return claimed.flatMap(({ webhook_id, seq, attempts }) => {
      const webhook = webhooks.get(webhook_id);
      const event = bySeq.get(seq);
      if (webhook === undefined || event === undefined) return [];
      const { type, payment_hash, created_at, body } = event;
      const stored: StoredEvent = {
        seq,
        type,
        paymentHash: payment_hash ?? undefined,
        createdAt: intFromColumn(created_at),
        body: JSON.parse(body) as Record<string, unknown>,
      };
      return [{ webhook, event: stored, attempts: intFromColumn(attempts) + 1 }];
    });
  }

  async record(webhookId: string, seq: bigint, result: DeliveryResult): Promise<void> {
    const now = await this.#engine.now();
    await this.#engine.query((db) =>
      db
        .updateTable('delivery')
        .set(
          result.type === 'done'
            ? { last_status: result.status, done_at: now }
            : { last_status: result.status, next_attempt_at: result.nextAttemptAt },
        )
        .where('webhook_id', '=', webhookId)
        .where('seq', '=', seq)
        .where('done_at', 'is', null)
        .execute(),
    );
  }

  /**
   * Forgets deliveries that were made before this time, and those to endpoints that are switched off of events before it.
   * Resolves with how many.
   */
  async purge(before: Millis): Promise<number> {
    const { numDeletedRows } = await this.#engine.query((db) =>
      db
        .deleteFrom('delivery')
        .where((eb) => {
          const switchedOff = eb
            .selectFrom('webhook')
            .select('webhook.id')
            .whereRef('webhook.id', '=', 'delivery.webhook_id')
            .where('webhook.enabled', '=', 0n);
          const givenUp = eb.and([eb('next_attempt_at', '<', BigInt(before)), eb.exists(switchedOff)]);
          return eb.or([eb('done_at', '<', BigInt(before)), givenUp]);
        })
        .executeTakeFirstOrThrow(),
    );
    return Number(numDeletedRows);
  }
}

function fromRow(row: {
  id: string;
  url: string;
  secret_ref: string;
  event_types: string;
  enabled: bigint;
  cursor_seq: bigint;
  created_at: bigint;
}): Webhook {
  return {
    id: row.id,
    url: row.url,
    secretRef: row.secret_ref,
    eventTypes: JSON.parse(row.event_types) as string[],
    enabled: row.enabled === 1n,
    cursorSeq: row.cursor_seq,
    createdAt: intFromColumn(row.created_at),
  };
}
