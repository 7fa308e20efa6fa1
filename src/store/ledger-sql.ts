/** SQL text of the hot path, built once from the table descriptions. `v` names the new rows, whatever carries them. */
import type { LedgerTable } from './ledger-rows.js';

type Column = readonly [name: string, kind: 'text' | 'int'];

const names = (columns: readonly Column[]): string => columns.map(([name]) => name).join(', ');

export function selectSql(table: LedgerTable<unknown>, where: string): string {
  return `select ${names(table.columns)} from ${table.name} where ${where}`;
}

/**
 * What a step can still ask about. Failed parts that are gone and sets that failed decide nothing any more, and anybody who
 * has an invoice can make many of them.
 */
export const LIVE_PARTS = "not (decision = 'fail' and final = 'failed')";
export const LIVE_SETS = "state <> 'failed'";

/** What succeeded first, then the newest: anybody with an invoice can make failed ones without end. */
export const LATEST_SETS = "order by state in ('settling', 'settled') desc, opened_at desc, id limit 200";
export const LATEST_PARTS = "order by decision = 'settle' desc, first_seen_at desc, htlc_id limit 1000";

/** One row per execution. */
export const sqliteSql = {
  insert: (table: string, columns: readonly Column[]): string =>
    `insert into ${table} (${names(columns)}) values (${columns.map(() => '?').join(', ')})`,
  update: (table: LedgerTable<unknown>): string =>
    updateSql(table, `(select ${table.columns.map(([name]) => `? as ${name}`).join(', ')}) as v`),
};

/** Any number of rows per execution: one array parameter per column, so that the statement is planned once. */
export const postgresSql = {
  insert: (table: string, columns: readonly Column[]): string =>
    `insert into ${table} (${names(columns)}) select * from ${unnest(columns)}`,
  update: (table: LedgerTable<unknown>): string =>
    updateSql(table, `${unnest(table.columns)} as v(${names(table.columns)})`),
};

function unnest(columns: readonly Column[]): string {
  const arrays = columns.map(([, kind], i) => `$${i + 1}::${kind === 'int' ? 'int8' : 'text'}[]`);
  return `unnest(${arrays.join(', ')})`;
}

function updateSql(table: LedgerTable<unknown>, source: string): string {
  const changes = table.updates.map((name) => `${name} = v.${name}`).join(', ');
  const same = table.keys.map((name) => `${table.name}.${name} = v.${name}`).join(' and ');
  return `update ${table.name} set ${changes} from ${source} where ${same} and (${table.guard})`;
}
