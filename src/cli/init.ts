/** `manifold init`: a configuration to edit and a cluster seed to keep. */
import { access, mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { LndNodeConfig } from '../daemon/config/schema.js';
import type { Network } from '../receive/node-port.js';
import { contentOf, oneOf } from './checks.js';
import { type CommonOptions, configPath, print, withConfig, withJson } from './common.js';
import { CliError, type Io, usageError, warnPerson } from './io.js';
import type { CheckedNode } from './lnd-nodes.js';
import { newPassphrase, type PassphraseOptions } from './passphrase.js';

interface InitOptions extends CommonOptions, PassphraseOptions {
  readonly network?: string;
  readonly lnd?: readonly string[];
  /** False with --no-check. */
  readonly check: boolean;
  readonly listen: string;
  readonly database: string;
  readonly recipient?: readonly string[];
  readonly seedEnv?: string;
  readonly seedFrom?: string;
}

export type SeedOptions = Pick<InitOptions, 'recipient' | 'seedFrom' | 'passphraseFile'>;

export function registerInit(program: Command, io: Io): void {
  withJson(withConfig(program.command('init')))
    .description('write a configuration and a cluster seed, encrypted with age')
    .option('--network <name>', 'bitcoin, testnet, signet, regtest or simnet (default: as the LND nodes say)')
    .option(
      '--lnd <name,address=host:port,tls_cert=file,macaroon=file>',
      'an LND node; may be repeated. More keys: tls_server_name, node_id, force_close, register_preimages',
      collect,
    )
    .option('--no-check', 'write LND nodes down without looking at them')
    .option('--listen <address>', 'address of the API', '127.0.0.1:9740')
    .option(
      '--database <url>',
      'sqlite:FILE or postgres://… (leave passwords to $MANIFOLD_DATABASE_URL)',
      'sqlite:manifold.db',
    )
    .option(
      '--passphrase-file <file>',
      'read the passphrase of the seed from a file (also $MANIFOLD_PASSPHRASE_FILE, $MANIFOLD_PASSPHRASE)',
    )
    .option(
      '--recipient <age1…>',
      'encrypt the seed to age recipients instead of a passphrase; may be repeated',
      collect,
    )
    .option('--seed-env <name>', 'write no seed: a process manager will pass it in this variable')
    .option('--seed-from <file>', 'use an existing cross_node_seed: 64 hex digits in a file, or - for standard input')
    .action(async (options: InitOptions) => init(io, options));
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

async function init(io: Io, options: InitOptions): Promise<void> {
  if (options.seedEnv !== undefined && (options.recipient ?? options.seedFrom) !== undefined) {
    throw usageError('--seed-env writes no seed, so --recipient and --seed-from do not go with it');
  }
  for (const recipient of options.recipient ?? []) await checkRecipient(recipient);
  const path = resolve(configPath(io, options));
  const seedPath = join(dirname(path), 'seed.age');
  await refuseExisting(path);
  if (options.seedEnv === undefined) await refuseExisting(seedPath);
  const nodes = await chosenNodes(io, options);
  const text = await checkedTemplate(path, options, nodes);
  const { writeNewFile } = await import('../daemon/seed-file.js');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const phantomNodeId = options.seedEnv === undefined ? await writeSeed(io, seedPath, options) : undefined;
  await writeNewFile(path, text);
  const written = {
    config: path,
    ...(phantomNodeId !== undefined && { seed_file: seedPath, phantom_node_id: phantomNodeId }),
    ...(nodes.lnd.length > 0 && { network: nodes.network, nodes: nodes.lnd.map(({ name }) => name) }),
  };
  const macaroons = nodes.lnd.length > 0 ? await macaroonAdvice() : [];
  await print(io, options, written, () => [...nextSteps(path, seedPath, options, phantomNodeId), ...macaroons]);
}

interface ChosenNodes {
  readonly network: string;
  readonly lnd: readonly LndNodeConfig[];
}

/** By options, else by asking a person, else the simulated network. */
async function chosenNodes(io: Io, options: InitOptions): Promise<ChosenNodes> {
  const { lnd: given, check } = options;
  if (given === undefined && !io.stdin.isTTY) return simulated(options);
  const network = options.network === undefined ? undefined : networkOption(options.network);
  const { networkOf, pinned } = await import('./lnd-nodes.js');
  if (given !== undefined && !check) {
    const { lndOption } = await import('./lnd-option.js');
    return { network: networkOf([], network), lnd: given.map(lndOption) };
  }
  const nodes = given === undefined ? await asked(io, network) : await givenNodes(io, given, network);
  if (nodes.length === 0) return simulated(options);
  return { network: networkOf(nodes, network), lnd: nodes.map(pinned) };
}

function simulated({ network = 'regtest' }: InitOptions): ChosenNodes {
  return { network, lnd: [] };
}

function networkOption(text: string): Network {
  return oneOf(text, ['bitcoin', 'testnet', 'signet', 'regtest', 'simnet'], '--network');
}

async function asked(io: Io, network: Network | undefined): Promise<readonly CheckedNode[]> {
  const [{ Prompter }, { askForNodes }] = await Promise.all([import('./prompter.js'), import('./lnd-questions.js')]);
  const prompter = new Prompter(io);
  try {
    return await askForNodes(prompter, network);
  } finally {
    prompter.close();
  }
}

/** All that is wrong with the nodes is told before anything is written. */
async function givenNodes(
  io: Io,
  texts: readonly string[],
  network: Network | undefined,
): Promise<readonly CheckedNode[]> {
  const [{ lndOption }, { checked }, { findingLines, hasFailed }] = await Promise.all([
    import('./lnd-option.js'),
    import('./lnd-nodes.js'),
    import('./findings.js'),
  ]);
  const nodes = await Promise.all(texts.map(lndOption).map((node) => checked(node, network)));
  for (const { node, report } of nodes)
    io.stderr.write([node.name, ...findingLines(report.findings), ''].map((line) => `${line}\n`).join(''));
  const failed = nodes.filter(({ report }) => hasFailed(report.findings)).map(({ node }) => node.name);
  if (failed.length > 0)
    throw new CliError(
      'node_check_failed',
      `nothing was written: put right what is said above about ${failed.join(', ')} and run this again, or add --no-check`,
    );
  return nodes;
}

async function macaroonAdvice(): Promise<string[]> {
  const { macaroonLines } = await import('../daemon/node-check.js');
  const lines = await macaroonLines();
  return [
    '',
    'Macaroons with the least rights, baked where LND runs:',
    ...lines.flatMap(({ what, line }) => [`# ${what}`, line]),
  ];
}

async function checkRecipient(recipient: string): Promise<void> {
  const { recipientProblem } = await import('../daemon/seed-file.js');
  const problem = recipientProblem(recipient);
  if (problem !== undefined) throw usageError(`--recipient: ${problem}`);
}

export async function refuseExisting(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists)
    throw new CliError(
      'file_exists',
      `${path} exists already and is not overwritten; move it away, or choose another place with --config`,
    );
}

/** The file as it will be, read once as the daemon will read it: a typo in an option shows now. */
async function checkedTemplate(
  path: string,
  { listen, database, seedEnv }: InitOptions,
  { network, lnd }: ChosenNodes,
): Promise<string> {
  const { configTemplate } = await import('../daemon/config/template.js');
  const { ConfigError, parseConfig } = await import('../daemon/config/load.js');
  const seedFile = seedEnv === undefined ? 'seed.age' : undefined;
  const text = configTemplate({ network: network as Network, seedFile, seedEnv, databaseUrl: database, listen, lnd });
  try {
    parseConfig(text, path, {});
  } catch (error) {
    if (error instanceof ConfigError)
      throw usageError(error.mistakes.map(({ message }) => byOption(message)).join('\n'));
    throw error;
  }
  return text;
}

/** The options by which the values of the file were given. */
function byOption(message: string): string {
  const names = {
    'database.url': '--database',
    'api.listen': '--listen',
    network: '--network',
    'cluster.seed_env': '--seed-env',
  };
  const found = Object.entries(names).find(([key]) => message.startsWith(`${key} `) || message.startsWith(`${key}:`));
  return found ? found[1] + message.slice(found[0].length) : message;
}

/** Resolves to the id of the phantom node. */
export async function writeSeed(io: Io, path: string, options: SeedOptions): Promise<string> {
  const { writeSeedFile } = await import('../daemon/seed-file.js');
  const { ClusterKeys } = await import('../phantom/index.js');
  const { toHex } = await import('../wire/bytes.js');
  const { recipient: recipients } = options;
  const seed = await chosenSeed(io, options);
  await writeSeedFile(
    path,
    seed,
    recipients
      ? { type: 'recipients', recipients }
      : { type: 'passphrase', passphrase: await newPassphrase(io, options) },
  );
  const { phantomNodeId } = new ClusterKeys(seed);
  seed.fill(0);
  return toHex(phantomNodeId);
}

async function chosenSeed(io: Io, { seedFrom }: SeedOptions): Promise<Uint8Array> {
  if (seedFrom === undefined) return (await import('../crypto/index.js')).randomBytes(32);
  const { seedOfText } = await import('../daemon/seed-file.js');
  if (seedFrom !== '-') {
    const { openToOthersWarning } = await import('../daemon/small-file.js');
    const onOpenToOthers = (): void => {
      warnPerson(io, openToOthersWarning(seedFrom));
    };
    return seedOfText(await contentOf(seedFrom, '--seed-from', { onOpenToOthers }), seedFrom);
  }
  let text = '';
  for await (const chunk of io.stdin) {
    text += String(chunk);
    if (text.length > 1_000) break;
  }
  return seedOfText(text, 'standard input');
}

function nextSteps(path: string, seedPath: string, options: InitOptions, phantomNodeId: string | undefined): string[] {
  const start = options.config === undefined ? 'manifold start' : `manifold start --config ${path}`;
  const seed =
    phantomNodeId === undefined
      ? [
          `Pass the seed as 64 hex digits in the environment variable ${options.seedEnv!}.`,
          'To make one: openssl rand -hex 32. Keep a copy: without it payments on their way are lost.',
        ]
      : [
          `Seed:           ${seedPath}`,
          `Phantom node:   ${phantomNodeId}`,
          '',
          'Keep a copy of the seed file and of what opens it: without them payments on their way are lost.',
        ];
  return [`Configuration:  ${path}`, ...seed, '', `Next: ${start}`];
}
