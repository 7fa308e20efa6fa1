/** Talking to a SQLite connection: through a worker thread, or in process for deterministic tests. */
import { Worker } from 'node:worker_threads';
import { StoreUnavailable } from '../errors.js';
import { SqliteConnection, type SqliteBatch, type SqliteOptions, type SqliteResult } from './connection.js';
import { SqliteFailure, storeErrorOf } from './failure.js';
import type { WorkerReply, WorkerRequest } from './worker.js';

export interface SqliteClient {
  /** Rejects with a `StoreError`. */
  execute(batch: SqliteBatch): Promise<SqliteResult[]>;
  close(): Promise<void>;
}

/** Between a call and its result lie microtasks only, so that a run can be repeated exactly. */
export class InProcessClient implements SqliteClient {
  readonly #connection: SqliteConnection;
  #closed = false;

  constructor(options: SqliteOptions) {
    this.#connection = asStoreErrors(() => new SqliteConnection(options));
  }

  async execute(batch: SqliteBatch): Promise<SqliteResult[]> {
    if (this.#closed) throw closedError();
    return asStoreErrors(() => this.#connection.execute(batch));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }
}

function asStoreErrors<T>(body: () => T): T {
  try {
    return body();
  } catch (thrown) {
    throw storeErrorOf(SqliteFailure.from(thrown));
  }
}

interface Pending {
  resolve(results: SqliteResult[]): void;
  reject(reason: unknown): void;
}

/** A slow disk stalls the worker only: the event loop goes on answering nodes. */
export class WorkerClient implements SqliteClient {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #gone: Error | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: SqliteOptions) {
    this.#worker = startWorker(options);
    this.#worker.on('message', (reply: WorkerReply) => {
      this.#answer(reply);
    });
    this.#worker.on('error', (thrown) => {
      this.#lose(new StoreUnavailable('the database thread failed', 'unknown', thrown, RESTART));
    });
    this.#worker.on('exit', () => {
      this.#lose(new StoreUnavailable('the database thread ended', 'unknown', undefined, RESTART));
    });
  }

  static async open(options: SqliteOptions): Promise<WorkerClient> {
    const client = new WorkerClient(options);
    try {
      // The first reply says whether the file could be opened.
      await client.#expect(0);
    } catch (thrown) {
      await client.#worker.terminate();
      throw thrown;
    }
    return client;
  }

  async execute(batch: SqliteBatch): Promise<SqliteResult[]> {
    if (this.#closing !== undefined) throw closedError();
    return this.#request({ type: 'execute', id: ++this.#lastId, batch });
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    if (this.#gone === undefined) await this.#request({ type: 'close', id: ++this.#lastId });
    await this.#worker.terminate();
  }

  #request(request: WorkerRequest): Promise<SqliteResult[]> {
    const reply = this.#expect(request.id);
    if (this.#gone === undefined) this.#worker.postMessage(request);
    return reply;
  }

  #expect(id: number): Promise<SqliteResult[]> {
    return new Promise((resolve, reject) => {
      if (this.#gone === undefined) this.#pending.set(id, { resolve, reject });
      else reject(this.#gone);
    });
  }

  #answer(reply: WorkerReply): void {
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (reply.ok) pending?.resolve(reply.results);
    else pending?.reject(storeErrorOf(reply.failure));
  }

  #lose(error: Error): void {
    this.#gone ??= error;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

const RESTART = 'Restart the daemon; committed work is in the database file.';

function closedError(): StoreUnavailable {
  return new StoreUnavailable('the store is closed', 'not_committed', undefined, 'Open the store again.');
}

/** The worker is JavaScript beside this file after a build, and TypeScript run through a loader in a source tree. */
function startWorker(options: SqliteOptions): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./worker.js', import.meta.url), { workerData: options });
  }
  const loader = import.meta.resolve('tsx/esm/api');
  const file = new URL('./worker.ts', import.meta.url).href;
  // A thread does not take over the loader of its parent, and Node 20 ignores one that is named in its arguments.
  const source = `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(file)}); })`;
  return new Worker(source, { eval: true, workerData: options });
}
