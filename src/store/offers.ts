/** Offers that were made here. Answering one needs no row; the row is for people, and to switch an offer off. */
import { type Selectable, type SqlBool, sql } from 'kysely';
import type { Millis } from '../wire/units.js';
import { intFromColumn, optionalIntFromColumn } from './columns.js';
import type { Engine } from './engine.js';
import type { OfferTable } from './tables.js';

export interface OfferRecord {
  /** Hash of its records, hex. */
  readonly id: string;
  readonly bolt12: string;
  /** Of which its key was derived, hex. */
  readonly nonce: string;
  /** Key epoch it was made under. */
  readonly epochId: string;
  /** The merchant's own name for it. */
  readonly reference: string | undefined;
  readonly createdAt: Millis;
  /** From then on invoice requests for it are not answered. */
  readonly disabledAt: Millis | undefined;
}

export interface OfferQuery {
  readonly limit: number;
  /** Continue after this one; newest come first. */
  readonly before?: { readonly createdAt: Millis; readonly id: string };
}

export class Offers {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Stores an offer once: the same offer again changes nothing. */
  async insert(offer: OfferRecord): Promise<void> {
    await this.#engine.query((db) =>
      db
        .insertInto('offer')
        .values({
          id: offer.id,
          bolt12: offer.bolt12,
          nonce: offer.nonce,
          epoch_id: offer.epochId,
          reference: offer.reference ?? null,
          created_at: offer.createdAt,
          disabled_at: offer.disabledAt ?? null,
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute(),
    );
  }

  async get(id: string): Promise<OfferRecord | undefined> {
    const row = await this.#engine.query((db) =>
      db.selectFrom('offer').selectAll().where('id', '=', id).executeTakeFirst(),
    );
    return row && fromRow(row);
  }

  /** Newest first. */
  async list({ limit, before }: OfferQuery): Promise<readonly OfferRecord[]> {
    const rows = await this.#engine.query((db) => {
      let query = db.selectFrom('offer').selectAll().orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit);
      if (before) query = query.where(sql<SqlBool>`(created_at, id) < (${before.createdAt}, ${before.id})`);
      return query.execute();
    });
    return rows.map(fromRow);
  }

  /** Undefined if there is no such offer. Off or on again. */
  async setDisabled(id: string, disabled: boolean): Promise<OfferRecord | undefined> {
    const now = await this.#engine.now();
    await this.#engine.query((db) => {
      const update = db.updateTable('offer').where('id', '=', id);
      return disabled
        ? update.set({ disabled_at: now }).where('disabled_at', 'is', null).execute()
        : update.set({ disabled_at: null }).execute();
    });
    return this.get(id);
  }
}

function fromRow(row: Selectable<OfferTable>): OfferRecord {
  return {
    id: row.id,
    bolt12: row.bolt12,
    nonce: row.nonce,
    epochId: row.epoch_id,
    reference: row.reference ?? undefined,
    createdAt: intFromColumn(row.created_at),
    disabledAt: optionalIntFromColumn(row.disabled_at),
  };
}
