/** Runs cells in child processes, so that CPU time is each strategy's own, and keeps every finished cell in a file. */
import { fork } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import type { CellOrder, CellResult } from './cell.js';
import type { ClusterOrder, ClusterResult } from './cluster.js';
import type { StrategySet } from './strategies.js';

export type Job =
  | { readonly kind: 'cell'; readonly set: StrategySet; readonly order: CellOrder }
  | { readonly kind: 'cluster'; readonly order: ClusterOrder };

export type Done =
  | { readonly kind: 'cell'; readonly set: StrategySet; readonly result: CellResult }
  | { readonly kind: 'cluster'; readonly result: ClusterResult };

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'done'; readonly done: Done };

const nameOf = (kind: string, set: string | undefined, order: CellOrder | ClusterOrder): string => {
  const { model, amountSat, count, seed } = order;
  const mode = 'mode' in order ? order.mode : '';
  return [kind, set, mode, model, amountSat, count, seed].join('/');
};

const nameOfJob = (job: Job): string => nameOf(job.kind, job.kind === 'cell' ? job.set : undefined, job.order);
const nameOfDone = (done: Done): string => nameOf(done.kind, done.kind === 'cell' ? done.set : undefined, done.result);

/** Cells of an interrupted run that are in the file are not run again. */
export function readDone(file: string): Done[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Done);
}

export interface RunOptions {
  readonly processes: number;
  /** One finished cell per line; read first, then added to. */
  readonly file?: string;
  readonly log: (line: string) => void;
}

export async function runJobs(jobs: readonly Job[], { processes, file, log }: RunOptions): Promise<Done[]> {
  if (!isMainThread) throw new Error('start the send bench from the main thread');
  const wanted = new Set(jobs.map(nameOfJob));
  const done = (file === undefined ? [] : readDone(file)).filter((each) => wanted.has(nameOfDone(each)));
  const known = new Set(done.map(nameOfDone));
  const queue = jobs.filter((job) => !known.has(nameOfJob(job)));
  const keep = (result: Done): void => {
    done.push(result);
    if (file !== undefined) appendFileSync(file, `${JSON.stringify(result)}\n`);
  };
  await Promise.all(Array.from({ length: Math.min(processes, queue.length) }, () => work(queue, keep, log)));
  return done;
}

/** One child that takes job after job. */
function work(queue: Job[], keep: (done: Done) => void, log: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./worker.ts', import.meta.url));
    const next = (): void => {
      const job = queue.shift();
      if (job) child.send(job);
      else child.disconnect();
    };
    child.on('message', (message: FromWorker) => {
      if (message.type === 'log') log(message.line);
      else {
        if (message.type === 'done') keep(message.done);
        next();
      }
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a worker of the send bench ended with code ${String(code)}: see its output above`));
    });
  });
}
