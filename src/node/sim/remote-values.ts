/** JSON forms of the plain values that travel between a simulated network and its users. */
import { z } from 'zod';
import { fromHex, isHexOf, toHex } from '../../wire/bytes.js';
import { MAX_U32, MAX_U64 } from '../../wire/units.js';

export const text = z.string().max(256);
export const u64 = z.codec(z.string().regex(/^\d{1,20}$/), z.bigint().min(0n).max(MAX_U64), {
  decode: (digits) => BigInt(digits),
  encode: (value) => value.toString(),
});
export const u32 = z.number().int().min(0).max(MAX_U32);

/** Hex of a given length, or of any. */
export const bytes = (length?: number): z.ZodCodec<z.ZodString, z.ZodCustom<Uint8Array, Uint8Array>> =>
  z.codec(
    z.string().refine((hex) => isHexOf(hex, length ?? hex.length / 2), 'not hex of the right length'),
    z.custom<Uint8Array>((value) => value instanceof Uint8Array),
    { decode: (hex) => fromHex(hex), encode: (value) => toHex(value) },
  );
