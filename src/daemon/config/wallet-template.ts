/** The configuration that `manifold wallet init` writes. */
import type { ConfigValues, LndNodeConfig } from './schema.js';

export interface WalletTemplateValues {
  readonly network: ConfigValues['network'];
  readonly seedFile: string | undefined;
  readonly seedEnv: string | undefined;
  readonly databaseUrl: string;
  readonly node: { readonly url: string; readonly name: string } | LndNodeConfig;
  readonly lsp: string;
  readonly serverPaths: readonly string[];
  readonly hold: boolean;
}

export function walletTemplate(values: WalletTemplateValues): string {
  const { network, seedFile, seedEnv, databaseUrl, node, lsp, serverPaths, hold } = values;
  const seed =
    seedEnv === undefined ? `seed_file = ${quoted(seedFile ?? 'seed.age')}` : `seed_env = ${quoted(seedEnv)}`;
  return `# A wallet that is mostly off: see \`manifold wallet --help\`. File names count from this file.

# Which Bitcoin network the node is on: bitcoin, testnet, signet, regtest, simnet.
network = ${quoted(network)}

[cluster]
epoch = 1
# The wallet's own seed, an age file, or the name of an environment variable with 64 hex digits (seed_env).
# Whoever has it can claim payments to this wallet. Keep a copy of the file and of its passphrase.
${seed}

[database]
url = ${quoted(databaseUrl)}

# The wallet's Lightning node. It is on while a command runs, and may be off otherwise.
[[nodes]]
${nodeLines(node)}

[wallet]
# The node with which yours has its channel, and which receives, holds and wakes for you.
lsp = ${quoted(lsp)}
# Handed over by the LSP when it enrolled this wallet: over them the wallet asks for offers that stay payable while it is off.
server_paths = [${serverPaths.length === 0 ? '' : `\n${serverPaths.map((path) => `  ${quoted(path)},\n`).join('')}`}]
# Whether the LSP is asked to hold payments to payees that sleep, so that this wallet can sleep too.
hold = ${hold}

[log]
# fatal, error, warn, info, debug, trace; shown with --verbose
level = "info"
`;
}

function nodeLines(node: WalletTemplateValues['node']): string {
  if ('url' in node) return `name = "node"\nkind = "sim"\nurl = ${quoted(node.url)}\nsim_node = ${quoted(node.name)}`;
  const lines = Object.entries(node).filter(([, value]) => value !== undefined);
  return lines
    .map(([key, value]) => `${key} = ${typeof value === 'string' ? quoted(value) : String(value)}`)
    .join('\n');
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
