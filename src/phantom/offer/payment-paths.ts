/** Blinded payment paths: [peer →] member → phantom. */
import type { PayInfo, PaymentPath } from '../../bolt12/index.js';
import { ec } from '../../crypto/index.js';
import {
  aggregateRelays,
  blindHop,
  type BlindedPath,
  type EncryptedData,
  encodePadded,
  type PaymentConstraints,
  type PaymentRelay,
} from '../../onion/index.js';
import { type BlockDelta, type BlockHeight, MAX_MSAT, type Msat, type PaymentHash } from '../../wire/units.js';
import { blindedPhantomScid } from '../blinded-scid.js';
import type { ClusterKeys } from '../cluster-keys.js';
import { inboundScid } from '../member.js';
import { BLINDED_HOP_DELTA, PHANTOM_HOP_FEE_MSAT } from '../verdict-types.js';
import { memberPathSecret, type PathIdentity, peerPathSecret, phantomPathSecret } from './path-key.js';
import { type PaymentWay, USUAL_DELTAS } from './payment-ways.js';

/** Parts may be of any size above nothing; the member's channels have minimums of their own. */
const LEAST_PART: Msat = 1n;

/** What the paths of one invoice have in common. */
export interface PathTerms {
  readonly keys: ClusterKeys;
  /** Undefined: a static invoice. */
  readonly paymentHash: PaymentHash | undefined;
  /** For the phantom alone, see receipt.ts. */
  readonly pathId: Uint8Array;
  /** Last height at which an HTLC over the path may expire at the phantom. */
  readonly maxFinalExpiry: BlockHeight;
  /** What payers leave between height and the expiry of what reaches the phantom. */
  readonly minFinalCltvDelta: BlockDelta;
}

const MEMBER_RELAY: PaymentRelay = {
  cltvExpiryDelta: BLINDED_HOP_DELTA,
  feeProportionalMillionths: 0,
  feeBaseMsat: Number(PHANTOM_HOP_FEE_MSAT),
};

function peerRelay({ peer }: PaymentWay): PaymentRelay | undefined {
  if (!peer) return undefined;
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta } = peer.peerPolicy;
  const rounded = USUAL_DELTAS.find((delta) => delta >= cltvExpiryDelta) ?? cltvExpiryDelta;
  return { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta: rounded };
}

function payInfoOf(way: PaymentWay, relays: readonly PaymentRelay[], minFinal: BlockDelta): PayInfo {
  const { feeBaseMsat, feeProportionalMillionths, cltvExpiryDelta } = aggregateRelays(relays, minFinal);
  return {
    feeBaseMsat: Number(feeBaseMsat),
    feeProportionalMillionths: Number(feeProportionalMillionths),
    cltvExpiryDelta,
    htlcMinimumMsat: way.peer?.peerPolicy.htlcMinimumMsat ?? LEAST_PART,
    htlcMaximumMsat: way.peer ? way.capacityMsat : MAX_MSAT,
    features: [],
  };
}

/** @param variant drawn at random for every path */
export function buildPaymentPath(terms: PathTerms, way: PaymentWay, variant: number): PaymentPath {
  const { keys, paymentHash, pathId, maxFinalExpiry, minFinalCltvDelta } = terms;
  const { member, peer } = way;
  const memberId = member.nodeId;
  const scid = blindedPhantomScid(keys, memberId, paymentHash ? 'invoice' : 'static_invoice', variant);
  const identity: PathIdentity = { memberId, scid, paymentHash };
  const relay = peerRelay(way);
  const relays = relay ? [relay, MEMBER_RELAY] : [MEMBER_RELAY];
  const phantomSecret = phantomPathSecret(keys, identity);

  const limit = (expiry: BlockHeight, htlcMinimumMsat: Msat): PaymentConstraints => ({
    maxCltvExpiry: expiry,
    htlcMinimumMsat,
  });
  const maxAtMember = maxFinalExpiry + BLINDED_HOP_DELTA;
  const data: EncryptedData[] = [
    {
      shortChannelId: scid,
      paymentRelay: MEMBER_RELAY,
      paymentConstraints: limit(maxAtMember, LEAST_PART),
      ...(relay && { nextPathKeyOverride: ec.publicKey(phantomSecret) }),
    },
    { pathId, paymentConstraints: limit(maxFinalExpiry, LEAST_PART) },
  ];
  if (peer && relay) {
    data.unshift({
      shortChannelId: inboundScid(peer)!,
      paymentRelay: relay,
      paymentConstraints: limit(maxAtMember + relay.cltvExpiryDelta, peer.peerPolicy.htlcMinimumMsat ?? LEAST_PART),
    });
  }
  const padded = encodePadded(data);
  const path = peer ? pathFromPeer(keys, identity, peer.peerId, padded) : pathFromMember(keys, identity, padded);
  return { path, payInfo: payInfoOf(way, relays, minFinalCltvDelta) };
}

function pathFromMember(
  keys: ClusterKeys,
  identity: PathIdentity,
  [atMember, atPhantom]: readonly Uint8Array[],
): BlindedPath {
  const member = blindHop(memberPathSecret(keys, identity), identity.memberId, atMember!);
  const phantom = blindHop(phantomPathSecret(keys, identity), keys.phantomNodeId, atPhantom!);
  return { firstNode: { nodeId: identity.memberId }, firstPathKey: member.pathKey, hops: [member, phantom].map(plain) };
}

function pathFromPeer(
  keys: ClusterKeys,
  identity: PathIdentity,
  peerId: Uint8Array,
  [atPeer, atMember, atPhantom]: readonly Uint8Array[],
): BlindedPath {
  const peer = blindHop(peerPathSecret(keys, identity), peerId, atPeer!);
  const member = blindHop(peer.nextPathSecret, identity.memberId, atMember!);
  const phantom = blindHop(phantomPathSecret(keys, identity), keys.phantomNodeId, atPhantom!);
  return { firstNode: { nodeId: peerId }, firstPathKey: peer.pathKey, hops: [peer, member, phantom].map(plain) };
}

/** Without the secrets. */
function plain({ blindedNodeId, encryptedData }: ReturnType<typeof blindHop>): BlindedPath['hops'][number] {
  return { blindedNodeId, encryptedData };
}
