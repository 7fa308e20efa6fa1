/** What LND says about channels, out of those of a simulated node. */
import { status } from '@grpc/grpc-js';
import { sha256 } from '../../src/crypto/index.js';
import type { Channel, ChannelEdge, RoutingPolicy } from '../../src/node/lnd/rpc/channels.js';
import type { Draft } from '../../src/node/lnd/rpc/codec.js';
import type { SimChannel } from '../../src/node/sim/channel.js';
import type { SimHtlc } from '../../src/node/sim/htlc.js';
import type { SimNetwork } from '../../src/node/sim/network.js';
import type { SimNode } from '../../src/node/sim/node.js';
import { opposite, type Policy, type Side } from '../../src/node/sim/types.js';
import { toHex } from '../../src/wire/bytes.js';
import { u64 } from '../../src/wire/integers.js';
import { scidParts } from '../../src/wire/scid.js';
import type { Msat } from '../../src/wire/units.js';
import { RpcError } from './rpc-server.js';

const SAT = 1000n;
/** When the nodes told their policies. */
export const GOSSIP_SECONDS = 1_750_000_000;
const sat = (amount: Msat): bigint => amount / SAT;

export interface Outpoint {
  /** In the order of bytes on the wire; people write it backwards. */
  readonly txid: Uint8Array;
  readonly output: number;
}

export function fundingOf(channel: Pick<SimChannel, 'scid'>): Outpoint {
  return { txid: sha256(u64(channel.scid)), output: scidParts(channel.scid).output };
}

export function txidText(txid: Uint8Array): string {
  return toHex(txid.slice().reverse());
}

export function listedChannel(node: SimNode, channel: SimChannel): Draft<Channel> {
  const side = channel.sideOf(node);
  const peer = opposite(side);
  const { txid, output } = fundingOf(channel);
  const pending = [...channel.live];
  const reserve = sat(channel.capacityMsat / 100n);
  return {
    active: channel.link.up,
    remotePubkey: toHex(channel.ends[peer].nodeId),
    channelPoint: `${txidText(txid)}:${output}`,
    chanId: channel.scid,
    capacity: sat(channel.capacityMsat),
    localBalance: sat(channel.balance(side)),
    remoteBalance: sat(channel.balance(peer)),
    feePerKw: 253n,
    unsettledBalance: pending.reduce((sum, { sent }) => sum + sat(sent.amountMsat), 0n),
    pendingHtlcs: pending.map((htlc) => pendingHtlc(htlc, side)),
    private: !channel.announced,
    initiator: side === 0,
    localConstraints: constraints(reserve),
    remoteConstraints: constraints(reserve),
    aliasScids: [channel.aliases[side]],
    peerScidAlias: channel.aliases[peer],
  };
}

function constraints(chanReserveSat: bigint): NonNullable<Draft<Channel>['localConstraints']> {
  return { chanReserveSat, dustLimitSat: 354n, minHtlcMsat: 1n, maxAcceptedHtlcs: 483 };
}

function pendingHtlc({ sent, to, committedAt }: SimHtlc, side: Side): NonNullable<Draft<Channel>['pendingHtlcs']>[0] {
  return {
    incoming: to === side,
    amount: sat(sent.amountMsat),
    hashLock: sent.paymentHash,
    expirationHeight: sent.cltvExpiry,
    htlcIndex: sent.id,
    lockedIn: committedAt !== undefined,
  };
}

/** @throws {RpcError} if the node knows no such channel */
export function channelEdge(network: SimNetwork, node: SimNode, chanId: bigint): Draft<ChannelEdge> {
  const channel = network.channels.find(
    (known) => known.scid === chanId && !known.closed && (known.announced || node.channels.includes(known)),
  );
  if (!channel) throw new RpcError('edge not found', status.NOT_FOUND);
  const texts = channel.ends.map(({ nodeId }) => toHex(nodeId));
  const first: Side = texts[0]! < texts[1]! ? 0 : 1;
  return {
    channelId: channel.scid,
    capacity: sat(channel.capacityMsat),
    node1Pub: texts[first]!,
    node2Pub: texts[opposite(first)]!,
    node1Policy: routingPolicy(channel.policies[first]),
    node2Policy: routingPolicy(channel.policies[opposite(first)]),
  };
}

function routingPolicy(policy: Policy): Draft<RoutingPolicy> {
  return {
    timeLockDelta: policy.cltvExpiryDelta,
    minHtlc: policy.htlcMinimumMsat,
    feeBaseMsat: BigInt(policy.feeBaseMsat),
    feeRateMilliMsat: BigInt(policy.feeProportionalMillionths),
    maxHtlcMsat: policy.htlcMaximumMsat,
    lastUpdate: GOSSIP_SECONDS,
  };
}
