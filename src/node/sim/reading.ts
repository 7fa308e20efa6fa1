/** What a simulated node finds in an onion. */
import { FailureCode } from '../../onion/failure-codes.js';
import {
  decodePaymentPayload,
  invalidPayloadFailure,
  type BlindedRelayPayload,
  type FinalPayload,
  type RelayPayload,
} from '../../onion/payload.js';
import { peelOnion, type PeeledOnion } from '../../onion/peel.js';
import { blindedTerms } from './blinded-relay.js';
import { failureMessage } from './forwarding.js';
import type { SimHtlc } from './htlc.js';
import type { Incoming, IncomingForward } from './incoming.js';

export type Reading =
  | { readonly kind: 'forward'; readonly forward: IncomingForward }
  | { readonly kind: 'final'; readonly incoming: Incoming; readonly payload: FinalPayload }
  | { readonly kind: 'fail'; readonly incoming: Incoming; readonly message: Uint8Array }
  /** Not even a failure could be encrypted for its sender. */
  | { readonly kind: 'malformed'; readonly failureCode: number; readonly sha256OfOnion: Uint8Array };

/** The only failure that leaves a blinded path; which onion it was is not told either. */
export const BLINDED_FAILURE = {
  kind: 'malformed',
  failureCode: FailureCode.invalidOnionBlinding,
  sha256OfOnion: new Uint8Array(32),
} as const;

export function readOnion(nodeSecret: Uint8Array, htlc: SimHtlc): Reading {
  const { onion, paymentHash: associatedData, pathKey } = htlc.add;
  const peeled = peelOnion({ nodeSecret, onion, associatedData, ...(pathKey && { pathKey }) });
  if (peeled.ok) return readPayload(nodeSecret, htlc, peeled.value);
  if (pathKey) return BLINDED_FAILURE;
  const { sharedSecret, failureCode, sha256OfOnion } = peeled.error;
  if (!sharedSecret) return { kind: 'malformed', failureCode, sha256OfOnion };
  return { kind: 'fail', incoming: { htlc, sharedSecret }, message: failureMessage(FailureCode.invalidOnionPayload) };
}

function readPayload(nodeSecret: Uint8Array, htlc: SimHtlc, { payload, sharedSecret, next }: PeeledOnion): Reading {
  const { pathKey } = htlc.add;
  const incoming: Incoming = { htlc, sharedSecret, ...(pathKey && { blinding: 'inside' }) };
  const decoded = decodePaymentPayload(payload, { final: !next, updateAddHasPathKey: pathKey !== undefined });
  if (!decoded.ok) return { kind: 'fail', incoming, message: invalidPayloadFailure(decoded.error) };
  const { value } = decoded;
  switch (value.kind) {
    case 'final':
      return { kind: 'final', incoming, payload: value };
    case 'relay':
      return { kind: 'forward', forward: forwardOf(incoming, value, next!) };
    case 'blinded_relay':
      return readBlinded(nodeSecret, { ...incoming, blinding: pathKey ? 'inside' : 'introduction' }, value, next!);
    case 'blinded_final': {
      // The node has no blinded paths of its own.
      const blinded: Incoming = { ...incoming, blinding: pathKey ? 'inside' : 'introduction' };
      return { kind: 'fail', incoming: blinded, message: failureMessage(FailureCode.incorrectOrUnknownPaymentDetails) };
    }
  }
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

function readBlinded(
  nodeSecret: Uint8Array,
  incoming: Incoming,
  payload: BlindedRelayPayload,
  nextOnion: Uint8Array,
): Reading {
  const { amountMsat, cltvExpiry, pathKey = payload.currentPathKey } = incoming.htlc.add;
  const { encryptedRecipientData: encryptedData } = payload;
  const terms = pathKey && blindedTerms(nodeSecret, { amountMsat, cltvExpiry, pathKey, encryptedData });
  if (!terms?.ok) return { kind: 'fail', incoming, message: failureMessage(FailureCode.invalidOnionPayload) };
  return { kind: 'forward', forward: { ...incoming, payload, ...terms.value, nextOnion, outgoing: undefined } };
}
