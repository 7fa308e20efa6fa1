/** Records of the peer protocol that hold an HTLC for a payee who sleeps (bolts#1149, with the numbers that LDK ships). */
import { type BlindedPath, encodeBlindedPath, readBlindedPath } from '../onion/index.js';
import { concat } from '../wire/bytes.js';
import { u64 } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { refusable, refuse, type Result } from '../wire/result.js';
import type { TlvRecord } from '../wire/tlv.js';

/** In `update_add_htlc`: "hold this". Odd, so that a peer which does not know it passes the HTLC on. */
export const HOLD_HTLC_RECORD: TlvRecord = { type: 75537n, value: new Uint8Array() };

/** In `revoke_and_ack`: how the holds that it acknowledges are released. */
export const RELEASE_PATHS_TYPE = 75537n;

export interface ReleasePath {
  readonly htlcId: bigint;
  readonly path: BlindedPath;
}

/** A channel has at most 483 HTLCs in each direction (BOLT 2). */
const MAX_RELEASE_PATHS = 483;

export function encodeReleasePaths(paths: readonly ReleasePath[]): Uint8Array {
  return concat(...paths.flatMap(({ htlcId, path }) => [u64(htlcId), encodeBlindedPath(path)]));
}

/** Errors: `no_path`, `too_many_paths`, `duplicate_htlc`, and those of a blinded path. */
export function decodeReleasePaths(value: Uint8Array): Result<ReleasePath[]> {
  return refusable(() => {
    const reader = new ByteReader(value);
    const paths: ReleasePath[] = [];
    const seen = new Set<bigint>();
    while (reader.left > 0) {
      if (paths.length === MAX_RELEASE_PATHS) refuse('too_many_paths', 'more paths than a channel has HTLCs');
      const htlcId = reader.u64();
      if (seen.has(htlcId)) refuse('duplicate_htlc', `HTLC ${htlcId} stands twice`, reader.offset);
      seen.add(htlcId);
      paths.push({ htlcId, path: readBlindedPath(reader) });
    }
    if (paths.length === 0) refuse('no_path', 'where nothing is held the record is left out');
    return paths;
  });
}
