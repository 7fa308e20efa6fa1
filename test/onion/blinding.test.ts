import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ec } from '../../src/crypto/index.js';
import {
  aggregateRelays,
  buildBlindedPath,
  buildOnion,
  decodeBlindedPath,
  decodeEncryptedData,
  decodePaymentPayload,
  type EncryptedData,
  encodeBlindedPath,
  encodeEncryptedData,
  encodePadded,
  encodePaymentPayload,
  nextPathKey,
  type PaymentRelay,
  peelOnion,
  relayThroughBlindedHop,
  unblindHop,
} from '../../src/onion/index.js';
import { unwrap } from '../../src/wire/result.js';
import { bytes, node, oddRecords, point, secret, u16, u32, u64, withFlippedBit } from './arbitraries.js';

const relay: fc.Arbitrary<PaymentRelay> = fc.record({
  cltvExpiryDelta: fc.nat({ max: 2016 }),
  feeProportionalMillionths: fc.nat({ max: 1_000_000 }),
  feeBaseMsat: fc.nat({ max: 10_000_000 }),
});

const encryptedData: fc.Arbitrary<EncryptedData> = fc.record(
  {
    padding: bytes(0, 40),
    shortChannelId: u64,
    nextNodeId: point,
    pathId: bytes(0, 40),
    nextPathKeyOverride: point,
    paymentRelay: fc.record({ cltvExpiryDelta: u16, feeProportionalMillionths: u32, feeBaseMsat: u32 }),
    paymentConstraints: fc.record({ maxCltvExpiry: u32, htlcMinimumMsat: u64 }),
    allowedFeatures: fc.uniqueArray(fc.nat({ max: 200 }), { maxLength: 4 }).map((bits) => bits.sort((a, b) => a - b)),
    unknown: oddRecords(15n).filter((records) => records.length > 0),
  },
  { requiredKeys: [] },
);

describe('encrypted data', () => {
  it('round trips', () => {
    fc.assert(
      fc.property(encryptedData, (data) => {
        const { unknown, ...known } = unwrap(decodeEncryptedData(encodeEncryptedData(data)));
        expect({ ...known, unknown: undefined }).toEqual({ ...data, unknown: undefined });
        expect(unknown?.map(({ type, value }) => ({ type, value }))).toEqual(data.unknown);
      }),
    );
  });

  it('never throws on random or mutated bytes', () => {
    fc.assert(
      fc.property(encryptedData, bytes(0, 100), fc.nat(), (data, random, bit) => {
        const encoded = encodeEncryptedData(data);
        for (const stream of [random, encoded.length > 0 ? withFlippedBit(encoded, bit) : encoded]) {
          for (const role of [undefined, 'payment_relay', 'payment_final', 'message_relay', 'message_final'] as const) {
            expect(typeof decodeEncryptedData(stream, role).ok).toBe('boolean');
          }
        }
      }),
    );
  });

  it('refuses a payment relay that names two next hops', () => {
    const data: EncryptedData = {
      shortChannelId: 1n,
      nextNodeId: ec.publicKey(new Uint8Array(32).fill(1)),
      paymentRelay: { cltvExpiryDelta: 1, feeProportionalMillionths: 1, feeBaseMsat: 1 },
      paymentConstraints: { maxCltvExpiry: 1, htlcMinimumMsat: 1n },
    };
    expect(decodeEncryptedData(encodeEncryptedData(data), 'payment_relay').ok).toBe(false);
    const { nextNodeId: _, ...one } = data;
    expect(decodeEncryptedData(encodeEncryptedData(one), 'payment_relay').ok).toBe(true);
  });

  it('is padded to one length without changing its meaning', () => {
    fc.assert(
      fc.property(fc.array(encryptedData, { minLength: 1, maxLength: 5 }), bytes(0, 400), (hops, pathId) => {
        const all = [...hops, { pathId }];
        const padded = encodePadded(all);
        expect(new Set(padded.map((stream) => stream.length)).size).toBe(1);
        padded.forEach((stream, i) => {
          const { padding, unknown, ...known } = unwrap(decodeEncryptedData(stream));
          expect(padding).toBeDefined();
          expect(unknown?.length).toBe(all[i]!.unknown?.length);
          expect(known).toEqual({ ...all[i], padding: undefined, unknown: undefined });
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe('blinded paths', () => {
  const hops = fc.array(fc.tuple(node, bytes(0, 120)), { minLength: 1, maxLength: 6 });

  it('every hop reads its own data and finds the next path key', () => {
    fc.assert(
      fc.property(hops, secret, (route, sessionKey) => {
        const path = buildBlindedPath(
          sessionKey,
          route.map(([{ nodeId }, data]) => ({ nodeId, data })),
        );
        expect(unwrap(decodeBlindedPath(encodeBlindedPath(path)))).toEqual(path);
        let pathKey = path.firstPathKey;
        route.forEach(([{ nodeSecret }, data], i) => {
          const { blindedNodeId, encryptedData: sealed } = path.hops[i]!;
          const hop = unwrap(unblindHop(nodeSecret, pathKey, sealed));
          expect(hop.data).toEqual(data);
          expect(ec.publicKey(hop.blindedSecret)).toEqual(blindedNodeId);
          expect(unblindHop(nodeSecret, pathKey, withFlippedBit(sealed, i)).ok).toBe(false);
          pathKey = nextPathKey(hop, {});
        });
      }),
      { numRuns: 25 },
    );
  });

  it('two paths are joined by the override', () => {
    const [alice, bob] = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
    const bobs = buildBlindedPath(bob!, [{ nodeId: ec.publicKey(bob!), data: Uint8Array.of(1, 0) }]);
    const data = encodeEncryptedData({ nextNodeId: ec.publicKey(bob!), nextPathKeyOverride: bobs.firstPathKey });
    const path = buildBlindedPath(alice!, [{ nodeId: ec.publicKey(alice!), data }]);
    const hop = unwrap(unblindHop(alice!, path.firstPathKey, path.hops[0]!.encryptedData));
    const key = nextPathKey(hop, unwrap(decodeEncryptedData(hop.data)));
    expect(unwrap(unblindHop(bob!, key, bobs.hops[0]!.encryptedData)).data).toEqual(Uint8Array.of(1, 0));
    expect(unblindHop(bob!, hop.derivedNextPathKey, bobs.hops[0]!.encryptedData).ok).toBe(false);
  });

  it('carries a payment from introduction node to recipient', () => {
    const secrets = [5, 6, 7].map((byte) => new Uint8Array(32).fill(byte));
    const nodes = secrets.map((nodeSecret) => ec.publicKey(nodeSecret));
    const relaying = (shortChannelId: bigint): EncryptedData => ({
      shortChannelId,
      paymentRelay: { cltvExpiryDelta: 40, feeProportionalMillionths: 100, feeBaseMsat: 1000 },
      paymentConstraints: { maxCltvExpiry: 900_000, htlcMinimumMsat: 1n },
    });
    const datas = encodePadded([relaying(1n), relaying(2n), { pathId: secrets[0]! }]);
    const path = buildBlindedPath(
      secrets[2]!,
      nodes.map((nodeId, i) => ({ nodeId, data: datas[i]! })),
    );
    const payloads = path.hops.map(({ encryptedData: sealed }, i) =>
      encodePaymentPayload({
        encryptedRecipientData: sealed,
        ...(i === 0 && { currentPathKey: path.firstPathKey }),
        ...(i === 2 && { amtToForward: 5n, outgoingCltvValue: 800_000, totalAmountMsat: 5n }),
      }),
    );
    const ids = [nodes[0]!, ...path.hops.slice(1).map(({ blindedNodeId }) => blindedNodeId)];
    const associatedData = secrets[0]!;
    let onion = buildOnion({
      sessionKey: secrets[1]!,
      associatedData,
      hops: ids.map((nodeId, i) => ({ nodeId, payload: payloads[i]! })),
    }).onion;
    let pathKey: Uint8Array | undefined;
    secrets.forEach((nodeSecret, i) => {
      const peeled = peelOnion({ nodeSecret, onion, associatedData, ...(pathKey && { pathKey }) });
      if (!peeled.ok) throw new Error(peeled.error.message);
      const final = peeled.value.next === undefined;
      const payload = unwrap(
        decodePaymentPayload(peeled.value.payload, { final, updateAddHasPathKey: pathKey !== undefined }),
      );
      expect(payload.kind).toBe(i === 2 ? 'blinded_final' : 'blinded_relay');
      const hop = unwrap(unblindHop(nodeSecret, pathKey ?? payload.currentPathKey!, payload.encryptedRecipientData!));
      const data = unwrap(decodeEncryptedData(hop.data, final ? 'payment_final' : 'payment_relay'));
      pathKey = nextPathKey(hop, data);
      onion = peeled.value.next ?? onion;
    });
  });

  it('path bytes never throw when mutated, and trailing bytes are refused', () => {
    const path = buildBlindedPath(new Uint8Array(32).fill(3), [
      { nodeId: ec.publicKey(new Uint8Array(32).fill(4)), data: new Uint8Array(20) },
    ]);
    const encoded = encodeBlindedPath(path);
    fc.assert(
      fc.property(fc.nat(), bytes(1, 300), fc.nat({ max: encoded.length - 1 }), (bit, random, cut) => {
        expect(typeof decodeBlindedPath(withFlippedBit(encoded, bit)).ok).toBe('boolean');
        expect(typeof decodeBlindedPath(random).ok).toBe('boolean');
        expect(decodeBlindedPath(encoded.slice(0, cut)).ok).toBe(false);
        expect(decodeBlindedPath(Uint8Array.of(...encoded, ...random)).ok).toBe(false);
      }),
    );
    expect(() => encodeBlindedPath({ ...path, hops: [] })).toThrow(RangeError);
    expect(() => buildBlindedPath(new Uint8Array(32).fill(3), [])).toThrow(RangeError);
  });
});

describe('fees inside a path', () => {
  it('the aggregate always pays every relay', () => {
    const small = fc.bigInt({ min: 1n, max: 100_000_000_000n });
    fc.assert(
      fc.property(fc.array(relay, { minLength: 1, maxLength: 5 }), small, (relays, amount) => {
        const sum = aggregateRelays(relays, 18);
        const fee = sum.feeBaseMsat + (amount * sum.feeProportionalMillionths) / 1_000_000n;
        let htlc = { amtToForward: amount + fee, outgoingCltvValue: 800_000 + sum.cltvExpiryDelta };
        for (const hop of relays) htlc = unwrap(relayThroughBlindedHop(htlc.amtToForward, htlc.outgoingCltvValue, hop));
        expect(htlc.amtToForward).toBeGreaterThanOrEqual(amount);
        expect(htlc.outgoingCltvValue).toBe(800_018);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses amounts and expiries below what the relay takes, and bears u64 amounts', () => {
    const hop = { cltvExpiryDelta: 10, feeProportionalMillionths: 0xffff_ffff, feeBaseMsat: 0xffff_ffff };
    expect(relayThroughBlindedHop(0xffff_fffen, 100, hop)).toMatchObject({ error: { code: 'fee_insufficient' } });
    expect(relayThroughBlindedHop(0xffff_ffffn, 9, hop)).toMatchObject({ error: { code: 'incorrect_cltv_expiry' } });
    expect(unwrap(relayThroughBlindedHop(0xffff_ffffn, 10, hop))).toEqual({ amtToForward: 0n, outgoingCltvValue: 0 });
    expect(unwrap(relayThroughBlindedHop(2n ** 64n - 1n, 10, hop)).amtToForward).toBe(4_293_967_528_776_214n);
  });
});
