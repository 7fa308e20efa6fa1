/** An engine whose database may be away when the program starts: nothing passes before it was reached and prepared. */
import type { Kysely, Transaction } from 'kysely';
import type { Millis } from '../wire/units.js';
import type { EngineKind } from './columns.js';
import type { Engine, Hint, Write } from './engine.js';
import { StoreError } from './errors.js';
import type { LedgerChanges, LedgerRows } from './ledger-rows.js';
import type { Tables } from './tables.js';

export class LateEngine implements Engine {
  readonly kind: EngineKind;
  readonly soleWriter: boolean;
  readonly #engine: Engine;
  readonly #prepare: () => Promise<void>;
  readonly #onRefused: (error: Error) => void;
  #isReady = false;
  #attempt: Promise<void> | undefined;
  #refusal: Error | undefined;

  constructor(engine: Engine, prepare: () => Promise<void>, onRefused: (error: Error) => void) {
    this.kind = engine.kind;
    this.soleWriter = engine.soleWriter;
    this.#engine = engine;
    this.#prepare = prepare;
    this.#onRefused = onRefused;
  }

  /** Each call that finds the database unprepared tries; those that come meanwhile share the attempt. */
  async ready(): Promise<void> {
    if (this.#isReady) return;
    if (this.#refusal) throw this.#refusal;
    this.#attempt ??= this.#prepare()
      .then(() => {
        this.#isReady = true;
      })
      .catch((thrown: unknown) => {
        this.#noteRefusal(thrown);
        throw thrown;
      })
      .finally(() => {
        this.#attempt = undefined;
      });
    await this.#attempt;
  }

  #noteRefusal(thrown: unknown): void {
    if (!(thrown instanceof Error) || (thrown instanceof StoreError && thrown.retryable)) return;
    this.#refusal = thrown;
    this.#onRefused(thrown);
  }

  async query<T>(body: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    await this.ready();
    return this.#engine.query(body);
  }

  async transaction<T>(body: (db: Transaction<Tables>) => Promise<T>): Promise<T> {
    await this.ready();
    return this.#engine.transaction(body);
  }

  async writeAll(writes: (db: Kysely<Tables>) => readonly Write[]): Promise<boolean> {
    await this.ready();
    return this.#engine.writeAll(writes);
  }

  async ledgerTransaction(paymentHashes: readonly string[], step: (rows: LedgerRows) => LedgerChanges): Promise<void> {
    await this.ready();
    return this.#engine.ledgerTransaction(paymentHashes, step);
  }

  async readLedger(paymentHashes: readonly string[]): Promise<Omit<LedgerRows, 'now' | 'leases'>> {
    await this.ready();
    return this.#engine.readLedger(paymentHashes);
  }

  async now(): Promise<Millis> {
    await this.ready();
    return this.#engine.now();
  }

  hint(hint: Hint): void {
    this.#engine.hint(hint);
  }

  onHint(listener: (hint: Hint) => void): () => void {
    return this.#engine.onHint(listener);
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
