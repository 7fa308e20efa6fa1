/** The command line. Exit codes: 0 good, 1 refused or failed, 2 wrong usage. */
import { Command, CommanderError } from 'commander';
import { CliError, type Io, writeJson } from './io.js';

export async function main(argv: readonly string[], io: Io = process): Promise<number> {
  // A reader that goes away (`manifold events | head`) is no error of ours.
  io.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  const program = await commandLine(io, argv[0]);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return SETS_EXIT_CODE.includes(argv[0] ?? '') ? Number(process.exitCode ?? 0) : 0;
  } catch (error) {
    return await exitCodeOf(error, argv, io);
  }
}

/** Only what the first word needs is loaded: `decode` starts several times faster than a program that loads everything. */
async function commandLine(io: Io, first: string | undefined): Promise<Command> {
  const { VERSION } = await import('../daemon/version.js');
  const program = new Command('manifold')
    .description(
      'Many Lightning nodes, one merchant: invoices payable at any node of a cluster, payments from all of them.',
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for what is possible)')
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) });
  const wanted = GROUPS.filter(({ words }) => first !== undefined && words.includes(first));
  for (const { register } of wanted.length > 0 ? wanted : GROUPS) await register(program, io);
  return program;
}

interface Group {
  readonly words: readonly string[];
  readonly register: (program: Command, io: Io) => Promise<void>;
}

const GROUPS: readonly Group[] = [
  { words: ['demo'], register: async (program) => (await import('./demo.js')).registerDemo(program) },
  { words: ['init'], register: async (program, io) => (await import('./init.js')).registerInit(program, io) },
  { words: ['start'], register: async (program, io) => (await import('./start.js')).registerStart(program, io) },
  { words: ['doctor'], register: async (program, io) => (await import('./doctor.js')).registerDoctor(program, io) },
  { words: ['decode'], register: async (program, io) => (await import('./decode.js')).registerDecode(program, io) },
  { words: ['offer'], register: async (program, io) => (await import('./offer.js')).registerOffer(program, io) },
  { words: ['offline'], register: async (program, io) => (await import('./offline.js')).registerOffline(program, io) },
  { words: ['invoice'], register: async (program, io) => (await import('./invoice.js')).registerInvoice(program, io) },
  { words: ['pay'], register: async (program, io) => (await import('./pay.js')).registerPay(program, io) },
  {
    words: ['payments'],
    register: async (program, io) => (await import('./payments.js')).registerPayments(program, io),
  },
  { words: ['probe'], register: async (program, io) => (await import('./probe.js')).registerProbe(program, io) },
  {
    words: ['knowledge'],
    register: async (program, io) => (await import('./knowledge.js')).registerKnowledge(program, io),
  },
  { words: ['events'], register: async (program, io) => (await import('./events.js')).registerEvents(program, io) },
  {
    words: ['nodes', 'hints', 'sim'],
    register: async (program, io) => (await import('./cluster.js')).registerCluster(program, io),
  },
  {
    words: ['token', 'webhook'],
    register: async (program, io) => (await import('./access.js')).registerAccess(program, io),
  },
  { words: ['wallet'], register: async (program, io) => (await import('./wallet.js')).registerWallet(program, io) },
  { words: ['bench'], register: async (program) => (await import('./bench.js')).registerBench(program) },
];

/** Commands that report by `process.exitCode`. */
const SETS_EXIT_CODE: readonly string[] = ['demo', 'bench'];

async function exitCodeOf(error: unknown, argv: readonly string[], io: Io): Promise<number> {
  // Help that was asked for, and the version. Commander has written its own messages already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof Error)) throw error;
  const { exitCode, code } = describe(error);
  if (error instanceof CliError && error.isTold) return exitCode;
  if (argv.includes('--json')) await writeJson(io, { error: { code, message: error.message } });
  else io.stderr.write(`manifold: ${error.message}\n`);
  if (io.env['MANIFOLD_DEBUG'] && code === 'internal') io.stderr.write(`${error.stack ?? ''}\n`);
  return exitCode;
}

/** The seed is not where the configuration says, or is none. */
const MISCONFIGURED: readonly unknown[] = ['seed_missing', 'bad_seed'];

/** Mistakes in the configuration count as wrong usage. */
function describe(error: Error): { readonly exitCode: number; readonly code: string } {
  if (error instanceof CliError) return error;
  if (error.name === 'ConfigError') return { exitCode: 2, code: 'bad_configuration' };
  const { code } = error as { code?: unknown };
  if (error.name === 'NodeFileError') return { exitCode: 2, code: String(code) };
  if (error.name === 'SeedError' && MISCONFIGURED.includes(code)) return { exitCode: 2, code: String(code) };
  return { exitCode: 1, code: typeof code === 'string' ? code : 'internal' };
}
