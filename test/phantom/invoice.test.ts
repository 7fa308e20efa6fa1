import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInvoice } from '../../src/bolt11/index.js';
import { sha256 } from '../../src/crypto/index.js';
import {
  ClusterKeys,
  createPhantomInvoice,
  KeyRing,
  type PhantomInvoiceParams,
  recognisePhantomScid,
  verifyPaymentSecretByRing,
} from '../../src/phantom/index.js';
import { utf8 } from '../../src/wire/bytes.js';
import { MAX_MSAT } from '../../src/wire/units.js';
import { channel, clusterMember, nodeId, publicChannel } from './support.js';

const oldEpoch = { id: 1, keys: new ClusterKeys(new Uint8Array(32).fill(1)) };
const ring = new KeyRing({ id: 2, keys: new ClusterKeys(new Uint8Array(32).fill(2)) }, [oldEpoch]);
const members = [
  clusterMember('A', [publicChannel('p', 5_000_000n)]),
  clusterMember('B', [channel('p', 5_000_000n)]),
  clusterMember('C', [publicChannel('q', 5_000_000n)]),
];

const base: PhantomInvoiceParams = {
  ring,
  members,
  currency: 'bcrt',
  amountMsat: 1_000_000n,
  about: { description: 'coffee' },
  now: 1_700_000_000,
  entropy: new Uint8Array(32).fill(9),
};

function make(change: Partial<PhantomInvoiceParams> = {}) {
  const made = createPhantomInvoice({ ...base, ...change });
  if (!made.ok) throw new Error(`${made.error.code}: ${made.error.message}`);
  const decoded = decodeInvoice(made.value.invoice);
  if (!decoded.ok) throw new Error(decoded.error.message);
  return { made: made.value, decoded: decoded.value };
}

function errorOf(change: Partial<PhantomInvoiceParams>): string {
  const made = createPhantomInvoice({ ...base, ...change });
  return made.ok ? 'accepted' : made.error.code;
}

describe('a phantom invoice', () => {
  const { made, decoded } = make();

  it('is signed by the current phantom key and says what it was asked to', () => {
    expect(made.epochId).toBe(2);
    expect(decoded.payee).toEqual(ring.current.keys.phantomNodeId);
    expect(decoded).toMatchObject({
      amountMsat: 1_000_000n,
      timestamp: 1_700_000_000,
      description: 'coffee',
      expirySeconds: 3600n,
      minFinalCltvExpiryDelta: 83,
      features: [8, 14, 17],
    });
    expect(decoded.paymentHash).toEqual(made.paymentHash);
    expect(decoded.paymentSecret).toEqual(made.paymentSecret);
    expect(sha256(made.preimage!)).toEqual(made.paymentHash);
    expect(made).toMatchObject({
      expirySeconds: 3600,
      acceptedUntil: 1_700_010_800,
      multiPart: true,
      enoughInbound: true,
    });
  });

  it('names every member once, each by a SCID that it recognises', () => {
    expect(decoded.routeHints).toHaveLength(3);
    const ends = decoded.routeHints.map((hops) => hops.at(-1)!);
    expect(ends.map((hop) => hop.nodeId)).toEqual(made.hintedMembers);
    for (const hop of ends) {
      expect(recognisePhantomScid(ring, hop.nodeId, hop.shortChannelId)?.epochId).toBe(2);
      expect([hop.feeBaseMsat, hop.feeProportionalMillionths, hop.cltvExpiryDelta]).toEqual([0, 0, 48]);
    }
    const lengths = new Map(ends.map((hop, i) => [hop.nodeId, decoded.routeHints[i]!.length]));
    expect([...lengths.values()].sort()).toEqual([1, 1, 2]);
  });

  it('carries its final CLTV in the secret, so that no record is needed to enforce it', () => {
    const verdict = verifyPaymentSecretByRing(ring, { ...made, totalMsat: 1_000_000n, now: made.acceptedUntil });
    expect(verdict).toMatchObject({ ok: true, epochId: 2, minFinalCltv: 80, method: 2, preimage: made.preimage });
  });

  it('is the same for the same entropy and differs in hash and SCIDs for another', () => {
    expect(make().made.invoice).toBe(made.invoice);
    const other = make({ entropy: new Uint8Array(32).fill(10) });
    expect(other.made.paymentHash).not.toEqual(made.paymentHash);
    const scids = [decoded, other.decoded].flatMap(({ routeHints }) =>
      routeHints.map((hops) => hops.at(-1)!.shortChannelId),
    );
    expect(new Set(scids).size).toBe(6);
  });

  it('stays payable when its epoch is replaced', () => {
    const before = make({ ring: new KeyRing(oldEpoch) });
    expect(before.made.epochId).toBe(1);
    const verdict = verifyPaymentSecretByRing(ring, { ...before.made, totalMsat: 1_000_000n, now: 0 });
    expect(verdict).toMatchObject({ ok: true, epochId: 1 });
    const hop = before.decoded.routeHints[0]!.at(-1)!;
    expect(recognisePhantomScid(ring, hop.nodeId, hop.shortChannelId)?.epochId).toBe(1);
  });
});

describe('options', () => {
  it("a user's hash: no preimage, method 3", () => {
    const paymentHash = sha256(Uint8Array.of(4));
    const { made, decoded } = make({ paymentHash });
    expect(decoded.paymentHash).toEqual(paymentHash);
    expect(made.preimage).toBeUndefined();
    const verdict = verifyPaymentSecretByRing(ring, { ...made, totalMsat: 1_000_000n, now: 0 });
    expect(verdict).toMatchObject({ ok: true, method: 3, minFinalCltv: 80 });
    expect(verdict.ok && verdict.preimage).toBeUndefined();
  });

  it.each([
    ['our hash', undefined],
    ["a user's hash", sha256(Uint8Array.of(4))],
  ])('metadata comes back encrypted and authenticated, with %s', (_, paymentHash) => {
    const metadata = utf8('order 4711');
    const { made, decoded } = make({ metadata, paymentHash });
    expect(decoded.features).toEqual([8, 14, 17, 48]);
    const carried = decoded.paymentMetadata!;
    expect(carried).not.toEqual(metadata);
    const params = { ...made, totalMsat: 1_000_000n, now: 0 };
    const verdict = verifyPaymentSecretByRing(ring, { ...params, metadata: carried });
    expect(verdict.ok && verdict.metadata).toEqual(metadata);
    expect(verifyPaymentSecretByRing(ring, params).ok).toBe(false);
  });

  it('basic_mpp is offered only where every member named holds parts', () => {
    const ldk = clusterMember('L', [publicChannel('p', 5_000_000n)], { holdsParts: false, importedScids: [5n] });
    const { made, decoded } = make({ members: [members[0]!, ldk] });
    expect(decoded.features).toEqual([8, 14]);
    expect(made.multiPart).toBe(false);
    expect(decoded.routeHints.map((hops) => hops.at(-1)!.shortChannelId)).toContain(5n);
  });

  it('no amount, description hash, expiry, final CLTV, hints', () => {
    const descriptionHash = sha256(utf8('terms'));
    const { made, decoded } = make({
      amountMsat: undefined,
      about: { descriptionHash },
      expirySeconds: 60,
      minFinalCltv: 144,
      maxHints: 2,
      hintCltvExpiryDelta: 60,
    });
    expect(decoded.amountMsat).toBeUndefined();
    expect(decoded.descriptionHash).toEqual(descriptionHash);
    expect(decoded.expirySeconds).toBe(60n);
    expect(decoded.minFinalCltvExpiryDelta).toBe(147);
    expect(decoded.routeHints).toHaveLength(2);
    expect(decoded.routeHints[0]!.at(-1)!.cltvExpiryDelta).toBe(60);
    expect(made.acceptedUntil).toBe(base.now + 60 + 7200);
  });

  it('rotation decides who is named', () => {
    const many = ['A', 'B', 'C', 'D', 'E'].map((name) => clusterMember(name, [publicChannel('p', 5_000_000n)]));
    const turns = [0, 1, 2, 3, 4].map((rotation) => make({ members: many, rotation }).made.hintedMembers[0]!);
    expect(new Set(turns.map(String)).size).toBe(5);
    expect(turns).toContainEqual(nodeId('E'));
  });

  it('says so where the cluster cannot receive the amount now', () => {
    expect(make({ amountMsat: 15_000_001n }).made.enoughInbound).toBe(false);
    expect(make({ amountMsat: 15_000_000n }).made.enoughInbound).toBe(true);
  });
});

describe('errors', () => {
  it('are values with a code', () => {
    expect(errorOf({ members: [] })).toBe('no_members');
    expect(errorOf({ members: members.map((one) => ({ ...one, healthy: false })) })).toBe('no_healthy_member');
    expect(errorOf({ members: [clusterMember('A', [])] })).toBe('no_usable_channel');
    expect(errorOf({ minFinalCltv: 38 })).toBe('min_final_cltv_too_short');
    expect(errorOf({ minFinalCltv: 39 })).toBe('accepted');
    expect(errorOf({ minFinalCltv: 1_500 })).toBe('accepted');
    expect(errorOf({ minFinalCltv: 1_501 })).toBe('min_final_cltv_too_long');
    expect(errorOf({ minFinalCltv: 80.5 })).toBe('invalid_min_final_cltv');
    expect(errorOf({ amountMsat: MAX_MSAT + 1n })).toBe('invalid_amount');
    expect(errorOf({ amountMsat: 0n })).toBe('amount_not_positive');
    expect(errorOf({ expirySeconds: -1 })).toBe('invalid_expiry');
    expect(errorOf({ about: { description: 'x'.repeat(640) } })).toBe('description_too_long');
    expect(errorOf({ metadata: new Uint8Array(640) })).toBe('metadata_too_long');
  });

  it('wrong entropy is a bug of the caller', () => {
    expect(() => createPhantomInvoice({ ...base, entropy: new Uint8Array(16) })).toThrow(RangeError);
  });
});

describe('any invoice', () => {
  it('decodes to what was asked and verifies', () => {
    fc.assert(
      fc.property(
        fc.option(fc.bigInt(1n, 5_000_000n), { nil: undefined }),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.integer({ min: 39, max: 1_500 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }), { nil: undefined }),
        (amountMsat, expirySeconds, minFinalCltv, entropy, paymentHash) => {
          const { made, decoded } = make({ amountMsat, expirySeconds, minFinalCltv, entropy, paymentHash });
          expect(decoded.amountMsat).toBe(amountMsat);
          expect(decoded.expirySeconds).toBe(BigInt(expirySeconds));
          expect(decoded.minFinalCltvExpiryDelta).toBe(Math.min(minFinalCltv + 3, 0xffff));
          const verdict = verifyPaymentSecretByRing(ring, {
            ...made,
            totalMsat: amountMsat ?? 1n,
            now: made.acceptedUntil,
          });
          expect(verdict).toMatchObject({ ok: true, minFinalCltv, epochId: 2 });
        },
      ),
      { numRuns: 60 },
    );
  });
});
