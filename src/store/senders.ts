/** Which processes are alive, by the database's clock, and what becomes of the payments of those that are not. */
import { sql } from 'kysely';
import type { StoredPayment } from '../send/run/store-port.js';
import type { Millis } from '../wire/units.js';
import { intToColumn } from './columns.js';
import { databaseTime } from './database-time.js';
import type { Engine } from './engine.js';
import { StoreDamaged } from './errors.js';
import { type Reading, readPayments } from './payment-rows.js';
import type { Db } from './tables.js';

// As literals: a parameter would keep the partial index from being used.
const RUNNING = sql.lit(0n);
const STOP_ASKED = sql.lit(1n);
const GONE = 1n;
const ALIVE = 0n;

/** False if the process was given up: its payments are others'. */
export async function renewSender(engine: Engine, owner: string, ttl: Millis): Promise<boolean> {
  const now = await databaseTime(engine);
  const { numInsertedOrUpdatedRows } = await engine.query((db) =>
    db
      .insertInto('sender')
      .values({ owner, expires_at: sql<bigint>`${now} + ${sql.lit(intToColumn(ttl))}`, is_gone: ALIVE })
      .onConflict((conflict) =>
        conflict
          .column('owner')
          .doUpdateSet((eb) => ({ expires_at: eb.ref('excluded.expires_at') }))
          .where('sender.is_gone', '=', ALIVE),
      )
      .executeTakeFirstOrThrow(),
  );
  return numInsertedOrUpdatedRows === 1n;
}

export async function leaveSender(engine: Engine, owner: string): Promise<void> {
  await engine.query((db) => markGone(engine, db, [owner]));
  engine.hint({ nodeIds: [], freed: [], events: false, payments: true });
}

async function markGone(engine: Engine, db: Db, owners: readonly string[]): Promise<void> {
  const now = await databaseTime(engine);
  await db
    .insertInto('sender')
    .values(owners.map((owner) => ({ owner, expires_at: now, is_gone: GONE })))
    .onConflict((conflict) => conflict.column('owner').doUpdateSet({ is_gone: GONE }))
    .execute();
}

/** Payments that cannot be read, as long as the program runs: found by claims, told once. */
export class Damaged {
  readonly ids = new Set<string>();
  readonly #untold: StoreDamaged[] = [];

  add({ id, error }: Extract<Reading, { ok: false }>): void {
    if (this.ids.has(id)) return;
    this.ids.add(id);
    this.#untold.push(error);
  }

  /** @throws {StoreDamaged} that names all that were not told yet */
  tell(): void {
    const untold = this.#untold.splice(0);
    if (untold.length === 0) return;
    const words = untold.map(({ message }) => message).join('; ');
    throw new StoreDamaged(
      `${words}. What these payments have out is not looked after until the rows are restored and the daemon is restarted`,
    );
  }
}

export async function claimPayments(
  engine: Engine,
  owner: string,
  limit: number,
  damaged: Damaged,
): Promise<readonly StoredPayment[]> {
  for (;;) {
    const known = damaged.ids.size;
    const claimed = await claimSound(engine, owner, limit, damaged);
    if (claimed.length > 0) {
      engine.hint({ nodeIds: [], freed: [], events: false, payments: true });
      return claimed;
    }
    // Behind those that cannot be read there may be others.
    if (damaged.ids.size === known) break;
  }
  damaged.tell();
  return [];
}

async function claimSound(
  engine: Engine,
  owner: string,
  limit: number,
  damaged: Damaged,
): Promise<readonly StoredPayment[]> {
  // Mostly there is nothing: no transaction for that.
  const orphans = await engine.query((db) => orphansOf(engine, db, owner, limit, damaged));
  if (orphans.length === 0) return [];
  return engine.transaction(async (db) => {
    const isGone = await db
      .selectFrom('sender')
      .select('owner')
      .where('owner', '=', owner)
      .where('is_gone', '=', GONE)
      .executeTakeFirst();
    const ids = isGone ? [] : await orphansOf(engine, db, owner, limit, damaged);
    if (ids.length === 0) return [];
    const readings = await readPayments(db, (query) => query.where('id', 'in', ids));
    const found = readings.flatMap((reading) => (reading.ok ? [reading.payment] : []));
    for (const reading of readings) if (!reading.ok) damaged.add(reading);
    if (found.length === 0) return [];
    await markGone(engine, db, [...new Set(found.map((payment) => payment.owner))]);
    await db
      .updateTable('payment')
      .set({ owner, epoch: sql<bigint>`epoch + 1` })
      .where(
        'id',
        'in',
        found.map(({ id }) => id),
      )
      .execute();
    return found.map((payment) => ({ ...payment, owner, epoch: payment.epoch + 1 }));
  });
}

export async function paymentsOf(engine: Engine, owner: string): Promise<readonly string[]> {
  const rows = await engine.query((db) =>
    db.selectFrom('payment').select('id').where('is_ended', '=', RUNNING).where('owner', '=', owner).execute(),
  );
  return rows.map(({ id }) => id);
}

export async function askToStop(engine: Engine, id: string): Promise<void> {
  await engine.query((db) => db.updateTable('payment').set({ stop_asked: STOP_ASKED }).where('id', '=', id).execute());
}

export async function stopsAsked(engine: Engine, owner: string): Promise<readonly string[]> {
  const rows = await engine.query((db) =>
    db
      .selectFrom('payment')
      .select('id')
      .where('is_ended', '=', RUNNING)
      .where('stop_asked', '=', STOP_ASKED)
      .where('owner', '=', owner)
      .execute(),
  );
  return rows.map(({ id }) => id);
}

/** Payments under way whose process is gone, the oldest first. */
async function orphansOf(
  engine: Engine,
  db: Db,
  owner: string,
  limit: number,
  { ids: damaged }: Damaged,
): Promise<readonly string[]> {
  const now = await databaseTime(engine);
  const rows = await db
    .selectFrom('payment')
    .select('id')
    .where('is_ended', '=', RUNNING)
    .where('owner', '<>', owner)
    .$if(damaged.size > 0, (query) => query.where('id', 'not in', [...damaged]))
    // Who has the database for himself knows that nobody else lives.
    .$if(!engine.soleWriter, (query) =>
      query.where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('sender')
              .select('sender.owner')
              .whereRef('sender.owner', '=', 'payment.owner')
              .where('sender.is_gone', '=', ALIVE)
              .where('sender.expires_at', '>', now),
          ),
        ),
      ),
    )
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** Forgets processes that were last heard of before this time. Their payments, if any are left, count as left behind. */
export async function purgeSenders(engine: Engine, before: Millis): Promise<void> {
  await engine.query((db) => db.deleteFrom('sender').where('expires_at', '<', BigInt(before)).execute());
}
