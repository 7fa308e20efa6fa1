/** Payments of ours, and which process drives them. */
import { type RawBuilder, sql } from 'kysely';
import { partToText } from '../send/payment/codec.js';
import type { FinalRecords, PaymentPart } from '../send/payment/payment.js';
import type {
  Created,
  ListPlace,
  PaymentOutEvent,
  PaymentStore,
  StepCommit,
  StoredPayment,
} from '../send/run/store-port.js';
import { toHex } from '../wire/bytes.js';
import type { Millis, PaymentHash } from '../wire/units.js';
import { intFromColumn, intToColumn, toJson, u64ToColumn } from './columns.js';
import { databaseTime } from './database-time.js';
import type { Engine, Write } from './engine.js';
import { StoreConflict } from './errors.js';
import { Lessons, lessonWrites } from './lessons.js';
import { eventWrites, partWrites, readPayments, sound, stateColumns, write } from './payment-rows.js';
import { askToStop, claimPayments, Damaged, leaveSender, paymentsOf, renewSender, stopsAsked } from './senders.js';
import type { Db } from './tables.js';

export class Payments extends Lessons implements PaymentStore {
  readonly #engine: Engine;
  readonly #damaged = new Damaged();

  constructor(engine: Engine) {
    super(engine);
    this.#engine = engine;
  }

  async createPayment(
    payment: Pick<StoredPayment, 'id' | 'request' | 'state' | 'createdAt' | 'owner'>,
    events: readonly PaymentOutEvent[],
  ): Promise<Created> {
    const { id, request, state, createdAt, owner } = payment;
    const paymentHash = toHex(state.terms.paymentHash);
    const now = await databaseTime(this.#engine);
    const created = await this.#engine.transaction(async (db): Promise<Created> => {
      const [same] = await readPayments(db, (query) => query.where('id', '=', id));
      if (same) {
        const stored = sound(same);
        // A repeated call finds its own payment; another one by the same id was never recorded, and must not pass for it.
        if (toHex(stored.state.terms.paymentHash) !== paymentHash) {
          throw new StoreConflict('a payment of another hash has this id');
        }
        return { kind: stored.owner === owner ? 'created' : 'exists', payment: stored };
      }
      const [other] = await readPayments(db, (query) =>
        query.where('payment_hash', '=', paymentHash).where('holds_hash', '=', sql.lit(1n)),
      );
      if (other) return { kind: 'exists', payment: sound(other) };
      await db
        .insertInto('payment')
        .values({
          ...stateColumns(state),
          id,
          payment_hash: paymentHash,
          request: toJson(request),
          holds_hash: state.phase === 'failed' ? 0n : 1n,
          stop_asked: 0n,
          version: 1n,
          owner,
          epoch: 1n,
          created_at: intToColumn(createdAt),
          amount_msat: u64ToColumn(state.terms.amountMsat),
        })
        .execute();
      await write(db, [...partWrites(db, id, state.parts), ...eventWrites(db, { id, paymentHash }, events, now)]);
      return { kind: 'created', payment: { ...payment, version: 1, epoch: 1 } };
    });
    if (created.kind === 'created') this.#hint(events);
    return created;
  }

  async commitStep(given: StepCommit): Promise<'committed' | 'fenced'> {
    const step = withoutUnusedPreimage(given);
    const now = await databaseTime(this.#engine);
    const isWritten = await this.#engine.writeAll((db) => stepWrites(db, step, now));
    const outcome = isWritten ? 'committed' : await this.#engine.transaction((db) => whyRefused(db, step));
    if (outcome === 'committed') this.#hint(step.events);
    return outcome;
  }

  async readPayment(id: string): Promise<StoredPayment | undefined> {
    const [reading] = await this.#engine.query((db) => readPayments(db, (query) => query.where('id', '=', id)));
    return reading && sound(reading);
  }

  async paymentOfHash(paymentHash: PaymentHash): Promise<StoredPayment | undefined> {
    const [reading] = await this.#engine.query((db) =>
      readPayments(db, (query) =>
        query
          .where('payment_hash', '=', toHex(paymentHash))
          .orderBy('created_at', 'desc')
          .orderBy('id', 'desc')
          .limit(1),
      ),
    );
    return reading && sound(reading);
  }

  async listOutgoing(limit: number, before?: ListPlace): Promise<readonly StoredPayment[]> {
    const readings = await this.#engine.query((db) =>
      readPayments(db, (query) => {
        const page = query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit);
        if (before === undefined) return page;
        const createdAt = BigInt(before.createdAt);
        return page
          .where('created_at', '<=', createdAt)
          .where((eb) => eb.or([eb('created_at', '<', createdAt), eb('id', '<', before.id)]));
      }),
    );
    return readings.map(sound);
  }

  renewSender(owner: string, ttl: Millis): Promise<boolean> {
    return renewSender(this.#engine, owner, ttl);
  }

  leaveSender(owner: string): Promise<void> {
    return leaveSender(this.#engine, owner);
  }

  claimPayments(owner: string, limit: number): Promise<readonly StoredPayment[]> {
    return claimPayments(this.#engine, owner, limit, this.#damaged);
  }

  paymentsOf(owner: string): Promise<readonly string[]> {
    return paymentsOf(this.#engine, owner);
  }

  askToStop(id: string): Promise<void> {
    return askToStop(this.#engine, id);
  }

  stopsAsked(owner: string): Promise<readonly string[]> {
    return stopsAsked(this.#engine, owner);
  }

  #hint(events: readonly PaymentOutEvent[]): void {
    this.#engine.hint({ nodeIds: [], freed: [], events: events.length > 0, payments: true });
  }
}

/**
 * The preimage of a keysend that ended without being paid serves nobody any more, and must not rest where a copy of the
 * database could be taken: whoever has it could claim an HTLC of the same hash.
 */
function withoutUnusedPreimage(step: StepCommit): StepCommit {
  const { state } = step;
  if (state.phase !== 'failed' || !state.isEnded) return step;
  const changed = new Set(step.changed.map(({ id }) => id));
  const terms = { ...state.terms, records: withoutPreimage(state.terms.records) };
  const parts = state.parts.map((part) => ({ ...part, records: withoutPreimage(part.records) }));
  const isChanged = ({ id }: PaymentPart): boolean =>
    changed.has(id) || state.parts[id]?.records.keysendPreimage !== undefined;
  return { ...step, state: { ...state, terms, parts }, changed: parts.filter(isChanged) };
}

function withoutPreimage({ keysendPreimage: _preimage, ...records }: FinalRecords): FinalRecords {
  return records;
}

/** The first finds nothing to change if the payment is no longer the owner's, or not as it was before the step. */
function stepWrites(db: Db, step: StepCommit, now: RawBuilder<bigint>): Write[] {
  const { id, owner, epoch, version, state } = step;
  const query = db
    .updateTable('payment')
    .set({ ...stateColumns(state), holds_hash: holdsHash(state.phase), version: intToColumn(version + 1) })
    .where('id', '=', id)
    .where('owner', '=', owner)
    .where('epoch', '=', BigInt(epoch))
    .where('version', '=', BigInt(version));
  const paymentHash = toHex(state.terms.paymentHash);
  return [
    { query, changes: 1 },
    ...partWrites(db, id, step.changed),
    ...lessonWrites(db, owner, step.lessons, now),
    ...eventWrites(db, { id, paymentHash }, step.events, now),
  ];
}

/**
 * A failed payment gives its hash free. If it comes to light later that it has succeeded after all, the truth is written,
 * whether or not the hash has been taken by another one.
 */
function holdsHash(phase: string): bigint | RawBuilder<bigint> {
  if (phase === 'failed') return 0n;
  return sql<bigint>`case when payment.phase <> 'failed' then payment.holds_hash
    when exists (select 1 from payment as other
      where other.payment_hash = payment.payment_hash and other.holds_hash = 1) then 0 else 1 end`;
}

/** Nothing could be written: the payment was taken over, or the same commit has come before, or the caller is wrong. */
async function whyRefused(db: Db, step: StepCommit): Promise<'committed' | 'fenced'> {
  const row = await db
    .selectFrom('payment')
    .select(['owner', 'epoch', 'version', 'state'])
    .where('id', '=', step.id)
    .executeTakeFirst();
  if (row === undefined) throw new StoreConflict(`there is no payment ${step.id}`);
  if (row.owner !== step.owner || intFromColumn(row.epoch) !== step.epoch) return 'fenced';
  const isRepeat =
    intFromColumn(row.version) === step.version + 1 &&
    row.state === stateColumns(step.state).state &&
    (await hasParts(db, step));
  if (isRepeat) return 'committed';
  const stands = intFromColumn(row.version);
  throw new StoreConflict(
    stands === step.version
      ? `a step of payment ${step.id} breaks a rule: a part would go back, or the hash belongs to another payment`
      : `a step from version ${step.version} of payment ${step.id}, which stands at ${stands}`,
  );
}

async function hasParts(db: Db, { id, changed }: StepCommit): Promise<boolean> {
  const rows = await db.selectFrom('payment_part').select(['part_id', 'body']).where('payment_id', '=', id).execute();
  const stored = new Map(rows.map(({ part_id, body }) => [intFromColumn(part_id), body]));
  return changed.every((part) => stored.get(part.id) === partToText(part));
}
