/** Incoming HTLCs as a node has read them. */
import type { PayloadFields } from '../../onion/payload.js';
import type { BlockHeight, Msat, NodeId, ShortChannelId } from '../../wire/units.js';
import type { SimHtlc } from './htlc.js';

export interface Incoming {
  readonly htlc: SimHtlc;
  readonly sharedSecret: Uint8Array;
  /** It travels on a blinded path that begins here, or before: every failure is then the same (BOLT 4). */
  readonly blinding?: 'introduction' | 'inside';
}

export interface IncomingForward extends Incoming {
  readonly payload: PayloadFields;
  readonly amtToForward: Msat;
  readonly outgoingCltvValue: BlockHeight;
  readonly outgoingScid: ShortChannelId;
  /** Where the data of a blinded hop names the next node instead of a channel. */
  readonly outgoingNodeId?: NodeId;
  readonly nextOnion: Uint8Array;
  /** For the next hop inside a blinded path. */
  readonly nextPathKey?: Uint8Array;
  /** The HTLC that carries it on; durable, so that a replay does not forward twice. */
  outgoing: SimHtlc | undefined;
}
