/** `manifold bench`: measurements beside named peers in the same run. */
import type { Command } from 'commander';
import type { BenchReport } from '../bench/index.js';

interface Flags {
  readonly json?: boolean;
  readonly quick?: boolean;
}

/** They need a file of the mainnet graph, or a fake LND, which the package does not carry. */
const IN_A_CLONE = ['route', 'plan', 'send', 'offline', 'lnd'];

export function registerBench(program: Command): void {
  program
    .command('bench')
    .argument(
      '[names...]',
      'onion, bolt11, receive, forward; in a clone of the repository also route, plan, send, offline, lnd',
    )
    .description('measure Manifold beside other libraries in the same run')
    .option('--json', 'one JSON object per benchmark')
    .option('--quick', 'a short run; the figures are rough')
    .addHelpText(
      'after',
      '\nExit code 1 if a target was missed (not with --quick). PostgreSQL is measured if MANIFOLD_TEST_POSTGRES names one.',
    )
    .action(async (names: string[], flags: Flags) => {
      process.exitCode = await runBenchmarks(names, flags);
    });
}

async function runBenchmarks(names: readonly string[], { json = false, quick = false }: Flags): Promise<number> {
  const { BENCHMARKS } = await import('../bench/index.js');
  const unknown = names.filter((name) => !(name in BENCHMARKS));
  const elsewhere = unknown.filter((name) => IN_A_CLONE.includes(name));
  if (elsewhere.length > 0) {
    process.stderr.write(
      `the package does not carry what these need: npm run bench ${elsewhere.join(' ')} in a clone\n`,
    );
    return 2;
  }
  if (unknown.length > 0) {
    process.stderr.write(`no benchmark named ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}\n`);
    return 2;
  }
  let missed = false;
  for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
    const report = await BENCHMARKS[name]!({ quick });
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : table(report));
    missed ||= report.results.some(({ ok }) => ok === false);
  }
  return missed && !quick ? 1 : 0;
}

function table({ name, machine, results }: BenchReport): string {
  const lines = results.map(({ what, unit, ours, peer, peer_name, ratio, target, ok, note }) => {
    const beside = peer === null ? '' : `, ${peer_name ?? 'peer'}: ${peer} (${ratio ?? '?'}x)`;
    const verdict = ok === null ? 'not measured' : ok ? 'met' : 'MISSED';
    const aim = target === null ? '' : ` [${verdict}: ${target}]`;
    return `  ${what}: ${ours} ${unit}${beside}${aim}${note ? ` (${note})` : ''}\n`;
  });
  return `${name} (${machine})\n${lines.join('')}`;
}
