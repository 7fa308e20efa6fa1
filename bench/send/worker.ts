/** A child process of the send bench: does one job after the other. */
import { runCell } from './cell.js';
import { runCluster } from './cluster.js';
import { mainnetGraph } from './graph-file.js';
import type { FromWorker, Job } from './jobs.js';
import { strategiesOf } from './strategies.js';

const tell = (message: FromWorker): void => {
  process.send?.(message);
};
const log = (line: string): void => {
  tell({ type: 'log', line });
};

const graph = await mainnetGraph();

async function run(job: Job): Promise<void> {
  if (job.kind === 'cell') {
    const result = await runCell(graph, job.order, strategiesOf(job.set), log);
    tell({ type: 'done', done: { kind: 'cell', set: job.set, result } });
  } else {
    const result = await runCluster(graph, job.order, log);
    tell({ type: 'done', done: { kind: 'cluster', result } });
  }
}

process.on('message', (job: Job) => {
  run(job).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready' });
