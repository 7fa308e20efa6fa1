/** An HTLC that a simulated node has received and may forward: what it read from its layer of the onion. */
import type { PayloadFields } from '../../onion/payload.js';
import type { BlockHeight, Msat, ShortChannelId } from '../../wire/units.js';
import type { SimHtlc } from './htlc.js';

export interface Incoming {
  readonly htlc: SimHtlc;
  readonly sharedSecret: Uint8Array;
}

export interface IncomingForward extends Incoming {
  readonly payload: PayloadFields;
  readonly amtToForward: Msat;
  readonly outgoingCltvValue: BlockHeight;
  readonly outgoingScid: ShortChannelId;
  readonly nextOnion: Uint8Array;
  /** The HTLC that carries it on; durable, so that a replay does not forward twice. */
  outgoing: SimHtlc | undefined;
}
