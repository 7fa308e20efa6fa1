/**
 * Places in a log that many transactions write to. A number is given after the commit: were it taken inside, a transaction
 * that commits late would slip in behind readers that are already past it.
 */
import { type Kysely, sql } from 'kysely';
import type { Engine } from './engine.js';
import { StoreConflict, StoreContention } from './errors.js';
import type { Tables } from './tables.js';

const BATCH = 2_000;
const ATTEMPTS = 10;

export type LogTable = 'event' | 'lesson';

/**
 * Gives rows without a number the next ones, in the order they were written. Any process may call it at any time; two at
 * once cannot give out the same number. Resolves with how many were numbered.
 */
export async function sequenceTable(engine: Engine, table: LogTable): Promise<number> {
  let total = 0;
  for (;;) {
    const count = await sequenceRacing(engine, table);
    total += count;
    if (count < BATCH) return total;
  }
}

async function sequenceRacing(engine: Engine, table: LogTable): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await engine.query((db) => sequenceSome(db, table));
    } catch (thrown) {
      // Another process was faster, or both waited for each other; its numbers are visible now.
      const raced = thrown instanceof StoreConflict || thrown instanceof StoreContention;
      if (!raced || attempt >= ATTEMPTS) throw thrown;
    }
  }
}

/** All that the transaction can see. */
export async function sequenceWithin(db: Kysely<Tables>, table: LogTable): Promise<void> {
  while ((await sequenceSome(db, table)) === BATCH);
}

async function sequenceSome(db: Kysely<Tables>, table: LogTable): Promise<number> {
  const log = sql.table(table);
  // One statement sees one state of the table: the highest number and the rows without one fit together.
  const result = await sql`
    update ${log} set seq = v.next_seq
    from (
      select id, (select coalesce(max(seq), 0) from ${log}) + row_number() over (order by id) as next_seq
      from ${log} where seq is null order by id limit ${sql.lit(BATCH)}
    ) as v
    where ${log}.id = v.id and ${log}.seq is null`.execute(db);
  return Number(result.numAffectedRows ?? 0n);
}
