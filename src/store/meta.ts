/** Facts about the database as a whole. */
import type { Engine } from './engine.js';
import { StoreWrongDatabase } from './errors.js';

const FINGERPRINT = 'cluster_fingerprint';

export class Meta {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * The first caller's fingerprint becomes the database's own; it must name the cluster without giving away its seed.
   * @throws {StoreWrongDatabase} if the database has another one.
   */
  async checkFingerprint(fingerprint: string): Promise<void> {
    await this.#engine.query((db) =>
      db
        .insertInto('meta')
        .values({ key: FINGERPRINT, value: fingerprint })
        .onConflict((conflict) => conflict.column('key').doNothing())
        .execute(),
    );
    const stored = await this.get(FINGERPRINT);
    if (stored !== fingerprint) {
      throw new StoreWrongDatabase(`the database belongs to cluster ${stored ?? '?'}, not to ${fingerprint}`);
    }
  }

  async get(key: string): Promise<string | undefined> {
    const row = await this.#engine.query((db) =>
      db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst(),
    );
    return row?.value;
  }

  async set(key: string, value: string): Promise<void> {
    if (key === FINGERPRINT) throw new Error('a fingerprint is set once');
    await this.#engine.query((db) =>
      db
        .insertInto('meta')
        .values({ key, value })
        .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
        .execute(),
    );
  }
}
