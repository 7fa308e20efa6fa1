import { describe, expect, it } from 'vitest';
import { verifyName } from '../../src/bip353/index.js';
import { toHex } from '../../src/wire/bytes.js';
import {
  ANCHORS,
  type Algorithm,
  BOB,
  BOB_DNS,
  bytes,
  CHAIN,
  CNAME,
  delegation,
  digestOf,
  DNSKEY,
  DS,
  dsData,
  type Key,
  keysOf,
  makeKey,
  NOW,
  OPTIONS,
  record,
  ROOT,
  SHOP,
  signature,
  signed,
  tagOf,
  TEST,
  txt,
  TXT,
  u16,
  URI,
  wire,
  type Zone,
} from './made-up-dns.js';

const ANSWER = [txt(URI)];
const GOOD = bytes(CHAIN, signed(BOB_DNS, TXT, ANSWER, SHOP));

const code = (proof: Uint8Array, name = BOB, options: Parameters<typeof verifyName>[2] = OPTIONS): string => {
  const result = verifyName(name, proof, options);
  return result.ok ? 'accepted' : result.error.code;
};

/** One link of the chain: a set of records and the zone that signs it. */
type Link = readonly [string, number, readonly Uint8Array[], Zone];
const LINKS: readonly Link[] = [
  ['.', DNSKEY, [ROOT.key.data], ROOT],
  ['test.', DS, [dsData(digestOf('test.', TEST.key))], ROOT],
  ['test.', DNSKEY, [TEST.key.data], TEST],
  ['shop.test.', DS, [dsData(digestOf('shop.test.', SHOP.key))], TEST],
  ['shop.test.', DNSKEY, [SHOP.key.data], SHOP],
  [BOB_DNS, TXT, ANSWER, SHOP],
];
const chainWith = (changed: Link | undefined, how: (link: Link) => Uint8Array): Uint8Array =>
  bytes(...LINKS.map((link) => (link === changed ? how(link) : signed(...link))));

describe('a chain from the root', () => {
  it('proves the URI, with its times', () => {
    const result = verifyName(`₿${BOB}`, GOOD, OPTIONS);
    expect(result).toEqual({
      ok: true,
      value: {
        name: { user: 'bob', domain: 'shop.test', dnsName: BOB_DNS },
        uri: URI,
        offer: 'lno1bob',
        offers: ['lno1bob'],
        addresses: [],
        parameters: [['lno', 'lno1bob']],
        validFrom: NOW - 1000,
        validUntil: NOW + 1000,
        ttl: 300,
      },
    });
  });

  it.each([8, 10, 13, 14, 15] as const)('holds with algorithm %i at every step', (algorithm: Algorithm) => {
    const [root, test, shop] = ['.', 'test.', 'shop.test.'].map((name): Zone => ({ name, key: makeKey(algorithm) }));
    const proof = bytes(
      signed(BOB_DNS, TXT, ANSWER, shop!),
      keysOf(shop!),
      delegation(test!, shop!, 4),
      keysOf(test!),
      delegation(root!, test!),
      keysOf(root!),
    );
    const anchors = [digestOf('.', root!.key)];
    expect(code(proof, BOB, { now: NOW, anchors })).toBe('accepted');
    expect(code(proof)).toBe('trust_anchor_missing');
    const damaged = bytes(proof.subarray(record(BOB_DNS, TXT, ANSWER[0]!).length));
    const forged = bytes(record(BOB_DNS, TXT, txt('bitcoin:?lno=lno1eve')), damaged);
    expect(code(forged, BOB, { now: NOW, anchors })).toBe('signature_invalid');
  });

  it('holds in any order, with records twice, of other types, and in other case', () => {
    expect(code(bytes(signed(BOB_DNS, TXT, ANSWER, SHOP), CHAIN, CHAIN))).toBe('accepted');
    expect(code(bytes(record('shop.test.', 1, bytes([127, 0, 0, 1])), GOOD))).toBe('accepted');
    const loud = BOB_DNS.toUpperCase();
    expect(code(bytes(CHAIN, signed(loud, TXT, ANSWER, { ...SHOP, name: 'SHOP.TEST.' })), 'BOB@Shop.Test.')).toBe(
      'accepted',
    );
  });

  it('may pass over a zone cut that is none', () => {
    const shop: Zone = { name: 'shop.test.', key: makeKey() };
    const proof = bytes(keysOf(ROOT), delegation(ROOT, shop), keysOf(shop), signed(BOB_DNS, TXT, ANSWER, shop));
    expect(code(proof)).toBe('accepted');
  });

  it('keeps the least of all times to live', () => {
    const ttlOf = (proof: Uint8Array): number | undefined => {
      const result = verifyName(BOB, proof, OPTIONS);
      return result.ok ? result.value.ttl : undefined;
    };
    const received = bytes(record(BOB_DNS, TXT, ANSWER[0]!, 20), signature(BOB_DNS, TXT, ANSWER, SHOP));
    expect(ttlOf(bytes(CHAIN, received))).toBe(20);
    expect(ttlOf(bytes(CHAIN, signed(BOB_DNS, TXT, ANSWER, SHOP, { originalTtl: 30 })))).toBe(30);
    expect(ttlOf(bytes(CHAIN, signed(BOB_DNS, TXT, ANSWER, SHOP, { expiration: NOW + 7 })))).toBe(7);
    const huge = bytes(record(BOB_DNS, TXT, ANSWER[0]!, 2 ** 31), signature(BOB_DNS, TXT, ANSWER, SHOP));
    expect(ttlOf(bytes(CHAIN, huge))).toBe(0);
  });

  it('takes the tightest times of every step', () => {
    const tight = { inception: NOW - 7, expiration: NOW + 70, originalTtl: 60 };
    for (const link of LINKS) {
      const result = verifyName(
        BOB,
        chainWith(link, (one) => signed(...one, tight)),
        OPTIONS,
      );
      expect(result).toMatchObject({ value: { validFrom: NOW - 7, validUntil: NOW + 70, ttl: 60 } });
    }
  });

  it('takes a SHA-1 digest only where no better one stands', () => {
    const head = bytes(keysOf(ROOT), delegation(ROOT, TEST), keysOf(TEST));
    const tail = bytes(keysOf(SHOP), signed(BOB_DNS, TXT, ANSWER, SHOP));
    expect(code(bytes(head, delegation(TEST, SHOP, 1), tail))).toBe('accepted');
    const stranger = makeKey();
    const digests = [dsData(digestOf('shop.test.', SHOP.key, 1)), dsData(digestOf('shop.test.', stranger))];
    expect(code(bytes(head, signed('shop.test.', DS, digests, TEST), tail))).toBe('key_not_vouched_for');
  });

  it('reads times across the turn of the 32-bit clock', () => {
    const turn = 2 ** 32;
    const at = (now: number): string => {
      const times = { inception: (turn - 100) % turn, expiration: 100 };
      const proof = bytes(
        keysOf(ROOT, [], times),
        delegation(ROOT, TEST, 2, times),
        keysOf(TEST, [], times),
        delegation(TEST, SHOP, 2, times),
        keysOf(SHOP, [], times),
        signed(BOB_DNS, TXT, ANSWER, SHOP, times),
      );
      return code(proof, BOB, { now, anchors: ANCHORS });
    };
    expect([turn - 101, turn - 100, turn, turn + 100, turn + 101].map(at)).toEqual([
      'signature_not_yet_valid',
      'accepted',
      'accepted',
      'accepted',
      'signature_expired',
    ]);
  });

  it.each([-1, 1.5, Number.NaN])('demands whole seconds, not %d', (now) => {
    expect(() => verifyName(BOB, GOOD, { now })).toThrow(RangeError);
  });
});

describe('refused', () => {
  it('a made-up root by default', () => {
    expect(code(GOOD, BOB, { now: NOW })).toBe('trust_anchor_missing');
    expect(code(GOOD, BOB, { now: NOW, anchors: [] })).toBe('trust_anchor_missing');
  });

  it('another name', () => {
    expect(code(GOOD, 'eve@shop.test')).toBe('record_missing');
    expect(code(GOOD, 'bob@test')).toBe('record_missing');
    expect(code(new Uint8Array())).toBe('record_missing');
  });

  it('a name whose label has a dot in it', () => {
    const glued = record(BOB_DNS, TXT, ANSWER[0]!);
    expect(code(glued)).toBe('signature_missing');
    glued[0] = 'bob.user'.length;
    glued[4] = '.'.charCodeAt(0);
    expect(code(glued)).toBe('record_missing');
  });

  it('every step of the chain missing, unsigned, or with a wrong signature', () => {
    expect(code(chainWith(undefined, () => bytes()))).toBe('accepted');
    for (const link of LINKS) {
      expect(code(chainWith(link, () => bytes()))).toBe('record_missing');
      expect(code(chainWith(link, ([owner, type, data]) => record(owner, type, data[0]!)))).toBe('signature_missing');
      expect(code(chainWith(link, (one) => signed(...one, { damage: true })))).toBe('signature_invalid');
      expect(code(chainWith(link, (one) => signed(...one, { inception: NOW + 1 })))).toBe('signature_not_yet_valid');
      expect(code(chainWith(link, (one) => signed(...one, { expiration: NOW - 1 })))).toBe('signature_expired');
      expect(code(chainWith(link, (one) => signed(...one, { inception: NOW, expiration: NOW })))).toBe('accepted');
      expect(code(chainWith(link, (one) => signed(...one, { keyTag: (one[3].key.tag + 1) % 65_536 })))).toBe(
        'key_missing',
      );
      expect(code(chainWith(link, (one) => signed(...one, { algorithm: 5 })))).toBe('algorithm_unsupported');
      expect(code(chainWith(link, (one) => signed(...one, { key: makeKey() })))).toBe('key_missing');
    }
  });

  it('a signature of a zone beside, below, or of the child over its own digest', () => {
    const other: Zone = { name: 'other.test.', key: makeKey() };
    const known = bytes(delegation(TEST, other), keysOf(other));
    expect(code(bytes(CHAIN, known, signed(BOB_DNS, TXT, ANSWER, other)))).toBe('signature_of_other_zone');
    expect(code(bytes(CHAIN, known, signed(BOB_DNS, TXT, ANSWER, other, { signer: 'shop.test.' })))).toBe(
      'key_missing',
    );
    const head = bytes(keysOf(ROOT), delegation(ROOT, TEST), keysOf(TEST));
    const own = bytes(delegation(SHOP, SHOP), keysOf(SHOP), signed(BOB_DNS, TXT, ANSWER, SHOP));
    expect(code(bytes(head, own))).toBe('signature_of_other_zone');
  });

  it('one zone vouching for the next and back again', () => {
    const [a, b]: Zone[] = [
      { name: 'shop.test.', key: SHOP.key },
      { name: 'b.shop.test.', key: makeKey() },
    ];
    const proof = bytes(
      delegation(a!, b!),
      delegation(b!, a!),
      keysOf(a!),
      keysOf(b!),
      signed(BOB_DNS, TXT, ANSWER, a!),
    );
    expect(code(proof)).toBe('signature_of_other_zone');
  });

  it.each([
    ['a revoked key', { flags: 257 | 0x80 }],
    ['a key that is no zone key', { flags: 1 }],
    ['a key of another protocol', { protocol: 2 }],
  ])('%s', (_what, options) => {
    const shop: Zone = { name: 'shop.test.', key: makeKey(13, options) };
    const head = bytes(keysOf(ROOT), delegation(ROOT, TEST), keysOf(TEST));
    const proof = bytes(head, delegation(TEST, shop), keysOf(shop), signed(BOB_DNS, TXT, ANSWER, shop));
    expect(code(proof)).toBe('key_not_vouched_for');
  });

  it('RSA keys of less than 1,024 bits', () => {
    const shop: Zone = { name: 'shop.test.', key: makeKey(8, { rsaBits: 1016 }) };
    const head = bytes(keysOf(ROOT), delegation(ROOT, TEST), keysOf(TEST));
    const proof = bytes(head, delegation(TEST, shop), keysOf(shop), signed(BOB_DNS, TXT, ANSWER, shop));
    expect(code(proof)).toBe('signature_invalid');
  });

  it('a key that the zone signs itself but the parent does not know', () => {
    const stranger: Zone = { name: 'shop.test.', key: makeKey() };
    const head = bytes(keysOf(ROOT), delegation(ROOT, TEST), keysOf(TEST), delegation(TEST, SHOP));
    const both = signed('shop.test.', DNSKEY, [SHOP.key.data, stranger.key.data], stranger);
    expect(code(bytes(head, both, signed(BOB_DNS, TXT, ANSWER, stranger)))).toBe('key_missing');
    const added = keysOf(SHOP, [stranger.key.data]);
    expect(code(bytes(head, added, signed(BOB_DNS, TXT, ANSWER, stranger)))).toBe('accepted');
  });

  it('a record added to or taken from a signed set', () => {
    const both = [txt(URI), txt('other')];
    const sig = signature(BOB_DNS, TXT, both, SHOP);
    expect(code(bytes(CHAIN, ...both.map((one) => record(BOB_DNS, TXT, one)), sig))).toBe('accepted');
    expect(code(bytes(CHAIN, record(BOB_DNS, TXT, both[0]!), sig))).toBe('signature_invalid');
    expect(code(bytes(GOOD, record(BOB_DNS, TXT, txt('more'))))).toBe('signature_invalid');
  });

  it.each([
    ['another class', bytes(record(BOB_DNS, TXT, ANSWER[0]!, 300, 3)), 'malformed_record'],
    ['a compressed name', bytes([0xc0, 0x0c], u16(TXT), u16(1), [0, 0, 0, 1], u16(0)), 'malformed_record'],
    ['a name too long', bytes(record('a.'.repeat(128), TXT, ANSWER[0]!)), 'malformed_record'],
    ['an alias with more behind its name', record(BOB_DNS, CNAME, bytes(wire('x.'), [0])), 'trailing_bytes'],
    ['a cut signature', record(BOB_DNS, 46, new Uint8Array(17)), 'truncated'],
    ['an empty signature', record(BOB_DNS, 46, bytes(new Uint8Array(18), [0])), 'malformed_record'],
    ['half a record', record(BOB_DNS, TXT, ANSWER[0]!).subarray(0, -1), 'truncated'],
    ['too many bytes', new Uint8Array(65_536), 'proof_too_long'],
    ['too many records', bytes(...Array.from({ length: 257 }, () => record('.', 1, bytes()))), 'too_many_records'],
  ])('%s', (_what, proof, wanted) => {
    expect(code(proof)).toBe(wanted);
  });

  it.each([
    ['without strings', bytes()],
    ['with a string cut short', bytes([5, 1, 2])],
  ])('a signed TXT record %s', (_what, data) => {
    expect(code(bytes(CHAIN, signed(BOB_DNS, TXT, [data], SHOP)))).toBe('malformed_record');
  });
});

/** Another key with the same tag: two bytes at even places changed, one up and one down. */
function withSameTag(key: Key, variant: number): Uint8Array {
  const data = key.data.slice();
  const [up, down] = [4 + 2 * (variant % 14), 6 + 2 * Math.floor(variant / 14)];
  data[up]! += data[up]! === 255 ? 0 : 1;
  data[down]! -= data[up] === key.data[up] ? 0 : 1;
  return data;
}

describe('work that a hostile proof asks for', () => {
  it('is bounded by the number of signature checks', () => {
    const wrong = Array.from({ length: 60 }, (_, i) =>
      signature(BOB_DNS, TXT, ANSWER, SHOP, { damage: true, originalTtl: 300 + i }),
    );
    const last = signature(BOB_DNS, TXT, ANSWER, SHOP);
    const proof = bytes(CHAIN, record(BOB_DNS, TXT, ANSWER[0]!), ...wrong, last);
    expect(code(proof)).toBe('too_much_work');
    expect(code(bytes(CHAIN, record(BOB_DNS, TXT, ANSWER[0]!), ...wrong.slice(0, 20), last))).toBe('accepted');
  });

  it('is bounded for many keys with one tag', () => {
    const candidates = Array.from({ length: 90 }, (_, i) => withSameTag(SHOP.key, i));
    const distinct = new Map(candidates.map((data) => [toHex(data), data]));
    distinct.delete(toHex(SHOP.key.data));
    const colliding = [...distinct.values()].filter((data) => tagOf(data) === SHOP.key.tag);
    expect(colliding.length).toBeGreaterThan(50);
    const head = bytes(keysOf(ROOT), delegation(ROOT, TEST), keysOf(TEST), delegation(TEST, SHOP));
    const keys = keysOf(SHOP, colliding);
    const proof = bytes(head, keys, signed(BOB_DNS, TXT, ANSWER, SHOP, { damage: true }));
    expect(code(proof)).toBe('too_much_work');
  });

  it('is bounded for many digests of one tag', () => {
    const digests = Array.from({ length: 100 }, (_, i) => {
      const digest = digestOf('shop.test.', SHOP.key);
      return dsData({ ...digest, digest: digest.digest.map((byte, at) => (at === 31 ? byte ^ (i + 1) : byte)) });
    });
    const colliding = [0, 1].map((variant) => withSameTag(SHOP.key, variant));
    const head = bytes(keysOf(ROOT), delegation(ROOT, TEST), keysOf(TEST));
    const proof = bytes(head, signed('shop.test.', DS, digests, TEST), keysOf(SHOP, colliding));
    expect(code(bytes(proof, signed(BOB_DNS, TXT, ANSWER, SHOP)))).toBe('too_much_work');
  });
});
