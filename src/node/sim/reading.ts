/** What a simulated node finds in an onion. */
import { FailureCode } from '../../onion/failure-codes.js';
import {
  decodePaymentPayload,
  invalidPayloadFailure,
  type FinalPayload,
  type RelayPayload,
} from '../../onion/payload.js';
import { peelOnion, type PeeledOnion } from '../../onion/peel.js';
import { failureMessage } from './forwarding.js';
import type { SimHtlc } from './htlc.js';
import type { Incoming, IncomingForward } from './incoming.js';

export type Reading =
  | { readonly kind: 'forward'; readonly forward: IncomingForward }
  | { readonly kind: 'final'; readonly incoming: Incoming; readonly payload: FinalPayload }
  | { readonly kind: 'fail'; readonly incoming: Incoming; readonly message: Uint8Array }
  /** Not even a failure could be encrypted for its sender. */
  | { readonly kind: 'malformed'; readonly failureCode: number; readonly sha256OfOnion: Uint8Array };

export function readOnion(nodeSecret: Uint8Array, htlc: SimHtlc): Reading {
  const { add } = htlc;
  if (add.pathKey) {
    return { kind: 'malformed', failureCode: FailureCode.invalidOnionBlinding, sha256OfOnion: new Uint8Array(32) };
  }
  const peeled = peelOnion({ nodeSecret, onion: add.onion, associatedData: add.paymentHash });
  if (peeled.ok) return readPayload(htlc, peeled.value);
  const { sharedSecret, failureCode, sha256OfOnion } = peeled.error;
  if (!sharedSecret) return { kind: 'malformed', failureCode, sha256OfOnion };
  return { kind: 'fail', incoming: { htlc, sharedSecret }, message: failureMessage(FailureCode.invalidOnionPayload) };
}

function readPayload(htlc: SimHtlc, { payload, sharedSecret, next }: PeeledOnion): Reading {
  const incoming: Incoming = { htlc, sharedSecret };
  const decoded = decodePaymentPayload(payload, { final: !next, updateAddHasPathKey: false });
  if (!decoded.ok) return { kind: 'fail', incoming, message: invalidPayloadFailure(decoded.error) };
  if (decoded.value.kind === 'final') return { kind: 'final', incoming, payload: decoded.value };
  if (decoded.value.kind === 'relay' && next) {
    return { kind: 'forward', forward: forwardOf(incoming, decoded.value, next) };
  }
  // No blinded paths here.
  return { kind: 'fail', incoming, message: failureMessage(FailureCode.invalidOnionPayload) };
}

function forwardOf(incoming: Incoming, payload: RelayPayload, nextOnion: Uint8Array): IncomingForward {
  return {
    ...incoming,
    payload,
    amtToForward: payload.amtToForward,
    outgoingCltvValue: payload.outgoingCltvValue,
    outgoingScid: payload.shortChannelId,
    nextOnion,
    outgoing: undefined,
  };
}
