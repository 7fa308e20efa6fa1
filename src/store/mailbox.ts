/** Mail of wallets that sleep: one row per message, and one per wallet with their sums. */
import { type SqlBool, sql } from 'kysely';
import { mailToDrop } from '../offline/mailbox/limits.js';
import type {
  BoxView,
  ClaimedBox,
  IncomingMail,
  KeptMail,
  MailStore,
  MailTotals,
} from '../offline/mailbox/store-port.js';
import { decodeOnionMessage, encodeOnionMessage } from '../onion/message.js';
import type { Millis } from '../wire/units.js';
import { intFromColumn } from './columns.js';
import type { Engine } from './engine.js';
import type { Db } from './tables.js';

/** Statements stay small enough for both engines' limits on parameters. */
const INSERT_ROWS = 100;
const CLIENTS_AT_ONCE = 500;
const TRIM_ROWS = 500;

interface Row {
  readonly id: number;
  readonly client: number;
  readonly size: number;
}

export class Mailbox implements MailStore {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async keep(mail: readonly IncomingMail[]): Promise<number> {
    if (mail.length === 0) return 0;
    const now = await this.#engine.now();
    const rows = mail.map(({ client, message }) => {
      const bytes = encodeOnionMessage(message);
      return { client, received_at: now, size: bytes.length, body: Buffer.from(bytes).toString('base64') };
    });
    const limits = new Map(mail.map((one) => [one.client, one.limits]));
    const clients = [...limits.keys()];
    return this.#engine.transaction(async (db) => {
      for (const some of chunks(rows, INSERT_ROWS)) await db.insertInto('mailbox_message').values(some).execute();
      const dropped: Row[] = [];
      for (const some of chunks(clients, CLIENTS_AT_ONCE)) {
        for (const [client, box] of await boxesOf(db, some)) dropped.push(...mailToDrop(box, limits.get(client)!));
      }
      await removeRows(db, dropped);
      await refreshBoxes(db, clients);
      return dropped.length;
    });
  }

  async claim(client: number, leaseMs: Millis): Promise<ClaimedBox | undefined> {
    const now = await this.#engine.now();
    const box = await this.#engine.query((db) =>
      db
        .updateTable('mailbox')
        .set({ claim: sql<bigint>`claim + 1`, claimed_until: now + leaseMs })
        .where('client', '=', BigInt(client))
        .where('claimed_until', '<=', BigInt(now))
        .returning('claim')
        .executeTakeFirst(),
    );
    if (!box) return undefined;
    const rows = await this.#engine.query((db) =>
      db.selectFrom('mailbox_message').selectAll().where('client', '=', BigInt(client)).orderBy('id').execute(),
    );
    const mail = rows.flatMap(({ id, received_at, body }): KeptMail[] => {
      const message = decodeOnionMessage(Buffer.from(body, 'base64'));
      // It was read before it was kept, so this happens to a damaged database only.
      if (!message.ok) return [];
      return [{ id: intFromColumn(id), receivedAt: intFromColumn(received_at), message: message.value }];
    });
    return { client, claim: intFromColumn(box.claim), mail };
  }

  async finish({ client, claim }: Pick<ClaimedBox, 'client' | 'claim'>, handedOver: readonly number[]): Promise<void> {
    await this.#engine.transaction(async (db) => {
      await removeRows(
        db,
        handedOver.map((id) => ({ id })),
      );
      await refreshBoxes(db, [client]);
      await db
        .updateTable('mailbox')
        .set({ claimed_until: 0 })
        .where('client', '=', BigInt(client))
        .where('claim', '=', BigInt(claim))
        .execute();
    });
  }

  async waiting(clients: readonly number[]): Promise<readonly number[]> {
    const now = await this.#engine.now();
    const found: number[] = [];
    for (const some of chunks(clients, CLIENTS_AT_ONCE)) {
      const rows = await this.#engine.query((db) =>
        db
          .selectFrom('mailbox')
          .select('client')
          .where('client', 'in', some.map(BigInt))
          .where('claimed_until', '<=', BigInt(now))
          .execute(),
      );
      found.push(...rows.map(({ client }) => intFromColumn(client)));
    }
    return found;
  }

  async box(client: number): Promise<BoxView | undefined> {
    return (await this.boxes(1, client - 1)).find((box) => box.client === client);
  }

  async boxes(limit: number, after = -1): Promise<readonly BoxView[]> {
    const rows = await this.#engine.query((db) =>
      db.selectFrom('mailbox').selectAll().where('client', '>', BigInt(after)).orderBy('client').limit(limit).execute(),
    );
    return rows.map(({ client, messages, bytes, oldest_at }) => ({
      client: intFromColumn(client),
      messages: intFromColumn(messages),
      bytes: intFromColumn(bytes),
      oldestAt: intFromColumn(oldest_at),
    }));
  }

  async totals(): Promise<MailTotals> {
    const { boxes, messages, bytes } = await this.#engine.query((db) =>
      db
        .selectFrom('mailbox')
        .select([
          ({ fn }) => fn.countAll<bigint>().as('boxes'),
          sql<bigint>`cast(coalesce(sum(messages), 0) as bigint)`.as('messages'),
          sql<bigint>`cast(coalesce(sum(bytes), 0) as bigint)`.as('bytes'),
        ])
        .executeTakeFirstOrThrow(),
    );
    return { boxes: intFromColumn(boxes), messages: intFromColumn(messages), bytes: intFromColumn(bytes) };
  }

  async trim(bounds: {
    readonly maxBoxes: number;
    readonly maxBytes: number;
    readonly oldest: Millis;
  }): Promise<number> {
    let dropped = 0;
    for (;;) {
      const { boxes, bytes } = await this.totals();
      const some =
        (await this.#trimBoxes(boxes - bounds.maxBoxes)) +
        (await this.#trimMessages(bytes - bounds.maxBytes, bounds.oldest));
      if (some === 0) return dropped;
      dropped += some;
    }
  }

  async forget(client: number): Promise<void> {
    await this.#engine.transaction(async (db) => {
      await db.deleteFrom('mailbox_message').where('client', '=', BigInt(client)).execute();
      await db.deleteFrom('mailbox').where('client', '=', BigInt(client)).execute();
    });
  }

  /** Whole boxes, those with the oldest mail first. */
  async #trimBoxes(excess: number): Promise<number> {
    if (excess <= 0) return 0;
    return this.#engine.transaction(async (db) => {
      const boxes = await db
        .selectFrom('mailbox')
        .select(['client', 'messages'])
        .orderBy('oldest_at')
        .limit(Math.min(excess, CLIENTS_AT_ONCE))
        .execute();
      const clients = boxes.map(({ client }) => client);
      await db.deleteFrom('mailbox_message').where('client', 'in', clients).execute();
      await db.deleteFrom('mailbox').where('client', 'in', clients).execute();
      return boxes.reduce((sum, { messages }) => sum + intFromColumn(messages), 0);
    });
  }

  /** Ids grow with the time of arrival, so the first rows are the oldest. */
  async #trimMessages(excess: number, oldest: Millis): Promise<number> {
    return this.#engine.transaction(async (db) => {
      const rows = await db
        .selectFrom('mailbox_message')
        .select(['id', 'client', 'size', 'received_at'])
        .orderBy('id')
        .limit(excess > 0 ? TRIM_ROWS : TRIM_ROWS / 10)
        .execute();
      let left = excess;
      const over: Row[] = [];
      for (const { id, client, size, received_at } of rows) {
        if (left <= 0 && received_at >= BigInt(oldest)) break;
        left -= intFromColumn(size);
        over.push({ id: intFromColumn(id), client: intFromColumn(client), size: intFromColumn(size) });
      }
      await removeRows(db, over);
      await refreshBoxes(db, [...new Set(over.map(({ client }) => client))]);
      return over.length;
    });
  }
}

/** Newest first within each box. */
async function boxesOf(db: Db, clients: readonly number[]): Promise<Map<number, Row[]>> {
  const rows = await db
    .selectFrom('mailbox_message')
    .select(['id', 'client', 'size'])
    .where('client', 'in', clients.map(BigInt))
    .orderBy('client')
    .orderBy('id', 'desc')
    .execute();
  const boxes = new Map<number, Row[]>();
  for (const row of rows) {
    const client = intFromColumn(row.client);
    const box = boxes.get(client) ?? [];
    boxes.set(client, box);
    box.push({ id: intFromColumn(row.id), client, size: intFromColumn(row.size) });
  }
  return boxes;
}

async function removeRows(db: Db, rows: readonly { readonly id: number }[]): Promise<void> {
  for (const some of chunks(rows, CLIENTS_AT_ONCE)) {
    await db
      .deleteFrom('mailbox_message')
      .where(
        'id',
        'in',
        some.map(({ id }) => BigInt(id)),
      )
      .execute();
  }
}

/** Makes the sums of these wallets agree with their messages; a box without any goes. */
async function refreshBoxes(db: Db, clients: readonly number[]): Promise<void> {
  for (const some of chunks(clients, CLIENTS_AT_ONCE)) {
    const numbers = some.map(BigInt);
    await db
      .deleteFrom('mailbox')
      .where('client', 'in', numbers)
      .where(sql<SqlBool>`not exists (select 1 from mailbox_message where mailbox_message.client = mailbox.client)`)
      .execute();
    await db
      .insertInto('mailbox')
      .columns(['client', 'messages', 'bytes', 'oldest_at', 'claim', 'claimed_until'])
      .expression((eb) =>
        eb
          .selectFrom('mailbox_message')
          .select([
            'client',
            sql<bigint>`count(*)`.as('messages'),
            sql<bigint>`cast(sum(size) as bigint)`.as('bytes'),
            sql<bigint>`min(received_at)`.as('oldest_at'),
            sql<bigint>`0`.as('claim'),
            sql<bigint>`0`.as('claimed_until'),
          ])
          .where('client', 'in', numbers)
          .groupBy('client'),
      )
      .onConflict((conflict) =>
        conflict.column('client').doUpdateSet({
          messages: sql<bigint>`excluded.messages`,
          bytes: sql<bigint>`excluded.bytes`,
          oldest_at: sql<bigint>`excluded.oldest_at`,
        }),
      )
      .execute();
  }
}

function* chunks<T>(items: readonly T[], size: number): Iterable<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size);
}
