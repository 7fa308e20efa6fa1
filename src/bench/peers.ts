/**
 * The libraries we are measured against. None is a dependency of Manifold: each is loaded if it can be found, beside the
 * program or in the folder named by MANIFOLD_BENCH_PEERS (see scripts/bench-peers.sh).
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export type Peer<T> = { readonly found: T } | { readonly missing: string };

/** Loads a CommonJS package by name. */
export function loadPeer<T>(packageName: string): Peer<T> {
  for (const require of requires()) {
    try {
      return { found: require(packageName) as T };
    } catch {
      // try the next place
    }
  }
  return { missing: `${packageName} is not installed here; in a clone, scripts/bench-peers.sh says how to add it` };
}

function requires(): NodeJS.Require[] {
  const folder = process.env['MANIFOLD_BENCH_PEERS'];
  const own = createRequire(import.meta.url);
  return folder ? [createRequire(pathToFileURL(join(folder, 'package.json'))), own] : [own];
}
