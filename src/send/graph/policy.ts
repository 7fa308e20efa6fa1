/** What gossip says about channels, as the graph takes it in. */
import type { BlockDelta, Msat, NodeId, ShortChannelId, UnixSeconds } from '../../wire/units.js';

/** 0 = from the node with the lexicographically smaller id to the other (BOLT 7), 1 = back. */
export type Direction = 0 | 1;

/** Terms on which a node forwards over one direction of a channel. */
export interface Policy {
  /** Millisatoshi, u32. */
  readonly feeBaseMsat: number;
  /** u32 */
  readonly feePpm: number;
  /** u16 */
  readonly cltvDelta: BlockDelta;
  readonly htlcMinimumMsat: Msat;
  readonly htlcMaximumMsat: Msat;
}

export interface ChannelAnnouncement {
  readonly scid: ShortChannelId;
  /** The lexicographically smaller node id. */
  readonly node1: NodeId;
  readonly node2: NodeId;
  /** Funding. Where it is not known, the larger htlc_maximum_msat of the two directions. */
  readonly capacityMsat: Msat;
}

export interface PolicyUpdate {
  readonly scid: ShortChannelId;
  readonly direction: Direction;
  readonly timestamp: UnixSeconds;
  /** Absent: the direction is disabled. */
  readonly policy?: Policy;
}

/** `applied`, or why the graph stays as it was. */
export type GraphChange = 'applied' | 'known' | 'unknown_channel' | 'stale' | 'future' | 'invalid';

/** Updates dated further ahead than this are refused: they could not be replaced for as long (BOLT 7). */
export const MAX_CLOCK_AHEAD_SECONDS = 14 * 24 * 3600;

const MAX_U32 = 0xffff_ffff;
const MAX_U16 = 0xffff;

const isInteger = (value: number, most: number): boolean => Number.isInteger(value) && value >= 0 && value <= most;

/** Fields are what their wire types can hold. Whether the terms make sense is for the planner to find out. */
export function isPossiblePolicy(policy: Policy): boolean {
  return (
    isInteger(policy.feeBaseMsat, MAX_U32) &&
    isInteger(policy.feePpm, MAX_U32) &&
    isInteger(policy.cltvDelta, MAX_U16) &&
    policy.htlcMinimumMsat >= 0n &&
    policy.htlcMaximumMsat >= 0n
  );
}
