/** Tables of waking clients (LSPS5): who registered which webhook, and the calls that are owed to them. */
import { type Kysely, sql } from 'kysely';
import { type ColumnTypes, columnTypes, type EngineKind } from './columns.js';
import type { Tables } from './tables.js';

export async function wakingSchema(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  const types = columnTypes(kind);
  for (const [name, columns] of Object.entries(tables(types))) {
    await sql.raw(`create table ${name} (${columns}) ${types.tableOptions}`).execute(db);
  }
  for (const statement of INDEXES) await sql.raw(statement).execute(db);
}

function tables({ int, text }: ColumnTypes): Record<string, string> {
  return {
    // One of our nodes, which signs, and one client of it. There as long as the client has a webhook.
    wake_client: `
      node_id ${text} not null,
      client ${text} not null,
      connected_at ${int},
      notified_at ${int},
      reset_at ${int},
      stranger_since ${int},
      reviewed_at ${int} not null,
      primary key (node_id, client)`,

    wake_webhook: `
      node_id ${text} not null,
      client ${text} not null,
      app_name ${text} not null,
      url ${text} not null,
      set_at ${int} not null,
      used_at ${int} not null,
      primary key (node_id, client, app_name),
      foreign key (node_id, client) references wake_client (node_id, client) on delete cascade`,

    // Rows go when the call was taken, went stale, or the client came by itself.
    wake_call: `
      node_id ${text} not null,
      client ${text} not null,
      app_name ${text} not null,
      method ${text} not null,
      params ${text} not null,
      created_at ${int} not null,
      due_at ${int} not null,
      stale_at ${int} not null,
      attempts ${int} not null,
      claim ${int} not null,
      last_status ${text},
      primary key (node_id, client, app_name, method),
      foreign key (node_id, client, app_name)
        references wake_webhook (node_id, client, app_name) on delete cascade`,
  };
}

const INDEXES = [
  'create index wake_client_stranger on wake_client (node_id) where stranger_since is not null',
  'create index wake_client_reviewed on wake_client (node_id, reviewed_at)',
  'create index wake_call_due on wake_call (node_id, due_at)',
  'create index wake_call_stale on wake_call (stale_at)',
];
