import { describe, expect, it } from 'vitest';
import { LndError, lndErrorOf } from '../../../../src/node/lnd/errors.js';
import { GrpcCode } from '../../../../src/node/lnd/grpc/status.js';
import { sourceChannel } from '../../../../src/node/lnd/pay/balances.js';
import { LND_NUMBERS, reportedFailure } from '../../../../src/node/lnd/pay/failures.js';
import { isCertainRefusal } from '../../../../src/node/lnd/pay/refusals.js';
import { isBeyondLnd, lndRoute, nameOfLndRoute, routeName } from '../../../../src/node/lnd/pay/route.js';
import { listChannels } from '../../../../src/node/lnd/rpc/channels.js';
import { type Failure, sendToRouteV2, trackPaymentV2 } from '../../../../src/node/lnd/rpc/payments.js';
import type { BlindedPath } from '../../../../src/onion/index.js';
import { HOLD_RECORD } from '../../../../src/send/payment/held.js';
import type { PaymentPart } from '../../../../src/send/payment/payment.js';
import { FAILURE_TABLE } from '../../../../src/send/payment/failure/table.js';
import { believedPolicy } from '../../../../src/send/payment/failure/policy-update.js';
import { toHex } from '../../../../src/wire/bytes.js';
import { attempt, outgoing, part } from './parts.js';

const PATH: BlindedPath = {
  firstNode: { nodeId: new Uint8Array(33).fill(3) },
  firstPathKey: new Uint8Array(33).fill(40),
  hops: [41, 42].map((n) => ({ blindedNodeId: new Uint8Array(33).fill(n), encryptedData: Uint8Array.of(n, n) })),
};
const SHORT: BlindedPath = { ...PATH, firstPathKey: new Uint8Array(33).fill(50), hops: PATH.hops.slice(0, 1) };

function blindedPart(blindedPath: BlindedPath): PaymentPart {
  const { hops } = part(0);
  const records = { keysendPreimage: new Uint8Array(32).fill(3), invoiceRequest: Uint8Array.of(4) };
  return part(0, { records, hops: [...hops.slice(0, 2), { ...hops[2]!, blindedPath }] });
}

const failure = (draft: Parameters<typeof sendToRouteV2.response.encode>[0]['failure'] & object): Failure =>
  sendToRouteV2.response.decode(sendToRouteV2.response.encode({ failure: draft })).failure!;

describe('a route', () => {
  it('is told by what leaves each hop', () => {
    const { hops = [], ...route } = lndRoute(outgoing(part(0)));
    expect(route).toEqual({ totalTimeLock: 180, totalAmtMsat: 3_030n, totalFeesMsat: 30n });
    expect(
      hops.map(({ chanId, amtToForwardMsat, feeMsat, expiry }) => [chanId, amtToForwardMsat, feeMsat, expiry]),
    ).toEqual([
      [11n, 3_010n, 20n, 140],
      [12n, 3_000n, 10n, 120],
      [13n, 3_000n, 0n, 120],
    ]);
    expect(hops.map(({ mppRecord }) => mppRecord?.totalAmtMsat)).toEqual([undefined, undefined, 5_000n]);
  });

  it('carries what the payee is to find', () => {
    const preimage = new Uint8Array(32).fill(3);
    const customRecords = [{ type: 70_001n, value: Uint8Array.of(1) }];
    const last = lndRoute(outgoing(part(0, { records: { keysendPreimage: preimage, customRecords } }))).hops!.at(-1)!;
    expect(last.mppRecord).toBeUndefined();
    expect([...last.customRecords!]).toEqual([
      [70_001n, Uint8Array.of(1)],
      [5482373484n, preimage],
    ]);
  });

  it('ends in a path, hop by hop, with amounts only at its end', () => {
    const of = blindedPart(PATH);
    const hops = lndRoute(outgoing(of)).hops!;
    expect(hops.map(({ chanId, pubKey }) => [chanId, pubKey])).toEqual([
      [11n, toHex(of.hops[0]!.nodeId)],
      [12n, toHex(of.hops[1]!.nodeId)],
      [undefined, toHex(PATH.hops[1]!.blindedNodeId)],
    ]);
    expect(hops.map(({ amtToForwardMsat, expiry }) => [amtToForwardMsat, expiry])).toEqual([
      [3_010n, 140],
      [undefined, undefined],
      [3_000n, 120],
    ]);
    expect(hops.map(({ blindingPoint }) => blindingPoint)).toEqual([undefined, PATH.firstPathKey, undefined]);
    expect(hops.map(({ encryptedData }) => encryptedData)).toEqual([
      undefined,
      ...PATH.hops.map((hop) => hop.encryptedData),
    ]);
    expect(hops.map(({ totalAmtMsat }) => totalAmtMsat)).toEqual([undefined, undefined, 5_000n]);
    expect([...hops[2]!.customRecords!]).toEqual([
      [77_777n, Uint8Array.of(4)],
      [5482373484n, new Uint8Array(32).fill(3)],
    ]);
    expect(hops.some(({ mppRecord }) => mppRecord)).toBe(false);
  });

  it('of a path of one hop ends at its first node', () => {
    const { hops = [] } = lndRoute(outgoing(blindedPart(SHORT)));
    expect(hops).toHaveLength(2);
    expect(hops[1]).toMatchObject({
      chanId: 12n,
      blindingPoint: SHORT.firstPathKey,
      amtToForwardMsat: 3_000n,
      totalAmtMsat: 5_000n,
    });
  });

  it('over a path has the name under which LND tells it, and another path has another', () => {
    const names = [PATH, SHORT].map((path) => {
      const of = blindedPart(path);
      const { route } = attempt(1n, of, 'inFlight');
      expect(nameOfLndRoute(route!)).toBe(routeName(of));
      return routeName(of);
    });
    expect(new Set([...names, routeName(part(0))]).size).toBe(3);
    expect(nameOfLndRoute(attempt(1n, part(0), 'inFlight').route!)).toBe(routeName(part(0)));
  });

  it('is not given to LND with records that only the end of a path may have', () => {
    expect(isBeyondLnd(outgoing(blindedPart(PATH)))).toBe(false);
    expect(isBeyondLnd(outgoing(part(0, { records: { invoiceRequest: Uint8Array.of(4) } })))).toBe(true);
    const [, , last] = blindedPart(PATH).hops;
    expect(isBeyondLnd(outgoing(part(0, { hops: [last!] })))).toBe(true);
    const flagged = { ...outgoing(blindedPart(PATH)), firstHopRecords: [HOLD_RECORD] };
    expect(isBeyondLnd(flagged)).toBe(true);
    expect(isBeyondLnd({ ...flagged, firstHopRecords: [{ type: 1_978_231n, value: new Uint8Array(32) }] })).toBe(false);
  });

  it('is not given to LND with what LND would leave out', () => {
    const { records } = part(0);
    expect(isBeyondLnd(outgoing(part(0)))).toBe(false);
    expect(isBeyondLnd(outgoing(part(0, { records: { ...records, paymentMetadata: Uint8Array.of(1) } })))).toBe(true);
    expect(isBeyondLnd(outgoing(part(0, { records: { encryptedRecipientData: Uint8Array.of(1) } })))).toBe(true);
    const customRecords = [{ type: 65_535n, value: Uint8Array.of(1) }];
    expect(isBeyondLnd(outgoing(part(0, { records: { customRecords } })))).toBe(true);
  });
});

describe('a failure', () => {
  it('has the code that the table knows, for every one of LND’s numbers', () => {
    for (let number = 1; number <= 25; number++) {
      const reported = reportedFailure(failure({ code: number, failureSourceIndex: 2 }));
      expect(reported).toMatchObject({ kind: 'decoded', reporter: 2 });
      expect(FAILURE_TABLE.has((reported as { code: number }).code)).toBe(true);
    }
    expect(LND_NUMBERS.size).toBe(26);
  });

  it('that nobody could read names nobody; one that only LND could not read names who sent it', () => {
    expect(reportedFailure(failure({ code: 999 }))).toEqual({ kind: 'unreadable' });
    expect(reportedFailure(undefined)).toEqual({ kind: 'unreadable' });
    expect(reportedFailure(failure({ code: 998, failureSourceIndex: 1 }))).toMatchObject({ reporter: 1, code: 0 });
    expect(reportedFailure(failure({ code: 26, failureSourceIndex: 1 }))).toMatchObject({ reporter: 1, code: 0 });
  });

  it.each([
    [15, 'balance'],
    [18, 'peer_gone'],
    [19, 'channel_busy'],
    [997, 'node_refuses'],
  ])('of LND itself, number %i, is a local one: %s', (code, reason) => {
    expect(reportedFailure(failure({ code }))).toEqual({ kind: 'local', reason });
  });

  it('of LND itself that came from the chain is none that was never sent', () => {
    expect(reportedFailure(failure({ code: 21 }))).toMatchObject({ kind: 'decoded', reporter: 0, code: 0x4008 });
  });

  it('gives the update back as it was signed', () => {
    const extra = Uint8Array.of(0xfd, 0xd9, 0x03, 0x01, 0x05);
    const channelUpdate = {
      signature: new Uint8Array(64).fill(1),
      chainHash: new Uint8Array(32).fill(2),
      chanId: 12n,
      timestamp: 1_000,
      messageFlags: 1,
      channelFlags: 0,
      timeLockDelta: 50,
      htlcMinimumMsat: 7n,
      baseFee: 100,
      feeRate: 200,
      htlcMaximumMsat: 9_999n,
      extraOpaqueData: extra,
    };
    const reported = reportedFailure(failure({ code: 12, failureSourceIndex: 1, htlcMsat: 4n, channelUpdate }));
    const { fields } = reported as { fields: { channelUpdate: Uint8Array; htlcMsat: bigint } };
    expect(fields.htlcMsat).toBe(4n);
    expect(toHex(fields.channelUpdate)).toBe(
      `${'01'.repeat(64)}${'02'.repeat(32)}000000000000000c000003e80100` +
        `0032000000000000000700000064000000c8000000000000270f${toHex(extra)}`,
    );
    const channel = { scid: 12n, direction: 0 } as const;
    const believed = believedPolicy(
      fields.channelUpdate,
      channel,
      new Uint8Array(33),
      1_000,
      ({ signature, signed }) => {
        return signature.every((byte) => byte === 1) && signed.length === fields.channelUpdate.length - 64;
      },
    );
    expect(believed).toMatchObject({ feeBaseMsat: 100, feePpm: 200, cltvDelta: 50, htlcMaximumMsat: 9_999n });
  });
});

describe('an error of the call', () => {
  const error = (code: GrpcCode, details: string): LndError =>
    lndErrorOf({ code, details }, sendToRouteV2.path, '127.0.0.1:10009');

  it.each([
    [GrpcCode.alreadyExists, 'invoice is already paid'],
    [GrpcCode.unknown, 'payment has settled htlcs'],
    [GrpcCode.unknown, 'payment has failure reason'],
    [GrpcCode.unknown, 'attempted value exceeds payment amount: attempted=3, payment amount=2'],
    [GrpcCode.unknown, 'wallet locked, unlock it to enable full RPC access'],
    [GrpcCode.unknown, 'verification failed: signature mismatch after caveat verification'],
    [GrpcCode.unimplemented, 'unknown method'],
  ] as const)('is certain: %i %s', (code, details) => {
    expect(isCertainRefusal(error(code, details))).toBe(true);
  });

  it.each([
    [GrpcCode.unknown, 'router shutting down'],
    [GrpcCode.unknown, 'htlcswitch shutting down'],
    [GrpcCode.unknown, 'unable to write: verification failed'],
    [GrpcCode.unavailable, 'payment has settled htlcs'],
    [GrpcCode.cancelled, ''],
    [GrpcCode.internal, ''],
    [GrpcCode.ok, ''],
    [GrpcCode.deadlineExceeded, ''],
    [GrpcCode.resourceExhausted, ''],
  ] as const)('leaves it open: %i %s', (code, details) => {
    expect(isCertainRefusal(error(code, details))).toBe(false);
  });

  it('without a status leaves it open', () => {
    expect(isCertainRefusal(new LndError('denied', 'permission denied'))).toBe(false);
    expect(isCertainRefusal(new Error('payment has failure reason'))).toBe(false);
  });
});

describe('what a channel can send', () => {
  const channel = (draft: NonNullable<Parameters<typeof listChannels.response.encode>[0]['channels']>[0]) =>
    listChannels.response.decode(
      listChannels.response.encode({
        channels: [{ active: true, remotePubkey: `02${'11'.repeat(32)}`, chanId: 5n, ...draft }],
      }),
    ).channels[0]!;
  const balance = { localBalance: 1_000_000n, remoteBalance: 500_000n, capacity: 1_500_000n };
  const localConstraints = { chanReserveSat: 15_000n, maxAcceptedHtlcs: 30, minHtlcMsat: 1n };

  it('is its balance without the reserve, within the own policy', () => {
    const own = { feeBaseMsat: 0, feeProportionalMillionths: 0, cltvExpiryDelta: 40 };
    const limits = { ...own, htlcMinimumMsat: 1_000n, htlcMaximumMsat: 900_000_000n };
    expect(sourceChannel(channel({ ...balance, localConstraints }), limits)).toMatchObject({
      scid: 5n,
      spendableMsat: 985_000_000n,
      htlcMinimumMsat: 1_000n,
      htlcMaximumMsat: 900_000_000n,
      slots: 30,
    });
    expect(sourceChannel(channel({ ...balance, localConstraints }), undefined)).not.toHaveProperty('htlcMaximumMsat');
  });

  it('leaves room for the fees that the opener pays', () => {
    const pays = { ...balance, localConstraints, initiator: true, feePerKw: 10_000n, commitFee: 11_240n };
    expect(sourceChannel(channel(pays), undefined)!.spendableMsat).toBe((985_000n - (29_360n - 11_240n)) * 1000n);
  });

  it('is dust where the peer has nothing left to pay fees with', () => {
    const drained = { ...balance, localConstraints, remoteBalance: 15_100n, feePerKw: 10_000n };
    const remoteConstraints = { chanReserveSat: 15_000n, dustLimitSat: 354n };
    expect(sourceChannel(channel({ ...drained, remoteConstraints }), undefined)!.spendableMsat).toBe(354_000n);
  });

  it('loses a slot for every HTLC that is offered, none for those that are received', () => {
    const pendingHtlcs = [{ incoming: false, amount: 5n }, { incoming: true, amount: 5n }, { incoming: false }];
    expect(sourceChannel(channel({ ...balance, localConstraints, pendingHtlcs }), undefined)!.slots).toBe(28);
  });

  it('is nothing while it is not active', () => {
    expect(sourceChannel(channel({ ...balance, active: false }), undefined)).toBeUndefined();
  });
});

describe('messages', () => {
  it('of a track hold the attempts', () => {
    const htlcs = [attempt(3n, part(0), 'inFlight'), attempt(4n, part(1), 'succeeded')];
    const decoded = trackPaymentV2.response.decode(trackPaymentV2.response.encode({ status: 1, htlcs }));
    expect(decoded.htlcs.map(({ attemptId, status }) => [attemptId, status])).toEqual([
      [3n, 0],
      [4n, 1],
    ]);
  });
});
