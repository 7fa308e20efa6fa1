/** Offers, and for which offer a set pays. */
import { type Kysely, sql } from 'kysely';
import { columnTypes, type EngineKind } from './columns.js';
import type { Tables } from './tables.js';

export async function offerSchema(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  const { int, text, tableOptions } = columnTypes(kind);
  await sql.raw(`alter table htlc_set add column offer ${text}`).execute(db);
  const columns = `
    id ${text} primary key,
    bolt12 ${text} not null,
    nonce ${text} not null,
    epoch_id ${text} not null,
    reference ${text},
    created_at ${int} not null,
    disabled_at ${int}`;
  await sql.raw(`create table offer (${columns}) ${tableOptions}`).execute(db);
  await sql.raw('create index offer_created on offer (created_at, id)').execute(db);
}
