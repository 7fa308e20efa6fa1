/** Values of records that several contents share. */
import { type BlindedPath, encodeBlindedPath, readBlindedPath } from '../../onion/index.js';
import { concat } from '../../wire/bytes.js';
import { decodeTruncated } from '../../wire/integers.js';
import type { ByteReader } from '../../wire/reader.js';
import { refuse } from '../../wire/result.js';

/** A list of paths longer than this is no honest one: LDK makes three at most. */
const MAX_PATHS = 16;

/** One path or more, up to the end of the value. @throws Refusal `no_path`, `too_many_paths`, and those of a path */
export function readPaths(reader: ByteReader): BlindedPath[] {
  const paths: BlindedPath[] = [];
  while (reader.left > 0) {
    if (paths.length === MAX_PATHS) refuse('too_many_paths', `more than ${MAX_PATHS} paths`, reader.offset);
    paths.push(readBlindedPath(reader));
  }
  if (paths.length === 0) refuse('no_path', 'a list of paths has at least one');
  return paths;
}

export const encodePaths = (paths: readonly BlindedPath[]): Uint8Array => concat(...paths.map(encodeBlindedPath));

export const read32 = (reader: ByteReader): Uint8Array => reader.bytes(32);

export const readTu64 = (reader: ByteReader): bigint => decodeTruncated(reader.rest(), 8);

/** @throws {RangeError} unless `bytes` has 32 bytes. */
export function exactly32(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length !== 32) throw new RangeError(`${name} has 32 bytes, not ${bytes.length}`);
  return bytes;
}
