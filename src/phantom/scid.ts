/**
 * Phantom SCIDs of members that Manifold serves (LND, Core Lightning). They need no table: the cluster keys alone say
 * whether a SCID is ours, for which member and in which variant.
 *
 *     bit 63   bits 62–24          bits 23–0
 *     1        tag (39 bits)       variant XOR mask(tag)
 *
 * `tag` is a MAC of member and variant, `mask` a second keyed function of the tag, so the whole is a synthetic-IV cipher:
 * without the keys a SCID is random bits, and no two SCIDs can be seen to belong to the same member or cluster. A random
 * SCID with the top bit set passes as ours with probability 2^-39 per epoch.
 *
 * The top bit puts the block height at 8,388,608 or above, which no chain reaches in our lifetime, so a phantom SCID never
 * equals that of a real channel.
 */
import { hmacSha256 } from '../crypto/index.js';
import type { NodeId, ShortChannelId } from '../wire/units.js';
import { type BlindedScidKind, recogniseBlindedScid } from './blinded-scid.js';
import type { ClusterKeys, KeyRing } from './cluster-keys.js';
import { isHeightTaken, LEAST_PHANTOM_HEIGHT, LEAST_PHANTOM_SCID } from './scid-heights.js';

/** Variants are 0 … PHANTOM_SCID_VARIANTS − 1. */
export const PHANTOM_SCID_VARIANTS = 1 << 24;

/** Tag and variant are handled as plain numbers: 39 and 24 bits. */
const TAG_SPACE = 2 ** 39;
const TAG_HEIGHT_UNIT = 2 ** 16;

function heightTaken(tag: number): boolean {
  return isHeightTaken(LEAST_PHANTOM_HEIGHT + Math.floor(tag / TAG_HEIGHT_UNIT));
}

/** Member and variant as MAC input, with the number of the attempt behind them. */
function tagInput(nodeId: NodeId, variant: number, attempt: number): Uint8Array {
  const input = new Uint8Array(nodeId.length + 4);
  input.set(nodeId);
  input[nodeId.length] = variant >>> 16;
  input[nodeId.length + 1] = variant >>> 8;
  input[nodeId.length + 2] = variant;
  input[nodeId.length + 3] = attempt;
  return input;
}

function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** First 39-bit piece of the MAC whose height is free. Maker and recogniser walk the same pieces. */
function tagOf(keys: ClusterKeys, nodeId: NodeId, variant: number): number {
  for (let attempt = 0; ; attempt++) {
    const mac = hmacSha256(keys.scidTagKey, tagInput(nodeId, variant, attempt));
    for (let at = 0; at + 5 <= mac.length; at += 5) {
      const tag = (u24(mac, at) & 0x7f_ffff) * TAG_HEIGHT_UNIT + ((mac[at + 3]! << 8) | mac[at + 4]!);
      if (!heightTaken(tag)) return tag;
    }
  }
}

function maskOf(keys: ClusterKeys, tag: number): number {
  const input = new Uint8Array(5);
  for (let i = 4, rest = tag; i >= 0; i--, rest = Math.floor(rest / 256)) input[i] = rest % 256;
  return u24(hmacSha256(keys.scidMaskKey, input), 0);
}

/**
 * The phantom SCID of a member.
 * @throws {RangeError} if `variant` is not an integer from 0 to PHANTOM_SCID_VARIANTS − 1
 */
export function phantomScid(keys: ClusterKeys, nodeId: NodeId, variant: number): ShortChannelId {
  if (!Number.isInteger(variant) || variant < 0 || variant >= PHANTOM_SCID_VARIANTS) {
    throw new RangeError(`a phantom SCID variant is 0 to ${PHANTOM_SCID_VARIANTS - 1}, not ${variant}`);
  }
  const tag = tagOf(keys, nodeId, variant);
  return LEAST_PHANTOM_SCID | (BigInt(tag) << 24n) | BigInt(variant ^ maskOf(keys, tag));
}

export interface RecognisedScid {
  readonly epochId: number;
  readonly variant: number;
  /** The SCID is that of a blinded path, and of which kind. */
  readonly blinded?: BlindedScidKind;
}

/**
 * Whether a forward by member `nodeId` over `scid` is meant for the phantom node, plainly or over a blinded path. Called for
 * every forward of a node: SCIDs of real channels and of LND's aliases are dismissed without any hashing.
 */
export function recognisePhantomScid(ring: KeyRing, nodeId: NodeId, scid: ShortChannelId): RecognisedScid | undefined {
  if (scid < LEAST_PHANTOM_SCID) return undefined;
  const tag = Number(scid >> 24n) - TAG_SPACE;
  if (tag >= TAG_SPACE || heightTaken(tag)) return undefined;
  const masked = Number(scid & 0xff_ffffn);
  for (const { id, keys } of ring.epochs) {
    const variant = masked ^ maskOf(keys, tag);
    if (tagOf(keys, nodeId, variant) === tag) return { epochId: id, variant };
  }
  // Plain ones first, in all epochs: they have the longer tag, so none of them is ever taken for a blinded one.
  for (const { id, keys } of ring.epochs) {
    const found = recogniseBlindedScid(keys, nodeId, scid);
    if (found) return { epochId: id, variant: found.variant, blinded: found.kind };
  }
  return undefined;
}
