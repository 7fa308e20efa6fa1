/** Every backend of the curve port gives the same bytes, refuses the same input, and agrees with known answers. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { availableBackends, ec, sha256 } from '../../src/crypto/index.js';
import type { Ec } from '../../src/crypto/ec.js';
import { fromHex, toHex } from '../../src/wire/bytes.js';
import { uintBytes, uintOf } from '../../src/wire/integers.js';

const ORDER = 0xffffffff_ffffffff_ffffffff_fffffffe_baaedce6_af48a03b_bfd25e8c_d0364141n;
const FIELD = 0xffffffff_ffffffff_ffffffff_ffffffff_ffffffff_ffffffff_fffffffe_fffffc2fn;
const scalarBytes = (n: bigint) => uintBytes(n, 32);

const backends = availableBackends();
const [first, ...others] = backends as [Ec, ...Ec[]];

beforeAll(() => {
  const missing = (['native', 'tiny', 'noble'] as const).filter(
    (name) => !backends.some(({ backend }) => backend === name),
  );
  if (missing.length > 0)
    console.warn(`curve backends NOT TESTED because they do not load here: ${missing.join(', ')}`);
});

type Outcome = string | number | boolean | undefined | { signature: string; recoveryId: number };

/** What a backend makes of an operation, in comparable form; a RangeError is an outcome, anything else a bug. */
function outcome(body: () => unknown): Outcome {
  let value: unknown;
  try {
    value = body();
  } catch (thrown) {
    if (thrown instanceof RangeError) return 'RangeError';
    throw thrown;
  }
  if (value instanceof Uint8Array) {
    expect(value.constructor).toBe(Uint8Array);
    return toHex(value);
  }
  if (typeof value === 'object' && value !== null) {
    const { signature, recoveryId } = value as ReturnType<Ec['sign']>;
    return { signature: toHex(signature), recoveryId };
  }
  return value as Outcome;
}

/** Runs `operation` on every backend and demands one outcome. */
function agreed(operation: (backend: Ec) => unknown): Outcome {
  const wanted = outcome(() => operation(first));
  for (const backend of others) {
    expect(
      outcome(() => operation(backend)),
      `${backend.backend} against ${first.backend}`,
    ).toEqual(wanted);
  }
  return wanted;
}

const EDGE_SCALARS = [
  0n,
  1n,
  2n,
  ORDER >> 1n,
  (ORDER >> 1n) + 1n,
  ORDER - 2n,
  ORDER - 1n,
  ORDER,
  ORDER + 1n,
  FIELD,
  (1n << 256n) - 1n,
];
const goodScalar = fc.oneof(
  { weight: 5, arbitrary: fc.bigInt({ min: 1n, max: ORDER - 1n }).map(scalarBytes) },
  fc.constantFrom(...EDGE_SCALARS.filter((n) => n > 0n && n < ORDER).map(scalarBytes)),
);
const anyScalar = fc.oneof(
  { weight: 4, arbitrary: goodScalar },
  fc.constantFrom(...EDGE_SCALARS.map(scalarBytes)),
  fc.uint8Array({ maxLength: 40 }),
);
const goodPoint = goodScalar.map((secret) => first.publicKey(secret));

const uncompressed = fromHex(
  '0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8',
);
const BAD_POINTS: Readonly<Record<string, Uint8Array>> = {
  empty: new Uint8Array(),
  'a single zero, the point at infinity': Uint8Array.of(0),
  'all zero': new Uint8Array(33),
  'x is zero': Uint8Array.of(2, ...new Uint8Array(32)),
  'x without a point': Uint8Array.of(2, ...scalarBytes(5n)),
  'x is the field size': Uint8Array.of(2, ...scalarBytes(FIELD)),
  'x is one above the field size': Uint8Array.of(2, ...scalarBytes(FIELD + 1n)),
  'x is the largest number': Uint8Array.of(3, ...new Uint8Array(32).fill(255)),
  'head 0': Uint8Array.of(0, ...uncompressed.subarray(1, 33)),
  'head 1': Uint8Array.of(1, ...uncompressed.subarray(1, 33)),
  'head 4 with 33 bytes': Uint8Array.of(4, ...uncompressed.subarray(1, 33)),
  uncompressed,
  hybrid: Uint8Array.of(6, ...uncompressed.subarray(1)),
  'x alone': uncompressed.slice(1, 33),
  'a byte too many': Uint8Array.of(2, ...uncompressed.subarray(1, 33), 0),
};
const anyPoint = fc.oneof(
  { weight: 4, arbitrary: goodPoint },
  fc.constantFrom(...Object.values(BAD_POINTS)),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((x) => Uint8Array.of(2 + (x[0]! & 1), ...x)),
  fc.uint8Array({ maxLength: 70 }),
);
const anyHash = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc.constantFrom(...EDGE_SCALARS.map(scalarBytes)),
);

const runs = { numRuns: 60 };

describe(`curve backends ${backends.map(({ backend }) => backend).join(', ')}`, () => {
  it('the chosen one is among them, and there are at least two to compare', () => {
    expect(backends.map(({ backend }) => backend)).toContain(ec.backend);
    expect(backends.length).toBeGreaterThanOrEqual(2);
  });

  it.each(EDGE_SCALARS.map((n) => ({ name: `0x${n.toString(16)}`, n })))('scalar $name', ({ n }) => {
    const secret = scalarBytes(n);
    const good = n > 0n && n < ORDER;
    expect(agreed((b) => b.isSecret(secret))).toBe(good);
    const generator = first.publicKey(scalarBytes(1n));
    for (const outcome of [
      agreed((b) => b.publicKey(secret)),
      agreed((b) => b.ecdh(secret, generator)),
      agreed((b) => b.multiplyPoint(generator, secret)),
      agreed((b) => b.multiplySecret(secret, scalarBytes(7n))),
      agreed((b) => b.multiplySecret(scalarBytes(7n), secret)),
      agreed((b) => b.sign(new Uint8Array(32), secret)),
    ]) {
      if (good) expect(outcome).not.toBe('RangeError');
      else expect(outcome).toBe('RangeError');
    }
  });

  it.each([31, 33, 0])('a scalar of %i bytes', (length) => {
    const secret = new Uint8Array(length).fill(1);
    expect(agreed((b) => b.isSecret(secret))).toBe(false);
    expect(agreed((b) => b.publicKey(secret))).toBe('RangeError');
    expect(agreed((b) => b.sign(new Uint8Array(32), secret))).toBe('RangeError');
  });

  it.each(Object.entries(BAD_POINTS))('bad point: %s', (_name, point) => {
    const one = scalarBytes(1n);
    expect(agreed((b) => b.isPoint(point))).toBe(false);
    expect(agreed((b) => b.ecdh(one, point))).toBeUndefined();
    expect(agreed((b) => b.multiplyPoint(point, one))).toBeUndefined();
    expect(agreed((b) => b.verify(new Uint8Array(32), new Uint8Array(64).fill(1), point))).toBe(false);
  });

  it('point operations agree on good and bad input', () => {
    fc.assert(
      fc.property(anyScalar, anyPoint, (secret, point) => {
        agreed((b) => b.isSecret(secret));
        agreed((b) => b.isPoint(point));
        agreed((b) => b.publicKey(secret));
        agreed((b) => b.ecdh(secret, point));
        agreed((b) => b.multiplyPoint(point, secret));
      }),
      { numRuns: 120 },
    );
  });

  it('multiplySecret is multiplication modulo the order', () => {
    fc.assert(
      fc.property(goodScalar, goodScalar, (a, b) => {
        const kept = [toHex(a), toHex(b)];
        const product = agreed((backend) => backend.multiplySecret(a, b));
        expect(product).toBe(toHex(scalarBytes((uintOf(a) * uintOf(b)) % ORDER)));
        expect([toHex(a), toHex(b)]).toEqual(kept); // the arguments are not worked on in place
      }),
    );
  });

  it('the group laws that onions stand on hold', () => {
    fc.assert(
      fc.property(goodScalar, goodScalar, (a, b) => {
        for (const backend of backends) {
          const [pointA, pointB] = [backend.publicKey(a), backend.publicKey(b)];
          expect(backend.ecdh(a, pointB)).toEqual(backend.ecdh(b, pointA));
          expect(backend.ecdh(a, pointB)).toEqual(sha256(backend.multiplyPoint(pointB, a)!));
          expect(backend.multiplyPoint(pointA, b)).toEqual(backend.publicKey(backend.multiplySecret(a, b)));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('signatures are equal, low in s, verify and give the key back', () => {
    fc.assert(
      fc.property(anyHash, goodScalar, (hash, secret) => {
        const made = agreed((b) => b.sign(hash, secret)) as { signature: string; recoveryId: number };
        const signature = fromHex(made.signature);
        const key = first.publicKey(secret);
        expect(uintOf(signature.subarray(32)) <= ORDER >> 1n).toBe(true);
        expect(agreed((b) => b.recover(hash, signature, made.recoveryId))).toBe(toHex(key));
        expect(agreed((b) => b.verify(hash, signature, key))).toBe(true);
      }),
      runs,
    );
  });

  it('high s recovers with the other id and does not verify', () => {
    fc.assert(
      fc.property(anyHash, goodScalar, (hash, secret) => {
        const { signature, recoveryId } = first.sign(hash, secret);
        const high = Uint8Array.from([
          ...signature.subarray(0, 32),
          ...scalarBytes(ORDER - uintOf(signature.subarray(32))),
        ]);
        const key = first.publicKey(secret);
        expect(agreed((b) => b.recover(hash, high, recoveryId ^ 1))).toBe(toHex(key));
        expect(agreed((b) => b.verify(hash, high, key))).toBe(false);
      }),
      runs,
    );
  });

  it('recovery and verification agree on every id and on garbage', () => {
    const edge = fc.constantFrom(...EDGE_SCALARS.map(scalarBytes));
    const half = fc.oneof(
      edge,
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      goodPoint.map((p) => p.slice(1)),
    );
    const garbage = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(half, half).map(([r, s]) => Uint8Array.from([...r, ...s])) },
      fc.uint8Array({ maxLength: 70 }),
    );
    let recovered = 0;
    fc.assert(
      fc.property(anyHash, garbage, goodPoint, (hash, signature, key) => {
        for (const id of [0, 1, 2, 3, 4, -1, 0.5, Number.NaN]) {
          const found = agreed((b) => b.recover(hash, signature, id));
          if (found === undefined) continue;
          recovered++;
          expect(id).toBeLessThanOrEqual(3);
          expect(agreed((b) => b.isPoint(fromHex(found as string)))).toBe(true);
        }
        agreed((b) => b.verify(hash, signature, key));
      }),
      { numRuns: 150 },
    );
    expect(recovered).toBeGreaterThan(50);
  });

  it('ids 2 and 3 recover where r plus the order is an x of the curve', () => {
    // r = 0 … 2^128 leaves room for r + n below the field size; take the first few whose x has a point.
    let seen = 0;
    for (let r = 1n; seen < 4 && r < 60n; r++) {
      if (!first.isPoint(Uint8Array.of(2, ...scalarBytes(r + ORDER)))) continue;
      seen++;
      const signature = Uint8Array.from([...scalarBytes(r), ...scalarBytes(12345n)]);
      for (const id of [2, 3]) expect(agreed((b) => b.recover(sha256(signature), signature, id))).toMatch(/^0[23]/);
    }
    expect(seen).toBe(4);
  });

  it('known answers: generator, its double, RFC 6979 over SHA-256', () => {
    expect(agreed((b) => b.publicKey(scalarBytes(1n)))).toBe(
      '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
    );
    expect(agreed((b) => b.publicKey(scalarBytes(2n)))).toBe(
      '02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5',
    );
    const hash = sha256(new TextEncoder().encode('Satoshi Nakamoto'));
    expect(agreed((b) => b.sign(hash, scalarBytes(1n)))).toMatchObject({
      signature:
        '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8' +
        '2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
    });
    // BOLT 8, first handshake act: the initiator's ephemeral key with the responder's static key.
    const responder = first.publicKey(fromHex('21'.repeat(32)));
    expect(agreed((b) => b.ecdh(fromHex('12'.repeat(32)), responder))).toBe(
      '1e2fb3c8fe8fb9f262f649f64d26ecf0f2c0a805a767cf02dc2d77a6ef1fdcc3',
    );
  });
});

/** Test vectors 0 and 1 of BIP 340. */
const SCHNORR = [
  {
    secret: '0000000000000000000000000000000000000000000000000000000000000003',
    key: 'f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9',
    auxiliary: '00'.repeat(32),
    message: '00'.repeat(32),
    signature:
      'e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0',
  },
  {
    secret: 'b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef',
    key: 'dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659',
    auxiliary: '0000000000000000000000000000000000000000000000000000000000000001',
    message: '243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89',
    signature:
      '6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de33418906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a',
  },
].map((vector) => ({
  secret: fromHex(vector.secret),
  key: fromHex(vector.key),
  auxiliary: fromHex(vector.auxiliary),
  message: fromHex(vector.message),
  signature: fromHex(vector.signature),
}));

const anyHalf = fc.oneof(
  fc.constantFrom(...EDGE_SCALARS.map(scalarBytes)),
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  goodPoint.map((point) => point.slice(1)),
);

describe('BIP 340', () => {
  it.each(SCHNORR)('published signature $#', ({ secret, key, auxiliary, message, signature }) => {
    expect(agreed((b) => b.publicKey(secret).slice(1))).toBe(toHex(key));
    expect(agreed((b) => b.signSchnorr(message, secret, auxiliary))).toBe(toHex(signature));
    expect(agreed((b) => b.verifySchnorr(message, signature, key))).toBe(true);
    for (let bit = 0; bit < 512; bit += 37) {
      const changed = signature.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(agreed((b) => b.verifySchnorr(message, changed, key))).toBe(false);
    }
  });

  it('signatures are equal on all backends and verify, for keys with even and odd points', () => {
    fc.assert(
      fc.property(
        anyHash,
        goodScalar,
        fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 })),
        (message, secret, aux) => {
          const kept = toHex(secret);
          const signature = fromHex(agreed((b) => b.signSchnorr(message, secret, aux ?? undefined)) as string);
          expect(toHex(secret)).toBe(kept);
          const key = first.publicKey(secret).slice(1);
          expect(agreed((b) => b.verifySchnorr(message, signature, key))).toBe(true);
          expect(agreed((b) => b.verifySchnorr(sha256(message), signature, key))).toBe(false);
        },
      ),
      runs,
    );
  });

  it('verification agrees on edge values and garbage, and never throws', () => {
    fc.assert(
      fc.property(anyHash, anyHalf, anyHalf, anyHalf, (message, r, s, key) => {
        agreed((b) => b.verifySchnorr(message, Uint8Array.from([...r, ...s]), key));
      }),
      { numRuns: 150 },
    );
    const { message, signature, key } = SCHNORR[1]!;
    const [r, s] = [signature.slice(0, 32), uintOf(signature.slice(32))];
    for (const wrong of [ORDER - s, 0n, ORDER, FIELD]) {
      const changed = Uint8Array.from([...r, ...scalarBytes(wrong)]);
      expect(agreed((b) => b.verifySchnorr(message, changed, key))).toBe(false);
    }
    expect(agreed((b) => b.verifySchnorr(message, signature.slice(1), key))).toBe(false);
    expect(agreed((b) => b.verifySchnorr(message.slice(1), signature, key))).toBe(false);
    expect(agreed((b) => b.verifySchnorr(message, signature, Uint8Array.of(2, ...key)))).toBe(false);
  });

  it('bad secrets, messages and auxiliary bytes are bugs of the caller', () => {
    const good = scalarBytes(7n);
    for (const secret of [scalarBytes(0n), scalarBytes(ORDER), new Uint8Array(31).fill(1)]) {
      expect(agreed((b) => b.signSchnorr(good, secret))).toBe('RangeError');
    }
    expect(agreed((b) => b.signSchnorr(good.slice(1), good))).toBe('RangeError');
    expect(agreed((b) => b.signSchnorr(good, good, good.slice(1)))).toBe('RangeError');
  });
});
