import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/crypto/index.js';
import {
  ClusterKeys,
  EXPIRY_GRACE_SECONDS,
  type IssuedSecret,
  issuePaymentSecret,
  issuePaymentSecretForHash,
  issueSpontaneousSecret,
  KeyRing,
  paymentPreimage,
  SecretMethod,
  type SecretVerdict,
  verifyPaymentSecret,
  verifyPaymentSecretByRing,
} from '../../src/phantom/index.js';
import { MAX_MSAT } from '../../src/wire/units.js';

const keys = new ClusterKeys(new Uint8Array(32).fill(7));
const otherKeys = new ClusterKeys(new Uint8Array(32).fill(8));

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

interface Wanted {
  readonly userHash: boolean;
  readonly minAmountMsat: bigint | undefined;
  readonly minFinalCltv: number | undefined;
  readonly expiryDeltaSeconds: number;
  readonly now: number;
  readonly metadata: Uint8Array | undefined;
  readonly iv: Uint8Array;
  readonly hashed: Uint8Array;
}

const wanted: fc.Arbitrary<Wanted> = fc.record({
  userHash: fc.boolean(),
  minAmountMsat: fc.option(fc.bigInt({ min: 0n, max: MAX_MSAT }), { nil: undefined }),
  minFinalCltv: fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined }),
  expiryDeltaSeconds: fc.integer({ min: 0, max: 0xffff_ffff }),
  now: fc.integer({ min: 0, max: 0xffff_ffff }),
  metadata: fc.option(fc.uint8Array({ maxLength: 60 }), { nil: undefined }),
  iv: bytes(16),
  hashed: bytes(32),
});

function issue({ userHash, iv, hashed, metadata, ...terms }: Wanted): IssuedSecret {
  const issued = userHash
    ? issuePaymentSecretForHash({
        keys,
        ...terms,
        paymentHash: sha256(hashed),
        metadata: metadata && { plaintext: metadata, iv },
      })
    : issuePaymentSecret({ keys, ...terms, iv, metadata });
  if (!issued.ok) throw new Error(issued.error.message);
  return issued.value;
}

function verify(issued: IssuedSecret, change: Partial<Parameters<typeof verifyPaymentSecret>[0]> = {}): SecretVerdict {
  return verifyPaymentSecret({ keys, totalMsat: MAX_MSAT, now: 0, ...issued, ...change });
}

function flipped(data: Uint8Array, bit: number): Uint8Array {
  const copy = data.slice();
  const at = bit % (8 * copy.length);
  copy[at >> 3]! ^= 1 << (at & 7);
  return copy;
}

describe('payment secrets', () => {
  it('verify to what they were made of, for every method', () => {
    const methods = new Set<number>();
    fc.assert(
      fc.property(wanted, (one) => {
        const issued = issue(one);
        const amountMsat = one.minAmountMsat ?? 0n;
        expect(issued.expiresAt).toBe(one.now + one.expiryDeltaSeconds + EXPIRY_GRACE_SECONDS);
        const verdict = verify(issued, { totalMsat: amountMsat, now: issued.expiresAt });
        if (!verdict.ok) throw new Error(verdict.reason);
        methods.add(verdict.method);
        expect(verdict.amountMsat).toBe(amountMsat);
        expect(verdict.expiry).toBe(issued.expiresAt);
        expect(verdict.minFinalCltv).toBe(one.minFinalCltv);
        expect(verdict.metadata).toEqual(one.metadata);
        expect(verdict.preimage === undefined).toBe(one.userHash);
        if (verdict.preimage) expect(sha256(verdict.preimage)).toEqual(issued.paymentHash);
        expect(paymentPreimage(keys, issued.paymentHash, issued.paymentSecret, issued.metadata)).toEqual(
          verdict.preimage,
        );
      }),
      { numRuns: 300 },
    );
    expect([...methods].sort()).toEqual([0, 1, 2, 3]);
  });

  it('refuse too little, too late, and with other keys', () => {
    fc.assert(
      fc.property(wanted, (one) => {
        const issued = issue(one);
        expect(verify(issued, { now: issued.expiresAt + 1 })).toMatchObject({ ok: false, reason: 'expired' });
        if (one.minAmountMsat) {
          const totalMsat = one.minAmountMsat - 1n;
          expect(verify(issued, { totalMsat })).toMatchObject({ ok: false, reason: 'amount_too_low' });
        }
        const foreign = verify(issued, { keys: otherKeys });
        expect(!foreign.ok && ['unknown_method', 'not_authentic'].includes(foreign.reason)).toBe(true);
        expect(paymentPreimage(otherKeys, issued.paymentHash, issued.paymentSecret, issued.metadata)).toBeUndefined();
      }),
    );
  });

  it('refuse any flipped bit of hash, secret and metadata', () => {
    fc.assert(
      fc.property(wanted, fc.nat(), (one, bit) => {
        const issued = issue(one);
        const refused = (change: Parameters<typeof verify>[1]): void => {
          const verdict = verify(issued, change);
          expect(!verdict.ok && ['unknown_method', 'not_authentic'].includes(verdict.reason)).toBe(true);
        };
        refused({ paymentHash: flipped(issued.paymentHash, bit) });
        refused({ paymentSecret: flipped(issued.paymentSecret, bit) });
        if (issued.metadata?.length) refused({ metadata: flipped(issued.metadata, bit) });
      }),
      { numRuns: 300 },
    );
    const issued = issue({
      userHash: false,
      minAmountMsat: 1000n,
      minFinalCltv: 80,
      expiryDeltaSeconds: 60,
      now: 1_700_000_000,
      metadata: undefined,
      iv: new Uint8Array(16),
      hashed: new Uint8Array(32),
    });
    for (let bit = 0; bit < 256; bit++) {
      expect(verify(issued, { paymentSecret: flipped(issued.paymentSecret, bit) }).ok).toBe(false);
      expect(verify(issued, { paymentHash: flipped(issued.paymentHash, bit) }).ok).toBe(false);
    }
  });

  it('refuse metadata that is added, left out, cut or longer', () => {
    fc.assert(
      fc.property(wanted, (one) => {
        const issued = issue(one);
        const { metadata: carried, ...bare } = issued;
        const refused = (metadata: Uint8Array | undefined): void =>
          expect(verify({ ...bare, ...(metadata && { metadata }) })).toMatchObject({
            ok: false,
            reason: 'not_authentic',
          });
        if (!carried) {
          refused(new Uint8Array());
          refused(new Uint8Array(16));
          return;
        }
        refused(undefined);
        refused(Uint8Array.of(...carried, 0));
        if (carried.length > 0) refused(carried.slice(1));
      }),
    );
  });

  it('never accept or throw on random bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
        (paymentHash, paymentSecret, metadata) => {
          expect(verifyPaymentSecret({ keys, paymentHash, paymentSecret, totalMsat: 1n, now: 0, metadata }).ok).toBe(
            false,
          );
          expect(paymentPreimage(keys, paymentHash, paymentSecret, metadata)).toBeUndefined();
        },
      ),
    );
  });

  it('of method 4 go with any hash, but not with metadata', () => {
    const issued = issueSpontaneousSecret({ keys, minAmountMsat: 5n, expiryDeltaSeconds: 0, now: 1000 });
    if (!issued.ok) throw new Error(issued.error.message);
    const { paymentSecret } = issued.value;
    const params = { keys, paymentSecret, totalMsat: 5n, now: 8200 };
    const good = verifyPaymentSecret({ ...params, paymentHash: new Uint8Array(32).fill(1) });
    expect(good).toEqual({ ok: true, method: SecretMethod.spontaneous, amountMsat: 5n, expiry: 8200 });
    const withMetadata = { ...params, paymentHash: new Uint8Array(32), metadata: new Uint8Array() };
    expect(verifyPaymentSecret(withMetadata)).toMatchObject({ ok: false, reason: 'not_authentic' });
    expect(paymentPreimage(keys, new Uint8Array(32), paymentSecret)).toBeUndefined();
  });
});

describe('creation', () => {
  const terms = { keys, iv: new Uint8Array(16), expiryDeltaSeconds: 3600, now: 1_700_000_000 };
  const code = (change: Partial<Parameters<typeof issuePaymentSecret>[0]>): string | undefined => {
    const issued = issuePaymentSecret({ ...terms, ...change });
    return issued.ok ? undefined : issued.error.code;
  };

  it('refuses what a secret cannot carry', () => {
    expect(code({ minAmountMsat: MAX_MSAT })).toBeUndefined();
    expect(code({ minAmountMsat: MAX_MSAT + 1n })).toBe('invalid_amount');
    expect(code({ minAmountMsat: -1n })).toBe('invalid_amount');
    expect(code({ expiryDeltaSeconds: -1 })).toBe('invalid_expiry');
    expect(code({ expiryDeltaSeconds: 1.5 })).toBe('invalid_expiry');
    expect(code({ expiryDeltaSeconds: 2 ** 32 })).toBe('invalid_expiry');
    expect(code({ now: Number.NaN })).toBe('invalid_expiry');
    expect(code({ minFinalCltv: 65_535 })).toBeUndefined();
    expect(code({ minFinalCltv: 65_536 })).toBe('invalid_min_final_cltv');
    expect(code({ minFinalCltv: -1 })).toBe('invalid_min_final_cltv');
  });

  it('keeps the expiry within 48 bits where a CLTV stands before it', () => {
    const last = 2 ** 48 - 1 - EXPIRY_GRACE_SECONDS;
    const at = { expiryDeltaSeconds: 0, minFinalCltv: 80 };
    expect(code({ ...at, now: last })).toBeUndefined();
    expect(code({ ...at, now: last + 1 })).toBe('invalid_amount');
    expect(code({ expiryDeltaSeconds: 0, now: last + 1 })).toBeUndefined();
  });

  it('throws for arguments of the wrong length', () => {
    expect(() => issuePaymentSecret({ ...terms, iv: new Uint8Array(15) })).toThrow(RangeError);
    expect(() => issuePaymentSecretForHash({ ...terms, paymentHash: new Uint8Array(31) })).toThrow(RangeError);
  });
});

describe('verification with a ring', () => {
  const ring = new KeyRing({ id: 2, keys: otherKeys }, [{ id: 1, keys }]);
  const issued = issuePaymentSecret({
    keys,
    iv: new Uint8Array(16).fill(3),
    minAmountMsat: 100n,
    expiryDeltaSeconds: 1,
    now: 0,
  });
  if (!issued.ok) throw new Error(issued.error.message);
  const params = { ...issued.value, totalMsat: 100n, now: 7201 };

  it('takes secrets of old epochs', () => {
    expect(verifyPaymentSecretByRing(ring, params)).toMatchObject({
      ok: true,
      epochId: 1,
      preimage: issued.value.preimage,
    });
  });

  it('gives the reason of the epoch that made the secret', () => {
    expect(verifyPaymentSecretByRing(ring, { ...params, totalMsat: 99n })).toMatchObject({ reason: 'amount_too_low' });
    expect(verifyPaymentSecretByRing(ring, { ...params, now: 7202 })).toMatchObject({ reason: 'expired' });
    expect(verifyPaymentSecretByRing(ring, { ...params, paymentHash: new Uint8Array(32) }).ok).toBe(false);
    expect(verifyPaymentSecretByRing(new KeyRing(ring.current), params).ok).toBe(false);
  });
});
