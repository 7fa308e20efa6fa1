/** The first schema. The rules that protect money are in the database itself, so that no program error can step over them. */
import { type Kysely, sql } from 'kysely';
import { type ColumnTypes, columnTypes, type EngineKind } from './columns.js';
import type { Tables } from './tables.js';

export async function initialSchema(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  const types = columnTypes(kind);
  const tables = { ...ledgerTables(types), ...apiTables(types) };
  for (const [name, columns] of Object.entries(tables)) {
    await sql.raw(`create table ${name} (${columns}) ${types.tableOptions}`).execute(db);
  }
  for (const statement of INDEXES) await sql.raw(statement).execute(db);
}

function ledgerTables({ int, text, serial }: ColumnTypes): Record<string, string> {
  return {
    lease: `
      node_id ${text} primary key,
      owner ${text} not null,
      epoch ${int} not null check (epoch >= 0),
      expires_at ${int} not null,
      height ${int} not null`,

    // The last check: a committed set can be answered for ever from its own row (R3).
    htlc_set: `
      payment_hash ${text} not null,
      id ${text} not null,
      payment_secret ${text} not null,
      total_msat ${int} not null,
      state ${text} not null check (state in ('open', 'settling', 'settled', 'failed')),
      opened_at ${int} not null,
      decided_at ${int},
      accepted_at ${int},
      review_at ${int} not null,
      preimage ${text},
      settled_msat ${int},
      primary key (payment_hash, id),
      check (state in ('open', 'failed')
        or (preimage is not null and settled_msat is not null and decided_at is not null))`,

    // The key keeps an HTLC that a node shows again from becoming a second part. Only a part of a set can be settled.
    part: `
      node_id ${text} not null,
      channel_id ${int} not null,
      htlc_id ${int} not null,
      payment_hash ${text} not null,
      set_id ${text},
      amount_msat ${int} not null,
      incoming_amount_msat ${int} not null,
      expiry ${int} not null,
      deadline ${int} not null,
      presented_epoch ${int} not null,
      first_seen_at ${int} not null,
      decision ${text} not null check (decision in ('none', 'settle', 'fail')),
      fail_reason ${text},
      fail_message ${text},
      decided_at ${int},
      final ${text} not null check (final in ('none', 'settled', 'lost', 'failed')),
      primary key (node_id, channel_id, htlc_id),
      check ((decision = 'fail') = (fail_message is not null and fail_reason is not null)),
      check (decision <> 'settle' or set_id is not null)`,

    invoice: `
      payment_hash ${text} primary key,
      mode ${text} not null check (mode in ('auto', 'hold')),
      wish ${text} not null check (wish in ('none', 'settle', 'cancel')),
      preimage ${text},
      hold_ms ${int} not null,
      bolt11 ${text},
      amount_msat ${int},
      description ${text},
      description_hash ${text},
      reference ${text},
      metadata ${text},
      created_at ${int} not null,
      expires_at ${int},
      epoch_id ${text}`,

    event: `
      id ${serial},
      seq ${int},
      type ${text} not null,
      payment_hash ${text},
      created_at ${int} not null,
      body ${text} not null`,
  };
}

function apiTables({ int, text }: ColumnTypes): Record<string, string> {
  return {
    api_token: `
      hash ${text} primary key,
      id ${text} not null unique,
      name ${text} not null,
      scopes ${text} not null,
      created_at ${int} not null,
      revoked_at ${int}`,

    idempotency: `
      token_id ${text} not null,
      key ${text} not null,
      route ${text} not null,
      request_hash ${text} not null,
      claimed_at ${int} not null,
      claim ${int} not null,
      status_code ${int},
      response_body ${text},
      created_at ${int} not null,
      primary key (token_id, key)`,

    webhook: `
      id ${text} primary key,
      url ${text} not null,
      secret_ref ${text} not null,
      event_types ${text} not null,
      enabled ${int} not null check (enabled in (0, 1)),
      cursor_seq ${int} not null,
      created_at ${int} not null`,

    delivery: `
      webhook_id ${text} not null references webhook (id) on delete cascade,
      seq ${int} not null,
      attempts ${int} not null,
      next_attempt_at ${int} not null,
      last_status ${text},
      done_at ${int},
      primary key (webhook_id, seq)`,

    meta: `
      key ${text} primary key,
      value ${text} not null`,
  };
}

/**
 * Each index over payment hashes costs a page of its own per payment, because hashes fall anywhere: on the hot path there
 * are three, and events have none.
 */
const INDEXES = [
  // At most one set of a hash ever leaves "open" for settling, whatever the programs do.
  `create unique index htlc_set_one_committed on htlc_set (payment_hash) where state in ('settling', 'settled')`,
  `create index htlc_set_due on htlc_set (review_at) where state = 'open'`,
  `create index htlc_set_paid on htlc_set (decided_at, id) where state in ('settling', 'settled')`,
  'create index part_hash on part (payment_hash)',
  `create index part_unfinished on part (node_id) where final = 'none'`,
  `create index part_deadline on part (deadline) where decision = 'none'`,
  `create index part_overdue on part (expiry) where decision = 'settle' and final = 'none'`,
  'create index invoice_created on invoice (created_at, payment_hash)',
  'create index invoice_reference on invoice (reference) where reference is not null',
  // Makes the sequence safe whichever process assigns it.
  'create unique index event_seq on event (seq)',
  'create index event_unsequenced on event (id) where seq is null',
  'create index idempotency_created on idempotency (created_at)',
  'create index delivery_due on delivery (next_attempt_at) where done_at is null',
];
