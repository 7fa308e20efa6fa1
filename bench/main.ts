/** `npm run bench [names…] [-- --quick --json]` */
import { Command } from 'commander';
import { registerBench } from '../src/cli/bench.js';

const program = new Command('bench-runner');
registerBench(program);
await program.parseAsync(['bench', ...process.argv.slice(2)], { from: 'user' });
process.exit(process.exitCode ?? 0);
