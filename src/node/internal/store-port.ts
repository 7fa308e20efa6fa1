/** What the internal member needs of a database. Implemented in `store/`, with the same shape. */
import type { BlockHeight, Millis, Msat } from '../../wire/units.js';

/** What tells a part from all others: a later payment of the same hash counts its parts from 0 again, hence the time. */
export interface InternalPartName {
  /** Lower-case hex. */
  readonly paymentHash: string;
  readonly partId: number;
  /** When the part was recorded as sent. */
  readonly sentAt: Millis;
}

export interface InternalHtlcKey {
  /** Lower-case hex. */
  readonly nodeId: string;
  readonly channelId: bigint;
  /** Given by the store: unique for ever. */
  readonly htlcId: bigint;
}

export interface NewInternalHtlc extends InternalPartName {
  readonly nodeId: string;
  readonly channelId: bigint;
  readonly amountMsat: Msat;
  /** What the phantom node receives it with. */
  readonly expiry: BlockHeight;
  /** For the phantom node; empty keeps the place of a part that never came. */
  readonly onion: Uint8Array;
}

export type InternalHtlcEnd =
  | { readonly state: 'held' }
  /** Lower-case hex. */
  | { readonly state: 'settled'; readonly preimage: string; readonly endedAt: Millis }
  | { readonly state: 'failed'; readonly packet: Uint8Array; readonly endedAt: Millis };

export interface InternalHtlc extends NewInternalHtlc {
  readonly htlcId: bigint;
  readonly createdAt: Millis;
  readonly end: InternalHtlcEnd;
}

/** Rejects when the database is lost: a write may or may not have happened then, and asking again is safe. */
export interface InternalHtlcs {
  /** Writes it unless the part has one. Resolves with the HTLC that is there, as it stands now. */
  hold(htlc: NewInternalHtlc): Promise<InternalHtlc>;
  /** All of the node that have no end, in the order they came. */
  held(nodeId: string): Promise<readonly InternalHtlc[]>;
  /** The first end stands for ever. Resolves with the HTLC as it stands; undefined if there is none. */
  settle(key: InternalHtlcKey, preimage: string): Promise<InternalHtlc | undefined>;
  /** As {@link settle}. */
  fail(key: InternalHtlcKey, packet: Uint8Array): Promise<InternalHtlc | undefined>;
  lookup(key: InternalHtlcKey): Promise<InternalHtlc | undefined>;
  ofPart(part: InternalPartName): Promise<InternalHtlc | undefined>;
}
