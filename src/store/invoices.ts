/** Invoices that have a row, and what was paid whether it has one or not. */
import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { HtlcSet, InvoiceTerms } from '../receive/ledger/types.js';
import type { Millis, Msat } from '../wire/units.js';
import {
  intFromColumn,
  intToColumn,
  optionalIntFromColumn,
  type SqlValue,
  u64FromColumn,
  u64ToColumn,
} from './columns.js';
import type { Engine } from './engine.js';
import { COMMITTED, HTLC_SET } from './ledger-rows.js';

/** What a merchant wants remembered of an invoice. All hex fields lower case. */
export interface InvoiceRecord extends InvoiceTerms {
  /** Undefined for a bare row: a wish about an invoice that was never stored. */
  readonly bolt11: string | undefined;
  readonly amountMsat: Msat | undefined;
  readonly description: string | undefined;
  readonly descriptionHash: string | undefined;
  /** The merchant's own name for it. */
  readonly reference: string | undefined;
  /** Any JSON value. */
  readonly metadata: unknown;
  readonly createdAt: Millis;
  readonly expiresAt: Millis | undefined;
  /** Key epoch it was made under. */
  readonly epochId: string | undefined;
}

/** `accepted`: complete and held for the merchant. `paid`: committed, whether or not all parts are final. */
export type InvoiceState = 'open' | 'accepted' | 'paid' | 'canceled' | 'expired';

export interface ListedInvoice {
  readonly invoice: InvoiceRecord;
  readonly state: InvoiceState;
}

export interface InvoiceCursor {
  readonly createdAt: Millis;
  readonly paymentHash: string;
}

export interface InvoiceQuery {
  readonly limit: number;
  /** Continue after this one; newest come first. */
  readonly before?: InvoiceCursor;
  readonly state?: InvoiceState;
  readonly reference?: string;
}

export interface PaymentCursor {
  readonly decidedAt: Millis;
  readonly setId: string;
}

export interface PaymentQuery {
  readonly limit: number;
  /** Continue after this one; newest come first. */
  readonly before?: PaymentCursor;
}

/** A payment that was committed. */
export interface Payment {
  readonly set: HtlcSet;
  readonly invoice: InvoiceRecord | undefined;
}

export class Invoices {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Stores an invoice once: a second call with the same hash changes nothing and returns what is stored. */
  async insert(invoice: InvoiceRecord): Promise<{ readonly created: boolean; readonly invoice: InvoiceRecord }> {
    const created = await this.#engine.query((db) =>
      db
        .insertInto('invoice')
        .values(toRow(invoice))
        .onConflict((conflict) => conflict.column('payment_hash').doNothing())
        .executeTakeFirstOrThrow(),
    );
    const stored = await this.get(invoice.paymentHash);
    if (stored === undefined) throw new Error('an invoice disappeared: nothing deletes invoices');
    return { created: created.numInsertedOrUpdatedRows === 1n, invoice: stored.invoice };
  }

  async get(paymentHash: string): Promise<ListedInvoice | undefined> {
    const now = await this.#engine.now();
    const row = await this.#engine.query((db) =>
      db
        .selectFrom('invoice')
        .selectAll()
        .select(stateAt(now).as('state'))
        .where('payment_hash', '=', paymentHash)
        .executeTakeFirst(),
    );
    return row === undefined ? undefined : { invoice: fromRow(row), state: row.state };
  }

  /** Newest first. */
  async list({ limit, before, state, reference }: InvoiceQuery): Promise<readonly ListedInvoice[]> {
    const now = await this.#engine.now();
    const rows = await this.#engine.query((db) => {
      let query = db
        .selectFrom('invoice')
        .selectAll()
        .select(stateAt(now).as('state'))
        .orderBy('created_at', 'desc')
        .orderBy('payment_hash', 'desc')
        .limit(limit);
      if (before !== undefined) {
        query = query.where(sql<SqlBool>`(created_at, payment_hash) < (${before.createdAt}, ${before.paymentHash})`);
      }
      if (state !== undefined) query = query.where(stateAt(now), '=', state);
      if (reference !== undefined) query = query.where('reference', '=', reference);
      return query.execute();
    });
    return rows.map((row) => ({ invoice: fromRow(row), state: row.state }));
  }

  /** Committed payments, newest first, those of stateless invoices included. */
  async listPayments({ limit, before }: PaymentQuery): Promise<readonly Payment[]> {
    const rows = await this.#engine.query((db) => {
      let query = db
        .selectFrom('htlc_set')
        .leftJoin('invoice', 'invoice.payment_hash', 'htlc_set.payment_hash')
        .select(HTLC_SET.columns.map(([name]) => sql.ref<SqlValue>(`htlc_set.${name}`).as(`set_${name}`)))
        .select(INVOICE_COLUMNS.map((name) => `invoice.${name}` as const))
        .where('htlc_set.state', 'in', COMMITTED)
        .orderBy('htlc_set.decided_at', 'desc')
        .orderBy('htlc_set.id', 'desc')
        .limit(limit);
      if (before !== undefined) {
        query = query.where(sql<SqlBool>`(htlc_set.decided_at, htlc_set.id) < (${before.decidedAt}, ${before.setId})`);
      }
      return query.execute();
    });
    return rows.map((row) => {
      const columns = row as unknown as Record<string, SqlValue>;
      const set = HTLC_SET.fromRow(HTLC_SET.columns.map(([name]) => columns[`set_${name}`]!));
      return { set, invoice: columns.payment_hash === null ? undefined : fromRow(row as unknown as InvoiceRow) };
    });
  }
}

/** A set that pays a static invoice pays no other one, whatever hash its payer chose. Quotes in a payer's note are escaped. */
const PAYS_STATIC_INVOICE = '%"isStatic":true%';

/** Committed beats everything; a wish to cancel beats what has not happened yet. */
function stateAt(now: Millis): RawBuilder<InvoiceState> {
  return sql<InvoiceState>`(case
    when exists (select 1 from htlc_set s where s.payment_hash = invoice.payment_hash and s.state in ('settling', 'settled')
      and (invoice.bolt11 is null or s.offer is null or s.offer not like ${PAYS_STATIC_INVOICE})) then 'paid'
    when invoice.wish = 'cancel' then 'canceled'
    when exists (select 1 from htlc_set s where s.payment_hash = invoice.payment_hash and s.state = 'open'
      and s.accepted_at is not null) then 'accepted'
    when invoice.expires_at <= ${now} then 'expired'
    else 'open' end)`;
}

const INVOICE_COLUMNS = [
  'payment_hash',
  'mode',
  'wish',
  'preimage',
  'hold_ms',
  'bolt11',
  'amount_msat',
  'description',
  'description_hash',
  'reference',
  'metadata',
  'created_at',
  'expires_at',
  'epoch_id',
] as const;

type InvoiceRow = ReturnType<typeof toRow>;

function toRow(invoice: InvoiceRecord) {
  return {
    payment_hash: invoice.paymentHash,
    mode: invoice.mode as string,
    wish: invoice.wish as string,
    preimage: invoice.preimage ?? null,
    hold_ms: intToColumn(invoice.holdMs) as number | bigint,
    bolt11: invoice.bolt11 ?? null,
    amount_msat: invoice.amountMsat === undefined ? null : u64ToColumn(invoice.amountMsat),
    description: invoice.description ?? null,
    description_hash: invoice.descriptionHash ?? null,
    reference: invoice.reference ?? null,
    metadata: invoice.metadata === undefined ? null : JSON.stringify(invoice.metadata),
    created_at: intToColumn(invoice.createdAt) as number | bigint,
    expires_at: invoice.expiresAt === undefined ? null : (intToColumn(invoice.expiresAt) as number | bigint),
    epoch_id: invoice.epochId ?? null,
  };
}

function fromRow(row: InvoiceRow): InvoiceRecord {
  return {
    paymentHash: row.payment_hash,
    mode: row.mode as InvoiceRecord['mode'],
    wish: row.wish as InvoiceRecord['wish'],
    preimage: row.preimage ?? undefined,
    holdMs: intFromColumn(row.hold_ms),
    bolt11: row.bolt11 ?? undefined,
    amountMsat: row.amount_msat === null ? undefined : u64FromColumn(row.amount_msat),
    description: row.description ?? undefined,
    descriptionHash: row.description_hash ?? undefined,
    reference: row.reference ?? undefined,
    metadata: row.metadata === null ? undefined : (JSON.parse(row.metadata) as unknown),
    createdAt: intFromColumn(row.created_at),
    expiresAt: optionalIntFromColumn(row.expires_at),
    epochId: row.epoch_id ?? undefined,
  };
}
