/** `npm run bench [names…] [-- --quick --json --minutes N]` */
import { Command } from 'commander';
import { BENCHMARKS } from '../src/bench/index.js';
import { registerBench } from '../src/cli/bench.js';
import { benchLnd } from './lnd/lnd.js';
import { benchOffline } from './offline/offline.js';
import { benchPlan, benchRoute } from './send/plan-bench.js';
import { benchSend } from './send/send.js';

/** Takes `--minutes N` out of the arguments: how long the memory of `lnd` is watched; not at all by default. */
function takeMinutes(args: string[]): number {
  const at = args.indexOf('--minutes');
  if (at < 0) return 0;
  const [, value] = args.splice(at, 2);
  const minutes = Number(value);
  if (!(minutes > 0)) throw new Error('--minutes takes a number above zero');
  return minutes;
}

const args = process.argv.slice(2);
const minutes = takeMinutes(args);
BENCHMARKS['route'] = benchRoute;
BENCHMARKS['plan'] = benchPlan;
BENCHMARKS['send'] = benchSend;
BENCHMARKS['offline'] = benchOffline;
BENCHMARKS['lnd'] = (options) => benchLnd(options, minutes);

const program = new Command('bench-runner');
registerBench(program);
await program.parseAsync(['bench', ...args], { from: 'user' });
process.exit(process.exitCode ?? 0);
