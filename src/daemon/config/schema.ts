/** The configuration file: every key, its meaning and its limits. */
import { z } from 'zod';
import { nodeSchema } from './nodes.js';
import { offlineSchema, wakeSchema } from './offline.js';
import { walletSchema } from './wallet.js';

const NETWORKS = ['bitcoin', 'testnet', 'signet', 'regtest', 'simnet'] as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const DAY_SECONDS = 86_400;

const seconds = (least: number, most: number) => z.int().min(least).max(most);

const seedSource = {
  /** age file with the cluster seed; relative to the configuration file. */
  seed_file: z.string().min(1).optional(),
  /** Name of the environment variable that holds the seed as 64 hex digits. */
  seed_env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')
    .optional(),
};

const hasOneSeed = ({
  seed_file,
  seed_env,
}: {
  seed_file?: string | undefined;
  seed_env?: string | undefined;
}): boolean => (seed_file === undefined) !== (seed_env === undefined);

const ONE_SEED = { message: 'needs exactly one of seed_file and seed_env' };

/** Refused without being repeated: it may hold a password. */
const databaseUrl = z
  .string()
  .refine(
    (url) => /^sqlite:\/*[^/\s]/.test(url) || isPostgresUrl(url),
    'must be sqlite:FILE or postgres://user@host/database',
  );

function isPostgresUrl(url: string): boolean {
  return /^postgres(ql)?:\/\//.test(url) && URL.canParse(url);
}

export const configSchema = z.strictObject({
  network: z.enum(NETWORKS),
  cluster: z
    .strictObject({
      epoch: z.int().min(0).max(65_535).default(1),
      ...seedSource,
      retired: z
        .array(z.strictObject({ epoch: z.int().min(0).max(65_535), ...seedSource }).refine(hasOneSeed, ONE_SEED))
        .max(16)
        .default([]),
    })
    .refine(hasOneSeed, ONE_SEED),
  database: z.strictObject({ url: databaseUrl }).default({ url: 'sqlite:manifold.db' }),
  api: z
    .strictObject({
      listen: z
        .string()
        .regex(/^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'must look like 127.0.0.1:9740')
        .default('127.0.0.1:9740'),
      /** The API has no encryption of its own: only behind a proxy that has. */
      allow_remote: z.boolean().default(false),
    })
    .default({ listen: '127.0.0.1:9740', allow_remote: false }),
  daemon: z
    .strictObject({
      /** How this daemon is called in lists of who serves what. Default: the name of the machine. */
      name: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, ".", "-" or "_"')
        .optional(),
    })
    .default({}),
  nodes: z.array(nodeSchema).min(1, 'needs at least one node').max(64),
  invoice: z
    .strictObject({
      expiry_seconds: seconds(60, 365 * DAY_SECONDS).optional(),
      hold_seconds: seconds(10, 30 * DAY_SECONDS).optional(),
      max_hints: z.int().min(1).max(5).optional(),
    })
    .default({}),
  receive: z
    .strictObject({
      /** Blocks that must be left before a part's deadline. */
      margin_blocks: z.int().min(3).max(1_000).optional(),
      mpp_timeout_seconds: seconds(60, 3_600).optional(),
      lease_ttl_seconds: seconds(2, 120).optional(),
      /** Blocks before its expiry at which a settled part that is not final is acted upon. Nearer LND may be faster. */
      guard_blocks: z.int().min(22).max(1_000).default(24),
    })
    .default({ guard_blocks: 24 }),
  send: z
    .strictObject({
      enabled: z.boolean().default(true),
      /** Of the amount, where a payment does not say; small payments may cost 5 sat all the same. */
      max_fee_percent: z.number('must be a number from 0 to 100').min(0).max(100).optional(),
      max_parts: z.int().min(1).max(483).optional(),
      timeout_seconds: seconds(1, DAY_SECONDS).optional(),
      /** JavaScript modules with modifiers of the operator's own. */
      modifiers: z.array(z.string().min(1)).max(100).default([]),
    })
    .default({ enabled: true, modifiers: [] }),
  webhooks: z
    .strictObject({
      /** Whether webhooks may point at private and loopback addresses. */
      allow_private: z.boolean().default(false),
    })
    .default({ allow_private: false }),
  events: z
    .strictObject({
      /** How long events, and webhook deliveries that were made, can be read. */
      keep_days: z.int().min(1).max(3_650).default(90),
    })
    .default({ keep_days: 90 }),
  offline: offlineSchema,
  wake: wakeSchema,
  /** This is no merchant's cluster but a wallet that is mostly off: see `manifold wallet`. */
  wallet: walletSchema.optional(),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info') }).default({ level: 'info' }),
});

export type ConfigValues = z.output<typeof configSchema>;
export type { LndNodeConfig, NodeConfig } from './nodes.js';
export type { WalletConfig } from './wallet.js';
export type SeedSource = { readonly seed_file?: string | undefined; readonly seed_env?: string | undefined };
