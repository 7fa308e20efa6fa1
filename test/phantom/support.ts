/** Channels and members for tests of hint choice. */
import { ec, sha256 } from '../../src/crypto/index.js';
import type { ClusterMember, MemberChannel } from '../../src/phantom/index.js';
import { utf8 } from '../../src/wire/bytes.js';
import { scidOf } from '../../src/wire/scid.js';

/** A valid node id, the same for the same name. */
export function nodeId(name: string): Uint8Array {
  return ec.publicKey(sha256(utf8(name)));
}

const POLICY = { feeBaseMsat: 1000, feeProportionalMillionths: 100, cltvExpiryDelta: 80 };

/** A usable private channel with `inboundCapacityMsat`. */
export function channel(
  peer: string,
  inboundCapacityMsat: bigint,
  { peerPolicy = POLICY, ...more }: Partial<MemberChannel> = {},
): MemberChannel {
  return {
    peerId: nodeId(peer),
    scid: scidOf({ block: 120, txIndex: Number(inboundCapacityMsat % 0xff_ffffn), output: 1 }),
    announced: false,
    confirmations: 100,
    usable: true,
    ready: true,
    inboundCapacityMsat,
    peerPolicy,
    ...more,
  };
}

export function publicChannel(
  peer: string,
  inboundCapacityMsat: bigint,
  more: Partial<MemberChannel> = {},
): MemberChannel {
  return channel(peer, inboundCapacityMsat, { announced: true, ...more });
}

export function clusterMember(
  name: string,
  channels: readonly MemberChannel[],
  more: Partial<ClusterMember> = {},
): ClusterMember {
  return { nodeId: nodeId(name), alias: name, healthy: true, holdsParts: true, channels, ...more };
}
