/** HTLCs of the virtual node by which the cluster pays itself: they live in this table and nowhere else. */
import { type Selectable, sql } from 'kysely';
import { fromHex, toHex } from '../wire/bytes.js';
import type { Millis, Msat } from '../wire/units.js';
import { intFromColumn, intToColumn, textFromColumn, u64FromColumn, u64ToColumn } from './columns.js';
import { databaseTime } from './database-time.js';
import type { Engine } from './engine.js';
import type { Tables } from './tables.js';

// As a literal: a parameter would keep the partial index from being used.
const HELD = sql.lit('held');

/** Which part of a payment it is. A later payment of the same hash counts its parts from 0 again: hence the time. */
export interface InternalPartName {
  /** Lower-case hex. */
  readonly paymentHash: string;
  readonly partId: number;
  /** `sentAt` of the part as its payment recorded it. */
  readonly sentAt: Millis;
}

/** As for real HTLCs. */
export interface InternalHtlcKey {
  /** Lower-case hex. */
  readonly nodeId: string;
  readonly channelId: bigint;
  /** Given by the store: unique for ever. */
  readonly htlcId: bigint;
}

export interface NewInternalHtlc extends InternalPartName {
  readonly nodeId: string;
  readonly channelId: bigint;
  readonly amountMsat: Msat;
  readonly expiry: number;
  readonly onion: Uint8Array;
}

export type InternalHtlcEnd =
  | { readonly state: 'held' }
  /** Lower-case hex. */
  | { readonly state: 'settled'; readonly preimage: string; readonly endedAt: Millis }
  | { readonly state: 'failed'; readonly packet: Uint8Array; readonly endedAt: Millis };

export interface InternalHtlc extends NewInternalHtlc {
  readonly htlcId: bigint;
  readonly createdAt: Millis;
  readonly end: InternalHtlcEnd;
}

export class InternalHtlcs {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Handing the same part over again gives the HTLC that is there, as it stands by now. */
  async hold(htlc: NewInternalHtlc): Promise<InternalHtlc> {
    const now = await databaseTime(this.#engine);
    const { numInsertedOrUpdatedRows } = await this.#engine.query((db) =>
      db
        .insertInto('internal_htlc')
        .values({
          node_id: htlc.nodeId,
          channel_id: u64ToColumn(htlc.channelId),
          payment_hash: htlc.paymentHash,
          part_id: intToColumn(htlc.partId),
          sent_at: intToColumn(htlc.sentAt),
          amount_msat: u64ToColumn(htlc.amountMsat),
          expiry: intToColumn(htlc.expiry),
          onion: toHex(htlc.onion),
          state: 'held',
          created_at: now,
        })
        .onConflict((conflict) => conflict.columns(['payment_hash', 'part_id', 'sent_at']).doNothing())
        .executeTakeFirstOrThrow(),
    );
    if (numInsertedOrUpdatedRows === 1n) this.#hint();
    return (await this.ofPart(htlc))!;
  }

  /** All of the node that have no end, in the order they came. */
  async held(nodeId: string): Promise<readonly InternalHtlc[]> {
    const rows = await this.#engine.query((db) =>
      db
        .selectFrom('internal_htlc')
        .selectAll()
        .where('node_id', '=', nodeId)
        .where('state', '=', HELD)
        .orderBy('htlc_id')
        .execute(),
    );
    return rows.map(fromRow);
  }

  /** The first end stands for ever. Resolves with the HTLC as it stands; undefined if there is none. */
  settle(key: InternalHtlcKey, preimage: string): Promise<InternalHtlc | undefined> {
    return this.#end(key, { state: 'settled', preimage });
  }

  /** As {@link settle}. @param packet the failure as the payer gets it */
  fail(key: InternalHtlcKey, packet: Uint8Array): Promise<InternalHtlc | undefined> {
    return this.#end(key, { state: 'failed', packet: toHex(packet) });
  }

  async lookup({ nodeId, channelId, htlcId }: InternalHtlcKey): Promise<InternalHtlc | undefined> {
    const row = await this.#engine.query((db) =>
      db
        .selectFrom('internal_htlc')
        .selectAll()
        .where('htlc_id', '=', htlcId)
        .where('node_id', '=', nodeId)
        .where('channel_id', '=', u64ToColumn(channelId))
        .executeTakeFirst(),
    );
    return row && fromRow(row);
  }

  async ofPart({ paymentHash, partId, sentAt }: InternalPartName): Promise<InternalHtlc | undefined> {
    const row = await this.#engine.query((db) =>
      db
        .selectFrom('internal_htlc')
        .selectAll()
        .where('payment_hash', '=', paymentHash)
        .where('part_id', '=', BigInt(partId))
        .where('sent_at', '=', BigInt(sentAt))
        .executeTakeFirst(),
    );
    return row && fromRow(row);
  }

  async #end(
    key: InternalHtlcKey,
    end: { readonly state: string; readonly preimage?: string; readonly packet?: string },
  ): Promise<InternalHtlc | undefined> {
    const now = await databaseTime(this.#engine);
    const { numUpdatedRows } = await this.#engine.query((db) =>
      db
        .updateTable('internal_htlc')
        .set({ ...end, ended_at: now })
        .where('htlc_id', '=', key.htlcId)
        .where('node_id', '=', key.nodeId)
        .where('channel_id', '=', u64ToColumn(key.channelId))
        .where('state', '=', HELD)
        .executeTakeFirstOrThrow(),
    );
    if (numUpdatedRows === 1n) this.#hint();
    return this.lookup(key);
  }

  #hint(): void {
    this.#engine.hint({ nodeIds: [], freed: [], events: false, payments: true });
  }
}

type Row = Selectable<Tables['internal_htlc']>;

function fromRow(row: Row): InternalHtlc {
  return {
    nodeId: row.node_id,
    channelId: u64FromColumn(row.channel_id),
    htlcId: row.htlc_id,
    paymentHash: row.payment_hash,
    partId: intFromColumn(row.part_id),
    sentAt: intFromColumn(row.sent_at),
    amountMsat: u64FromColumn(row.amount_msat),
    expiry: intFromColumn(row.expiry),
    onion: fromHex(row.onion),
    createdAt: intFromColumn(row.created_at),
    end: endOf(row),
  };
}

function endOf({ state, preimage, packet, ended_at }: Row): InternalHtlcEnd {
  switch (state) {
    case 'held':
      return { state };
    case 'settled':
      return { state, preimage: textFromColumn(preimage), endedAt: intFromColumn(ended_at) };
    case 'failed':
      return { state, packet: fromHex(textFromColumn(packet)), endedAt: intFromColumn(ended_at) };
    default:
      throw new TypeError('an internal HTLC has an unknown state');
  }
}
