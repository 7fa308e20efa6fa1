/** Machines that are kept as one document each. */
import { type Kysely, sql } from 'kysely';
import { columnTypes, type EngineKind } from './columns.js';
import type { Tables } from './tables.js';

export async function documentSchema(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  const { int, text, tableOptions } = columnTypes(kind);
  const columns = `
    kind ${text} not null,
    id ${text} not null,
    scope ${text} not null,
    version ${int} not null check (version > 0),
    due_at ${int},
    is_open ${int} not null check (is_open in (0, 1)),
    created_at ${int} not null,
    updated_at ${int} not null,
    body ${text} not null,
    primary key (kind, id)`;
  await sql.raw(`create table document (${columns}) ${tableOptions}`).execute(db);
  for (const statement of INDEXES) await sql.raw(statement).execute(db);
}

const INDEXES = [
  'create index document_due on document (kind, due_at) where due_at is not null',
  'create index document_scope on document (kind, scope, created_at, id)',
  'create index document_created on document (kind, created_at, id)',
  'create index document_closed on document (updated_at) where is_open = 0',
];
