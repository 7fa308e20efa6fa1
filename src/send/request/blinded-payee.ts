/** The blinded paths of a BOLT 12 invoice as ways in to a payee. */
import type { BlindedPath, FirstNode } from '../../onion/index.js';
import { err, ok, type Result } from '../../wire/result.js';
import type { BlockDelta, Msat, NodeId, ShortChannelId } from '../../wire/units.js';
import type { Payee, PayeeHop } from '../plan/request.js';
import type { BadOrder } from './order.js';

/** A path with its price, as `manifold/bolt12` reads it. */
export interface PaymentPathLike {
  readonly path: BlindedPath;
  readonly payInfo: {
    readonly feeBaseMsat: number;
    readonly feeProportionalMillionths: number;
    /** Of the whole path, the payee's own included. */
    readonly cltvExpiryDelta: BlockDelta;
    readonly htlcMinimumMsat: Msat;
    readonly htlcMaximumMsat: Msat;
    /** Set bits. */
    readonly features: readonly number[];
  };
}

/** The node at one end of a channel, 0 = the one with the smaller id; undefined if the channel is not known. */
export type EndOfChannel = (scid: ShortChannelId, direction: 0 | 1) => NodeId | undefined;

/** Paths looked at; an honest payee gives three. */
const MOST_LOOKED_AT = 64;
const MOST_PATHS = 20;

/** No channel has such an id: the block is 2^24 - 1. It names the path in the memory of the payment. */
const FIRST_PATH_SCID: ShortChannelId = 0xffff_ffff_ffff_0000n;

export const isPathScid = (scid: ShortChannelId): boolean => scid >= FIRST_PATH_SCID;
/** Counts from 1. */
export const pathNumber = (scid: ShortChannelId): number => Number(scid - FIRST_PATH_SCID) + 1;

export interface BlindedWays {
  /** Names the payee: nobody can tell its node. */
  readonly nodeId: NodeId;
  readonly paths: readonly PaymentPathLike[];
  /** Blocks behind the paths' own: how long the parts may be held. */
  readonly extraBlocks?: BlockDelta;
}

/**
 * Paths that can be used, in the payee's order. Left out is what asks for unknown features, carries nothing or locks longer
 * than allowed, and what starts at a channel that is not known. What starts at an own node is left to the modifier
 * `route-hints`, which knows the nodes that send. Errors: `no_usable_path`.
 */
export function blindedPayee(
  { nodeId, paths, extraBlocks = 0 }: BlindedWays,
  maxBlocks: BlockDelta,
  endOfChannel: EndOfChannel,
): Result<Payee, BadOrder> {
  const looked = paths.slice(0, MOST_LOOKED_AT).map((one, i) => hintOf(one, i, maxBlocks - extraBlocks, endOfChannel));
  const hints = looked.flatMap((one) => (typeof one === 'string' ? [] : [[one]])).slice(0, MOST_PATHS);
  if (hints.length > 0) return ok({ nodeId, isBlinded: true, finalCltvDelta: extraBlocks, hints });
  const faults = new Set(looked.filter((one) => typeof one === 'string'));
  const why = faults.size === 0 ? 'it names none' : [...faults].join('; ');
  const message = `no blinded path of the invoice can be used, for ${why}: ask the payee for a new one`;
  return err({ code: 'no_usable_path', message, field: 'invoice' });
}

/** Why not, in words that follow "for". */
function hintOf(
  { path, payInfo }: PaymentPathLike,
  index: number,
  maxBlocks: BlockDelta,
  endOfChannel: EndOfChannel,
): PayeeHop | string {
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta, htlcMinimumMsat, htlcMaximumMsat } = payInfo;
  if (payInfo.features.some((bit) => bit % 2 === 0)) return 'it needs a feature that is not known here';
  if (path.hops.length === 0) return 'it has no hops';
  if (htlcMaximumMsat <= 0n || htlcMinimumMsat > htlcMaximumMsat) return 'it carries no amount';
  if (cltvExpiryDelta > maxBlocks) return 'it would be locked for more blocks than allowed';
  const from = introductionOf(path.firstNode, endOfChannel);
  if (!from) return 'it starts at a channel that is not known here';
  return {
    from,
    scid: FIRST_PATH_SCID + BigInt(index),
    feeBaseMsat,
    feePpm: feeProportionalMillionths,
    cltvDelta: cltvExpiryDelta,
    htlcMinimumMsat,
    htlcMaximumMsat,
    blindedPath: path,
  };
}

function introductionOf(node: FirstNode, endOfChannel: EndOfChannel): NodeId | undefined {
  return 'nodeId' in node ? node.nodeId : endOfChannel(node.shortChannelId, node.direction);
}
