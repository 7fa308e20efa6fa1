/** Idempotency keys: a request that is sent again gets the answer of the first, and never runs beside it. */
import type { Millis } from '../wire/units.js';
import { intFromColumn } from './columns.js';
import type { Engine } from './engine.js';

export interface IdempotentRequest {
  /** The token that asks: keys of different callers do not meet. */
  readonly tokenId: string;
  readonly key: string;
  /** Method and path. */
  readonly route: string;
  /** Hash of the body. */
  readonly requestHash: string;
}

/** The right to run a request. */
export interface IdempotencyClaim {
  readonly tokenId: string;
  readonly key: string;
  readonly claim: bigint;
  /** When the key was first used: the same for whoever takes the request over. */
  readonly createdAt: Millis;
}

export type IdempotencyOutcome =
  /** Run it, then `finish` or `abandon` the claim. */
  | { readonly type: 'run'; readonly claim: IdempotencyClaim }
  | { readonly type: 'done'; readonly statusCode: number; readonly responseBody: string }
  /** Another request with this key is being run. */
  | { readonly type: 'in_progress' }
  /** The key was used for a different request. */
  | { readonly type: 'mismatch' };

/** A claim older than this belongs to a process that died with it. */
const CLAIM_TIMEOUT_MS: Millis = 60_000;

export class Idempotency {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Of any number of simultaneous calls with one key, one gets `run`. */
  begin(request: IdempotentRequest, claimTimeoutMs: Millis = CLAIM_TIMEOUT_MS): Promise<IdempotencyOutcome> {
    const { tokenId, key, route, requestHash } = request;
    return this.#withNow(async (now) => {
      const { numInsertedOrUpdatedRows } = await this.#engine.query((db) =>
        db
          .insertInto('idempotency')
          .values({
            token_id: tokenId,
            key,
            route,
            request_hash: requestHash,
            claimed_at: now,
            claim: 1n,
            created_at: now,
          })
          .onConflict((conflict) => conflict.columns(['token_id', 'key']).doNothing())
          .executeTakeFirstOrThrow(),
      );
      if (numInsertedOrUpdatedRows === 1n) return { type: 'run', claim: { tokenId, key, claim: 1n, createdAt: now } };
      return this.#again(request, now - claimTimeoutMs);
    });
  }

  async #again(
    { tokenId, key, route, requestHash }: IdempotentRequest,
    deadBefore: Millis,
  ): Promise<IdempotencyOutcome> {
    const row = await this.#engine.query((db) =>
      db
        .selectFrom('idempotency')
        .selectAll()
        .where('token_id', '=', tokenId)
        .where('key', '=', key)
        .executeTakeFirst(),
    );
    // Abandoned or purged since: whoever asks next may run.
    if (row === undefined) return { type: 'in_progress' };
    if (row.route !== route || row.request_hash !== requestHash) return { type: 'mismatch' };
    if (row.status_code !== null) {
      return { type: 'done', statusCode: intFromColumn(row.status_code), responseBody: row.response_body ?? '' };
    }
    if (intFromColumn(row.claimed_at) > deadBefore) return { type: 'in_progress' };
    return this.#takeOver({ tokenId, key, claim: row.claim, createdAt: intFromColumn(row.created_at) });
  }

  /** The claim number decides between those who find the same dead claim. */
  async #takeOver({ tokenId, key, claim, createdAt }: IdempotencyClaim): Promise<IdempotencyOutcome> {
    const now = await this.#engine.now();
    const { numUpdatedRows } = await this.#engine.query((db) =>
      db
        .updateTable('idempotency')
        .set({ claim: claim + 1n, claimed_at: now })
        .where('token_id', '=', tokenId)
        .where('key', '=', key)
        .where('claim', '=', claim)
        .where('status_code', 'is', null)
        .executeTakeFirstOrThrow(),
    );
    return numUpdatedRows === 1n
      ? { type: 'run', claim: { tokenId, key, claim: claim + 1n, createdAt } }
      : { type: 'in_progress' };
  }

  /** Stores the answer. False if the claim timed out and somebody else runs the request; then the answer is theirs. */
  async finish(
    { tokenId, key, claim }: IdempotencyClaim,
    answer: { readonly statusCode: number; readonly responseBody: string },
  ): Promise<boolean> {
    const { numUpdatedRows } = await this.#engine.query((db) =>
      db
        .updateTable('idempotency')
        .set({ status_code: answer.statusCode, response_body: answer.responseBody })
        .where('token_id', '=', tokenId)
        .where('key', '=', key)
        .where('claim', '=', claim)
        .where('status_code', 'is', null)
        .executeTakeFirstOrThrow(),
    );
    return numUpdatedRows === 1n;
  }

  /** Gives the key back: the request had no effect. */
  async abandon({ tokenId, key, claim }: IdempotencyClaim): Promise<void> {
    await this.#engine.query((db) =>
      db
        .deleteFrom('idempotency')
        .where('token_id', '=', tokenId)
        .where('key', '=', key)
        .where('claim', '=', claim)
        .where('status_code', 'is', null)
        .execute(),
    );
  }

  /** Forgets keys first used before this time. */
  async purge(createdBefore: Millis): Promise<number> {
    const { numDeletedRows } = await this.#engine.query((db) =>
      db.deleteFrom('idempotency').where('created_at', '<', BigInt(createdBefore)).executeTakeFirstOrThrow(),
    );
    return Number(numDeletedRows);
  }

  async #withNow<T>(body: (now: Millis) => Promise<T>): Promise<T> {
    return body(await this.#engine.now());
  }
}
