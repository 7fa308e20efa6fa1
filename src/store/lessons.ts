/** What payments of all processes learnt, in one order for all, and the knowledge that was made of it. */
import { type RawBuilder, sql } from 'kysely';
import type { ExportedKnowledge } from '../send/knowledge/export.js';
import { lessonsFromText, lessonsToText, partFromText } from '../send/payment/codec.js';
import type { SharedLesson } from '../send/payment/lessons.js';
import type { AheadLessons, KnowledgeSnapshot, StartingKnowledge, StoredLessons } from '../send/run/store-port.js';
import type { Millis } from '../wire/units.js';
import { intFromColumn, toJson } from './columns.js';
import { databaseTime } from './database-time.js';
import type { Engine, Write } from './engine.js';
import { sequenceTable, sequenceWithin } from './sequence.js';
import type { Db } from './tables.js';

const OUT = [sql.lit('sent'), sql.lit('unknown')];

export class Lessons {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async startingKnowledge(): Promise<StartingKnowledge> {
    return this.#engine.transaction(async (db) => {
      // One state of the database: parts that are out, and numbers for exactly the lessons that go with them.
      await sequenceWithin(db, 'lesson');
      const snapshot = await readSnapshot(db);
      const last = await lastSeq(db);
      const parts = await db
        .selectFrom('payment_part')
        .select('body')
        .where('state', 'in', OUT)
        .orderBy('payment_id')
        .orderBy('part_id')
        .execute();
      // One that cannot be read keeps nobody from paying: whoever would take its payment over is told.
      const reserved = parts.flatMap(({ body }) => {
        const part = partFromText(body);
        return part.ok ? [part.value.hops] : [];
      });
      return { snapshot, seq: last, reserved };
    });
  }

  async lessonsAfter(seq: bigint, limit: number): Promise<readonly StoredLessons[]> {
    await sequenceTable(this.#engine, 'lesson');
    const rows = await this.#engine.query((db) =>
      db.selectFrom('lesson').selectAll().where('seq', '>', seq).orderBy('seq').limit(limit).execute(),
    );
    return rows.map((row) => {
      const lessons = lessonsFromText(row.body);
      // Advice that cannot be read is as good as none.
      const read = lessons.ok ? lessons.value : [];
      return { seq: row.seq!, owner: row.owner, at: intFromColumn(row.created_at), lessons: read };
    });
  }

  async appendLessons(owner: string, lessons: readonly SharedLesson[]): Promise<void> {
    if (lessons.length === 0) return;
    const now = await databaseTime(this.#engine);
    await this.#engine.writeAll((db) => lessonWrites(db, owner, lessons, now));
    this.#engine.hint({ nodeIds: [], freed: [], events: false, payments: true });
  }

  async saveKnowledge({ seq, knowledge, ahead: lessons }: KnowledgeSnapshot, keepMs: Millis): Promise<void> {
    const [body, ahead] = [toJson(knowledge), toJson(lessons)];
    await this.#engine.query((db) =>
      db
        .insertInto('knowledge')
        .values({ id: 1n, seq, body, ahead })
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet({ seq, body, ahead }).where('knowledge.seq', '<=', seq),
        )
        .execute(),
    );
    await this.purgeLessons((await this.#engine.now()) - keepMs);
  }

  /**
   * Forgets lessons from before this time that the snapshot contains. The highest number stays, for the next one follows it.
   * Resolves with how many were forgotten.
   */
  async purgeLessons(before: Millis): Promise<number> {
    const { numDeletedRows } = await this.#engine.query((db) =>
      db
        .deleteFrom('lesson')
        .where('created_at', '<', BigInt(before))
        .where('seq', '<=', (eb) => eb.selectFrom('knowledge').select('knowledge.seq'))
        .where('seq', '<', (eb) => eb.selectFrom('lesson as all').select(({ fn }) => fn.max('all.seq').as('last')))
        .executeTakeFirstOrThrow(),
    );
    return Number(numDeletedRows);
  }
}

export function lessonWrites(
  db: Db,
  owner: string,
  lessons: readonly SharedLesson[],
  now: RawBuilder<bigint>,
): Write[] {
  if (lessons.length === 0) return [];
  const query = db.insertInto('lesson').values({ owner, created_at: now, body: lessonsToText(lessons) });
  return [{ query, changes: 1 }];
}

async function readSnapshot(db: Db): Promise<KnowledgeSnapshot | undefined> {
  const row = await db.selectFrom('knowledge').select(['seq', 'body', 'ahead']).executeTakeFirst();
  // Whether the text is knowledge is for the import to find out.
  if (!row) return undefined;
  const ahead = JSON.parse(row.ahead) as readonly AheadLessons[];
  return { seq: row.seq, knowledge: JSON.parse(row.body) as ExportedKnowledge, ahead };
}

async function lastSeq(db: Db): Promise<bigint> {
  const { seq } = await db
    .selectFrom('lesson')
    .select(({ fn }) => fn.max<bigint | null>('seq').as('seq'))
    .executeTakeFirstOrThrow();
  return seq ?? 0n;
}
