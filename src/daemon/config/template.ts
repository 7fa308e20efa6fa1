/** The configuration that `manifold init` writes. */
import type { ConfigValues } from './schema.js';

export interface TemplateValues {
  readonly network: ConfigValues['network'];
  readonly seedFile: string | undefined;
  readonly seedEnv: string | undefined;
  readonly databaseUrl: string;
  readonly listen: string;
}

export function configTemplate({ network, seedFile, seedEnv, databaseUrl, listen }: TemplateValues): string {
  const seed =
    seedEnv === undefined ? `seed_file = ${quoted(seedFile ?? 'seed.age')}` : `seed_env = ${quoted(seedEnv)}`;
  return `# Manifold configuration. Every key outside [[...]] can be overridden by the environment: MANIFOLD_DATABASE_URL
# stands for url in [database]. File names count from this file.

# Which Bitcoin network the nodes are on: bitcoin, testnet, signet, regtest, simnet.
network = ${quoted(network)}

[cluster]
# Key epoch of the seed below. Raise it when you replace the seed, and move the old one to [[cluster.retired]].
epoch = 1
# The seed that all members share: an age file, or the name of an environment variable with 64 hex digits (seed_env).
# Whoever has it can claim payments to this cluster. Keep a copy of the file and of its passphrase.
${seed}

# Replaced seeds whose invoices are to stay payable.
# [[cluster.retired]]
# epoch = 0
# seed_file = "seed-0.age"

[database]
# SQLite for one daemon; postgres://user@host/database for several on one database.
url = ${quoted(databaseUrl)}

[api]
listen = ${quoted(listen)}
# The API is not encrypted. Set this only behind a proxy that does TLS.
# allow_remote = false

# The nodes of the cluster. Kind "sim" is a simulated network inside the daemon, new at every start: for trying things
# out. Whatever it holds when the daemon ends is gone with it.
[[nodes]]
name = "alpha"
kind = "sim"

[[nodes]]
name = "beta"
kind = "sim"

[[nodes]]
name = "gamma"
kind = "sim"

[invoice]
# expiry_seconds = 3600
# How long a complete payment of a hold invoice may wait for your word.
# hold_seconds = 3600
# Members named in one invoice, 1 to 5.
# max_hints = 3

[receive]
# Blocks that must be left before the deadline of a part for it to be accepted.
# margin_blocks = 12
# An incomplete payment is given back this long after its first part.
# mpp_timeout_seconds = 60
# Another daemon may take over a node whose owner is silent for so long.
# lease_ttl_seconds = 10

[webhooks]
# Whether webhooks may point at loopback and private addresses.
# allow_private = false

[log]
# fatal, error, warn, info, debug, trace
level = "info"
`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
