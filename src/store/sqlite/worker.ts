/** The thread that owns the SQLite connection. Executes batches in the order they arrive. */
import { parentPort, workerData } from 'node:worker_threads';
import { SqliteConnection, type SqliteBatch, type SqliteOptions, type SqliteResult } from './connection.js';
import { type FailureMessage, SqliteFailure } from './failure.js';

export type WorkerRequest =
  | { readonly type: 'execute'; readonly id: number; readonly batch: SqliteBatch }
  | { readonly type: 'close'; readonly id: number };

/** Reply 0 tells whether the database was opened. */
export type WorkerReply =
  | { readonly id: number; readonly ok: true; readonly results: SqliteResult[] }
  | { readonly id: number; readonly ok: false; readonly failure: FailureMessage };

function attempt(id: number, body: () => SqliteResult[]): WorkerReply {
  try {
    return { id, ok: true, results: body() };
  } catch (thrown) {
    return { id, ok: false, failure: SqliteFailure.from(thrown).toMessage() };
  }
}

if (parentPort !== null) {
  const port = parentPort;
  let connection: SqliteConnection | undefined;
  port.postMessage(
    attempt(0, () => {
      connection = new SqliteConnection(workerData as SqliteOptions);
      return [];
    }),
  );
  port.on('message', (request: WorkerRequest) => {
    port.postMessage(
      attempt(request.id, () => {
        if (connection === undefined) throw new SqliteFailure('open', 'the database is not open');
        if (request.type === 'execute') return connection.execute(request.batch);
        connection.close();
        connection = undefined;
        return [];
      }),
    );
  });
}
