/** Tables of paying. As in the first schema, the rules that protect money are in the database itself. */
import { type Kysely, sql } from 'kysely';
import { type ColumnTypes, columnTypes, type EngineKind } from './columns.js';
import type { Tables } from './tables.js';

export async function payingSchema(db: Kysely<Tables>, kind: EngineKind): Promise<void> {
  const types = columnTypes(kind);
  for (const [name, columns] of Object.entries(tables(types))) {
    await sql.raw(`create table ${name} (${columns}) ${types.tableOptions}`).execute(db);
  }
  for (const statement of INDEXES) await sql.raw(statement).execute(db);
}

function tables({ int, text, serial }: ColumnTypes): Record<string, string> {
  return {
    // Whatever is under way holds its hash. Only a success that came to light after "failed" may find it taken.
    payment: `
      id ${text} primary key,
      payment_hash ${text} not null,
      request ${text} not null,
      state ${text} not null,
      phase ${text} not null
        check (phase in ('prepared', 'in_flight', 'waiting', 'stopping', 'succeeded', 'failed')),
      is_ended ${int} not null check (is_ended in (0, 1)),
      holds_hash ${int} not null check (holds_hash in (0, 1)),
      stop_asked ${int} not null check (stop_asked in (0, 1)),
      version ${int} not null,
      owner ${text} not null,
      epoch ${int} not null,
      created_at ${int} not null,
      amount_msat ${int} not null,
      fee_msat ${int} not null,
      check (holds_hash = 1 or phase in ('failed', 'succeeded')),
      check (phase <> 'failed' or holds_hash = 0)`,

    payment_part: `
      payment_id ${text} not null references payment (id),
      part_id ${int} not null,
      node_id ${text} not null,
      state ${text} not null check (state in ('planned', 'sent', 'unknown', 'settled', 'failed')),
      body ${text} not null,
      primary key (payment_id, part_id)`,

    // One that is gone stays: its process may only be frozen, and has to be told.
    sender: `
      owner ${text} primary key,
      expires_at ${int} not null,
      is_gone ${int} not null check (is_gone in (0, 1))`,

    lesson: `
      id ${serial},
      seq ${int},
      owner ${text} not null,
      created_at ${int} not null,
      body ${text} not null`,

    knowledge: `
      id ${int} primary key check (id = 1),
      seq ${int} not null,
      body ${text} not null,
      ahead ${text} not null`,

    internal_htlc: `
      htlc_id ${serial},
      node_id ${text} not null,
      channel_id ${int} not null,
      payment_hash ${text} not null,
      part_id ${int} not null,
      sent_at ${int} not null,
      amount_msat ${int} not null,
      expiry ${int} not null,
      onion ${text} not null,
      state ${text} not null check (state in ('held', 'settled', 'failed')),
      preimage ${text},
      packet ${text},
      created_at ${int} not null,
      ended_at ${int},
      check ((state = 'settled') = (preimage is not null)),
      check ((state = 'failed') = (packet is not null)),
      check ((state = 'held') = (ended_at is null))`,
  };
}

const INDEXES = [
  // One payment of a hash at a time, over the whole cluster, whatever the programs do (R8).
  'create unique index payment_one_per_hash on payment (payment_hash) where holds_hash = 1',
  'create index payment_hash_created on payment (payment_hash, created_at, id)',
  'create index payment_created on payment (created_at, id)',
  'create index payment_running on payment (created_at, id) where is_ended = 0',
  'create index payment_owner on payment (owner) where is_ended = 0',
  'create index payment_stop on payment (owner) where is_ended = 0 and stop_asked = 1',
  `create index payment_part_out on payment_part (payment_id) where state in ('sent', 'unknown')`,
  'create unique index lesson_seq on lesson (seq)',
  'create index lesson_unsequenced on lesson (id) where seq is null',
  // The same part handed over twice is one HTLC (R8).
  'create unique index internal_htlc_part on internal_htlc (payment_hash, part_id, sent_at)',
  `create index internal_htlc_held on internal_htlc (node_id, htlc_id) where state = 'held'`,
];
