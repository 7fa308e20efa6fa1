/** Documents of the machines of `offline/`: replaced as a whole by whoever has read the last version. */
import { type Selectable, type SqlBool, sql } from 'kysely';
import type { DocumentFields, DocumentKind, DocumentQuery, Documents, StoredDocument } from '../offline/documents.js';
import { fromPlain, toPlain } from '../wire/plain.js';
import type { Millis } from '../wire/units.js';
import { intFromColumn, optionalIntFromColumn } from './columns.js';
import type { Engine } from './engine.js';
import type { Db, DocumentTable } from './tables.js';

/** Checks what was read; throws for what is none of its kind. */
export type BodyReader<Body> = (plain: unknown) => Body;

const PURGE_BATCH = 500;

export class DocumentsOfKind<Body> implements Documents<Body> {
  readonly #engine: Engine;
  readonly #kind: DocumentKind;
  readonly #read: BodyReader<Body>;

  /** @param read what makes a body of what {@link toPlain} kept, bytes and bigints restored */
  constructor(engine: Engine, kind: DocumentKind, read: BodyReader<Body> = (plain) => plain as Body) {
    this.#engine = engine;
    this.#kind = kind;
    this.#read = read;
  }

  async read(id: string): Promise<StoredDocument<Body> | undefined> {
    const row = await this.#engine.query((db) => this.#rows(db).where('id', '=', id).executeTakeFirst());
    return row && this.#stored(row);
  }

  async write(document: DocumentFields<Body>, version: number): Promise<StoredDocument<Body> | undefined> {
    const now = await this.#engine.now();
    const { id, scope, dueAt, isOpen, body } = document;
    const columns = {
      scope,
      version: version + 1,
      due_at: dueAt === undefined || !isOpen ? null : Math.ceil(dueAt),
      is_open: isOpen ? 1 : 0,
      updated_at: now,
      body: JSON.stringify(toPlain(body)),
    };
    const row = await this.#engine.query((db) =>
      version === 0
        ? db
            .insertInto('document')
            .values({ kind: this.#kind, id, created_at: now, ...columns })
            .onConflict((conflict) => conflict.columns(['kind', 'id']).doNothing())
            .returningAll()
            .executeTakeFirst()
        : db
            .updateTable('document')
            .set(columns)
            .where('kind', '=', this.#kind)
            .where('id', '=', id)
            .where('version', '=', BigInt(version))
            .returningAll()
            .executeTakeFirst(),
    );
    return row && this.#stored(row);
  }

  async claimDue(limit: number, leaseMs: Millis): Promise<readonly StoredDocument<Body>[]> {
    const now = await this.#engine.now();
    const due = await this.#engine.query((db) =>
      this.#rows(db).where('due_at', '<=', BigInt(now)).orderBy('due_at').limit(limit).execute(),
    );
    const claimed: StoredDocument<Body>[] = [];
    for (const { id, version } of due) {
      // The version grows, so that of several claims one wins.
      const row = await this.#engine.query((db) =>
        db
          .updateTable('document')
          .set({ due_at: now + leaseMs, version: version + 1n })
          .where('kind', '=', this.#kind)
          .where('id', '=', id)
          .where('version', '=', version)
          .returningAll()
          .executeTakeFirst(),
      );
      if (row) claimed.push(this.#stored(row));
    }
    return claimed;
  }

  async list({ scope, isOpen, limit, before }: DocumentQuery): Promise<readonly StoredDocument<Body>[]> {
    const rows = await this.#engine.query((db) => {
      let query = this.#rows(db).orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit);
      if (scope !== undefined) query = query.where('scope', '=', scope);
      if (isOpen !== undefined) query = query.where('is_open', '=', isOpen ? 1n : 0n);
      if (before) query = query.where(sql<SqlBool>`(created_at, id) < (${before.createdAt}, ${before.id})`);
      return query.execute();
    });
    return rows.map((row) => this.#stored(row));
  }

  async count({ scope, isOpen }: Pick<DocumentQuery, 'scope' | 'isOpen'>): Promise<number> {
    const { found } = await this.#engine.query((db) => {
      let query = db
        .selectFrom('document')
        .select(({ fn }) => fn.countAll<bigint>().as('found'))
        .where('kind', '=', this.#kind);
      if (scope !== undefined) query = query.where('scope', '=', scope);
      if (isOpen !== undefined) query = query.where('is_open', '=', isOpen ? 1n : 0n);
      return query.executeTakeFirstOrThrow();
    });
    return Number(found);
  }

  async remove(id: string): Promise<void> {
    await this.#engine.query((db) =>
      db.deleteFrom('document').where('kind', '=', this.#kind).where('id', '=', id).execute(),
    );
  }

  #rows(db: Db) {
    return db.selectFrom('document').selectAll().where('kind', '=', this.#kind);
  }

  #stored(row: Selectable<DocumentTable>): StoredDocument<Body> {
    const dueAt = optionalIntFromColumn(row.due_at);
    return {
      id: row.id,
      scope: row.scope,
      version: intFromColumn(row.version),
      createdAt: intFromColumn(row.created_at),
      isOpen: row.is_open === 1n,
      ...(dueAt !== undefined && { dueAt }),
      body: this.#read(fromPlain(JSON.parse(row.body))),
    };
  }
}

/** Forgets documents that are closed and were not changed since `before`. */
export async function purgeDocuments(engine: Engine, before: Millis): Promise<void> {
  for (;;) {
    const { numDeletedRows } = await engine.query((db) =>
      db
        .deleteFrom('document')
        .where(
          sql<SqlBool>`(kind, id) in (select kind, id from document
          where is_open = 0 and updated_at < ${before} limit ${sql.lit(PURGE_BATCH)})`,
        )
        .executeTakeFirstOrThrow(),
    );
    if (numDeletedRows < BigInt(PURGE_BATCH)) return;
  }
}
