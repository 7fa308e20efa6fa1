/** What a relay inside a blinded path forwards (BOLT 4, "Route Blinding"). */
import { decodeEncryptedData } from '../../onion/encrypted-data.js';
import { nextPathKey, unblindHop } from '../../onion/blinding.js';
import { relayThroughBlindedHop } from '../../onion/payment-relay.js';
import { refusable, refuse, unwrap, type Result } from '../../wire/result.js';
import type { BlockHeight, Msat, NodeId, ShortChannelId } from '../../wire/units.js';

/** Stands for a channel where the next hop is named by its node id, as LND shows it. */
export const NO_SCID: ShortChannelId = 0xffff_ffff_ffff_ffffn;

export interface BlindedTerms {
  readonly amtToForward: Msat;
  readonly outgoingCltvValue: BlockHeight;
  /** {@link NO_SCID} where `outgoingNodeId` says where to. */
  readonly outgoingScid: ShortChannelId;
  readonly outgoingNodeId?: NodeId;
  /** For the `update_add_htlc` to the next hop. */
  readonly nextPathKey: Uint8Array;
}

export interface BlindedIncoming {
  readonly amountMsat: Msat;
  readonly cltvExpiry: BlockHeight;
  readonly pathKey: Uint8Array;
  readonly encryptedData: Uint8Array;
}

/** Every error is answered in the same way: which check failed is nobody's business (BOLT 4). */
export function blindedTerms(nodeSecret: Uint8Array, incoming: BlindedIncoming): Result<BlindedTerms> {
  return refusable(() => {
    const { amountMsat, cltvExpiry, pathKey, encryptedData } = incoming;
    const hop = unwrap(unblindHop(nodeSecret, pathKey, encryptedData));
    const data = unwrap(decodeEncryptedData(hop.data, 'payment_relay'));
    const { paymentConstraints, paymentRelay, shortChannelId = NO_SCID, nextNodeId } = data;
    if (!paymentConstraints || !paymentRelay) return refuse('missing:payment_relay', 'this hop cannot relay a payment');
    const { maxCltvExpiry, htlcMinimumMsat } = paymentConstraints;
    if (cltvExpiry > maxCltvExpiry) refuse('expiry_too_far', 'the path has expired');
    if (amountMsat < htlcMinimumMsat) refuse('amount_below_minimum', 'less than the path carries');
    return {
      ...unwrap(relayThroughBlindedHop(amountMsat, cltvExpiry, paymentRelay)),
      outgoingScid: shortChannelId,
      ...(nextNodeId && { outgoingNodeId: nextNodeId }),
      nextPathKey: nextPathKey(hop, data),
    };
  });
}
