/**
 * What an intercepting node does to onions: reads its own layer, and changes the channel named there to one that LDK
 * intercepts. The next hop's onion is not touched by that.
 */
import { hmacSha256, randomBytes } from '../../crypto/index.js';
import {
  buildOnion,
  decodePaymentPayload,
  encodePaymentPayload,
  framePayload,
  onionKey,
  peelOnion,
} from '../../onion/index.js';
import { AREA_START, HMAC_LENGTH } from '../../onion/layout.js';
import { u64 } from '../../wire/integers.js';
import { splitTlvStream } from '../../wire/tlv.js';
import type { BlockHeight, Msat, NodeId, PaymentHash, PaymentSecret, ShortChannelId } from '../../wire/units.js';

export interface ForwardLayer {
  readonly sharedSecret: Uint8Array;
  readonly payload: Uint8Array;
  readonly outgoingAmountMsat: Msat;
  readonly outgoingExpiry: BlockHeight;
  readonly outgoingScid: ShortChannelId;
  /** 1366 bytes: the whole packet for the next hop. */
  readonly nextOnion: Uint8Array;
}

/** The node's layer if it is a plain forward over a channel; undefined for everything else, bad onions included. */
export function readForwardLayer(
  nodeSecret: Uint8Array,
  onion: Uint8Array,
  paymentHash: PaymentHash,
): ForwardLayer | undefined {
  const peeled = peelOnion({ nodeSecret, onion, associatedData: paymentHash });
  if (!peeled.ok || !peeled.value.next) return undefined;
  const { payload, sharedSecret, next } = peeled.value;
  const read = decodePaymentPayload(payload, { final: false, updateAddHasPathKey: false });
  if (!read.ok || read.value.kind !== 'relay') return undefined;
  const { amtToForward, outgoingCltvValue, shortChannelId } = read.value;
  return {
    sharedSecret,
    payload,
    outgoingAmountMsat: amtToForward,
    outgoingExpiry: outgoingCltvValue,
    outgoingScid: shortChannelId,
    nextOnion: next,
  };
}

const SCID_RECORD = 6n;

/** The onion with another channel in the node's layer. The payload is under a stream cipher: the difference goes through. */
export function withOutgoingScid(
  onion: Uint8Array,
  paymentHash: PaymentHash,
  { payload, sharedSecret, outgoingScid }: ForwardLayer,
  scid: ShortChannelId,
): Uint8Array {
  const record = splitTlvStream(payload).find(({ type }) => type === SCID_RECORD);
  if (record?.offset === undefined) throw new Error('unreachable: the layer was read from this payload');
  const lengthPrefix = framePayload(payload).length - payload.length;
  const typeAndLength = 2;
  const start = AREA_START + lengthPrefix + record.offset + typeAndLength;
  const changed = onion.slice();
  u64(outgoingScid ^ scid).forEach((difference, i) => {
    changed[start + i]! ^= difference;
  });
  const hmacStart = onion.length - HMAC_LENGTH;
  const hmac = hmacSha256(onionKey('mu', sharedSecret), changed.subarray(AREA_START, hmacStart), paymentHash);
  changed.set(hmac, hmacStart);
  return changed;
}

export interface FinalHop {
  readonly nodeId: NodeId;
  readonly amountMsat: Msat;
  readonly expiry: BlockHeight;
  readonly paymentHash: PaymentHash;
  readonly paymentSecret: PaymentSecret;
}

/** An onion of one hop that pays its reader in a single part. */
export function finalOnion({ nodeId, amountMsat, expiry, paymentHash, paymentSecret }: FinalHop): Uint8Array {
  const payload = encodePaymentPayload({
    amtToForward: amountMsat,
    outgoingCltvValue: expiry,
    paymentData: { paymentSecret, totalMsat: amountMsat },
  });
  return buildOnion({ sessionKey: randomBytes(32), hops: [{ nodeId, payload }], associatedData: paymentHash }).onion;
}
