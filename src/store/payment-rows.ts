/** Payments of ours as rows: reading them whole, and writing what a step changed. */
import { type RawBuilder, type Selectable, type SelectQueryBuilder, sql } from 'kysely';
import { headToText, partToText, stateFromText } from '../send/payment/codec.js';
import type { PaymentPart, PaymentState } from '../send/payment/payment.js';
import { outstandingOf } from '../send/payment/sums.js';
import type { PaymentOutEvent, PaymentRequest, StoredPayment } from '../send/run/store-port.js';
import { toHex } from '../wire/bytes.js';
import { intFromColumn, intToColumn, textFromColumn, toJson, u64ToColumn } from './columns.js';
import type { Write } from './engine.js';
import { StoreConflict, StoreDamaged } from './errors.js';
import type { Db, PaymentTable, Tables } from './tables.js';

type Row = Selectable<PaymentTable>;
type PaymentQuery = SelectQueryBuilder<Tables, 'payment', Row>;

/** A payment as read: one that is damaged does not hide the others. */
export type Reading =
  | { readonly ok: true; readonly payment: StoredPayment }
  | { readonly ok: false; readonly id: string; readonly error: StoreDamaged };

/** The payments that `choose` picks, with their parts, in one statement: no commit comes in between. Newest first. */
export async function readPayments(db: Db, choose: (query: PaymentQuery) => PaymentQuery): Promise<readonly Reading[]> {
  const rows = await db
    .selectFrom(choose(db.selectFrom('payment').selectAll()).as('p'))
    .leftJoin('payment_part as part', 'part.payment_id', 'p.id')
    .select(['p.id', 'p.request', 'p.created_at', 'p.version', 'p.owner', 'p.epoch', 'part.body'])
    // Once per payment, not once per part.
    .select(sql<string | null>`case when coalesce(part.part_id, 0) = 0 then p.state end`.as('state'))
    .orderBy('p.created_at', 'desc')
    .orderBy('p.id', 'desc')
    .orderBy('part.part_id')
    .execute();
  const groups = new Map<string, typeof rows>();
  for (const row of rows) {
    const group = groups.get(row.id);
    if (group) group.push(row);
    else groups.set(row.id, [row]);
  }
  return [...groups.values()].map((group) => {
    const first = group[0]!;
    const parts = group.flatMap(({ body }) => (body === null ? [] : [body]));
    return readingOf(first, first.state, parts);
  });
}

function readingOf(
  row: Pick<Row, 'id' | 'request' | 'created_at' | 'version' | 'owner' | 'epoch'>,
  head: string | null,
  parts: readonly string[],
): Reading {
  const { id } = row;
  const state = stateFromText(head ?? '', parts);
  if (!state.ok) {
    return { ok: false, id, error: new StoreDamaged(`payment ${id} cannot be read: ${state.error.message}`) };
  }
  const payment = {
    id,
    request: JSON.parse(textFromColumn(row.request)) as PaymentRequest,
    state: state.value,
    createdAt: intFromColumn(row.created_at),
    version: intFromColumn(row.version),
    owner: row.owner,
    epoch: intFromColumn(row.epoch),
  };
  return { ok: true, payment };
}

/** @throws {StoreDamaged} */
export function sound(reading: Reading): StoredPayment {
  if (!reading.ok) throw reading.error;
  return reading.payment;
}

/** Columns that follow from the state. */
export function stateColumns(state: PaymentState): {
  readonly state: string;
  readonly phase: string;
  readonly is_ended: bigint;
  readonly fee_msat: bigint;
} {
  return {
    state: headToText(state),
    phase: state.phase,
    is_ended: state.isEnded ? 1n : 0n,
    fee_msat: u64ToColumn(outstandingOf(state).feeMsat),
  };
}

/**
 * A part goes from planned over sent to an end, by a later word from failed to settled, never back: what may be out is not
 * forgotten (R9). `unknown` and `sent` are both out.
 */
const RANK = (table: string): string =>
  `case ${table}.state when 'planned' then 0 when 'failed' then 2 when 'settled' then 3 else 1 end`;
const KEEPS_ORDER = sql<boolean>`${sql.raw(`${RANK('payment_part')} <= ${RANK('excluded')}`)}`;

/** Changes all of the parts, unless one would go back. */
export function partWrites(db: Db, id: string, parts: readonly PaymentPart[]): Write[] {
  if (parts.length === 0) return [];
  const query = db
    .insertInto('payment_part')
    .values(
      parts.map((part) => ({
        payment_id: id,
        part_id: intToColumn(part.id),
        node_id: toHex(part.source),
        state: part.state,
        body: partToText(part),
      })),
    )
    .onConflict((conflict) =>
      conflict
        .columns(['payment_id', 'part_id'])
        .doUpdateSet((eb) => ({
          node_id: eb.ref('excluded.node_id'),
          state: eb.ref('excluded.state'),
          body: eb.ref('excluded.body'),
        }))
        .where(KEEPS_ORDER),
    );
  return [{ query, changes: parts.length }];
}

/** Appends to the outbox. */
export function eventWrites(
  db: Db,
  payment: { readonly id: string; readonly paymentHash: string },
  events: readonly PaymentOutEvent[],
  now: RawBuilder<bigint>,
): Write[] {
  if (events.length === 0) return [];
  const { id: paymentId, paymentHash } = payment;
  const query = db.insertInto('event').values(
    events.map((event) => ({
      type: event.type,
      payment_hash: paymentHash,
      created_at: now,
      body: toJson({ ...event, paymentHash, paymentId }),
    })),
  );
  return [{ query, changes: events.length }];
}

/** Within a transaction. @throws {StoreConflict} if one of them does not change what it has to. */
export async function write(db: Db, writes: readonly Write[]): Promise<void> {
  for (const { query, changes } of writes) {
    const { numAffectedRows } = await db.executeQuery(query.compile());
    if (numAffectedRows !== BigInt(changes)) {
      throw new StoreConflict('the write breaks a rule of paying: a part would go back to an earlier state');
    }
  }
}
