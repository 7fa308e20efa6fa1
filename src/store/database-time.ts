/** The database's own time inside a statement: the clock that all processes share. */
import { type RawBuilder, sql } from 'kysely';
import type { Engine } from './engine.js';

/** Milliseconds. SQLite's time comes from the program; PostgreSQL asks its own clock. */
export async function databaseTime(engine: Engine): Promise<RawBuilder<bigint>> {
  if (engine.kind === 'postgres') return sql<bigint>`floor(extract(epoch from clock_timestamp()) * 1000)::int8`;
  return sql<bigint>`${BigInt(await engine.now())}`;
}
