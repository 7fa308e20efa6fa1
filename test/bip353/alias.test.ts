import { describe, expect, it } from 'vitest';
import { verifyName } from '../../src/bip353/index.js';
import {
  base32Hex,
  BOB,
  BOB_DNS,
  bytes,
  CHAIN,
  CNAME,
  delegation,
  DNAME,
  keysOf,
  makeKey,
  NOW,
  NSEC,
  NSEC3,
  nsec3Data,
  nsec3Hash,
  nsecData,
  OPTIONS,
  record,
  shifted,
  SHOP,
  type SignOptions,
  signature,
  signed,
  TEST,
  txt,
  TXT,
  URI,
  wire,
  type Zone,
} from './made-up-dns.js';

const code = (...parts: Uint8Array[]): string => {
  const result = verifyName(BOB, bytes(CHAIN, ...parts), OPTIONS);
  return result.ok ? (result.value.uri === URI ? 'accepted' : result.value.uri) : result.error.code;
};

const alias = (owner: string, target: string, options?: SignOptions): Uint8Array =>
  signed(owner, CNAME, [wire(target)], SHOP, options);
const answerAt = (owner: string): Uint8Array => signed(owner, TXT, [txt(URI)], SHOP);

describe('an alias', () => {
  it('leads to the records of another name, in the same zone or another', () => {
    expect(code(alias(BOB_DNS, 'pay.shop.test.'), answerAt('pay.shop.test.'))).toBe('accepted');
    const other: Zone = { name: 'other.test.', key: makeKey() };
    const there = bytes(delegation(TEST, other), keysOf(other), signed('x.other.test.', TXT, [txt(URI)], other));
    expect(code(alias(BOB_DNS, 'x.other.test.'), there)).toBe('accepted');
    expect(code(alias(BOB_DNS, 'x.other.test.'))).toBe('record_missing');
  });

  it('limits the time of what it leads to', () => {
    const parts = [
      alias(BOB_DNS, 'pay.shop.test.', { expiration: NOW + 5, originalTtl: 50 }),
      answerAt('pay.shop.test.'),
    ];
    const result = verifyName(BOB, bytes(CHAIN, ...parts), { ...OPTIONS, now: NOW - 100 });
    expect(result).toMatchObject({ ok: true, value: { validUntil: NOW + 5, ttl: 50 } });
  });

  it('is followed only if it is proved', () => {
    const there = answerAt('pay.shop.test.');
    expect(code(record(BOB_DNS, CNAME, wire('pay.shop.test.')), there)).toBe('signature_missing');
    expect(code(alias(BOB_DNS, 'pay.shop.test.', { damage: true }), there)).toBe('signature_invalid');
    expect(code(alias(BOB_DNS, 'pay.shop.test.', { expiration: NOW - 1 }), there)).toBe('signature_expired');
  });

  it('may be written in capitals, which are signed as small letters', () => {
    const capitals = record(BOB_DNS, CNAME, wire('PAY.shop.TEST.'));
    const sig = signature(BOB_DNS, CNAME, [wire('pay.shop.test.')], SHOP);
    expect(code(capitals, sig, answerAt('pay.shop.test.'))).toBe('accepted');
  });

  it('of itself, of a circle, of several names, of too many', () => {
    expect(code(alias(BOB_DNS, BOB_DNS))).toBe('alias_loop');
    expect(code(alias(BOB_DNS, 'b.shop.test.'), alias('b.shop.test.', BOB_DNS))).toBe('alias_loop');
    const two = signed(BOB_DNS, CNAME, [wire('a.shop.test.'), wire('b.shop.test.')], SHOP);
    expect(code(two, answerAt('a.shop.test.'))).toBe('alias_ambiguous');
    const names = [BOB_DNS, ...Array.from({ length: 9 }, (_, i) => `n${i}.shop.test.`)];
    const steps = (count: number): Uint8Array =>
      bytes(...names.slice(0, count).map((name, i) => alias(name, names[i + 1]!)), answerAt(names[count]!));
    expect(code(steps(8))).toBe('accepted');
    expect(code(steps(9))).toBe('too_many_aliases');
  });
});

describe('a moved subtree (DNAME)', () => {
  const TREE = '_bitcoin-payment.shop.test.';
  const moved = signed(TREE, DNAME, [wire('pay.test.')], SHOP);
  const there = signed('bob.user.pay.test.', TXT, [txt(URI)], TEST);

  it('keeps what stands in front of it', () => {
    expect(code(moved, there)).toBe('accepted');
    expect(code(moved, signed('pay.test.', TXT, [txt(URI)], TEST))).toBe('record_missing');
  });

  it('is believed over the unsigned alias that servers add', () => {
    expect(code(moved, record(BOB_DNS, CNAME, wire('eve.test.')), there)).toBe('accepted');
  });

  it('is followed only if it is proved, and never as a wildcard', () => {
    expect(code(record(TREE, DNAME, wire('pay.test.')), there)).toBe('signature_missing');
    const wild = signed(TREE, DNAME, [wire('pay.test.')], SHOP, { as: '*.shop.test.' });
    expect(code(wild, there)).toBe('signature_invalid');
  });

  it('ends where names get too long, and in a circle', () => {
    const long = Array.from({ length: 5 }, (_, i) => String(i).repeat(49)).join('.');
    expect(code(signed(TREE, DNAME, [wire(`${long}.`)], SHOP))).toBe('name_too_long');
    const inwards = signed('user._bitcoin-payment.shop.test.', DNAME, [wire('x.shop.test.')], SHOP);
    const back = signed('x.shop.test.', DNAME, [wire('user._bitcoin-payment.shop.test.')], SHOP);
    expect(code(inwards, back)).toBe('alias_loop');
  });
});

const USER = 'user._bitcoin-payment.shop.test.';
/** What the zone's `*.user._bitcoin-payment` answers for bob. */
const wildcard = signed(BOB_DNS, TXT, [txt(URI)], SHOP, { as: `*.${USER}` });

const nsec = (
  owner: string,
  next: string,
  types: readonly number[] = [TXT],
  zone = SHOP,
  options?: SignOptions,
): Uint8Array => signed(owner, NSEC, [nsecData(next, types)], zone, options);

describe('a wildcard and NSEC', () => {
  it('is refused alone', () => {
    expect(code(wildcard)).toBe('denial_missing');
  });

  it.each([
    ['between two names', nsec(`*.${USER}`, `carl.${USER}`)],
    ['as the last of the zone', nsec(`alice.${USER}`, 'shop.test.')],
    ['from the zone itself on', nsec('shop.test.', 'zzz.shop.test.', [2, 6])],
    ['with labels of any bytes', nsec(`*.${USER}`, `bob\u0000.${USER}`)],
  ])('holds where the name is missing %s', (_what, denial) => {
    expect(code(wildcard, denial)).toBe('accepted');
  });

  it.each([
    ['the name exists', nsec(BOB_DNS, `carl.${USER}`)],
    ['the name is the next one', nsec(`*.${USER}`, BOB_DNS)],
    ['a name under it is the next one', nsec(`*.${USER}`, `x.${BOB_DNS}`)],
    ['the gap lies before it', nsec(`*.${USER}`, `alice.${USER}`)],
    ['the gap lies behind it', nsec(`bobby.${USER}`, 'shop.test.')],
    ['the record is unsigned', record(`*.${USER}`, NSEC, nsecData(`carl.${USER}`, [TXT]))],
    ['the signature is wrong', nsec(`*.${USER}`, `carl.${USER}`, [TXT], SHOP, { damage: true })],
    ['the signature has expired', nsec(`*.${USER}`, `carl.${USER}`, [TXT], SHOP, { expiration: NOW - 1 })],
    ['another zone signs', nsec(`*.${USER}`, `carl.${USER}`, [TXT], TEST)],
    ['another zone speaks', nsec('a.test.', 'z.test.', [TXT], TEST)],
    ['the gap is a wildcard itself', nsec(`a.${USER}`, `c.${USER}`, [TXT], SHOP, { as: `*.${USER}` })],
    ['a delegation begins above it', nsec(USER, 'zzz.shop.test.', [2])],
    ['a moved subtree begins above it', nsec(USER, 'zzz.shop.test.', [DNAME])],
    ['the record is cut', signed(`*.${USER}`, NSEC, [bytes(wire(`carl.${USER}`), [0, 9, 1])], SHOP)],
  ])('is refused where %s', (_what, denial) => {
    expect(code(wildcard, denial)).toBe('denial_missing');
  });

  it('denies the name just below the wildcard, not only the one asked for', () => {
    const farWildcard = signed(BOB_DNS, TXT, [txt(URI)], SHOP, { as: '*.shop.test.' });
    expect(code(farWildcard, nsec('*.shop.test.', 'zzz.shop.test.'))).toBe('accepted');
    // Here `_bitcoin-payment.shop.test` exists, so that the wildcard above it says nothing about bob.
    expect(code(farWildcard, nsec(`*.${USER}`, `carl.${USER}`))).toBe('denial_missing');
  });

  it('answers for an alias as well', () => {
    const wild = signed(BOB_DNS, CNAME, [wire('pay.shop.test.')], SHOP, { as: `*.${USER}` });
    expect(code(wild, answerAt('pay.shop.test.'))).toBe('denial_missing');
    expect(code(wild, answerAt('pay.shop.test.'), nsec(`*.${USER}`, `carl.${USER}`))).toBe('accepted');
  });

  it('limits the time by that of the denial', () => {
    const denial = nsec(`*.${USER}`, `carl.${USER}`, [TXT], SHOP, { expiration: NOW + 9 });
    const result = verifyName(BOB, bytes(CHAIN, wildcard, denial), OPTIONS);
    expect(result).toMatchObject({ ok: true, value: { validUntil: NOW + 9, ttl: 9 } });
  });

  it('cannot be claimed for names outside the zone that signs, nor by more labels than there are', () => {
    const above = signed(BOB_DNS, TXT, [txt(URI)], SHOP, { as: '*.test.' });
    expect(code(above, nsec('shop.test.', 'zzz.shop.test.', [2, 6]))).toBe('signature_invalid');
    expect(code(signed(BOB_DNS, TXT, [txt(URI)], SHOP, { labels: 6 }))).toBe('signature_invalid');
  });
});

describe('a wildcard and NSEC3', () => {
  type Options = Parameters<typeof nsec3Data>[1] & { readonly zone?: Zone; readonly options?: SignOptions };
  /** A gap from `before` under to `behind` over the hash of a name. */
  const nsec3 = (
    name: string,
    before: bigint,
    behind: bigint,
    { zone = SHOP, options, ...more }: Options = {},
  ): Uint8Array => {
    const hash = nsec3Hash(name, more.iterations ?? 0);
    const owner = `${base32Hex(shifted(hash, -before))}.${zone.name}`;
    return signed(owner, NSEC3, [nsec3Data(shifted(hash, behind), more)], zone, options);
  };

  it.each([
    ['between two hashes', nsec3(BOB_DNS, 1n, 1n)],
    ['after some rounds', nsec3(BOB_DNS, 5n, 1n << 100n, { iterations: 150 })],
    ['the only name of the zone', nsec3(BOB_DNS, 7n, -7n)],
    ['at the turn of the circle', nsec3(BOB_DNS, 1n, -2n)],
  ])('holds where the name is missing %s', (_what, denial) => {
    expect(code(wildcard, denial)).toBe('accepted');
  });

  it.each([
    ['the name exists', nsec3(BOB_DNS, 0n, 1n)],
    ['the name is the next one', nsec3(BOB_DNS, 1n, 0n)],
    ['the gap lies behind it', nsec3(BOB_DNS, -1n, 5n)],
    ['the gap lies before it', nsec3(BOB_DNS, 5n, -1n)],
    ['another name is denied', nsec3(`x.${BOB_DNS}`, 1n, 1n)],
    ['names may be left out', nsec3(BOB_DNS, 1n, 1n, { flags: 1 })],
    ['the hash is unknown', nsec3(BOB_DNS, 1n, 1n, { algorithm: 2 })],
    ['there are too many rounds', nsec3(BOB_DNS, 1n, 1n, { iterations: 151 })],
    ['another zone speaks', nsec3(BOB_DNS, 1n, 1n, { zone: TEST })],
    ['the signature is wrong', nsec3(BOB_DNS, 1n, 1n, { options: { damage: true } })],
    ['the owner is no hash', signed('wxyz.shop.test.', NSEC3, [nsec3Data(nsec3Hash('x.', 0))], SHOP)],
    [
      'the record is cut',
      signed(`${base32Hex(shifted(nsec3Hash(BOB_DNS, 0), -1n))}.shop.test.`, NSEC3, [bytes([1, 0])], SHOP),
    ],
  ])('is refused where %s', (_what, denial) => {
    expect(code(wildcard, denial)).toBe('denial_missing');
  });

  it('costs a bounded number of rounds', () => {
    const useless = Array.from({ length: 14 }, (_, i) => {
      const owner = base32Hex(shifted(nsec3Hash('x.', 0), BigInt(i)));
      return record(`${owner}.shop.test.`, NSEC3, nsec3Data(nsec3Hash('y.', 0), { iterations: 150 }));
    });
    expect(code(wildcard, ...useless)).toBe('too_much_work');
  });
});
