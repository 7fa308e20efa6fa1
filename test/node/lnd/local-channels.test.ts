import { describe, expect, it } from 'vitest';
import { localChannel, policyInEdge } from '../../../src/node/lnd/local-channels.js';
import type { Draft } from '../../../src/node/lnd/rpc/codec.js';
import { type Channel, getChanInfo, listChannels } from '../../../src/node/lnd/rpc/channels.js';
import { channel } from './tiny-lnd.js';

const HEIGHT = 800_000;
const decoded = (changes: Draft<Channel>): Channel => {
  const { channels } = listChannels.response.decode(listChannels.response.encode({ channels: [channel(changes)] }));
  return channels[0]!;
};
const local = (changes: Draft<Channel> = {}) => localChannel(decoded(changes), undefined, HEIGHT)!;
const pending = (incoming: boolean, amount: bigint) => ({ incoming, amount });

describe("LND's channels", () => {
  it('carry what each side has beyond its reserve', () => {
    expect(local({ feePerKw: 0n })).toMatchObject({
      scid: (700_000n << 40n) | 1n,
      announced: true,
      ready: true,
      usable: true,
      confirmations: 100_001,
      spendableMsat: 390_000_000n,
      receivableMsat: 490_000_000n,
    });
  });

  it('keep a buffer for fees on the side that pays them', () => {
    const buffer = (2n * 2_500n * (1124n + 2n * 172n)) / 1000n - 2_810n;
    expect(buffer).toBeGreaterThan(0n);
    expect(local({ initiator: true })).toMatchObject({
      spendableMsat: (390_000n - buffer) * 1000n,
      receivableMsat: 490_000_000n,
    });
    expect(local({ initiator: false }).receivableMsat).toBe((490_000n - buffer) * 1000n);
  });

  it('carry no more than may be in flight', () => {
    const constraints = { chanReserveSat: 10_000n, maxPendingAmtMsat: 60_000_000n, maxAcceptedHtlcs: 2 };
    const limits = { localConstraints: constraints, remoteConstraints: constraints, feePerKw: 0n };
    const one = local({ ...limits, pendingHtlcs: [pending(true, 50_000n)] });
    expect(one).toMatchObject({ spendableMsat: 60_000_000n, receivableMsat: 10_000_000n });
    const two = local({ ...limits, pendingHtlcs: [pending(true, 1n), pending(true, 1n)] });
    expect(two).toMatchObject({ spendableMsat: 60_000_000n, receivableMsat: 0n });
  });

  it('carry nothing below zero', () => {
    expect(local({ localBalance: 5_000n, remoteBalance: 0n })).toMatchObject({ spendableMsat: 0n, receivableMsat: 0n });
  });

  it('that are private have the name by which the peer knows them', () => {
    const alias = (16_000_001n << 40n) | 7n;
    expect(local({ private: true, peerScidAlias: alias })).toMatchObject({ announced: false, peerAlias: alias });
    expect(local()).not.toHaveProperty('peerAlias');
  });

  it('that were used before they confirmed keep their id and count from their block', () => {
    const chanId = 16_000_002n << 40n;
    expect(local({ chanId, zeroConf: true })).toMatchObject({ scid: chanId, confirmations: 0 });
    expect(local({ chanId, zeroConf: true, zeroConfConfirmedScid: BigInt(HEIGHT - 2) << 40n })).toMatchObject({
      scid: chanId,
      confirmations: 3,
    });
    expect(local({ chanId })).not.toHaveProperty('confirmations');
  });

  it('without a peer are none', () => {
    expect(localChannel(decoded({ remotePubkey: 'zz' }), undefined, HEIGHT)).toBeUndefined();
  });
});

describe('policies', () => {
  const policy = (timeLockDelta: number) => ({ timeLockDelta, feeBaseMsat: 1000n, feeRateMilliMsat: 5n });
  const edge = (draft: Parameters<typeof getChanInfo.response.encode>[0]) =>
    getChanInfo.response.decode(getChanInfo.response.encode(draft));
  const both = edge({
    node1Pub: 'a',
    node2Pub: 'b',
    node1Policy: policy(40),
    node2Policy: { ...policy(80), minHtlc: 1n },
  });

  it("are the peer's, whichever end it is", () => {
    expect(policyInEdge(both, 'a', 'peer')).toEqual({
      feeBaseMsat: 1000,
      feeProportionalMillionths: 5,
      cltvExpiryDelta: 40,
    });
    expect(policyInEdge(both, 'b', 'peer')).toMatchObject({ cltvExpiryDelta: 80, htlcMinimumMsat: 1n });
    expect(policyInEdge(both, 'c', 'peer')).toBeUndefined();
    expect(policyInEdge(edge({ node1Pub: 'a', node2Pub: 'b' }), 'a', 'peer')).toBeUndefined();
  });
});
