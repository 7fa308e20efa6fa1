/** Whatever LND shows and whatever is answered: nothing throws, and what is written LND accepts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/crypto/index.js';
import { LND_FAILURE_CODES, replyTo, resumption } from '../../../src/node/lnd/answers.js';
import { finalOf, shownHtlc } from '../../../src/node/lnd/htlc.js';
import { htlcInterceptor, type InterceptRequest } from '../../../src/node/lnd/rpc/intercept.js';
import { ShownHtlcs } from '../../../src/node/lnd/shown-htlcs.js';
import { FailureCode } from '../../../src/onion/failure-codes.js';
import type { HtlcAnswer, InterceptedHtlc } from '../../../src/receive/node-port.js';
import { equalBytes } from '../../../src/wire/bytes.js';
import { reply as lndReply } from '../../fake-lnd/messages.js';

const nodeId = new Uint8Array(33).fill(2);
const PREIMAGE = new Uint8Array(32).fill(7);
const u64 = fc.bigInt(0n, 0xffff_ffff_ffff_ffffn);
const u32 = fc.nat(0xffff_ffff);
const around = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.uint8Array({ minLength: length, maxLength: length }),
    fc.uint8Array({ maxLength: 40 }),
    fc.constant(new Uint8Array(length + 1)),
  );

const requests: fc.Arbitrary<InterceptRequest> = fc.record({
  incomingCircuitKey: fc.option(fc.record({ chanId: u64, htlcId: u64 }), { nil: undefined }),
  paymentHash: fc.oneof(fc.constant(sha256(PREIMAGE)), around(32)),
  outgoingAmountMsat: u64,
  outgoingExpiry: u32,
  incomingAmountMsat: u64,
  incomingExpiry: u32,
  outgoingRequestedChanId: u64,
  onionBlob: fc.oneof(fc.constant(new Uint8Array(1366)), around(1366)),
  autoFailHeight: fc.oneof(fc.constant(0), fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })),
  inWireCustomRecords: fc.array(fc.tuple(u64, fc.uint8Array({ maxLength: 3 }))).map((all) => new Map(all)),
  outgoingRequestedNodeId: around(33),
});

const answers: fc.Arbitrary<HtlcAnswer> = fc.oneof(
  fc.record({ action: fc.constant('settle' as const), preimage: fc.oneof(fc.constant(PREIMAGE), around(32)) }),
  fc.record({ action: fc.constant('fail-as-phantom' as const), packet: around(292) }),
  fc.record({
    action: fc.constant('fail-as-node' as const),
    message: fc.oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc.constantFrom(...Object.values(FailureCode)).map((code) => new Uint8Array([code >> 8, code & 0xff])),
    ),
  }),
  fc.constant({ action: 'resume' as const }),
);

const SOUND: InterceptRequest = {
  incomingCircuitKey: { chanId: 5n, htlcId: 6n },
  paymentHash: sha256(PREIMAGE),
  outgoingAmountMsat: 1n,
  outgoingExpiry: 2,
  incomingAmountMsat: 3n,
  incomingExpiry: 840,
  outgoingRequestedChanId: 4n,
  onionBlob: new Uint8Array(1366),
  autoFailHeight: 821,
  inWireCustomRecords: new Map(),
  outgoingRequestedNodeId: new Uint8Array(),
};

function htlcOf(request: InterceptRequest): InterceptedHtlc {
  const shown = shownHtlc(request, nodeId);
  if (shown.type !== 'htlc') throw new Error(`not shown but ${shown.type}`);
  return shown.htlc;
}

/** LND's checks on a reply, in the order in which it makes them; undefined if it is carried out. */
function lndsObjection(encoded: Uint8Array, htlc: InterceptedHtlc): string | undefined {
  const { incomingCircuitKey, action, preimage, failureMessage, failureCode } = lndReply.decode(encoded);
  if (!incomingCircuitKey) return 'CircuitKey missing';
  if (incomingCircuitKey.chanId !== htlc.key.channelId || incomingCircuitKey.htlcId !== htlc.key.htlcId)
    return 'unknown';
  switch (action) {
    case 0:
      return preimage?.length === 32 && equalBytes(sha256(preimage), htlc.paymentHash) ? undefined : 'preimage';
    case 1:
      if (htlc.onChain) return 'cannot fail on chain';
      if (failureMessage) return failureCode !== 0 || failureMessage.length !== 292 ? 'failure message' : undefined;
      return [0, 15, 8, 9, 10].includes(failureCode) ? undefined : 'unsupported failure code';
    case 2:
      return htlc.onChain ? 'cannot resume on chain' : undefined;
    default:
      return 'unrecognized action';
  }
}

describe('what LND shows', () => {
  it('never throws, and gives whatever the sender chose as it is', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const shown = shownHtlc(request, nodeId);
        if (shown.type === 'nothing') return;
        const key = shown.type === 'foreign' ? shown.key : shown.htlc.key;
        expect(key).toEqual({
          nodeId,
          channelId: request.incomingCircuitKey!.chanId,
          htlcId: request.incomingCircuitKey!.htlcId,
        });
        if (shown.type === 'foreign') return;
        expect(shown.htlc.incomingAmountMsat).toBe(request.incomingAmountMsat);
        expect(shown.htlc.outgoingAmountMsat).toBe(request.outgoingAmountMsat);
        expect(shown.htlc.outgoingExpiry).toBe(request.outgoingExpiry);
        expect(shown.htlc.deadline).toBeLessThanOrEqual(0xffff_ffff);
      }),
    );
  });

  it('reads any bytes as a request or not at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
        let request: InterceptRequest;
        try {
          request = htlcInterceptor.response.decode(noise);
        } catch {
          return;
        }
        shownHtlc(request, nodeId);
      }),
    );
  });

  it.each([
    [821, { onChain: false, deadline: 821 }],
    [840, { onChain: true, deadline: 840 }],
    [0, { onChain: true, deadline: 840 }],
  ])('infers from the automatic failure at %i whether the HTLC is on chain', (autoFailHeight, expected) => {
    expect(htlcOf({ ...SOUND, autoFailHeight })).toMatchObject(expected);
  });

  it('leaves what is unsound to LND, and on chain alone', () => {
    const unsound = { ...SOUND, onionBlob: new Uint8Array(12) };
    expect(shownHtlc(unsound, nodeId).type).toBe('foreign');
    expect(shownHtlc({ ...unsound, autoFailHeight: 0 }, nodeId).type).toBe('nothing');
    expect(shownHtlc({ ...SOUND, incomingCircuitKey: undefined }, nodeId).type).toBe('nothing');
  });

  it('takes only final events for final', () => {
    const event = {
      incomingChannelId: 5n,
      outgoingChannelId: 0n,
      incomingHtlcId: 6n,
      outgoingHtlcId: 0n,
      timestampNs: 0n,
      eventType: 0,
      subscribedEvent: undefined,
      finalHtlcEvent: undefined,
    };
    expect(finalOf(event, nodeId)).toBeUndefined();
    expect(finalOf({ ...event, finalHtlcEvent: { settled: true, offchain: false } }, nodeId)).toEqual({
      key: { nodeId, channelId: 5n, htlcId: 6n },
      outcome: 'settled',
      onChain: true,
    });
  });
});

describe('what is answered', () => {
  it('is legal, whatever the answer and the HTLC', () => {
    let legal = 0;
    fc.assert(
      fc.property(requests, answers, (request, answer) => {
        const shown = shownHtlc(request, nodeId);
        if (shown.type === 'nothing') return;
        if (shown.type === 'foreign') {
          const bytes = htlcInterceptor.request.encode(resumption(shown.key));
          expect(lndReply.decode(bytes)).toMatchObject({ action: 2, failureMessage: undefined, preimage: undefined });
          return;
        }
        const reply = replyTo(shown.htlc, answer);
        if (!reply) return;
        legal++;
        expect(lndsObjection(htlcInterceptor.request.encode(reply), shown.htlc)).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
    expect(legal).toBeGreaterThan(100);
  });

  it('is what was meant', () => {
    const htlc = htlcOf(SOUND);
    const packet = new Uint8Array(292).fill(9);
    expect(replyTo(htlc, { action: 'settle', preimage: PREIMAGE })).toMatchObject({ action: 0, preimage: PREIMAGE });
    expect(replyTo(htlc, { action: 'fail-as-phantom', packet })).toMatchObject({ action: 1, failureMessage: packet });
    expect(replyTo(htlc, { action: 'resume' })).toMatchObject({ action: 2 });
  });

  it.each([
    [FailureCode.temporaryChannelFailure, 15],
    [FailureCode.invalidOnionVersion, 8],
    [FailureCode.invalidOnionHmac, 9],
    [FailureCode.invalidOnionKey, 10],
    [FailureCode.unknownNextPeer, 15],
    [FailureCode.incorrectOrUnknownPaymentDetails, 15],
  ])("maps failure %i of the node to LND's number %i", (code, failureCode) => {
    const message = new Uint8Array([code >> 8, code & 0xff, 0, 0]);
    const reply = replyTo(htlcOf(SOUND), { action: 'fail-as-node', message });
    expect(reply).toEqual({ incomingCircuitKey: { chanId: 5n, htlcId: 6n }, action: 1, failureCode });
  });

  it('fails in another way where the packet is none, and says which codes it can send', () => {
    const reply = replyTo(htlcOf(SOUND), { action: 'fail-as-phantom', packet: new Uint8Array(291) });
    expect(reply).toMatchObject({ action: 1, failureCode: 15 });
    expect(reply).not.toHaveProperty('failureMessage');
    expect([...LND_FAILURE_CODES].sort((a, b) => a - b)).toEqual([0x1007, 0xc004, 0xc005, 0xc006]);
  });

  it('is nothing where LND would end the stream', () => {
    const htlc = htlcOf(SOUND);
    const onChain = htlcOf({ ...SOUND, autoFailHeight: 0 });
    expect(replyTo(htlc, { action: 'settle', preimage: new Uint8Array(32) })).toBeUndefined();
    expect(replyTo(htlc, { action: 'settle', preimage: PREIMAGE.subarray(1) })).toBeUndefined();
    expect(replyTo(onChain, { action: 'resume' })).toBeUndefined();
    expect(replyTo(onChain, { action: 'fail-as-node', message: new Uint8Array([0x10, 7]) })).toBeUndefined();
    expect(replyTo(onChain, { action: 'settle', preimage: PREIMAGE })).toBeDefined();
  });
});

describe('the HTLCs that can be answered', () => {
  it('are over at their deadline, not a block earlier', () => {
    const shown = new ShownHtlcs();
    const htlc = htlcOf(SOUND);
    shown.add(htlc, 700);
    shown.heightIs(820);
    expect(shown.get(htlc.key)).toBe(htlc);
    shown.heightIs(821);
    expect(shown.get(htlc.key)).toBeUndefined();
    shown.add(htlc, 821);
    expect(shown.get(htlc.key)).toBeUndefined();
  });

  it('keep one that is shown on chain after its time: LND has not come so far', () => {
    const shown = new ShownHtlcs();
    const late = htlcOf({ ...SOUND, autoFailHeight: 0 });
    shown.add(late, 841);
    shown.heightIs(842);
    expect(shown.get(late.key)).toBe(late);
    shown.remove(late.key);
    expect(shown.get(late.key)).toBeUndefined();
    shown.add(late, 839);
    shown.heightIs(840);
    expect(shown.get(late.key)).toBeUndefined();
  });
});
