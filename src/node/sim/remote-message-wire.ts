/** JSON forms of onion messages, peer messages, and what holding an HTLC needs. */
import { z } from 'zod';
import { decodeBlindedPath, encodeBlindedPath, type BlindedPath } from '../../onion/blinded-path.js';
import { decodeMessagePayload, encodeMessagePayload, type MessagePayload } from '../../onion/message.js';
import { fromHex, isHexOf, toHex } from '../../wire/bytes.js';
import type { Result } from '../../wire/result.js';
import { bytes, u64 } from './remote-values.js';

/** A value that has bytes of its own, as their hex. */
function coded<T extends object>(
  decode: (value: Uint8Array) => Result<T>,
  encode: (value: T) => Uint8Array,
): z.ZodCodec<z.ZodString, z.ZodCustom<T, T>> {
  return z.codec(
    z.string().refine((hex) => isHexOf(hex, hex.length / 2), 'not hex'),
    z.custom<T>(isObject),
    {
      decode: (hex, context) => {
        const decoded = decode(fromHex(hex));
        if (decoded.ok) return decoded.value;
        context.issues.push({ code: 'custom', input: hex, message: decoded.error.message });
        return z.NEVER;
      },
      // In a list with a limit zod encodes on trial before it checks, members that are absent too.
      encode: (value) => (isObject(value) ? toHex(encode(value)) : ''),
    },
  );
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

export const blindedPath = coded<BlindedPath>(decodeBlindedPath, encodeBlindedPath);
const messagePayload = coded<MessagePayload>((value) => decodeMessagePayload(value, 'final'), encodeMessagePayload);

const tlvRecord = z.object({ type: u64, value: bytes() });
export const wireRecords = z.array(tlvRecord).max(64).readonly();

export const onionMessage = z.object({ pathKey: bytes(33), packet: bytes() });
const nextHop = z.union([z.object({ nodeId: bytes(33) }), z.object({ shortChannelId: u64 })]);
export const unforwarded = z.object({ from: bytes(33).exactOptional(), to: nextHop, message: onionMessage });
export const received = z.object({ payload: messagePayload, pathId: bytes().exactOptional() });
export const peeled = z.union([unforwarded, received]);

export const peerMessage = z.object({ peer: bytes(33), type: z.number(), payload: bytes() });
export const sendResult = z.enum(['sent', 'not_connected', 'refused']);

export const partTold = z.object({ releasePath: blindedPath.exactOptional() });

export const relayListJson = z.object({
  channels: z.array(z.object({ scid: u64, ends: z.tuple([bytes(33), bytes(33)]).readonly() })).readonly(),
  dialable: z.array(bytes(33)).readonly(),
});
