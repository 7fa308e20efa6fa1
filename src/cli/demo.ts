/** `manifold demo`: watch a cluster receive and pay, or check all it claims. */
import type { Command } from 'commander';
import type { DemoFlags } from '../demo/command.js';

const HELP = `
Without flags it tells a story of about 40 seconds, in real time, serves the HTTP API of the cluster on 127.0.0.1 from its
beginning, and goes on serving after it. Ctrl-C ends it at any time (exit code 0). With --no-api it ends with the story.

With --once every scenario runs by itself. The simulated ones are on virtual time and the same for the same seed, "ms"
are their simulated milliseconds; phantom-ldk-member runs real LDK nodes, its "ms" are real and differ from run to run.
It needs the packages lightningdevkit and lightningdevkit-node-net and is left out, with a note, where they are missing.

Exit code 0 if everything holds, 1 if something does not, 2 for wrong usage.`;

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('watch three nodes receive and pay as one, in a simulated network')
    .option('--once', 'run all scenarios and report')
    .option('--json', 'one JSON object on stdout; implies --once')
    .option('--scenario <names>', 'only these, separated by commas; implies --once')
    .option('--seed <number>', 'repeat a run; 1 for --once, drawn anew for the story')
    .option('--port <number>', 'of the HTTP API; 9740, or any free one if it is taken')
    .option('--no-api', 'no HTTP API: the end of the story is the end')
    .addHelpText('after', HELP)
    .action(async (flags: DemoFlags) => {
      process.exitCode = await runDemo(flags);
    });
}

async function runDemo(flags: DemoFlags): Promise<number> {
  const { demo } = await import('../demo/command.js');
  const stop = new AbortController();
  const end = (): void => stop.abort();
  const live = flags.once !== true && flags.json !== true && flags.scenario === undefined;
  // A second signal finds no handler and ends the process the hard way.
  if (live) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    end(); // nobody reads any more
  });
  return demo(flags, {
    stdout: process.stdout,
    stderr: process.stderr,
    colour: process.stdout.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb',
    signal: stop.signal,
  });
}
