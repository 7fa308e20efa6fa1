/** Mail of wallets that sleep. */
import { type Kysely, sql } from 'kysely';
import { columnTypes, type EngineKind } from './columns.js';
import type { Tables } from './tables.js';

export async function mailboxSchema(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  const { int, text, serial, tableOptions } = columnTypes(kind);
  // Sums of a wallet's messages, so that no question about all wallets reads all messages.
  const box = `
    client ${int} primary key,
    messages ${int} not null,
    bytes ${int} not null,
    oldest_at ${int} not null,
    claim ${int} not null,
    claimed_until ${int} not null`;
  const message = `
    id ${serial},
    client ${int} not null,
    received_at ${int} not null,
    size ${int} not null,
    body ${text} not null`;
  await sql.raw(`create table mailbox (${box}) ${tableOptions}`).execute(db);
  await sql.raw(`create table mailbox_message (${message}) ${tableOptions}`).execute(db);
  await sql.raw('create index mailbox_oldest on mailbox (oldest_at)').execute(db);
  await sql.raw('create index mailbox_message_client on mailbox_message (client, id)').execute(db);
}
