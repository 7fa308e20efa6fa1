/**
 * Phantom SCIDs of blinded paths: like the plain ones (see scid.ts), with keys of their own and the bits shared out in
 * another way, because each path has its own and a merchant makes millions.
 *
 *     bit 63   bits 62–32          bits 31–0
 *     1        tag (31 bits)       variant XOR mask(tag)
 *
 * The key of the path follows from member and SCID, so it need not be kept. A random number with the top bit set passes with
 * probability 2^-31 per kind and epoch; nothing is gained by that, because without the path's key no onion can be read.
 */
import { hmacSha256 } from '../crypto/index.js';
import { concat } from '../wire/bytes.js';
import { u32, uintOf } from '../wire/integers.js';
import type { NodeId, ShortChannelId } from '../wire/units.js';
import type { ClusterKeys } from './cluster-keys.js';
import { isHeightTaken, LEAST_PHANTOM_HEIGHT, LEAST_PHANTOM_SCID } from './scid-heights.js';

/** Of what kind of invoice the path is: for one payment hash, or static, for any. */
export type BlindedScidKind = 'invoice' | 'static_invoice';

/** Variants are 0 … BLINDED_SCID_VARIANTS − 1. */
export const BLINDED_SCID_VARIANTS = 2 ** 32;

const KIND_BYTE: Record<BlindedScidKind, number> = { invoice: 1, static_invoice: 2 };
const KINDS: readonly BlindedScidKind[] = ['invoice', 'static_invoice'];
const TAG_BITS = 0x7fff_ffff;
const TAGS_PER_HEIGHT = 2 ** 8;

const heightOf = (tag: number): number => LEAST_PHANTOM_HEIGHT + Math.floor(tag / TAGS_PER_HEIGHT);

/** First 31-bit piece of the MAC whose height is free. */
function tagOf(keys: ClusterKeys, nodeId: NodeId, kind: BlindedScidKind, variant: number): number {
  for (let attempt = 0; ; attempt++) {
    const input = concat(nodeId, u32(variant), Uint8Array.of(KIND_BYTE[kind], attempt));
    const mac = hmacSha256(keys.blindedScidTagKey, input);
    for (let at = 0; at < mac.length; at += 4) {
      const tag = Number(uintOf(mac.subarray(at, at + 4))) & TAG_BITS;
      if (!isHeightTaken(heightOf(tag))) return tag;
    }
  }
}

function maskOf(keys: ClusterKeys, kind: BlindedScidKind, tag: number): number {
  const mac = hmacSha256(keys.blindedScidMaskKey, concat(u32(tag), Uint8Array.of(KIND_BYTE[kind])));
  return Number(uintOf(mac.subarray(0, 4)));
}

/**
 * The phantom SCID of a blinded path through a member.
 * @param variant drawn at random for every path
 * @throws {RangeError} if `variant` is not an integer from 0 to BLINDED_SCID_VARIANTS − 1
 */
export function blindedPhantomScid(
  keys: ClusterKeys,
  nodeId: NodeId,
  kind: BlindedScidKind,
  variant: number,
): ShortChannelId {
  if (!Number.isInteger(variant) || variant < 0 || variant >= BLINDED_SCID_VARIANTS) {
    throw new RangeError(`the variant of a blinded path is 0 to ${BLINDED_SCID_VARIANTS - 1}, not ${variant}`);
  }
  const tag = tagOf(keys, nodeId, kind, variant);
  return LEAST_PHANTOM_SCID | (BigInt(tag) << 32n) | BigInt((variant ^ maskOf(keys, kind, tag)) >>> 0);
}

/** @param scid with the top bit set, and of a height that nobody else uses */
export function recogniseBlindedScid(
  keys: ClusterKeys,
  nodeId: NodeId,
  scid: ShortChannelId,
): { readonly kind: BlindedScidKind; readonly variant: number } | undefined {
  const tag = Number(scid >> 32n) & TAG_BITS;
  const masked = Number(scid & 0xffff_ffffn);
  for (const kind of KINDS) {
    const variant = (masked ^ maskOf(keys, kind, tag)) >>> 0;
    if (tagOf(keys, nodeId, kind, variant) === tag) return { kind, variant };
  }
  return undefined;
}
