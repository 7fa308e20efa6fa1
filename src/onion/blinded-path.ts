/** Wire form of blinded paths and of their first node (BOLT 4 `blinded_path`, BOLT 1 `sciddir_or_pubkey`). */
import { ec } from '../crypto/index.js';
import { concat } from '../wire/bytes.js';
import { u16, u64 } from '../wire/integers.js';
import { ByteReader } from '../wire/reader.js';
import { refusable, refuse, type Result } from '../wire/result.js';
import type { NodeId, ShortChannelId } from '../wire/units.js';

/** A node by its id, or as one end of a channel: 0 = the one with the smaller id. */
export type FirstNode =
  { readonly nodeId: NodeId } | { readonly shortChannelId: ShortChannelId; readonly direction: 0 | 1 };

export interface BlindedHop {
  readonly blindedNodeId: Uint8Array;
  readonly encryptedData: Uint8Array;
}

export interface BlindedPath {
  readonly firstNode: FirstNode;
  readonly firstPathKey: Uint8Array;
  /** 1 to 255; the first stands for the first node itself. */
  readonly hops: readonly BlindedHop[];
}

/** Reads one path and leaves the reader behind it. @throws Refusal `invalid_first_node`, `invalid_point`, `empty_path`, `truncated` */
export function readBlindedPath(reader: ByteReader): BlindedPath {
  const firstNode = readFirstNode(reader);
  const firstPathKey = readPathPoint(reader);
  const count = reader.u8();
  if (count === 0) refuse('empty_path', 'a blinded path has at least one hop', reader.offset - 1);
  const hops: BlindedHop[] = [];
  for (let hop = 0; hop < count; hop++) {
    const blindedNodeId = readPathPoint(reader);
    hops.push({ blindedNodeId, encryptedData: reader.bytes(reader.u16()) });
  }
  return { firstNode, firstPathKey, hops };
}

export function readFirstNode(reader: ByteReader): FirstNode {
  const start = reader.offset;
  const head = reader.u8();
  if (head === 0 || head === 1) return { shortChannelId: reader.scid(), direction: head };
  if (head !== 2 && head !== 3) refuse('invalid_first_node', `prefix ${head} is neither channel nor point`, start);
  const nodeId = concat(Uint8Array.of(head), reader.bytes(32));
  if (!ec.isPoint(nodeId)) refuse('invalid_point', 'the first node is not a point of the curve', start);
  return { nodeId };
}

function readPathPoint(reader: ByteReader): Uint8Array {
  const start = reader.offset;
  const point = reader.bytes(33);
  if (!ec.isPoint(point)) refuse('invalid_point', 'not a compressed point of the curve', start);
  return point;
}

/** Exactly one path. Errors as {@link readBlindedPath}, and `trailing_bytes`. */
export function decodeBlindedPath(bytes: Uint8Array): Result<BlindedPath> {
  return refusable(() => {
    const reader = new ByteReader(bytes);
    const path = readBlindedPath(reader);
    reader.end();
    return path;
  });
}

export function encodeFirstNode(node: FirstNode): Uint8Array {
  return 'nodeId' in node ? node.nodeId : concat(Uint8Array.of(node.direction), u64(node.shortChannelId));
}

/** @throws {RangeError} unless the path has 1 to 255 hops of at most 65535 bytes of data. */
export function encodeBlindedPath({ firstNode, firstPathKey, hops }: BlindedPath): Uint8Array {
  if (hops.length < 1 || hops.length > 255) throw new RangeError('a blinded path has 1 to 255 hops');
  return concat(
    encodeFirstNode(firstNode),
    firstPathKey,
    Uint8Array.of(hops.length),
    ...hops.flatMap(({ blindedNodeId, encryptedData }) => [blindedNodeId, u16(encryptedData.length), encryptedData]),
  );
}
