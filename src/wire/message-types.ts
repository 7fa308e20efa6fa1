/** The peer messages of `messages.ts` as values (BOLT 1 and BOLT 2). */
import type { TlvRecord } from './tlv.js';
import type { BlockHeight, Msat, PaymentHash, Preimage } from './units.js';

export interface HtlcAddress {
  /** 32 bytes. */
  readonly channelId: Uint8Array;
  readonly id: bigint;
}

export interface Extension {
  /** Odd records that the specification does not name, kept as they came. */
  readonly unknownRecords?: readonly TlvRecord[];
}

export interface UpdateAddHtlc extends HtlcAddress, Extension {
  readonly type: 'update_add_htlc';
  readonly amountMsat: Msat;
  readonly paymentHash: PaymentHash;
  readonly cltvExpiry: BlockHeight;
  /** 1366 bytes, not looked into. */
  readonly onion: Uint8Array;
  /** Route blinding: 33 bytes with the prefix of a point; whether it is on the curve is for the user to find out. */
  readonly pathKey?: Uint8Array;
}

export interface UpdateFulfillHtlc extends HtlcAddress, Extension {
  readonly type: 'update_fulfill_htlc';
  readonly preimage: Preimage;
  /** 920 bytes: hold times, then truncated HMACs. */
  readonly attributionData?: Uint8Array;
}

export interface UpdateFailHtlc extends HtlcAddress, Extension {
  readonly type: 'update_fail_htlc';
  /** The encrypted failure packet. */
  readonly reason: Uint8Array;
  readonly attributionData?: Uint8Array;
}

export interface UpdateFailMalformedHtlc extends HtlcAddress, Extension {
  readonly type: 'update_fail_malformed_htlc';
  readonly sha256OfOnion: Uint8Array;
  /** Always has the BADONION bit. */
  readonly failureCode: number;
}

/** Takes back a commitment (BOLT 2). */
export interface RevokeAndAck extends Extension {
  readonly type: 'revoke_and_ack';
  /** 32 bytes. */
  readonly channelId: Uint8Array;
  /** 32 bytes: of the commitment that is no longer valid. */
  readonly perCommitmentSecret: Uint8Array;
  /** 33 bytes with the prefix of a point. */
  readonly nextPerCommitmentPoint: Uint8Array;
}

export interface Init extends Extension {
  readonly type: 'init';
  /** Both feature fields of the message joined with OR. */
  readonly features: Uint8Array;
  /** 32-byte chain hashes. */
  readonly networks?: readonly Uint8Array[];
  readonly remoteAddress?: Uint8Array;
}

export interface ErrorOrWarning extends Extension {
  readonly type: 'error' | 'warning';
  /** All zero: the whole connection. */
  readonly channelId: Uint8Array;
  /** Written by a stranger: show it with {@link printableText} only. */
  readonly data: Uint8Array;
}

export interface Ping extends Extension {
  readonly type: 'ping';
  /** Wanted length of the pong; 65532 and more mean "do not answer". */
  readonly pongBytes: number;
  readonly ignored: Uint8Array;
}

export interface Pong extends Extension {
  readonly type: 'pong';
  readonly ignored: Uint8Array;
}

/** A message of a type that is not known here and odd: to be ignored. */
export interface UnknownMessage {
  readonly type: 'unknown';
  readonly number: number;
  readonly payload: Uint8Array;
}

export type HtlcMessage = UpdateAddHtlc | UpdateFulfillHtlc | UpdateFailHtlc | UpdateFailMalformedHtlc;
export type PeerMessage = HtlcMessage | RevokeAndAck | Init | ErrorOrWarning | Ping | Pong;
