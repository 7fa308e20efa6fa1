/**
 * The whole comparison, with ablations and clusters: `npx tsx bench/send/main.ts [payments per cell] [file]`, then
 * `npx tsx bench/send/report.ts [file]` writes tables and plots into docs/. A run that was interrupted goes on where it was.
 */
import { runJobs } from './jobs.js';
import { ablations, clusters, comparison, withMemory } from './send.js';

const count = Number(process.argv[2] ?? 40);
const file = process.argv[3] ?? 'send-bench.jsonl';
const jobs = [...comparison(count), ...clusters(count / 2), ...withMemory(count), ...ablations(count)];
await runJobs(jobs, {
  processes: 2,
  file,
  log: (line) => {
    console.log(line);
  },
});
