import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildInvoiceRequest,
  buildOffer,
  checkInvoiceAgainstRequest,
  decodeInvoice,
  encodeRecords,
  signerOf,
} from '../../../src/bolt12/index.js';
import { sha256 } from '../../../src/crypto/index.js';
import { answerInvoiceRequest, type AnswerParams, ClusterKeys, KeyRing } from '../../../src/phantom/index.js';
import { toHex } from '../../../src/wire/bytes.js';
import { encodeTlvStream } from '../../../src/wire/tlv.js';
import { unwrap } from '../../../src/wire/result.js';
import { clusterMember, publicChannel } from '../support.js';
import {
  answer,
  answerParams,
  BITCOIN,
  bytesOf,
  entropyOf,
  hidden,
  members,
  NONCE,
  NOW,
  offerOf,
  requestFor,
  ring,
} from './world.js';

const offer = offerOf({ amountMsat: 100_000n, quantityMax: 5n });
const open = offerOf();
const wish = { quantity: 2n, payerNote: 'for two' };

function refused(request: Uint8Array, more: Partial<AnswerParams> = {}) {
  const answered = answerInvoiceRequest(answerParams(request, more));
  if (answered.ok) throw new Error('answered');
  return answered.error;
}

describe('an answer', () => {
  it('is the invoice that the payer expects', () => {
    const request = requestFor(offer, wish);
    const made = answer(bytesOf(request));
    const read = unwrap(decodeInvoice(made.bytes, { now: NOW, chains: [BITCOIN] }));
    expect(checkInvoiceAgainstRequest(request, read, { now: NOW, chains: [BITCOIN] })).toMatchObject({ ok: true });
    expect(read).toMatchObject({
      amountMsat: 200_000n,
      features: [17],
      relativeExpirySeconds: 7200,
      createdAt: BigInt(NOW),
    });
    expect(read.paymentPaths).toHaveLength(3);
    expect(sha256(made.preimage)).toEqual(read.paymentHash);
    expect(made.receipt).toMatchObject({ ...wish, offerId: offer.offerId, payerId: request.payerId });
    expect(made.acceptedUntil).toBe(NOW + 7200 + 7200);
  });

  it('is the same for the same arguments, and never has one hash twice', () => {
    const request = bytesOf(requestFor(open, { amountMsat: 7n }));
    expect(toHex(answer(request).bytes)).toBe(toHex(answer(request).bytes));
    expect(toHex(answer(request, { entropy: entropyOf(3) }).paymentHash)).not.toBe(toHex(answer(request).paymentHash));
  });

  it('follows the payer where the offer leaves the amount open, and where it gives more', () => {
    expect(answer(bytesOf(requestFor(open, { amountMsat: 12_345n }))).amountMsat).toBe(12_345n);
    expect(answer(bytesOf(requestFor(offer, { quantity: 1n, amountMsat: 150_000n }))).amountMsat).toBe(150_000n);
  });

  it('may have another expiry and fewer paths', () => {
    const made = answer(bytesOf(requestFor(open, { amountMsat: 7000n })), { expirySeconds: 600, maxPaths: 1 });
    expect(made.invoice.relativeExpirySeconds).toBe(600);
    expect(made.invoice.paymentPaths).toHaveLength(1);
  });

  it('offers parts only if every member named holds them', () => {
    const request = bytesOf(requestFor(open, { amountMsat: 7000n }));
    const list = members.map((member, i) => (i === 0 ? { ...member, holdsParts: false } : member));
    expect(answer(request, { members: list })).toMatchObject({ multiPart: false, invoice: { features: [] } });
  });

  it('spreads over the members, each path over a SCID of its own', () => {
    const request = bytesOf(requestFor(open, { amountMsat: 7000n }));
    const first = (byte: number) => {
      const { path } = answer(request, { entropy: entropyOf(byte), maxPaths: 1 }).invoice.paymentPaths[0]!;
      return 'nodeId' in path.firstNode ? toHex(path.firstNode.nodeId) : '';
    };
    expect(new Set(Array.from({ length: 20 }, (_, i) => first(i))).size).toBeGreaterThan(2);
  });

  it('comes for offers of a retired epoch too, payable with the current keys', () => {
    const current = { id: 4, keys: new ClusterKeys(entropyOf(8)) };
    const turned = new KeyRing(current, [ring.current]);
    expect(answer(bytesOf(requestFor(offer, wish)), { ring: turned }).epochId).toBe(4);
    expect(refused(bytesOf(requestFor(offer, wish)), { ring: new KeyRing(current) })).toMatchObject({
      code: 'not_our_offer',
    });
  });

  it('names the private channel of a member that the gossip does not know, at the price of its peer', () => {
    const { paymentPaths } = answer(bytesOf(requestFor(open, { amountMsat: 1_000_000n })), { members: hidden }).invoice;
    expect(paymentPaths).toHaveLength(2);
    for (const { path, payInfo } of paymentPaths) {
      expect(path.hops).toHaveLength(3);
      expect(payInfo).toMatchObject({
        feeBaseMsat: 1000,
        feeProportionalMillionths: 100,
        cltvExpiryDelta: 80 + 80 + 83,
      });
    }
  });

  it('leaves out what cannot carry a blinded payment', () => {
    const request = bytesOf(requestFor(open, { amountMsat: 7000n }));
    const [m1, m2, m3] = members;
    const firstNodes = (list: typeof members) => answer(request, { members: list }).invoice.paymentPaths.length;
    expect(firstNodes([m1!, { ...m2!, relaysBlinded: false }])).toBe(1);
    expect(firstNodes([m1!, { ...m2!, importedScids: [9n] }])).toBe(1);
    const [first, second] = m3!.channels;
    expect(firstNodes([{ ...m3!, channels: [{ ...first!, peerBlindsRoutes: false }, second!] }])).toBe(1);
    const slow = { ...first!, peerPolicy: { ...first!.peerPolicy!, cltvExpiryDelta: 217 } };
    expect(firstNodes([{ ...m3!, channels: [slow, second!] }])).toBe(1);
  });
});

describe('no answer', () => {
  it('goes to requests for what is not ours, in silence', () => {
    const foreign = { offer: unwrap(buildOffer({ issuerId: signerOf(entropyOf(9)).nodeId, description: 'x' })) };
    const signer = signerOf(entropyOf(0x51));
    const request = unwrap(
      buildInvoiceRequest({ offer: foreign.offer, metadata: entropyOf(1), signer, amountMsat: 5n }),
    );
    const silent = { code: 'not_our_offer' };
    expect(refused(encodeRecords(request.records))).toEqual(expect.objectContaining(silent));
    expect(refused(encodeRecords(request.records)).tell).toBeUndefined();
    const ours = bytesOf(requestFor(offer, wish));
    for (const nonce of [new Uint8Array(16), new Uint8Array(15), new Uint8Array()]) {
      expect(refused(ours, { nonce })).toMatchObject(silent);
      expect(refused(ours, { nonce }).tell).toBeUndefined();
    }
  });

  it('goes to a request whose payer changed the offer in any way before signing', () => {
    const { amount, quantityMax, paths, issuerId, description } = offer.offer;
    const fields = {
      amount: amount!,
      quantityMax: quantityMax!,
      paths: paths!,
      issuerId: issuerId!,
      description: description!,
    };
    const signed = (more: object) =>
      bytesOf(requestFor({ ...offer, offer: unwrap(buildOffer({ ...fields, ...more })) }, wish));
    expect(answerInvoiceRequest(answerParams(signed({}))).ok).toBe(true);
    const changes = [
      { amount: 99_999n },
      { quantityMax: 6n },
      { paths: paths!.slice(1) },
      { description: 'Tea' },
      { issuer: 'me' },
      { absoluteExpiry: 1n << 40n },
    ];
    for (const change of changes) {
      expect(refused(signed(change)), JSON.stringify(Object.keys(change))).toMatchObject({ code: 'not_our_offer' });
      expect(refused(signed(change)).tell).toBeUndefined();
    }
  });

  it('goes to garbage of any kind, which never throws', () => {
    const good = bytesOf(requestFor(offer, wish));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(good.length * 8 - 1), (random, bit) => {
        const flipped = good.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        for (const bytes of [random, flipped, good.slice(0, bit >> 3)]) {
          expect(answerInvoiceRequest(answerParams(bytes)).ok).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a refusal that says why', () => {
  const told = (request: Uint8Array, more: Partial<AnswerParams> = {}) => {
    const { code, tell } = refused(request, more);
    return [code, tell?.erroneousField, (tell?.error.length ?? 0) > 0];
  };

  /** Records of a good request with others in their place; a payer of another program signs what it likes. */
  const signedWith = (
    change: readonly { type: bigint; value: Uint8Array }[],
    without: readonly bigint[] = [],
  ): Uint8Array => {
    const request = requestFor(offer, wish);
    const changed = new Set(change.map(({ type }) => type));
    const kept = request.records.filter(({ type }) => !changed.has(type) && !without.includes(type));
    return encodeTlvStream([...kept, ...change]);
  };

  it('for amount and quantity', () => {
    const tooMany = Uint8Array.of(9);
    expect(told(signedWith([{ type: 86n, value: tooMany }]))).toEqual(['quantity_too_large', 86n, true]);
    expect(told(signedWith([], [86n]))).toEqual(['missing_quantity', 86n, true]);
    expect(told(signedWith([{ type: 82n, value: Uint8Array.of(1) }]))).toEqual(['amount_too_low', 82n, true]);
    expect(told(bytesOf(requestFor(open, { amountMsat: 0n })))).toEqual(['zero_amount', 82n, true]);
  });

  it('for chain and time', () => {
    const request = bytesOf(requestFor(offer, wish));
    expect(told(request, { chains: [entropyOf(1)] })).toEqual(['unsupported_chain', 80n, true]);
    const old = offerOf({ amountMsat: 5n, absoluteExpiry: NOW - 1 });
    expect(told(bytesOf(requestFor(old)))).toEqual(['expired', 14n, true]);
  });

  it('for a cluster that cannot receive', () => {
    const request = bytesOf(requestFor(offer, wish));
    expect(told(request, { members: [] })).toEqual(['no_members', undefined, true]);
    expect(told(request, { members: members.map((member) => ({ ...member, healthy: false })) })).toEqual([
      'no_healthy_member',
      undefined,
      true,
    ]);
    const policy = { feeBaseMsat: 0, feeProportionalMillionths: 0, cltvExpiryDelta: 40, htlcMinimumMsat: 1_000_000n };
    const large = [clusterMember('M1', [publicChannel('P1', 5_000_000_000n, { peerPolicy: policy })])];
    expect(told(request, { members: large })).toEqual(['amount_too_small', undefined, true]);
  });

  it('is nothing about the inside of the cluster', () => {
    const { tell } = refused(bytesOf(requestFor(offer, wish)), { members: [] });
    expect(tell!.error).not.toMatch(/member|node|cluster/);
  });

  it('needs the nonce of the offer even then', () => {
    const request = signedWith([], [86n]);
    expect(refused(request, { nonce: NONCE }).tell).toBeDefined();
    expect(refused(request, { nonce: new Uint8Array(16) }).tell).toBeUndefined();
  });
});
