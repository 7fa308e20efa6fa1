/**
 * The outbox. Events are written inside the transactions they tell of and get their place in the sequence afterwards: were
 * the number taken inside, a transaction that commits late would slip in behind readers that are already past it.
 */
import type { Millis } from '../wire/units.js';
import { intFromColumn, textFromColumn, toJson } from './columns.js';
import { databaseTime } from './database-time.js';
import type { Engine } from './engine.js';
import { sequenceTable } from './sequence.js';

export interface StoredEvent {
  /** Rises by one from event to event. */
  readonly seq: bigint;
  readonly type: string;
  readonly paymentHash: string | undefined;
  readonly createdAt: Millis;
  /** The event as JSON: 64-bit values are decimal strings. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface NewEvent {
  readonly type: string;
  readonly paymentHash?: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface EventFilter {
  readonly types?: readonly string[];
  /** Found by scanning from where the read starts: to follow, not to search the past. */
  readonly paymentHash?: string;
}

const PURGE_BATCH = 1_000;

export class Events {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Gives events without a number the next ones, in the order they were written. Any process may call it at any time; two at
   * once cannot give out the same number. Resolves with how many were numbered.
   */
  sequence(): Promise<number> {
    return sequenceTable(this.#engine, 'event');
  }

  /** Writes an event that belongs to no transaction of the ledger or of a payment. */
  async tell({ type, paymentHash, body }: NewEvent): Promise<void> {
    const now = await databaseTime(this.#engine);
    await this.#engine.query((db) =>
      db
        .insertInto('event')
        .values({ type, payment_hash: paymentHash ?? null, created_at: now, body: toJson({ type, ...body }) })
        .execute(),
    );
    this.#engine.hint({ nodeIds: [], freed: [], events: true, payments: false });
  }

  /** Events after `afterSeq` in order. A reader that goes on from the last seq it got misses none. */
  async read(afterSeq: bigint, limit: number, filter: EventFilter = {}): Promise<readonly StoredEvent[]> {
    const rows = await this.#engine.query((db) => {
      let query = db.selectFrom('event').selectAll().where('seq', '>', afterSeq).orderBy('seq').limit(limit);
      if (filter.types !== undefined && filter.types.length > 0) query = query.where('type', 'in', filter.types);
      if (filter.paymentHash !== undefined) query = query.where('payment_hash', '=', filter.paymentHash);
      return query.execute();
    });
    return rows.map((row) => ({
      seq: row.seq!,
      type: row.type,
      paymentHash: row.payment_hash ?? undefined,
      createdAt: intFromColumn(row.created_at),
      body: JSON.parse(textFromColumn(row.body)) as Record<string, unknown>,
    }));
  }

  /** The highest number given out; 0 if there is none. */
  async latestSeq(): Promise<bigint> {
    const { seq } = await this.#engine.query((db) =>
      db
        .selectFrom('event')
        .select(({ fn }) => fn.max<bigint | null>('seq').as('seq'))
        .executeTakeFirstOrThrow(),
    );
    return seq ?? 0n;
  }

  /**
   * Forgets events created before this time, oldest first, except those that an enabled webhook is still owed. The highest
   * number stays, for the next one follows it. Resolves with how many were forgotten.
   */
  async purge(createdBefore: Millis): Promise<number> {
    const last = await this.latestSeq();
    let [total, afterSeq] = [0, 0n];
    for (;;) {
      const from = afterSeq;
      const rows = await this.#engine.query((db) =>
        db
          .selectFrom('event')
          .select(['seq', 'created_at'])
          .where('seq', '>', from)
          .where('seq', '<', last)
          .orderBy('seq')
          .limit(PURGE_BATCH)
          .execute(),
      );
      const old = rows.filter((row) => intFromColumn(row.created_at) < createdBefore).map(({ seq }) => seq!);
      if (old.length === 0) return total;
      total += await this.#forget(old);
      afterSeq = old.at(-1)!;
    }
  }

  async #forget(seqs: readonly bigint[]): Promise<number> {
    const { numDeletedRows } = await this.#engine.query((db) =>
      db
        .deleteFrom('event')
        .where('seq', 'in', seqs)
        .where((eb) => {
          const owing = eb
            .selectFrom('webhook')
            .leftJoin('delivery', (join) =>
              join
                .onRef('delivery.webhook_id', '=', 'webhook.id')
                .onRef('delivery.seq', '=', 'event.seq')
                .on('delivery.done_at', 'is', null),
            )
            .select('webhook.id')
            .where('webhook.enabled', '=', 1n)
            .where((on) =>
              on.or([on('webhook.cursor_seq', '<', on.ref('event.seq')), on('delivery.seq', 'is not', null)]),
            );
          return eb.not(eb.exists(owing));
        })
        .executeTakeFirstOrThrow(),
    );
    return Number(numDeletedRows);
  }
}
