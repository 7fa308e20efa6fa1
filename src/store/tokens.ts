/** API tokens. The token itself is never stored, only its SHA-256. */
import { createHash } from 'node:crypto';
import type { Millis } from '../wire/units.js';
import { intFromColumn, optionalIntFromColumn } from './columns.js';
import type { Engine } from './engine.js';

export interface ApiToken {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: Millis;
  readonly revokedAt: Millis | undefined;
}

export class Tokens {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** @throws {StoreConflict} if the id or the token is in use. */
  async add(token: string, { id, name, scopes }: Pick<ApiToken, 'id' | 'name' | 'scopes'>): Promise<ApiToken> {
    const createdAt = await this.#engine.now();
    await this.#engine.query((db) =>
      db
        .insertInto('api_token')
        .values({ hash: hashOf(token), id, name, scopes: JSON.stringify(scopes), created_at: createdAt })
        .execute(),
    );
    return { id, name, scopes, createdAt, revokedAt: undefined };
  }

  /** The token's row, unless it is unknown or revoked. */
  async find(token: string): Promise<ApiToken | undefined> {
    const row = await this.#engine.query((db) =>
      db
        .selectFrom('api_token')
        .selectAll()
        .where('hash', '=', hashOf(token))
        .where('revoked_at', 'is', null)
        .executeTakeFirst(),
    );
    return row === undefined ? undefined : fromRow(row);
  }

  async list(): Promise<readonly ApiToken[]> {
    const rows = await this.#engine.query((db) =>
      db.selectFrom('api_token').selectAll().orderBy('created_at').orderBy('id').execute(),
    );
    return rows.map(fromRow);
  }

  /** False if there is no such token that is not revoked already. */
  async revoke(id: string): Promise<boolean> {
    const now = await this.#engine.now();
    const { numUpdatedRows } = await this.#engine.query((db) =>
      db
        .updateTable('api_token')
        .set({ revoked_at: now })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirstOrThrow(),
    );
    return numUpdatedRows === 1n;
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function fromRow(row: {
  id: string;
  name: string;
  scopes: string;
  created_at: bigint;
  revoked_at: bigint | null;
}): ApiToken {
  return {
    id: row.id,
    name: row.name,
    scopes: JSON.parse(row.scopes) as string[],
    createdAt: intFromColumn(row.created_at),
    revokedAt: optionalIntFromColumn(row.revoked_at),
  };
}
