/** Shared vocabulary of the simulated network. */
import type { ForwardingPolicy } from '../../receive/node-port.js';
import type { BlockHeight, Msat, Preimage } from '../../wire/units.js';
import type { Random } from './random.js';
import type { Trace } from './trace.js';
import type { SimClock } from './virtual-clock.js';

/** The ends of a channel: 0 opened it. */
export type Side = 0 | 1;

export const opposite = (side: Side): Side => (side === 0 ? 1 : 0);

export type Policy = Required<ForwardingPolicy>;

/** Smallest and largest, both included; drawn anew for each use. */
export type Range = readonly [least: number, most: number];

/** What every part of a simulated world shares. */
export interface World {
  readonly clock: SimClock;
  readonly trace: Trace;
  readonly random: Random;
  readonly timing: Timing;
  /** Height of the chain, which each node may be behind. */
  readonly chainHeight: () => BlockHeight;
}

export interface Timing {
  /** One way between neighbours, ms. */
  readonly linkMs: Range;
  /** From the decision to remove an HTLC until its commitment is signed and on disk, ms. A crash before loses it. */
  readonly signMs: Range;
  /** From both ends being up to a usable channel, ms. */
  readonly reconnectMs: Range;
  /** One way between a node and whoever intercepts its HTLCs, ms. */
  readonly streamMs: Range;
  /** Blocks past its expiry at which the offerer of an HTLC goes on chain. */
  readonly closeGraceBlocks: number;
  /** Blocks on chain (after close and expiry) until an HTLC without preimage is timed out. */
  readonly timeoutBlocks: number;
}

export const DEFAULT_TIMING: Timing = {
  linkMs: [5, 40],
  signMs: [2, 10],
  reconnectMs: [50, 400],
  streamMs: [1, 4],
  closeGraceBlocks: 2,
  timeoutBlocks: 3,
};

/** How an offered HTLC comes back to its offerer. */
export type Removal =
  | { readonly kind: 'fulfill'; readonly preimage: Preimage }
  | { readonly kind: 'fail'; readonly reason: Uint8Array; readonly attributionData?: Uint8Array }
  | { readonly kind: 'malformed'; readonly sha256OfOnion: Uint8Array; readonly failureCode: number }
  /** Taken back on chain. */
  | { readonly kind: 'timeout' };

/** What happened to one HTLC on one channel, as both ends saw it. */
export interface HtlcObservation {
  readonly channelId: bigint;
  readonly htlcId: bigint;
  readonly from: string;
  readonly to: string;
  /** Hex. */
  readonly paymentHash: string;
  readonly amountMsat: Msat;
  readonly expiry: BlockHeight;
  readonly offeredAt: number;
  readonly committedAt: number | undefined;
  /** The receiver's removal that was signed. */
  readonly removal: Removal['kind'] | undefined;
  /** Irrevocable end. */
  readonly outcome: 'settled' | 'failed' | undefined;
  readonly onChain: boolean;
  readonly finalAt: number | undefined;
  /** Hex; set once the offerer saw it. */
  readonly preimage: string | undefined;
}

/** One answer given to a node by whoever intercepts. */
export interface AnswerObservation {
  readonly node: string;
  readonly channelId: bigint;
  readonly htlcId: bigint;
  /** Hex; undefined where the node held nothing. */
  readonly paymentHash: string | undefined;
  readonly action: string;
  readonly onChain: boolean;
  readonly at: number;
  /** `lost`: the stream ended on its way. `refused`: the node may not do that. `late`: nothing was held any more. */
  readonly fate: 'applied' | 'lost' | 'refused' | 'late';
}

/** What a channel does to its ends. */
export type ChannelChange = 'up' | 'down' | 'closed';

/** Draws from a range. */
export function draw(random: Random, [least, most]: Range): number {
  return least === most ? least : random.int(least, most);
}

/** Runs a task that stays inside the simulation. */
export function quietly(clock: SimClock, delay: number, task: () => void): () => void {
  return clock.quietly ? clock.quietly(delay, task) : clock.after(delay, task);
}
