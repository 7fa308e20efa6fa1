/** Makes sure that a database belongs to the cluster whose seeds are configured. */
import type { KeyRing } from '../phantom/index.js';
import { type Meta, StoreWrongDatabase } from '../store/index.js';
import { fingerprintOf } from './cluster-ring.js';

const META_KEY = 'cluster_fingerprints';

/** The fingerprint with which the database was claimed: names the cluster for as long as its database lives. */
export async function claimedBy(meta: Pick<Meta, 'get'>, ring: KeyRing): Promise<string> {
  const stored = await meta.get(META_KEY);
  const [first] = stored === undefined ? [] : (JSON.parse(stored) as string[]);
  return first ?? fingerprintOf(ring.current.keys);
}

/**
 * The first start claims the database. Later ones must share a seed with what was seen before; all seeds configured then
 * are seen too, so that a seed can be replaced step by step.
 * @throws {StoreWrongDatabase}
 */
export async function checkCluster(meta: Pick<Meta, 'get' | 'set' | 'checkFingerprint'>, ring: KeyRing): Promise<void> {
  const configured = ring.epochs.map(({ keys }) => fingerprintOf(keys));
  const stored = await meta.get(META_KEY);
  if (stored === undefined) await meta.checkFingerprint(configured[0]!);
  const seen = stored === undefined ? configured : (JSON.parse(stored) as string[]);
  if (!configured.some((fingerprint) => seen.includes(fingerprint))) {
    throw new StoreWrongDatabase(`the database belongs to cluster ${seen.join(' ')}, not to ${configured.join(' ')}`);
  }
  const all = [...new Set([...seen, ...configured])];
  if (stored === undefined || all.length > seen.length) await meta.set(META_KEY, JSON.stringify(all));
}
