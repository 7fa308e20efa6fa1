/** `manifold wallet init`: a configuration for one node and its LSP, and the wallet's own seed. */
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { WalletTemplateValues } from '../daemon/config/wallet-template.js';
import type { Network } from '../receive/node-port.js';
import { nodeId, oneOf } from './checks.js';
import { type CommonOptions, configPath, print } from './common.js';
import { refuseExisting, type SeedOptions, writeSeed } from './init.js';
import { type Io, usageError } from './io.js';

export interface WalletInitOptions extends CommonOptions, SeedOptions {
  readonly node?: string;
  readonly simNode?: string;
  readonly lnd?: string;
  readonly lsp?: string;
  readonly serverPath?: readonly string[];
  readonly network?: string;
  readonly seedEnv?: string;
  readonly database: string;
  /** False with --no-hold. */
  readonly hold: boolean;
}

const NETWORKS = ['bitcoin', 'testnet', 'signet', 'regtest', 'simnet'] as const;

export async function initWallet(io: Io, options: WalletInitOptions): Promise<void> {
  if (options.seedEnv !== undefined && (options.recipient ?? options.seedFrom) !== undefined)
    throw usageError('--seed-env writes no seed, so --recipient and --seed-from do not go with it');
  const path = resolve(configPath(io, options));
  const seedPath = join(dirname(path), 'seed.age');
  await refuseExisting(path);
  if (options.seedEnv === undefined) await refuseExisting(seedPath);
  const values = await valuesOf(io, options);
  const text = await checkedText(values, path);
  const { writeNewFile } = await import('../daemon/seed-file.js');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const virtualNode = options.seedEnv === undefined ? await writeSeed(io, seedPath, options) : undefined;
  await writeNewFile(path, text);
  const written = {
    config: path,
    ...(virtualNode !== undefined && { seed_file: seedPath, virtual_node_id: virtualNode }),
  };
  await print(io, options, written, () => [
    `Configuration:  ${path}`,
    ...(virtualNode === undefined ? [`Seed:           in $${options.seedEnv!}`] : [`Seed:           ${seedPath}`]),
    '',
    ...(values.serverPaths.length > 0
      ? ['Next: manifold wallet offer']
      : [
          'Next: have the LSP enrol the node id that `manifold wallet status` shows, and put the paths that it hands over',
          'into server_paths of the configuration.',
        ]),
  ]);
}

async function valuesOf(io: Io, options: WalletInitOptions): Promise<WalletTemplateValues> {
  const { node: url, lnd, lsp, seedEnv, database, hold, serverPath = [] } = options;
  if (url !== undefined && lnd !== undefined) throw usageError('--node and --lnd: give one of them');
  const asked =
    lsp === undefined || (url ?? lnd) === undefined ? await ask(io, { url: url ?? lnd, lsp }) : { url, lsp };
  const network: Network = oneOf(options.network ?? (lnd === undefined ? 'regtest' : 'bitcoin'), NETWORKS, '--network');
  const { lndOption } = await import('./lnd-option.js');
  return {
    network,
    seedFile: seedEnv === undefined ? 'seed.age' : undefined,
    seedEnv,
    databaseUrl: database,
    node: lnd === undefined ? { url: asked.url!, name: options.simNode ?? 'wallet' } : lndOption(lnd),
    lsp: nodeId(asked.lsp, '--lsp'),
    serverPaths: serverPath,
    hold,
  };
}

async function ask(
  io: Io,
  { url, lsp }: { readonly url: string | undefined; readonly lsp: string | undefined },
): Promise<{ readonly url: string; readonly lsp: string }> {
  if (!io.stdin.isTTY) throw usageError(`${lsp === undefined ? '--lsp' : '--node (or --lnd)'} is missing`);
  const { Prompter } = await import('./prompter.js');
  const prompter = new Prompter(io);
  try {
    return {
      url: url ?? (await prompter.askValid('Where the simulated node is served', 'tcp://127.0.0.1:9750', urlProblem)),
      lsp: lsp ?? (await prompter.askValid('Node id of the LSP', undefined, idProblem)),
    };
  } finally {
    prompter.close();
  }
}

const urlProblem = (text: string): string | undefined =>
  /^tcp:\/\/(127\.0\.0\.1|localhost):\d{1,5}$/.test(text) ? undefined : 'it looks like tcp://127.0.0.1:9750';

const idProblem = (text: string): string | undefined =>
  /^0[23][0-9a-fA-F]{64}$/.test(text) ? undefined : 'a node id is 66 hex digits that begin with 02 or 03';

/** Read once as the wallet will read it: a typo in an option shows now. */
async function checkedText(values: WalletTemplateValues, path: string): Promise<string> {
  const [{ walletTemplate }, { ConfigError, parseConfig }] = await Promise.all([
    import('../daemon/config/wallet-template.js'),
    import('../daemon/config/load.js'),
  ]);
  const text = walletTemplate(values);
  try {
    parseConfig(text, path, {});
  } catch (error) {
    if (error instanceof ConfigError) throw usageError(error.mistakes.map(({ message }) => message).join('\n'));
    throw error;
  }
  return text;
}
