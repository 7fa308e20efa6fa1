import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PaymentPath } from '../../../src/bolt12/index.js';
import { ec, sealChaCha20Poly1305, sha256 } from '../../../src/crypto/index.js';
import { encodeEncryptedData, onionKey } from '../../../src/onion/index.js';
import {
  BLINDED_HOP_DELTA,
  blindedPathKey,
  ClusterKeys,
  DEFAULT_VERDICT_POLICY,
  type JudgedHtlc,
  KeyRing,
  phantomScid,
  recognisePhantomScid,
  type Verdict,
} from '../../../src/phantom/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { MAX_MSAT, MAX_U32, MAX_U64 } from '../../../src/wire/units.js';
import { channel, clusterMember, nodeId, publicChannel } from '../support.js';
import { arriveAtMember, htlcOver, pathKeysOf, payOver, type Payment } from './payer.js';
import {
  answer,
  bytesOf,
  epoch,
  entropyOf,
  HEIGHT,
  hidden,
  judgeAt,
  type JudgeChange,
  keys,
  members,
  NAMES,
  offerOf,
  requestFor,
  ring,
  staticInvoiceOf,
} from './world.js';

const AMOUNT = 100_000n;
const offer = offerOf();
const request = requestFor(offer, { amountMsat: AMOUNT, payerNote: 'for the tea' });
const made = answer(bytesOf(request), { maxPaths: 5 });
const { paymentHash } = made;
const viaPeer = answer(bytesOf(request), { members: hidden });

/** An unannounced and an announced member, as the last before the phantom. */
const direct = pathTo('M1', made.invoice.paymentPaths);
const peered = viaPeer.invoice.paymentPaths[0]!;

function memberOf({ path }: PaymentPath): string {
  const first = 'nodeId' in path.firstNode ? toHex(path.firstNode.nodeId) : '';
  const name = NAMES.find((one) => toHex(nodeId(one)) === first)!;
  return name.startsWith('P') ? 'M3' : name;
}

function pathTo(name: string, paths: readonly PaymentPath[]): PaymentPath {
  return paths.find((path) => memberOf(path) === name)!;
}

const payment: Payment = { paymentHash, amountMsat: AMOUNT, height: HEIGHT };
const INVALID_BLINDING = `c018${'00'.repeat(32)}`;

function judge(
  path: PaymentPath,
  change: Partial<Payment> = {},
  htlc: Partial<JudgedHtlc> = {},
  at: JudgeChange = {},
): Verdict {
  return judgeAt(memberOf(path), { ...htlcOver(path, { ...payment, ...change }, NAMES), ...htlc }, at);
}

/** Refused in the one way that tells nothing; gives the reason. */
function refusal(verdict: Verdict, stable = true): string {
  if (verdict.type !== 'fail') throw new Error(`expected a failure, not ${verdict.type}`);
  const { failure } = verdict;
  expect(toHex(failure.asNode!)).toBe(INVALID_BLINDING);
  if (verdict.sharedSecret) expect(toHex(failure.asPhantom!)).toBe(INVALID_BLINDING);
  else expect(failure.asPhantom).toBeUndefined();
  expect(verdict.stable, verdict.reason).toBe(stable);
  return verdict.reason;
}

describe('an honest payment', () => {
  it.each([
    ['member → phantom', made, direct],
    ['peer → member → phantom', viaPeer, peered],
  ])('over %s is a part with everything the ledger needs', (_, invoice, path) => {
    const verdict = judge(path, { paymentHash: invoice.paymentHash });
    expect(verdict).toMatchObject({
      type: 'part',
      epochId: 3,
      paymentSecret: invoice.paymentSecret,
      preimage: invoice.preimage,
      totalMsat: AMOUNT,
      amountMsat: AMOUNT,
      offer: { offerId: offer.offerId, isStatic: false, payerId: request.payerId, payerNote: 'for the tea' },
    });
    expect(sha256((verdict as { preimage: Uint8Array }).preimage)).toEqual(invoice.paymentHash);
  });

  it('may come in parts over every path, all with one secret', () => {
    const verdicts = made.invoice.paymentPaths.map((path, i) =>
      judge(path, { amountMsat: BigInt(i + 1), totalMsat: AMOUNT }),
    );
    expect(verdicts.map(({ type }) => type)).toEqual(made.invoice.paymentPaths.map(() => 'part'));
    for (const verdict of verdicts)
      expect(verdict).toMatchObject({ paymentSecret: made.paymentSecret, totalMsat: AMOUNT });
  });

  it('is judged with the keys of its epoch', () => {
    const current = { id: 4, keys: new ClusterKeys(entropyOf(8)) };
    expect(judge(direct, {}, {}, { keys: new KeyRing(current, [epoch]) })).toMatchObject({ type: 'part', epochId: 3 });
    expect(judge(direct, {}, {}, { keys: new KeyRing(current) })).toEqual({ type: 'resume' });
  });

  it('by payinfo alone, is a part for any members, amounts and fees; one msat or four blocks less are none', () => {
    const fee = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 10_000 }));
    const peer = fc.record({
      base: fee,
      proportional: fc.integer({ min: 0, max: 200_000 }),
      delta: fc.integer({ min: 0, max: 216 }),
    });
    let parts = 0;
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 4_000_000_000n }),
        peer,
        fc.boolean(),
        fc.integer({ min: 0, max: 500 }),
        fc.integer({ min: 80, max: 300 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (amountMsat, { base, proportional, delta }, announced, extraBlocks, minFinalCltv, entropy) => {
          const peerPolicy = { feeBaseMsat: base, feeProportionalMillionths: proportional, cltvExpiryDelta: delta };
          const list = [
            clusterMember('M1', [channel('P1', 10_000_000_000n, { announced, peerPolicy })]),
            clusterMember('M2', [publicChannel('P2', 10_000_000_000n)]),
          ];
          const asked = requestFor(offer, { amountMsat });
          const invoice = answer(bytesOf(asked), { members: list, entropy, minFinalCltv });
          const path = invoice.invoice.paymentPaths.find(({ path: { hops } }) => hops.length === (announced ? 2 : 3))!;
          const member = announced ? memberOf(path) : 'M1';
          const paid: Payment = { paymentHash: invoice.paymentHash, amountMsat, height: HEIGHT, extraBlocks };
          const arrived = htlcOver(path, paid, NAMES);
          expect(judgeAt(member, arrived)).toMatchObject({ type: 'part', amountMsat, totalMsat: amountMsat });
          parts += 1;

          const short = arriveAtMember(
            path.path,
            paid,
            { ...payOver(path, paid), expiry: HEIGHT + path.payInfo.cltvExpiryDelta - 4 },
            NAMES,
          );
          expect(judgeAt(member, { ...short, deadline: arrived.deadline }).type).toBe('fail');
          const less = {
            ...arrived,
            incomingAmountMsat: arrived.incomingAmountMsat - 1n,
            outgoingAmountMsat: amountMsat - 1n,
          };
          expect(refusal(judgeAt(member, less))).toBe('less than the payload says');
        },
      ),
      { numRuns: 40 },
    );
    expect(parts).toBeGreaterThanOrEqual(40);
  });

  it('finds a path key that follows from the path itself', () => {
    const all: [PaymentPath, Uint8Array | undefined][] = [
      [direct, paymentHash],
      [peered, viaPeer.paymentHash],
      [staticInvoiceOf(offerOf({ maxPaths: 1 })).invoice.paymentPaths[0]!, undefined],
    ];
    for (const [path, hash] of all) {
      const sent = htlcOver(path, { ...payment, paymentHash: hash ?? paymentHash }, NAMES);
      const identity = { memberId: nodeId(memberOf(path)), scid: sent.outgoingScid, paymentHash: hash };
      expect(toHex(pathKeysOf(path, NAMES).at(-1)!)).toBe(toHex(blindedPathKey(keys, identity)));
    }
  });
});

describe('every single deviation fails:', () => {
  const OUTGOING = HEIGHT + 83;

  it.each<[string, Partial<JudgedHtlc>]>([
    ['one msat less than is forwarded', { incomingAmountMsat: AMOUNT - 1n }],
    ['one block less than the delta of our relay', { incomingExpiry: OUTGOING + BLINDED_HOP_DELTA - 1 }],
    ['nothing at all', { incomingAmountMsat: 0n, outgoingAmountMsat: 0n }],
    ['amounts at the end of u64', { incomingAmountMsat: MAX_U64, outgoingAmountMsat: MAX_U64 }],
    ['more than there is', { incomingAmountMsat: MAX_MSAT + 1n, outgoingAmountMsat: MAX_MSAT + 1n }],
    ['expiries at the end of u32', { incomingExpiry: MAX_U32, outgoingExpiry: MAX_U32 }],
    ['forwarded less than the payload says', { outgoingAmountMsat: AMOUNT - 1n }],
    ['an expiry behind the limit of the path', { outgoingExpiry: HEIGHT + 2020, incomingExpiry: HEIGHT + 2020 + 80 }],
    ['an expiry before the payload', { outgoingExpiry: HEIGHT - 1 }],
    ['another payment hash', { paymentHash: new Uint8Array(32).fill(1) }],
    ['garbage for an onion', { onion: new Uint8Array(1366) }],
    ['no onion', { onion: new Uint8Array() }],
  ])('%s', (_, htlc) => {
    expect(judge(direct, { extraBlocks: 0 }).type).toBe('part');
    refusal(judge(direct, {}, htlc));
  });

  it.each<[string, Partial<Payment>, string]>([
    ['a total of one msat less', { totalMsat: AMOUNT - 1n, amountMsat: AMOUNT - 1n }, 'payment secret: amount_too_low'],
    ['a total of more than twice', { totalMsat: 2n * AMOUNT + 1n }, 'more than twice the amount'],
    ['a total of nothing', { totalMsat: 0n }, 'nothing is paid'],
    ['a part of nothing', { final: { amtToForward: 0n } }, 'nothing is paid'],
    ['a total at the end of u64', { totalMsat: MAX_U64 }, 'more than there is'],
    ['a payload of one msat more', { final: { amtToForward: AMOUNT + 1n } }, 'less than the payload says'],
    ['a payload of one block more', { final: { outgoingCltvValue: OUTGOING + 1 } }, 'less CLTV than the payload says'],
    ['a preimage', { final: { keysendPreimage: made.preimage } }, 'a spontaneous payment over the path of an invoice'],
    [
      'an invoice request',
      { final: { invoiceRequest: Uint8Array.of(1, 2) } },
      'a spontaneous payment over the path of an invoice',
    ],
    [
      'a custom record',
      { final: { customRecords: [{ type: 65_537n, value: Uint8Array.of(1) }] } },
      'payload refused: forbidden_type:65537',
    ],
    [
      'payment data',
      { final: { paymentData: { paymentSecret: made.paymentSecret, totalMsat: AMOUNT } } },
      'payload refused: forbidden_type:8',
    ],
    ['metadata', { final: { paymentMetadata: Uint8Array.of(1) } }, 'payload refused: forbidden_type:16'],
    ['a path key twice', { final: { currentPathKey: ec.publicKey(entropyOf(1)) } }, 'payload refused: two_path_keys'],
    ['data of another path', { finalData: peered.path.hops.at(-1)!.encryptedData }, 'path refused: decryption_failed'],
    ['data of an earlier hop', { finalData: direct.path.hops[0]!.encryptedData }, 'path refused: decryption_failed'],
    ['no data', { finalData: new Uint8Array() }, 'path refused: decryption_failed'],
    ['a hop behind the phantom', { onward: nodeId('P1') }, 'the phantom is not the last hop'],
  ])('%s', (_, change, reason) => {
    expect(refusal(judge(direct, change))).toBe(reason);
  });

  it.each<[string, Partial<JudgedHtlc>, JudgeChange, string]>([
    ['an invoice that has run out', {}, { now: made.acceptedUntil + 1 }, 'payment secret: expired'],
    ['a block too late', {}, { height: HEIGHT + 4 }, 'expires too soon for the invoice'],
    [
      'locked for too long',
      { incomingExpiry: HEIGHT + DEFAULT_VERDICT_POLICY.maxExpiryDelta + 1 },
      {},
      'locked for too long',
    ],
    [
      'a deadline that is near',
      { deadline: HEIGHT + DEFAULT_VERDICT_POLICY.marginBlocks - 1 },
      {},
      'too few blocks are left',
    ],
  ])('%s, which needs a row', (_, htlc, at, reason) => {
    expect(refusal(judge(direct, {}, htlc, at), false)).toBe(reason);
  });

  it('up to the last second and block it is accepted', () => {
    expect(judge(direct, {}, {}, { now: made.acceptedUntil, height: HEIGHT + 3 }).type).toBe('part');
  });

  it('the onion of one path over the SCID of another', () => {
    const other = answer(bytesOf(request), { entropy: entropyOf(77) });
    const same = pathTo('M1', other.invoice.paymentPaths);
    const { outgoingScid } = htlcOver(same, { ...payment, paymentHash: other.paymentHash }, NAMES);
    expect(refusal(judge(direct, {}, { outgoingScid }))).toMatch(/^onion refused/);
    const plain = phantomScid(keys, nodeId('M1'), 5);
    expect(judge(direct, {}, { outgoingScid: plain })).toMatchObject({ type: 'fail' });
  });

  it('the HTLC of one member at another is no business of ours', () => {
    expect(judgeAt('M2', htlcOver(direct, payment, NAMES))).toEqual({ type: 'resume' });
  });

  it('a plain phantom onion over a blinded SCID, and the reverse, are no parts', () => {
    const htlc = htlcOver(direct, payment, NAMES);
    expect(recognisePhantomScid(ring, nodeId('M1'), htlc.outgoingScid)).toMatchObject({ blinded: 'invoice' });
    expect(judgeAt('M1', { ...htlc, outgoingScid: phantomScid(keys, nodeId('M1'), 1) }).type).toBe('fail');
  });

  it('data that somebody else encrypted for the phantom, however right it looks', () => {
    // Whoever knows the phantom's id can blind a hop to it; the key that we expect is known to the cluster alone.
    const secret = entropyOf(3);
    const sharedSecret = ec.ecdh(secret, keys.phantomNodeId)!;
    const data = encodeEncryptedData({
      pathId: made.paymentSecret,
      paymentConstraints: { maxCltvExpiry: HEIGHT + 3000, htlcMinimumMsat: 0n },
    });
    const finalData = sealChaCha20Poly1305(onionKey('rho', sharedSecret), new Uint8Array(12), data);
    expect(refusal(judge(direct, { finalData }))).toBe('path refused: decryption_failed');
  });

  it('any bytes end in a failure or a part that pays, never in an exception', () => {
    const good = htlcOver(direct, payment, NAMES);
    fc.assert(
      fc.property(fc.nat(good.onion.length * 8 - 1), fc.uint8Array({ maxLength: 1400 }), (bit, random) => {
        const onion = good.onion.slice();
        onion[bit >> 3]! ^= 1 << (bit & 7);
        refusal(judgeAt('M1', { ...good, onion }));
        refusal(judgeAt('M1', { ...good, onion: random }));
      }),
      { numRuns: 100 },
    );
  });

  it('any economics that pass satisfy every inequality', () => {
    const good = htlcOver(direct, payment, NAMES);
    const near = (value: number) => fc.integer({ min: -3, max: 3 }).map((by) => value + by);
    let parts = 0;
    fc.assert(
      fc.property(
        fc.record({
          incomingAmountMsat: near(100_000).map(BigInt),
          outgoingAmountMsat: near(100_000).map(BigInt),
          incomingExpiry: near(good.incomingExpiry),
          outgoingExpiry: near(good.outgoingExpiry),
          deadline: near(HEIGHT + 12),
        }),
        (numbers) => {
          const verdict = judgeAt('M1', { ...good, ...numbers });
          if (verdict.type !== 'part') return;
          parts += 1;
          const { incomingAmountMsat, outgoingAmountMsat, incomingExpiry, outgoingExpiry, deadline } = numbers;
          expect(incomingAmountMsat >= outgoingAmountMsat && outgoingAmountMsat >= AMOUNT).toBe(true);
          expect(incomingExpiry).toBeGreaterThanOrEqual(outgoingExpiry + BLINDED_HOP_DELTA);
          expect(outgoingExpiry).toBeGreaterThanOrEqual(HEIGHT + 80);
          expect(deadline).toBeGreaterThanOrEqual(HEIGHT + 12);
        },
      ),
      { numRuns: 2000 },
    );
    expect(parts).toBeGreaterThan(50);
  });
});

describe('the onion of a long way', () => {
  it('has room for a route before three blinded hops with the longest note', () => {
    const long = requestFor(offer, { amountMsat: AMOUNT, payerNote: 'ü'.repeat(400) });
    const invoice = answer(bytesOf(long), { members });
    const path = pathTo('M3', answer(bytesOf(long), { members: hidden }).invoice.paymentPaths);
    const bytes = path.path.hops.reduce((sum, { encryptedData }) => sum + encryptedData.length + 40, 0);
    expect(bytes).toBeLessThan(900);
    const verdict = judge(pathTo('M1', invoice.invoice.paymentPaths), { paymentHash: invoice.paymentHash });
    expect(verdict).toMatchObject({ type: 'part', offer: { payerNote: 'ü'.repeat(48) } });
  });
});
