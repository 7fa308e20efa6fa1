/** The configuration that `manifold init` writes. */
import type { ConfigValues, LndNodeConfig } from './schema.js';

export interface TemplateValues {
  readonly network: ConfigValues['network'];
  readonly seedFile: string | undefined;
  readonly seedEnv: string | undefined;
  readonly databaseUrl: string;
  readonly listen: string;
  /** None: the simulated network. */
  readonly lnd?: readonly LndNodeConfig[];
}

export function configTemplate({ network, seedFile, seedEnv, databaseUrl, listen, lnd = [] }: TemplateValues): string {
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

[daemon]
# How this daemon is called in lists of who serves which node. Default: the name of the machine.
# name = "shop-1"

[api]
listen = ${quoted(listen)}
# The API is not encrypted. Set this only behind a proxy that does TLS.
# allow_remote = false

${lnd.length > 0 ? lndNodes(lnd) : SIMULATED_NODES}
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
# So many blocks before its expiry a settled part that is not final is an alarm, and its channel is closed where
# force_close allows it. 22 at the least.
# guard_blocks = 24

[send]
# Whether this daemon pays. Nodes of kind "lnd" need a macaroon that may send: see \`manifold doctor --macaroons\`.
# enabled = true
# For payments that do not say otherwise: most in fees, in percent of the amount (small payments may cost 5 sat all the
# same); most parts; seconds after which no new part is begun.
# max_fee_percent = 1
# max_parts = 100
# timeout_seconds = 60
# Modules with modifiers of your own (see docs/sending.md); they count from the folder of this file.
# modifiers = ["./scout-ahead.mjs"]

[webhooks]
# Whether webhooks may point at loopback and private addresses.
# allow_private = false

[offline]
# Whether this cluster is an LSP that serves wallets while they sleep: static invoices, mailbox, held payments, wake-ups.
# \`manifold offline enrol\` names the wallets.
# enabled = true
# Limits of a wallet, unless \`enrol\` says otherwise.
# max_slots = 10
# max_held = 30
# max_held_sat = 10000000
# max_hold_blocks = 432
# mailbox_messages = 30
# mailbox_bytes = 262144

[wake]
# Whether wallets may register webhooks on this machine: for demos and tests.
# allow_loopback = false

[events]
# How long events can be read. Invoices and payments are kept for ever.
# keep_days = 90

[log]
# fatal, error, warn, info, debug, trace
level = "info"
`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

const SIMULATED_NODES = `# The nodes of the cluster. Kind "sim" is a simulated network inside the daemon, new at every start: for trying things
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
`;

function lndNodes(nodes: readonly LndNodeConfig[]): string {
  return `# The nodes of the cluster. Files hold the secrets; this file only names them.
${nodes.map(lndNode).join('\n')}`;
}

function lndNode(node: LndNodeConfig): string {
  const { name, address, tls_cert, macaroon, tls_server_name, node_id, send, force_close, register_preimages } = node;
  return `[[nodes]]
name = ${quoted(name)}
kind = "lnd"
# Of the gRPC listener (rpclisten).
address = ${quoted(address)}
${tls_cert === undefined ? '# No tls_cert: the certificate is from an authority that this machine trusts.' : `tls_cert = ${quoted(tls_cert)}`}
# \`manifold doctor\` prints the line that bakes it with the least rights.
macaroon = ${quoted(macaroon)}
# The name in the certificate, where it is not the address's.
${tls_server_name === undefined ? '# tls_server_name = "alice.internal"' : `tls_server_name = ${quoted(tls_server_name)}`}
# Any other node at this address is refused.
${node_id === undefined ? `# node_id = "02${'0'.repeat(64)}"` : `node_id = ${quoted(node_id)}`}
# Whether this node pays. Default: if its macaroon grants what that takes.
${send === undefined ? '# send = true' : `send = ${send}`}
# Whether a channel may be closed on chain when a settled payment would be lost otherwise.
force_close = ${force_close}
# Whether LND is told the preimages of settled payments that do not become final, so that it claims them on chain.
register_preimages = ${register_preimages}
`;
}
