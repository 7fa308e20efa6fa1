/** From the configured seeds to the key ring of the cluster, and keys for other purposes that need no storage. */
import { hkdfBlocks, hmacSha256, sha256 } from '../crypto/index.js';
import { ClusterKeys, KeyRing } from '../phantom/index.js';
import { concat, toHex, utf8 } from '../wire/bytes.js';
import type { Environment } from './config/load.js';
import type { ConfigValues, SeedSource } from './config/schema.js';
import { readSeedFile, SeedError, seedOfText, type SeedOpener } from './seed-file.js';

/** @throws {SeedError} */
export async function loadKeyRing(
  { cluster }: Pick<ConfigValues, 'cluster'>,
  env: Environment,
  opener: SeedOpener,
): Promise<KeyRing> {
  const epochs = [];
  for (const source of [cluster, ...cluster.retired]) {
    const seed = await readSeed(source, env, opener);
    epochs.push({ id: source.epoch, keys: new ClusterKeys(seed) });
    seed.fill(0);
  }
  try {
    return new KeyRing(epochs[0]!, epochs.slice(1));
  } catch (thrown) {
    throw new SeedError('bad_epochs', `${(thrown as Error).message}; correct [cluster] and [[cluster.retired]]`);
  }
}

async function readSeed(
  { seed_file, seed_env }: SeedSource,
  env: Environment,
  opener: SeedOpener,
): Promise<Uint8Array> {
  if (seed_file !== undefined) return readSeedFile(seed_file, opener);
  const text = env[seed_env!];
  if (text === undefined) {
    throw new SeedError(
      'seed_missing',
      `the environment variable ${seed_env!} is not set; seed_env in the configuration says that it holds the seed, 64 hex digits`,
    );
  }
  return seedOfText(text, `the environment variable ${seed_env!}`);
}

/** Names the cluster without giving anything away: the hash of its first phantom node id. */
export function fingerprintOf(keys: ClusterKeys): string {
  return toHex(sha256(concat(utf8('manifold cluster '), keys.phantomNodeId))).slice(0, 32);
}

const PURPOSE_LABEL = 'Manifold Daemon Purpose Key Expansion';

/** 32 bytes that follow from the cluster's keys and the name alone, so that they need not rest anywhere. */
function purposeKey(keys: ClusterKeys, purpose: 'webhook' | 'token' | 'request', name: string): Uint8Array {
  const [key] = hkdfBlocks(`${PURPOSE_LABEL} ${purpose}`, keys.inboundKeyMaterial, 1);
  return hmacSha256(key!, utf8(name));
}

/** Signing secret of a webhook: made by the epoch that its `secretRef` names. Undefined if that epoch is gone. */
export function webhookSecret(ring: KeyRing, secretRef: string, id: string): Uint8Array | undefined {
  const epoch = ring.epoch(Number(/^epoch:(\d+)$/.exec(secretRef)?.[1] ?? -1));
  return epoch && purposeKey(epoch.keys, 'webhook', id);
}

export function webhookSecretRef(ring: KeyRing): string {
  return `epoch:${ring.current.id}`;
}

/** 32 bytes that nobody else can know, the same whenever this request is carried out. */
export function requestEntropy(ring: KeyRing, identity: string): Uint8Array {
  return purposeKey(ring.current.keys, 'request', identity);
}

/** The API token of this id as each epoch would make it, newest first. */
export function tokenCandidates(ring: KeyRing, id: string): readonly string[] {
  return ring.epochs.map(({ keys }) => `mft_${toHex(purposeKey(keys, 'token', id))}`);
}
