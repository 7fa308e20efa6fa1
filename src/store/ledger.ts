/** The settlement ledger over an engine: `LedgerStore` for the runner, `LedgerReader` for everybody else. */
import { type JoinBuilder, sql } from 'kysely';
import type { LedgerReader, LedgerStore, LedgerView } from '../receive/ledger/store-port.js';
import type { Account, DecidedPart, HtlcSet, InvoiceTerms, Lease, PartKey } from '../receive/ledger/types.js';
import type { BlockHeight, Millis } from '../wire/units.js';
import { optionalTextFromColumn, type SqlValue, u64FromColumn } from './columns.js';
import type { Engine, Hint } from './engine.js';
import { COMMITTED, decisionFromColumns, HTLC_SET, LEASE, type LedgerTable } from './ledger-rows.js';
import type { Tables } from './tables.js';
import { accountsOf, decidedNodes, freedNodes, WorkingView } from './ledger-view.js';

type UnfinishedPart = Awaited<ReturnType<LedgerStore['unfinishedParts']>>[number];

// As literals: a parameter would keep the partial indexes from being used.
const NONE = sql.lit('none');
const OPEN = sql.lit('open');
const SETTLE = sql.lit('settle');
const FAIL = sql.lit('fail');
const FAILED = sql.lit('failed');

export class Ledger implements LedgerStore, LedgerReader {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async transact<T>(paymentHashes: readonly string[], body: (view: LedgerView) => T): Promise<T> {
    const hashes = [...new Set(paymentHashes)];
    let value!: T;
    let hint: Hint | undefined;
    await this.#engine.ledgerTransaction(hashes, (rows) => {
      const view = new WorkingView(hashes, rows);
      value = body(view);
      const changes = view.changes();
      const [nodeIds, freed] = [decidedNodes(changes), freedNodes(changes)];
      const events = changes.events.length > 0;
      hint = nodeIds.length > 0 || freed.length > 0 || events ? { nodeIds, freed, events, payments: false } : undefined;
      return changes;
    });
    if (hint) this.#engine.hint(hint);
    return value;
  }

  now(): Promise<Millis> {
    return this.#engine.now();
  }

  async leases(): Promise<readonly Lease[]> {
    const rows = await this.#engine.query((db) => db.selectFrom('lease').selectAll().orderBy('node_id').execute());
    return rows.map((row) => fromNamedRow(LEASE, row));
  }

  async unfinishedParts(nodeId: string): Promise<readonly UnfinishedPart[]> {
    const rows = await this.#engine.query((db) =>
      db
        .selectFrom('part')
        .select(['node_id', 'channel_id', 'htlc_id', 'payment_hash', 'set_id'])
        .where('node_id', '=', nodeId)
        .where('final', '=', NONE)
        .execute(),
    );
    return rows.map((row) => ({ key: keyOf(row), paymentHash: row.payment_hash }));
  }

  async prune(decidedBefore: Millis): Promise<void> {
    await this.#engine.query((db) =>
      db
        .deleteFrom('part')
        .where('decision', '=', FAIL)
        .where('final', '=', FAILED)
        .where('decided_at', '<', BigInt(decidedBefore))
        .execute(),
    );
    await this.#engine.query((db) =>
      db
        .deleteFrom('htlc_set')
        .where('state', '=', FAILED)
        .where('decided_at', '<', BigInt(decidedBefore))
        .where((eb) =>
          eb.not(eb.exists(eb.selectFrom('part').select('part.htlc_id').whereRef('part.set_id', '=', 'htlc_set.id'))),
        )
        .execute(),
    );
  }

  decidedParts(nodeId: string): Promise<readonly DecidedPart[]> {
    return this.#decided(sql<boolean>`part.node_id = ${nodeId} and part.decision <> ${NONE}`);
  }

  overdueParts(decidedBefore: Millis, deadlineBelow: BlockHeight): Promise<readonly DecidedPart[]> {
    return this.#decided(
      sql<boolean>`part.decision = ${SETTLE} and (part.decided_at < ${decidedBefore} or part.deadline <= ${deadlineBelow})`,
    );
  }

  async #decided(condition: ReturnType<typeof sql<boolean>>): Promise<readonly DecidedPart[]> {
    const rows = await this.#engine.query((db) =>
      db
        .selectFrom('part')
        .leftJoin('htlc_set', ownSet)
        .select(['part.node_id', 'part.channel_id', 'part.htlc_id', 'part.payment_hash'])
        .select(['part.decision', 'part.fail_reason', 'part.fail_message', 'htlc_set.preimage'])
        .where('part.final', '=', NONE)
        .where(condition)
        .execute(),
    );
    return rows.map((row) => ({
      key: keyOf(row),
      paymentHash: row.payment_hash,
      decision: decisionFromColumns(row.decision, row.fail_reason, row.fail_message),
      preimage: row.decision === 'settle' ? optionalTextFromColumn(row.preimage) : undefined,
    }));
  }

  /** Deadlines come first: they cost channels, review times only patience. */
  async dueHashes(now: Millis, deadlineBelow: BlockHeight, limit: number): Promise<readonly string[]> {
    const urgent = await this.#engine.query((db) =>
      db
        .selectFrom('part')
        .innerJoin('htlc_set', ownSet)
        .select('part.payment_hash')
        .where('part.decision', '=', NONE)
        .where('part.deadline', '<=', BigInt(deadlineBelow))
        .where('htlc_set.state', '=', OPEN)
        .groupBy('part.payment_hash')
        .orderBy((eb) => eb.fn.min('part.deadline'))
        .limit(limit)
        .execute(),
    );
    const ripe = await this.#engine.query((db) =>
      db
        .selectFrom('htlc_set')
        .select('payment_hash')
        .where('state', '=', OPEN)
        .where('review_at', '<=', BigInt(now))
        .orderBy('review_at')
        .limit(limit)
        .execute(),
    );
    return [...new Set([...urgent, ...ripe].map((row) => row.payment_hash))].slice(0, limit);
  }

  async readAccount(paymentHash: string): Promise<Account> {
    const rows = await this.#engine.readLedger([paymentHash]);
    return accountsOf([paymentHash], rows).get(paymentHash)!;
  }

  async settledSets(limit: number, before?: Millis): Promise<readonly HtlcSet[]> {
    const rows = await this.#engine.query((db) => {
      const query = db
        .selectFrom('htlc_set')
        .selectAll()
        .where('state', 'in', COMMITTED)
        .orderBy('decided_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit);
      return (before === undefined ? query : query.where('decided_at', '<', BigInt(before))).execute();
    });
    return rows.map((row) => fromNamedRow(HTLC_SET, row));
  }

  async terms(paymentHash: string): Promise<InvoiceTerms | undefined> {
    return (await this.#engine.readLedger([paymentHash])).terms[0];
  }
}

/** The set a part joined. */
function ownSet<Join extends JoinBuilder<Tables, 'part' | 'htlc_set'>>(
  join: Join,
): JoinBuilder<Tables, 'part' | 'htlc_set'> {
  return join.onRef('htlc_set.payment_hash', '=', 'part.payment_hash').onRef('htlc_set.id', '=', 'part.set_id');
}

function keyOf(row: { readonly node_id: string; readonly channel_id: bigint; readonly htlc_id: bigint }): PartKey {
  return { nodeId: row.node_id, channelId: u64FromColumn(row.channel_id), htlcId: u64FromColumn(row.htlc_id) };
}

/** The hot path reads rows as arrays; here they come by column name. */
function fromNamedRow<Row>(table: LedgerTable<Row>, row: object): Row {
  const columns = row as Record<string, SqlValue>;
  return table.fromRow(table.columns.map(([name]) => columns[name]!));
}
