/**
 * Names for the plain values that travel through Manifold. Each is its base type with a marker, so that an amount cannot
 * be passed where a short channel id is wanted, while literals and arithmetic stay plain.
 */

type Flavor<Base, Name extends string> = Base & { readonly __flavor?: Name };

/** Millisatoshi. */
export type Msat = Flavor<bigint, 'msat'>;
/** Absolute block height. */
export type BlockHeight = Flavor<number, 'height'>;
/** Number of blocks. */
export type BlockDelta = Flavor<number, 'blocks'>;
/** Milliseconds since 1970. */
export type Millis = Flavor<number, 'ms'>;
/** Seconds since 1970. */
export type UnixSeconds = Flavor<number, 's'>;
/** 8-byte short channel id as a number: block << 40 | transaction index << 16 | output. */
export type ShortChannelId = Flavor<bigint, 'scid'>;
/** 32 bytes, SHA-256 of the preimage. */
export type PaymentHash = Flavor<Uint8Array, 'payment_hash'>;
/** 32 bytes. Secret until the payment is settled. */
export type Preimage = Flavor<Uint8Array, 'preimage'>;
/** 32 bytes that only the payer of an invoice knows (BOLT 4 payment_data). */
export type PaymentSecret = Flavor<Uint8Array, 'payment_secret'>;
/** 33 bytes, compressed public key. */
export type NodeId = Flavor<Uint8Array, 'node_id'>;

/** No amount on the network can be above 21 million bitcoin. Check against it before adding. */
export const MAX_MSAT: Msat = 2_100_000_000_000_000_000n;

export const MAX_U32 = 0xffff_ffff;
export const MAX_U64 = 0xffff_ffff_ffff_ffffn;
